#include "agent/fetch/unpack.h"

#include "agent/fetch/confine.h"
#include "common/base/cleanup.h"
#include "common/base/str.h"
#include "common/fs/path.h"
#include "common/loop/proc.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <sys/xattr.h>

enum word_kind { WORD_MARK, WORD_PROGRESS, WORD_END };
/* What the unpacker says; sent up to the end of text. */
struct word {
    enum word_kind kind;
    enum layer_name mark;
    int code;
    int64_t done;
    struct extract_result result;
    char text[LAYER_PATH_MAX];
};

static int say(int sock, struct word *word, const char *text)
{
    size_t len = strlen(text);
    len = len < sizeof(word->text) ? len : sizeof(word->text) - 1;
    memcpy(word->text, text, len);
    word->text[len] = '\0';
    size_t size = offsetof(struct word, text) + len + 1;
    return send(sock, word, size, MSG_NOSIGNAL) < 0 ? -errno : 0;
}

/* Waits until it is made: what comes next in the layer may stand in its place. */
static int say_mark(void *ctx, enum layer_name kind, const char *path)
{
    int sock = *(int *)ctx;
    struct word word = {.kind = WORD_MARK, .mark = kind};
    char made = 0;
    int rc = say(sock, &word, path);
    return rc < 0 ? rc : recv(sock, &made, 1, 0) == 1 ? 0 : -EPIPE;
}

static void say_progress(void *ctx, int64_t bytes)
{
    struct word word = {.kind = WORD_PROGRESS, .done = bytes};
    (void)say(*(int *)ctx, &word, "");
}

_Noreturn static void child(int blob_fd, int dir_fd, int sock, const struct extract_limits *limits)
{
    static const struct extract_sink sink = {say_mark, say_progress};
    struct err err = {0};
    struct word end = {.kind = WORD_END};
    int root_fd = fcntl(dir_fd, F_DUPFD_CLOEXEC, 3);
    const int keep[] = {blob_fd, dir_fd, sock, root_fd};
    confine_fds(keep, ARRAY_LEN(keep));
    end.code = confine_unpacker(dir_fd, &err);
    if (end.code == 0)
        end.code = extract(blob_fd, root_fd, limits, &sink, &sock, &end.result, &err);
    (void)say(sock, &end, err.msg);
    _exit(end.code < 0);
}

static int make_opaque(int root_fd, const char *path, struct err *err)
{
    autoclose int fd =
        path_open_in(root_fd, path[0] ? path : ".", O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0);
    if (fd < 0)
        return err_errno(err, -fd, "opaque folder \"%.120s\"", path);
    if (fsetxattr(fd, "trusted.overlay.opaque", "y", 1, 0) < 0)
        return err_errno(err, errno, "opaque folder \"%.120s\"", path);
    return 0;
}

/* A whiteout is a character device 0:0. A file that the layer has of that name hides the lower ones
 * anyway, a folder does once it is opaque. */
static int make_whiteout(int root_fd, const char *path, struct err *err)
{
    char folder[LAYER_PATH_MAX];
    const char *slash = strrchr(path, '/');
    snprintf(folder, sizeof(folder), "%.*s", slash ? (int)(slash - path) : 0, path);
    const char *name = slash ? slash + 1 : path;
    autoclose int fd = path_open_in(root_fd, folder[0] ? folder : ".", O_PATH | O_DIRECTORY, 0);
    if (fd < 0)
        return err_errno(err, -fd, "whiteout of \"%.120s\"", path);
    if (mknodat(fd, name, S_IFCHR, makedev(0, 0)) == 0)
        return 0;
    struct stat st;
    if (errno != EEXIST || fstatat(fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
        return err_errno(err, errno, "whiteout of \"%.120s\"", path);
    return S_ISDIR(st.st_mode) ? make_opaque(root_fd, path, err) : 0;
}

/* The unpacker may be in the attacker's hands: the path is judged again. */
static int make_mark(int root_fd, const struct word *word, struct err *err)
{
    char clean[LAYER_PATH_MAX];
    enum layer_name kind = LAYER_ENTRY;
    int rc = layer_path(word->text, &kind, clean, err);
    if (rc < 0)
        return rc;
    if (word->mark == LAYER_OPAQUE && (kind == LAYER_ENTRY || kind == LAYER_ROOT))
        return make_opaque(root_fd, clean, err);
    if (word->mark == LAYER_WHITEOUT && kind == LAYER_ENTRY)
        return make_whiteout(root_fd, clean, err);
    return err_set(err, -EINVAL, "whiteout of \"%.120s\" makes no sense", word->text);
}

static int died(pid_t *pid, struct err *err)
{
    int status = -1;
    if (waitpid(*pid, &status, 0) == *pid)
        *pid = -1;
    return err_set(err, -EIO, "the unpacker %s", proc_status_text(status));
}

static int listen_to(pid_t *pid, int sock, int dir_fd, unpack_progress_fn *progress, void *ctx,
                     struct extract_result *ret, struct err *err)
{
    for (;;) {
        struct word word;
        ssize_t n = recv(sock, &word, sizeof(word), 0);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= (ssize_t)offsetof(struct word, text))
            return died(pid, err);
        ((char *)&word)[n - 1] = '\0';
        if (word.kind == WORD_PROGRESS) {
            progress(ctx, word.done);
        } else if (word.kind == WORD_MARK) {
            int rc = make_mark(dir_fd, &word, err);
            if (rc < 0)
                return rc;
            (void)!send(sock, "", 1, MSG_NOSIGNAL);
        } else {
            word.result.diff_id[DIGEST_LEN] = '\0';
            *ret = word.result;
            return word.code < 0 ? err_set(err, word.code, "%s", word.text) : 0;
        }
    }
}

int unpack(int blob_fd, int dir_fd, const struct extract_limits *limits,
           unpack_progress_fn *progress, void *ctx, struct extract_result *ret, struct err *err)
{
    int pair[2];
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
        return err_errno(err, errno, "cannot start the unpacker");
    pid_t pid = fork();
    if (pid == 0)
        child(blob_fd, dir_fd, pair[1], limits);
    int error = errno;
    close(pair[1]);
    int rc = pid < 0 ? err_errno(err, error, "cannot start the unpacker")
                     : listen_to(&pid, pair[0], dir_fd, progress, ctx, ret, err);
    close(pair[0]);
    if (pid > 0) {
        kill(pid, SIGKILL); /* it has nothing left to do */
        waitpid(pid, NULL, 0);
    }
    return rc;
}
