/* The floor: what the kernel alone takes for a container of the usual kind, in straight-line C
 * without a plan, a protocol, a check or a message: all namespaces, control groups with limits,
 * overlay, /proc, /sys, /dev, masks, capabilities, seccomp, clean-up. What Limpet's own start is
 * measured against. With --pod: in a pod whose namespaces exist.
 *   bench-floor [--pod] <work dir> <layer> <count> <gap ms> [argv...] */
#include "stats.h"

#include "agent/runtime/seccomp.h"
#include "agent/runtime/sys.h"
#include "common/base/clock.h"
#include "common/base/mem.h"
#include "common/base/str.h"

#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>

#define MUST(call)                                                                                 \
    do {                                                                                           \
        if ((call) < 0) {                                                                          \
            perror(#call);                                                                         \
            _exit(125);                                                                            \
        }                                                                                          \
    } while (0)

#define POD_NAMESPACES (CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS)

static const struct {
    const char *path; /* below /sys/fs/cgroup */
    const char *file, *value, *file2, *value2;
} groups[] = {
    {"memory/limpet-floor", "memory.limit_in_bytes", "67108864", "memory.memsw.limit_in_bytes",
     "67108864"},
    {"cpu/limpet-floor", "cpu.cfs_quota_us", "100000", "cpu.shares", "1024"},
    {"pids/limpet-floor", "pids.max", "100", NULL, NULL},
    {"unified/limpet-floor", NULL, NULL, NULL, NULL},
};

struct floor {
    const char *work, *layer;
    char *const *argv;
    void *filter;
    size_t filter_len;
    bool v2;  /* one group at the top of the only tree */
    bool pod; /* network, IPC and UTS namespace are there: this process's */
};

static int put(const char *path, const char *value)
{
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    ssize_t n = fd < 0 ? -1 : write(fd, value, strlen(value));
    if (fd >= 0)
        close(fd);
    return n < 0 ? -1 : 0;
}

static void group_path(const struct floor *f, size_t i, const char *file, char ret[128])
{
    snprintf(ret, 128, "/sys/fs/cgroup/%s/%s", f->v2 ? "limpet-floor" : groups[i].path,
             file ? file : "");
}

/* Returns a descriptor of the group to be cloned into. */
static int make_groups(const struct floor *f)
{
    char path[128];
    if (f->v2) {
        MUST(mkdir("/sys/fs/cgroup/limpet-floor", 0755));
        put("/sys/fs/cgroup/limpet-floor/memory.max", "67108864");
        put("/sys/fs/cgroup/limpet-floor/cpu.max", "100000 100000");
        put("/sys/fs/cgroup/limpet-floor/cpu.weight", "39");
        put("/sys/fs/cgroup/limpet-floor/pids.max", "100");
        return open("/sys/fs/cgroup/limpet-floor", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    }
    for (size_t i = 0; i < ARRAY_LEN(groups); i++) {
        group_path(f, i, NULL, path);
        MUST(mkdir(path, 0755));
        if (groups[i].file) {
            group_path(f, i, groups[i].file, path);
            MUST(put(path, groups[i].value));
        }
        if (groups[i].file2) {
            group_path(f, i, groups[i].file2, path);
            put(path, groups[i].value2);
        }
    }
    return open("/sys/fs/cgroup/unified/limpet-floor", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

static void remove_groups(const struct floor *f)
{
    char path[128];
    for (size_t i = 0; i < (f->v2 ? 1 : ARRAY_LEN(groups)); i++) {
        group_path(f, i, NULL, path);
        rmdir(path);
    }
}

static void mount_root(const struct floor *f)
{
    char options[512];
    MUST(mkdir("upper", 0755));
    MUST(mkdir("wrk", 0700));
    snprintf(options, sizeof(options), "lowerdir=%s,upperdir=upper,workdir=wrk,volatile", f->layer);
    MUST(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL));
    MUST(mount("overlay", ".", "overlay", 0, options));
    MUST(chdir(f->work));
    mkdir("sys", 0755); /* the layer may have them */
    mkdir("dev", 0755);
    MUST(mount("proc", "proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL));
    MUST(mount("sysfs", "sys", "sysfs", MS_NOSUID | MS_NODEV | MS_NOEXEC | MS_RDONLY, NULL));
    MUST(mount("tmpfs", "dev", "tmpfs", MS_NOSUID | MS_STRICTATIME, "mode=755,size=64m"));
}

static void make_dev(void)
{
    static const struct {
        const char *name;
        unsigned major, minor;
    } nodes[] = {{"dev/null", 1, 3},   {"dev/zero", 1, 5},    {"dev/full", 1, 7},
                 {"dev/random", 1, 8}, {"dev/urandom", 1, 9}, {"dev/tty", 5, 0}};
    umask(0);
    for (size_t i = 0; i < ARRAY_LEN(nodes); i++)
        MUST(mknod(nodes[i].name, S_IFCHR | 0666, makedev(nodes[i].major, nodes[i].minor)));
    MUST(symlink("pts/ptmx", "dev/ptmx"));
    MUST(symlink("/proc/self/fd", "dev/fd"));
    MUST(mkdir("dev/pts", 0755));
    MUST(mkdir("dev/mqueue", 0755));
    MUST(mkdir("dev/shm", 0755));
    MUST(mount("devpts", "dev/pts", "devpts", MS_NOSUID | MS_NOEXEC,
               "newinstance,ptmxmode=0666,mode=0620,gid=5"));
    MUST(mount("mqueue", "dev/mqueue", "mqueue", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL));
    MUST(mount("shm", "dev/shm", "tmpfs", MS_NOSUID | MS_NODEV | MS_NOEXEC, "mode=1777,size=64m"));
}

static void hide(void)
{
    static const char *const masked[] = {"proc/acpi",       "proc/kcore",      "proc/keys",
                                         "proc/interrupts", "proc/timer_list", "proc/sched_debug",
                                         "proc/scsi",       "sys/firmware"};
    static const char *const read_only[] = {"proc/bus", "proc/fs", "proc/irq", "proc/sys",
                                            "proc/sysrq-trigger"};
    for (size_t i = 0; i < ARRAY_LEN(masked); i++)
        if (mount("dev/null", masked[i], NULL, MS_BIND, NULL) < 0 && errno == ENOTDIR)
            MUST(mount("tmpfs", masked[i], "tmpfs", MS_RDONLY, "size=0k"));
    for (size_t i = 0; i < ARRAY_LEN(read_only); i++)
        if (mount(read_only[i], read_only[i], NULL, MS_BIND | MS_REC, NULL) == 0)
            MUST(mount(NULL, read_only[i], NULL,
                       MS_REMOUNT | MS_BIND | MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL));
}

static void drop(const struct floor *f)
{
    struct sock_fprog program = {.len = (unsigned short)(f->filter_len / 8), .filter = f->filter};
    struct {
        uint32_t version;
        int pid;
    } head = {0x20080522, 0};
    const uint32_t keep = 0xa80425fb, data[6] = {keep, keep, 0, 0, 0, 0};
    for (unsigned cap = 0; cap < 41; cap++)
        if (cap >= 32 || !(keep & 1U << cap))
            MUST(prctl(PR_CAPBSET_DROP, cap, 0, 0, 0));
    MUST(syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program));
    MUST(syscall(SYS_capset, &head, data));
}

static void make_pod(void)
{
    struct ifreq lo = {.ifr_name = "lo", .ifr_flags = IFF_UP | IFF_LOOPBACK};
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    MUST(sethostname("floor", 5));
    MUST(ioctl(fd, SIOCSIFFLAGS, &lo));
    close(fd);
}

_Noreturn static void child(const struct floor *f)
{
    char path[128], *const env[] = {NULL};
    for (size_t i = 0; !f->v2 && i < 3; i++) {
        group_path(f, i, "tasks", path);
        MUST(put(path, "0"));
    }
    MUST(unshare((int)SYS_CLONE_NEWCGROUP));
    if (!f->pod)
        make_pod();
    MUST(chdir(f->work));
    mount_root(f);
    make_dev();
    hide();
    MUST(syscall(SYS_pivot_root, ".", "."));
    MUST(umount2(".", MNT_DETACH));
    MUST(chdir("/"));
    drop(f);
    sys_close_range(3, ~0U, 0);
    execve(f->argv[0], f->argv, env);
    _exit(127);
}

static int64_t run_once(const struct floor *f, int64_t *ret_exit)
{
    const uint64_t own = CLONE_NEWPID | CLONE_NEWNS, pods = POD_NAMESPACES;
    int64_t began = clock_boot(clock_system());
    int status, group = make_groups(f), pid = sys_fork(f->pod ? own : own | pods, group);
    if (pid == 0)
        child(f);
    if (pid < 0 || waitpid(pid, &status, 0) != pid || status != 0)
        exit(1);
    *ret_exit = clock_boot(clock_system()) - began;
    close(group);
    remove_groups(f);
    rmdir("upper/sys");
    rmdir("upper/dev");
    MUST(rmdir("upper"));
    unlink("wrk/work/incompat/volatile/dirty");
    rmdir("wrk/work/incompat/volatile");
    rmdir("wrk/work/incompat");
    rmdir("wrk/work");
    MUST(rmdir("wrk"));
    return clock_boot(clock_system()) - began;
}

int main(int argc, char **argv)
{
    static char truth[] = "/bin/true";
    static char *const truths[] = {truth, NULL};
    struct err err = {0};
    const bool pod = argc > 1 && str_eq(argv[1], "--pod");
    argv += pod;
    argc -= pod;
    if (argc < 5 || strtoul(argv[3], NULL, 10) == 0) {
        fputs("bench-floor [--pod] <work dir> <layer> <count> <gap ms> [argv...]\n", stderr);
        return 2;
    }
    struct floor f = {.work = argv[1],
                      .layer = argv[2],
                      .argv = argc > 5 ? &argv[5] : truths,
                      .pod = pod,
                      .v2 = access("/sys/fs/cgroup/cgroup.controllers", F_OK) == 0};
    size_t count = (size_t)strtoul(argv[3], NULL, 10);
    unsigned gap_us = (unsigned)strtoul(argv[4], NULL, 10) * 1000;
    int64_t *exits = xcalloc(count, sizeof(*exits)), *ends = xcalloc(count, sizeof(*ends));
    mkdir(f.work, 0700);
    if (chdir(f.work) < 0 || seccomp_default(&f.filter, &f.filter_len, &err) < 0)
        return 1;
    remove_groups(&f); /* of a run that was ended */
    if (pod) {
        MUST(unshare(POD_NAMESPACES));
        make_pod();
    }
    int64_t cpu = stats_cpu();
    for (size_t i = 0; i < count; i++) {
        ends[i] = run_once(&f, &exits[i]);
        usleep(gap_us);
    }
    stats_print(pod ? "floor-in-pod" : "floor-start-to-exit", exits, count);
    stats_print(pod ? "floor-in-pod-to-gone" : "floor-start-to-gone", ends, count);
    stats_print_cpu(pod ? "floor-in-pod-cpu" : "floor-cpu", cpu, count);
    return 0;
}
