#include "controller/monitor/audit_file.h"

#include "common/base/buf.h"
#include "common/base/log.h"
#include "common/base/mem.h"
#include "common/base/str.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define LOOK_NS NS_PER_S
#define CHUNK 4096

struct audit_file {
    struct loop *loop;
    char *path;
    struct audit_policy *policy;
    struct stat seen; /* the file as it was last read, rightly or not */
    int64_t looked_ns;
};

static int read_all(int fd, const char *path, struct buf *ret, struct err *err)
{
    for (;;) {
        char *room = buf_reserve(ret, CHUNK);
        ssize_t n = room ? read(fd, room, CHUNK) : 0;
        if (!room)
            return err_set(err, -E2BIG, "%s: larger than %d bytes", path, AUDIT_POLICY_MAX);
        if (n < 0)
            return err_errno(err, errno, "%s", path);
        if (n == 0)
            return 0;
        ret->len += (size_t)n;
    }
}

static int load(struct audit_file *file, struct err *err)
{
    struct audit_policy *policy = NULL;
    cleanup(buf_done) struct buf text;
    buf_init(&text, AUDIT_POLICY_MAX + CHUNK);
    autoclose int fd = open(file->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0 || fstat(fd, &file->seen) < 0)
        return err_errno(err, errno, "%s", file->path);
    if (!S_ISREG(file->seen.st_mode))
        return err_set(err, -EINVAL, "%s: not a regular file", file->path);
    int r = read_all(fd, file->path, &text, err);
    if (r == 0)
        r = audit_policy_parse(file->path, buf_str(&text), text.len, &policy, err);
    if (r < 0)
        return r;
    audit_policy_free(file->policy);
    file->policy = policy;
    return 0;
}

static bool has_changed(const struct audit_file *file)
{
    const struct stat *seen = &file->seen;
    struct stat now = {0};
    if (stat(file->path, &now) < 0)
        return seen->st_ino != 0;
    return now.st_ino != seen->st_ino || now.st_size != seen->st_size ||
           now.st_mtim.tv_sec != seen->st_mtim.tv_sec ||
           now.st_mtim.tv_nsec != seen->st_mtim.tv_nsec;
}

const struct audit_policy *audit_file_policy(struct audit_file *file)
{
    struct err err = {0};
    int64_t now = loop_now(file->loop);
    if (now - file->looked_ns < LOOK_NS)
        return file->policy;
    file->looked_ns = now;
    if (!has_changed(file))
        return file->policy;
    file->seen = (struct stat){0};
    if (load(file, &err) < 0)
        log_error("the audit policy is not read again, that of before holds: error=%s",
                  log_quote(err.msg));
    else
        log_info("audit policy read again file=%s", file->path);
    return file->policy;
}

int audit_file_new(struct loop *loop, const char *path, struct audit_file **ret, struct err *err)
{
    struct audit_file *file = xcalloc(1, sizeof(*file));
    file->loop = loop;
    file->path = xstrdup(path);
    file->looked_ns = loop_now(loop);
    int r = load(file, err);
    if (r < 0) {
        audit_file_free(file);
        return r;
    }
    *ret = file;
    return 0;
}

void audit_file_free(struct audit_file *file)
{
    if (!file)
        return;
    audit_policy_free(file->policy);
    free(file->path);
    free(file);
}
