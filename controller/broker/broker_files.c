#include "controller/broker/broker_files.h"

#include "common/base/cleanup.h"
#include "common/base/str.h"
#include "common/fs/disk.h"
#include "controller/broker/broker_conf.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>

#define PATH_SIZE 256
#define FILE_MAX (16 * 1024 * 1024)
#define LOG_FILE "mosquitto.log"
#define LOG_MAX (256 * 1024)
#define DATABASE_FILE "mosquitto.db"

static void path_of(const struct broker_files *f, const char *name, char ret[PATH_SIZE])
{
    snprintf(ret, PATH_SIZE, "%s/%s", f->dir, name);
}

/* Every folder on the way must let the broker's user pass. */
static int check_way(const struct broker_files *f, struct err *err)
{
    char path[PATH_SIZE];
    struct stat st;

    snprintf(path, sizeof(path), "%s", f->dir);
    for (char *slash = strrchr(path, '/'); slash && slash != path; slash = strrchr(path, '/')) {
        *slash = '\0';
        if (stat(path, &st) < 0)
            return err_errno(err, errno, "broker folder %s", path);
        mode_t bit = st.st_uid == f->uid ? S_IXUSR : st.st_gid == f->gid ? S_IXGRP : S_IXOTH;
        if (!(st.st_mode & bit))
            return err_set(err, -EACCES,
                           "broker folder %s: the broker's user (uid %u) may not pass through %s "
                           "(chmod o+x it, or choose another user)",
                           f->dir, (unsigned)f->uid, path);
    }
    return 0;
}

static int give(const struct broker_files *f, const char *path, struct err *err)
{
    if (f->chown && lchown(path, f->uid, f->gid) < 0)
        return err_errno(err, errno, "%s: giving it to the broker", path);
    return 0;
}

int broker_files_prepare(const struct broker_files *f, struct err *err)
{
    char path[PATH_SIZE];
    int rc = disk_posix()->mkdirs(disk_posix(), f->dir, 0700, err);

    if (rc == 0 && chmod(f->dir, 0700) < 0)
        rc = err_errno(err, errno, "broker folder %s", f->dir);
    if (rc == 0)
        rc = give(f, f->dir, err);
    if (rc == 0 && f->chown)
        rc = check_way(f, err);
    path_of(f, DATABASE_FILE, path);
    if (rc == 0 && access(path, F_OK) == 0)
        rc = give(f, path, err);
    return rc;
}

bool broker_files_same(const struct broker_files *f, const char *name, const struct buf *text)
{
    cleanup(buf_done) struct buf old;
    char path[PATH_SIZE];

    buf_init(&old, FILE_MAX);
    path_of(f, name, path);
    return disk_posix()->read(disk_posix(), path, FILE_MAX, &old, NULL) == 0 &&
           old.len == text->len && memcmp(buf_str(&old), buf_str(text), old.len) == 0;
}

int broker_files_put(const struct broker_files *f, const char *name, const void *data, size_t len,
                     bool *ret_changed, struct err *err)
{
    struct buf text = {.data = (char *)data, .len = len};
    bool same = broker_files_same(f, name, &text);
    char path[PATH_SIZE];

    path_of(f, name, path);
    if (ret_changed)
        *ret_changed = !same;
    int rc = same ? 0 : disk_posix()->replace(disk_posix(), path, data, len, 0600, err);
    return rc < 0 ? rc : give(f, path, err);
}

void broker_files_database_aside(const struct broker_files *f)
{
    char from[PATH_SIZE], to[PATH_SIZE];

    path_of(f, DATABASE_FILE, from);
    path_of(f, DATABASE_FILE ".corrupt", to);
    if (rename(from, to) < 0)
        unlink(from);
}

bool broker_files_has_database(const struct broker_files *f)
{
    char path[PATH_SIZE];

    path_of(f, DATABASE_FILE, path);
    return access(path, F_OK) == 0;
}

int broker_files_log(const struct broker_files *f, struct err *err)
{
    char path[PATH_SIZE];

    path_of(f, LOG_FILE, path);
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0600);
    return fd >= 0 ? fd : err_errno(err, errno, "broker log %s", path);
}

void broker_files_log_trim(const struct broker_files *f)
{
    char path[PATH_SIZE];
    struct stat st;

    path_of(f, LOG_FILE, path);
    if (lstat(path, &st) == 0 && S_ISREG(st.st_mode) && st.st_size > LOG_MAX &&
        truncate(path, 0) < 0)
        unlink(path);
}

