/* limpet backup */

#include "common/backup/box.h"
#include "common/base/mem.h"
#include "common/base/rng.h"
#include "common/base/str.h"
#include "common/program/passphrase.h"
#include "tools/cli/status.h"
#include "tools/cli/verbs.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#define PATH "/apis/limpet.io/v1/backup"

struct backup_options {
    const char *passphrase_file;
};

/* The file while it comes: under another name, and checked piece by piece. */
struct incoming {
    char *path;
    int fd;
    struct box_header header;
    struct box_reader *box;
    size_t head; /* bytes of the header that have come */
    uint8_t first[BOX_HEADER_LEN];
    int64_t bytes;
    bool shows;
    struct err err;
};

static int take_head(struct incoming *in, const char **data, size_t *len)
{
    uint8_t want[BOX_HEADER_LEN];
    size_t some = BOX_HEADER_LEN - in->head < *len ? BOX_HEADER_LEN - in->head : *len;
    memcpy(in->first + in->head, *data, some);
    in->head += some;
    *data += some;
    *len -= some;
    box_header_write(&in->header, want);
    if (in->head == BOX_HEADER_LEN && memcmp(in->first, want, sizeof(want)) != 0)
        return err_set(&in->err, -EBADMSG, "the gateway sent another backup than was asked for");
    return 0;
}

static int write_whole(struct incoming *in, const char *data, size_t len)
{
    while (len > 0) {
        ssize_t n = write(in->fd, data, len);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return err_errno(&in->err, errno, "%s", in->path);
        data += n;
        len -= (size_t)n;
        in->bytes += n;
    }
    return 0;
}

static bool on_data(void *ctx, const char *data, size_t len)
{
    struct incoming *in = ctx;
    if (write_whole(in, data, len) < 0)
        return false;
    if (in->head < BOX_HEADER_LEN && take_head(in, &data, &len) < 0)
        return false;
    return len == 0 || box_read(in->box, data, len, NULL, &in->err) == 0;
}

static bool on_tick(void *ctx)
{
    struct incoming *in = ctx;
    if (in->shows)
        fprintf(stderr, "\r%lld KiB ", (long long)in->bytes / 1024);
    return true;
}

static void add_hex(struct buf *body, const void *data, size_t len)
{
    autofree char *hex = xmalloc(2 * len + 1);
    hex_encode(data, len, hex);
    (void)buf_addstr(body, hex);
    crypto_wipe(hex, 2 * len);
}

static int receive(struct cli *cli, struct incoming *in, const uint8_t key[SECRET_KEY_LEN])
{
    cleanup(buf_done) struct buf body;
    buf_init(&body, 0);
    (void)buf_addf(&body, "{\"rounds\":%u,\"salt\":\"", in->header.rounds);
    add_hex(&body, in->header.salt, sizeof(in->header.salt));
    (void)buf_addstr(&body, "\",\"key\":\"");
    add_hex(&body, key, SECRET_KEY_LEN);
    (void)buf_addstr(&body, "\"}");
    const struct client_request request = {.method = "POST",
                                           .path = PATH,
                                           .accept = "*/*",
                                           .body = body.data,
                                           .body_len = body.len,
                                           .stream = true,
                                           .data = on_data,
                                           .tick = on_tick,
                                           .ctx = in};
    cleanup(client_answer_done) struct client_answer answer;
    struct err err = {0};
    int rc = client_call(cli->client, &request, &answer, &err);
    crypto_wipe(body.data, body.len);
    if (in->shows)
        fputs("\r", stderr);
    if (rc == -ECANCELED)
        return cli_fail("%s", in->err.msg);
    if (rc < 0)
        return cli_fail("%s", err.msg);
    if (answer.code >= 300) {
        cleanup(value_free) struct value *status =
            status_parse(answer.code, buf_str(&answer.body), answer.body.len);
        return cli_check(answer.code, status) < 0 ? EXIT_FAILED : EXIT_DONE;
    }
    if (box_read_end(in->box, &in->err) < 0)
        return cli_fail("%s", in->err.msg);
    return EXIT_DONE;
}

static int sync_folder(const char *path)
{
    autofree char *dir = xstrdup(path);
    char *slash = strrchr(dir, '/');
    if (slash)
        slash[slash == dir] = '\0';
    autoclose int fd = open(slash ? dir : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return fd < 0 ? -1 : fsync(fd);
}

/* It gets its name when all of it is there, good, and on the medium. */
static int keep(struct incoming *in, const char *path)
{
    if (fsync(in->fd) < 0 || rename(in->path, path) < 0 || sync_folder(path) < 0)
        return cli_fail("%s: %m", path);
    fprintf(stderr,
            "Backup of %lld KiB in %s. Keep the passphrase: without it, it is worth nothing.\n",
            (long long)(in->bytes + 1023) / 1024, path);
    return EXIT_DONE;
}

static int make(struct cli *cli, const char *path, const struct buf *passphrase)
{
    uint8_t key[SECRET_KEY_LEN];
    struct incoming in = {.header = {.rounds = BOX_ROUNDS}, .shows = isatty(STDERR_FILENO)};
    rng_fill(rng_system(), in.header.salt, sizeof(in.header.salt));
    if (box_key(&in.header, passphrase->data, passphrase->len, key, &in.err) < 0)
        return cli_fail("%s", in.err.msg);
    in.path = xasprintf("%s.part", path);
    in.fd = open(in.path, O_CREAT | O_TRUNC | O_WRONLY | O_CLOEXEC | O_NOFOLLOW, 0600);
    int code;
    if (in.fd < 0 || fchmod(in.fd, 0600) < 0) {
        code = cli_fail("%s: %m", in.path);
    } else {
        in.box = box_reader_new(&in.header, key);
        code = receive(cli, &in, key);
        if (code == EXIT_DONE)
            code = keep(&in, path);
        box_reader_free(in.box);
    }
    crypto_wipe(key, sizeof(key));
    if (in.fd >= 0)
        close(in.fd);
    if (code != EXIT_DONE && in.fd >= 0)
        unlink(in.path);
    free(in.path);
    return code;
}

static int run_backup(struct cli *cli, const void *options, char **words, size_t count)
{
    const struct backup_options *o = options;
    struct err err = {0};
    if (count != 1)
        return cli_usage(&verb_backup, "say into which one file");
    if (!cli_connect(cli))
        return EXIT_FAILED;
    struct buf passphrase;
    buf_init(&passphrase, 0);
    if (passphrase_get(o->passphrase_file, "Passphrase for the backup", true, BOX_PASSPHRASE_MIN,
                       &passphrase, &err) < 0)
        return cli_fail("%s", err.msg);
    int code = make(cli, words[0], &passphrase);
    passphrase_wipe(&passphrase);
    return code;
}

const struct verb verb_backup = {
    .name = "backup",
    .usage = "FILE [--passphrase-file FILE]",
    .summary = "take all of the gateway along: objects, keys, configuration, encrypted",
    .details =
        "Works from anywhere, while the gateway runs and is written to: what is taken is as it was "
        "at one\nmoment. It holds the keys of the CA: only a member of system:masters may ask. The "
        "passphrase is\nasked for, or is the first line of a file; it never leaves this machine. "
        "'limpet restore FILE' on\na gateway brings it back.\n",
    .options =
        (const struct arg_option[]){
            {"passphrase-file", 0, ARG_STRING, offsetof(struct backup_options, passphrase_file),
             "FILE", "its first line is the passphrase", NULL},
            {0},
        },
    .size = sizeof(struct backup_options),
    .run = run_backup,
};
