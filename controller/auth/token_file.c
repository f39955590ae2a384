#include "controller/auth/token_file.h"

#include "common/base/buf.h"
#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/base/weaken.h"
#include "common/crypto/crypto.h"
#include "common/loop/loop.h"
#include "controller/auth/token_csv.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#define LOOK_NS NS_PER_S

struct token_file {
    struct loop *loop;
    char *path;
    struct map *tokens; /* SHA-256 of the token in hex -> struct who */
    struct stat seen;   /* the file as it was last read, rightly or not */
    int64_t looked_ns;
};

static void free_who(void *who)
{
    who_free(who);
}

static int read_text(int fd, const struct token_file *file, struct buf *ret, struct err *err)
{
    for (;;) {
        char *room = buf_reserve(ret, 4096);
        ssize_t n = room ? read(fd, room, 4096) : 0;
        if (!room)
            return err_set(err, -E2BIG, "%s: larger than %d bytes", file->path, TOKEN_CSV_MAX);
        if (n < 0)
            return err_errno(err, errno, "%s", file->path);
        if (n == 0)
            return 0;
        ret->len += (size_t)n;
    }
}

static int load(struct token_file *file, struct err *err)
{
    autoclose int fd = open(file->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0 || fstat(fd, &file->seen) < 0)
        return err_errno(err, errno, "%s", file->path);
    if (!S_ISREG(file->seen.st_mode))
        return err_set(err, -EINVAL, "%s: not a regular file", file->path);
    if (file->seen.st_mode & (S_IRWXG | S_IRWXO) && !WEAKENED(TOKEN_FILE_MODE))
        return err_set(err, -EPERM,
                       "%s: others than its owner have rights to it (mode %04o): it holds "
                       "secrets, chmod 600 it",
                       file->path, (unsigned)file->seen.st_mode & 07777);
    struct buf text;
    buf_init(&text, TOKEN_CSV_MAX + 8192);
    struct map *tokens = map_new();
    int rc = read_text(fd, file, &text, err);
    if (rc == 0)
        rc = token_csv_parse(file->path, buf_str(&text), text.len, tokens, err);
    if (text.data)
        crypto_wipe(text.data, text.len);
    buf_done(&text);
    if (rc < 0) {
        map_free(tokens, free_who);
        return rc;
    }
    map_free(file->tokens, free_who);
    file->tokens = tokens;
    return 0;
}

static bool has_changed(const struct token_file *file)
{
    struct stat now = {0};
    if (stat(file->path, &now) < 0)
        return file->seen.st_ino != 0;
    const struct stat *seen = &file->seen;
    return now.st_ino != seen->st_ino || now.st_size != seen->st_size ||
           now.st_mode != seen->st_mode || now.st_mtim.tv_sec != seen->st_mtim.tv_sec ||
           now.st_mtim.tv_nsec != seen->st_mtim.tv_nsec;
}

static void look_again(struct token_file *file)
{
    struct err err = {0};
    int64_t now = loop_now(file->loop);
    if (now - file->looked_ns < LOOK_NS)
        return;
    file->looked_ns = now;
    if (!has_changed(file))
        return;
    file->seen = (struct stat){0};
    if (load(file, &err) < 0)
        log_error("static tokens are not read again, those of before hold: error=%s",
                  log_quote(err.msg));
    else
        log_info("static tokens read again file=%s tokens=%zu", file->path, map_len(file->tokens));
}

int token_file_new(struct loop *loop, const char *path, struct token_file **ret, struct err *err)
{
    struct token_file *file = xcalloc(1, sizeof(*file));
    file->loop = loop;
    file->path = xstrdup(path);
    file->looked_ns = loop_now(loop);
    int rc = load(file, err);
    if (rc < 0) {
        token_file_free(file);
        return rc;
    }
    *ret = file;
    return 0;
}

void token_file_free(struct token_file *file)
{
    if (!file)
        return;
    map_free(file->tokens, free_who);
    free(file->path);
    free(file);
}

int token_file_check(void *ctx, const char *token, struct who **ret)
{
    struct token_file *file = ctx;
    char key[SHA256_HEX + 1];
    look_again(file);
    sha256_hex(token, strlen(token), key);
    const struct who *who = map_get(file->tokens, key);
    if (!who)
        return 0;
    *ret = who_copy(&who->user);
    return 1;
}
