#include "controller/gateway/backups.h"

#include "common/backup/box.h"
#include "common/backup/record.h"
#include "common/base/log.h"
#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/data/json.h"
#include "controller/server/reply.h"
#include "controller/api/status.h"

#include <errno.h>

#define FILE_MAX (1024 * 1024)
#define ENOUGH ((size_t)512 * 1024) /* held for the client before more is made */
#define SLICE ((size_t)256 * 1024)
#define TYPE "application/octet-stream"

/* One that is being sent. */
struct job {
    struct backups *backups;
    struct http_request *request;
    struct box_writer *writer;
    struct store_snapshot *snapshot;
    struct buf head; /* information and files, as records; small */
    uint64_t records;
    size_t next;    /* item */
    bool ended;     /* all is in `out` */
    struct buf out; /* encrypted, not handed over yet */
    size_t sent;    /* of it */
};

struct backups {
    struct backups_spec spec; /* strings owned */
    struct job *job;          /* NULL: none is under way */
};

struct backups *backups_new(const struct backups_spec *spec)
{
    struct backups *backups = xcalloc(1, sizeof(*backups));
    backups->spec = *spec;
    backups->spec.trust_dir = xstrdup(spec->trust_dir);
    backups->spec.config_file = xstrdup(spec->config_file);
    return backups;
}

static void wipe(struct buf *buf)
{
    if (buf->data)
        crypto_wipe(buf->data, buf->len);
    buf_done(buf);
}

static void job_free(struct job *job)
{
    if (!job)
        return;
    if (job->backups->job == job)
        job->backups->job = NULL;
    box_writer_free(job->writer);
    store_snapshot_free(job->snapshot);
    wipe(&job->head);
    buf_done(&job->out);
    free(job);
}

void backups_free(struct backups *backups)
{
    if (!backups)
        return;
    job_free(backups->job);
    free((char *)backups->spec.trust_dir);
    free((char *)backups->spec.config_file);
    free(backups);
}

/* What stands before the items. */

static int add_info(struct job *job)
{
    const struct backups *b = job->backups;
    char time[CLOCK_RFC3339_LEN];
    clock_format(clock_wall(loop_clock(b->spec.loop)), 0, time);
    cleanup(buf_done) struct buf text;
    buf_init(&text, 0);
    (void)buf_addf(&text,
                   "{\"kind\":\"Backup\",\"apiVersion\":\"limpet.io/v1\",\"version\":\"%s\","
                   "\"time\":\"%s\",\"revision\":%lld,\"epoch\":%llu,\"items\":%zu}",
                   LIMPET_VERSION, time, (long long)store_snapshot_revision(job->snapshot),
                   (unsigned long long)hub_epoch(b->spec.hub)->number,
                   store_snapshot_count(job->snapshot));
    const struct record record = {RECORD_INFO, "", text.data, text.len, 0, 0};
    job->records++;
    return record_write(&record, &job->head);
}

static int add_file(struct job *job, const char *path, const char *name, struct err *err)
{
    struct disk *disk = job->backups->spec.disk;
    cleanup(buf_done) struct buf text;
    buf_init(&text, 0);
    int r = disk->read(disk, path, FILE_MAX, &text, err);
    if (r < 0)
        return r;
    const struct record record = {RECORD_FILE, name, buf_str(&text), text.len, 0, 0};
    r = record_write(&record, &job->head);
    crypto_wipe(text.data, text.len);
    job->records++;
    return r < 0 ? err_set(err, r, "%s: too long", path) : 0;
}

struct walk {
    struct job *job;
    struct err *err;
};

static int add_key(void *ctx, const char *name, enum disk_type type)
{
    struct walk *walk = ctx;
    if (type != DISK_FILE)
        return 0;
    autofree char *path = xasprintf("%s/%s", walk->job->backups->spec.trust_dir, name);
    autofree char *as = xasprintf("trust/%s", name);
    return add_file(walk->job, path, as, walk->err);
}

static int add_files(struct job *job, struct err *err)
{
    const struct backups_spec *spec = &job->backups->spec;
    struct walk walk = {job, err};
    int r = spec->disk->list(spec->disk, spec->trust_dir, add_key, &walk, err);
    if (r == 0)
        r = add_file(job, spec->config_file, "controller.yaml", err);
    return r == -ENOENT ? 0 : r;
}

/* Sending. */

static int add_next(struct job *job, struct err *err)
{
    cleanup(buf_done) struct buf text;
    buf_init(&text, 0);
    int r = 0;
    if (job->head.len > 0) {
        r = box_write(job->writer, job->head.data, job->head.len, &job->out, err);
        wipe(&job->head);
        return r;
    }
    if (job->next < store_snapshot_count(job->snapshot)) {
        const struct store_item item = store_snapshot_at(job->snapshot, job->next++);
        const struct record record = {RECORD_ITEM,          item.key,         item.value, item.len,
                                      item.create_revision, item.mod_revision};
        r = record_write(&record, &text);
        job->records++;
    } else {
        record_write_end(job->records, &text);
        job->ended = true;
    }
    if (r == 0)
        r = box_write(job->writer, text.data, text.len, &job->out, err);
    if (text.len)
        crypto_wipe(text.data, text.len); /* secrets are among them */
    return r == 0 && job->ended ? box_end(job->writer, &job->out, err) : r;
}

