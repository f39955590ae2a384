/* Runs inside containers of the test, where busybox has no words for it. */
#define PROBE_MAX_MB 4096
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ipc.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/shm.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

static int eat(int megabytes) /* memory, touched */
{
    for (int i = 0; i < megabytes && i < PROBE_MAX_MB; i++) {
        char *p = mmap(NULL, 1 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (p == MAP_FAILED)
            return 3;
        memset(p, 1, 1 << 20);
    }
    return 0;
}

static int forks(int want) /* how many processes fit at once */
{
    int made = 0;
    while (made < want) {
        pid_t pid = fork();
        if (pid < 0)
            break;
        if (pid == 0) {
            pause();
            _exit(0);
        }
        made++;
    }
    printf("forks %d\n", made);
    return 0;
}

static int device(const char *dir) /* a block device of one's own making must not open */
{
    char path[256];
    snprintf(path, sizeof(path), "%s/probe-dev", dir);
    if (mknod(path, S_IFCHR | 0600, makedev(1, 3)) < 0) {
        printf("device %s mknod %s\n", dir, strerror(errno));
        return 0;
    }
    int fd = open(path, O_RDWR);
    printf("device %s %s\n", dir, fd < 0 ? strerror(errno) : "OPENED");
    unlink(path);
    return 0;
}

static int ipc(const char *how) /* one System V segment, made or found */
{
    int id = shmget(0x11, 4096, *how == 'm' ? IPC_CREAT | 0600 : 0600);
    printf("ipc %s %s\n", how, id < 0 ? strerror(errno) : "ok");
    return 0;
}

static int tries_mount(void)
{
    int r = mount("none", "/tmp", "tmpfs", 0, NULL);
    printf("mount %s\n", r < 0 ? strerror(errno) : "MOUNTED");
    return 0;
}

static int fds(void) /* descriptors that leaked in */
{
    int count = 0;
    for (int fd = 3; fd < 1024; fd++)
        if (fcntl(fd, F_GETFD) >= 0)
            count++;
    printf("leaked %d\n", count);
    return 0;
}

/* All that one process may open; the other end of `said` is told how many that were, and waits
 * until they are open or the process is dead. */
_Noreturn static void hold_files(int want, int said)
{
    int made = 0;
    while (made < want && open("/dev/null", O_RDONLY) >= 0)
        made++;
    if (write(said, &made, sizeof(made)) != sizeof(made))
        _exit(1);
    pause();
    _exit(0);
}

static int files(int want) /* how many are open at once, by as many processes as it takes */
{
    struct rlimit limit;
    int total = 0, made = 1, pair[2];
    if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
        return 3;
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
    while (total < want && made > 0) {
        pid_t pid = pipe(pair) < 0 ? -1 : fork();
        if (pid == 0)
            hold_files(want - total, pair[1]);
        close(pair[1]);
        if (pid < 0 || read(pair[0], &made, sizeof(made)) != sizeof(made))
            made = 0;
        close(pair[0]);
        total += made;
    }
    printf("files %d\n", total);
    return 0;
}

int main(int argc, char **argv)
{
    const char *what = argc > 1 ? argv[1] : "", *arg = argc > 2 ? argv[2] : "0";
    setvbuf(stdout, NULL, _IOLBF, 0);
    if (!strcmp(what, "eat"))
        return eat(atoi(arg));
    if (!strcmp(what, "forks"))
        return forks(atoi(arg));
    if (!strcmp(what, "files"))
        return files(atoi(arg));
    if (!strcmp(what, "device"))
        return device(arg);
    if (!strcmp(what, "ipc"))
        return ipc(arg);
    if (!strcmp(what, "mount"))
        return tries_mount();
    if (!strcmp(what, "fds"))
        return fds();
    return 2;
}