/* "1795225771: Error: Couldn't open database." without the time. */
static void strip_time(const char *line, char *ret, size_t size)
{
    size_t digits = strspn(line, "0123456789");

    if (digits && str_has_prefix(line + digits, ": "))
        line += digits + 2;
    snprintf(ret, size, "%.*s", (int)strcspn(line, "\n"), line);
}

void broker_files_log_last(const struct broker_files *f, char *ret, size_t size)
{
    char path[PATH_SIZE], tail[2048];
    const char *best = "";

    *ret = '\0';
    path_of(f, LOG_FILE, path);
    autoclose int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    off_t end = fd >= 0 ? lseek(fd, 0, SEEK_END) : 0;
    off_t from = end > (off_t)sizeof(tail) - 1 ? end - (off_t)sizeof(tail) + 1 : 0;
    ssize_t n = fd >= 0 ? pread(fd, tail, sizeof(tail) - 1, from) : -1;
    if (n <= 0)
        return;
    tail[n] = '\0';
    for (char *line = tail; line && *line;) {
        char *nl = strchr(line, '\n');
        bool error = memmem(line, nl ? (size_t)(nl - line) : strlen(line), "Error: ", 7) != NULL;

        if (error || !strstr(best, "Error: "))
            best = line;
        line = nl ? nl + 1 : NULL;
    }
    strip_time(best, ret, size);
}

static int connect_socket(const struct broker_files *f)
{
    struct sockaddr_un addr = {.sun_family = AF_UNIX};
    autoclose int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

    if (snprintf(addr.sun_path, sizeof(addr.sun_path), "%s/" BROKER_SOCKET_FILE, f->dir) >=
        (int)sizeof(addr.sun_path))
        return -ENAMETOOLONG;
    if (fd < 0 || connect(fd, (const struct sockaddr *)&addr, sizeof(addr)) < 0)
        return -errno;
    return steal_fd(&fd);
}

bool broker_files_accepts(const struct broker_files *f)
{
    int fd = connect_socket(f);

    if (fd >= 0)
        close(fd);
    return fd >= 0;
}

/* "<program>\0-c\0<dir>/mosquitto.conf\0" */
static bool is_ours(const struct broker_files *f, pid_t pid)
{
    char path[PATH_SIZE], text[2 * PATH_SIZE], conf[PATH_SIZE];

    snprintf(path, sizeof(path), "/proc/%d/cmdline", (int)pid);
    path_of(f, BROKER_CONF_FILE, conf);
    autoclose int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t n = fd >= 0 ? read(fd, text, sizeof(text) - 1) : -1;
    if (n <= 0)
        return false;
    text[n] = '\0';
    const char *flag = text + strlen(text) + 1, *end = text + n;
    if (flag >= end || strcmp(flag, "-c") != 0)
        return false;
    return flag + 3 < end && strcmp(flag + 3, conf) == 0;
}

static pid_t listener_pid(const struct broker_files *f)
{
    struct ucred cred;
    socklen_t len = sizeof(cred);
    autoclose int fd = connect_socket(f);

    /* On the connecting side these are the credentials of the process that called listen. */
    if (fd < 0 || getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &len) < 0)
        return 0;
    return cred.pid;
}

static pid_t file_pid(const struct broker_files *f)
{
    cleanup(buf_done) struct buf text;
    char path[PATH_SIZE];
    uint64_t pid = 0;

    buf_init(&text, 32);
    path_of(f, "pid", path);
    if (disk_posix()->read(disk_posix(), path, 32, &text, NULL) < 0 ||
        str_to_u64(buf_str(&text), &pid) < 0 || pid > INT32_MAX)
        return 0;
    return (pid_t)pid;
}

pid_t broker_files_running(const struct broker_files *f, int *ret_pidfd)
{
    const pid_t candidates[] = {listener_pid(f), file_pid(f)};

    for (size_t i = 0; i < ARRAY_LEN(candidates); i++) {
        pid_t pid = candidates[i];
        /* The pidfd first: what was checked is then what is signalled. */
        int fd = pid > 1 ? (int)syscall(SYS_pidfd_open, pid, 0) : -1;

        if (fd >= 0 && is_ours(f, pid)) {
            *ret_pidfd = fd;
            return pid;
        }
        if (fd >= 0)
            close(fd);
    }
    return 0;
}