/* As much as the client takes; the rest when it has taken that. */
static void send_some(struct job *job)
{
    struct err err = {0};
    while (http_stream_pending(job->request) < ENOUGH) {
        if (job->sent == job->out.len) {
            job->out.len = job->sent = 0;
            if (job->ended) {
                log_info("backup made items=%zu", store_snapshot_count(job->snapshot));
                http_stream_end(job->request);
                job_free(job);
                return;
            }
            if (add_next(job, &err) < 0) {
                log_error("backup failed: error=%s", log_quote(err.msg));
                http_stream_abort(job->request);
                job_free(job);
                return;
            }
            continue;
        }
        size_t left = job->out.len - job->sent, some = left < SLICE ? left : SLICE;
        if (http_stream_write(job->request, job->out.data + job->sent, some) < 0)
            return;
        job->sent += some;
    }
}

static void gone(void *ctx, struct http_request *request)
{
    (void)request;
    log_info("backup given up: the client has gone");
    job_free(ctx);
}

static void drained(void *ctx, struct http_request *request)
{
    (void)request;
    send_some(ctx);
}

static bool take_hex(const struct value *body, const char *name, void *ret, size_t len)
{
    const char *text = value_get_str(body, name);
    return text && strlen(text) == 2 * len && hex_decode(text, 2 * len, ret, len) == 0;
}

/* NULL after having answered. */
static struct box_writer *writer_asked_for(struct http_request *request)
{
    size_t len;
    const char *text = http_body(request, &len);
    cleanup(value_free) struct value *body = NULL;
    struct box_header header = {0}, same;
    uint8_t key[SECRET_KEY_LEN], written[BOX_HEADER_LEN];
    struct err err = {0};
    int64_t rounds = 0;
    int r = json_parse(text, len, &body, &err);
    if (r == 0)
        rounds = value_int(value_get(body, "rounds"), 0);
    header.rounds = rounds > 0 && rounds <= BOX_ROUNDS_MAX ? (uint32_t)rounds : 0;
    bool good = r == 0 && take_hex(body, "salt", header.salt, sizeof(header.salt)) &&
                take_hex(body, "key", key, sizeof(key));
    box_header_write(&header, written);
    if (!good || box_header_read(written, sizeof(written), &same, &err) < 0) {
        reply_status(request, status_failure(400,
                                             "a backup is asked for with {\"rounds\": %d to %d, "
                                             "\"salt\": %d hex digits, \"key\": %d hex digits}",
                                             BOX_ROUNDS_MIN, BOX_ROUNDS_MAX, 2 * BOX_SALT_LEN,
                                             2 * SECRET_KEY_LEN));
        return NULL;
    }
    struct box_writer *writer = box_writer_new(&header, key);
    crypto_wipe(key, sizeof(key));
    return writer;
}

void backups_backup(void *ctx, struct http_request *request)
{
    static const struct http_stream_handler handler = {gone, drained};
    struct backups *backups = ctx;
    if (backups->job) {
        reply_status(request, status_failure(429, "another backup is being made"));
        return;
    }
    struct box_writer *writer = writer_asked_for(request);
    if (!writer)
        return;
    struct err err = {0};
    struct job *job = xcalloc(1, sizeof(*job));
    job->backups = backups;
    job->request = request;
    job->writer = writer;
    buf_init(&job->head, 0);
    buf_init(&job->out, 0);
    job->snapshot = store_snapshot_new(backups->spec.store);
    if (add_info(job) < 0 || add_files(job, &err) < 0) {
        log_error("backup failed: error=%s", log_quote(err.msg));
        reply_status(request, status_failure(500, "the gateway cannot read its keys: %s", err.msg));
        job_free(job);
        return;
    }
    backups->job = job;
    http_stream_begin(request, 200, TYPE, &handler, job);
    send_some(job);
}

/* After a restore. */

static struct value *state_of(const struct backups *backups)
{
    const struct epoch *epoch = hub_epoch(backups->spec.hub);
    struct value *state = value_new_map();
    value_set_str(state, "kind", "Restore");
    value_set_str(state, "apiVersion", "limpet.io/v1");
    value_set(state, "epoch", value_new_int((int64_t)epoch->number));
    value_set_bool(state, "adopt", epoch->adopt);
    value_set(state, "kept", hub_kept(backups->spec.hub));
    return state;
}

struct settling {
    struct backups *backups;
    struct http_request *request;
};

static void settled(void *ctx, int code)
{
    autofree struct settling *settling = ctx;
    if (code < 0)
        reply_status(settling->request,
                     status_failure(500, "not settled: the store says %s", strerror(-code)));
    else
        reply_json(settling->request, 200, state_of(settling->backups));
}

void backups_restore(void *ctx, struct http_request *request)
{
    struct backups *backups = ctx;
    if (!str_eq(http_method(request), "POST") || !hub_epoch(backups->spec.hub)->adopt) {
        reply_json(request, 200, state_of(backups));
        return;
    }
    struct settling *settling = xcalloc(1, sizeof(*settling));
    *settling = (struct settling){backups, request};
    hub_settle(backups->spec.hub, settled, settling);
}
