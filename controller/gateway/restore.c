#include "controller/gateway/restore.h"

#include "common/backup/box.h"
#include "common/backup/record.h"
#include "common/base/clock.h"
#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/data/json.h"
#include "common/fs/disk.h"
#include "controller/gateway/config.h"
#include "controller/link/epoch.h"
#include "controller/store/fill.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <unistd.h>

#define CONFIG_NAME "controller.yaml"
#define TRUST_PREFIX "trust/"
/* The lost gateway gave out revisions after the backup: nobody shall take them for ours. */
#define SKIP INT64_C(1000000000)

struct restore {
    const struct restore_spec *spec;
    struct disk *disk;
    int fd;
    struct box_header header;
    uint8_t key[SECRET_KEY_LEN];
    /* What the first reading found. */
    struct value *info;
    struct buf config;
    bool has_config;
    struct epoch last;
    uint64_t items, keys;
    /* For the second. */
    struct config *settings;
    int lock;
    struct store_fill *fill;
};

/* Reading. */

static int read_header(struct restore *r, struct err *err)
{
    uint8_t bytes[BOX_HEADER_LEN];
    r->fd = open(r->spec->file, O_RDONLY | O_CLOEXEC);
    if (r->fd < 0)
        return err_errno(err, errno, "%s", r->spec->file);
    ssize_t n = pread(r->fd, bytes, sizeof(bytes), 0);
    if (n < 0)
        return err_errno(err, errno, "%s", r->spec->file);
    int rc = box_header_read(bytes, (size_t)n, &r->header, err);
    if (rc < 0)
        return err_wrap(err, "%s", r->spec->file);
    return box_key(&r->header, r->spec->passphrase->data, r->spec->passphrase->len, r->key, err);
}

static int read_pieces(struct restore *r, struct box_reader *box, struct record_reader *records,
                       struct err *err)
{
    autofree char *bytes = xmalloc(BOX_PIECE);
    off_t at = BOX_HEADER_LEN;
    int rc = 0;
    for (ssize_t n; rc == 0 && (n = pread(r->fd, bytes, BOX_PIECE, at)) != 0; at += n) {
        if (n < 0)
            return err_errno(err, errno, "read");
        cleanup(buf_done) struct buf plain;
        buf_init(&plain, 0);
        rc = box_read(box, bytes, (size_t)n, &plain, err);
        if (rc == 0 && plain.len)
            rc = record_read(records, plain.data, plain.len, err);
        if (plain.data)
            crypto_wipe(plain.data, plain.len);
    }
    if (rc == 0)
        rc = box_read_end(box, err);
    return rc == 0 ? record_read_end(records, err) : rc;
}

static int read_all(struct restore *r, record_fn *fn, struct err *err)
{
    cleanup(box_reader_free) struct box_reader *box = box_reader_new(&r->header, r->key);
    cleanup(record_reader_free) struct record_reader *records = record_reader_new(fn, r);
    int rc = read_pieces(r, box, records, err);
    return rc < 0 ? err_wrap(err, "%s", r->spec->file) : 0;
}

/* First: is it all there, and such as a gateway writes it? */

static bool is_plain_name(const char *name)
{
    return *name && *name != '.' && !strchr(name, '/') && strlen(name) < 100;
}

static int check_file(struct restore *r, const struct record *record, struct err *err)
{
    if (str_eq(record->name, CONFIG_NAME)) {
        r->has_config = true;
        return buf_add(&r->config, record->value, record->len);
    }
    if (!str_has_prefix(record->name, TRUST_PREFIX) ||
        !is_plain_name(record->name + strlen(TRUST_PREFIX)))
        return err_set(err, -EBADMSG, "the backup holds a file that is none of a gateway's");
    r->keys++;
    return 0;
}

static int check_record(void *ctx, const struct record *record, struct err *err)
{
    struct restore *r = ctx;
    switch (record->type) {
    case RECORD_INFO:
        if (json_parse(record->value, record->len, &r->info, err) < 0 ||
            !str_eq(value_get_str(r->info, "kind"), "Backup"))
            return err_set(err, -EBADMSG, "the backup does not say what it is");
        return 0;
    case RECORD_FILE:
        return check_file(r, record, err);
    case RECORD_ITEM:
        r->items++;
        return str_eq(record->name, EPOCH_KEY)
                   ? epoch_parse(record->value, record->len, &r->last, err)
                   : 0;
    case RECORD_END:
        break;
    }
    return 0;
}

static int check_whole(struct restore *r, struct err *err)
{
    int rc = read_all(r, check_record, err);
    if (rc == 0 && (value_int(value_get(r->info, "items"), -1) != (int64_t)r->items || !r->keys))
        rc = err_set(err, -EBADMSG, "%s: it does not hold what it says", r->spec->file);
    return rc;
}

/* Then: where to? */

/* The configuration that is there, or the backup's. */
static int load_config(struct restore *r, struct err *err)
{
    char path[64];
    bool there = access(r->spec->config_file, F_OK) == 0;
    autoclose int fd = -1;
    if (!there && r->has_config) {
        fd = memfd_create("config", MFD_CLOEXEC);
        if (fd < 0 || write(fd, buf_str(&r->config), r->config.len) != (ssize_t)r->config.len)
            return err_errno(err, errno, "the backup's configuration");
        snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
    }
    r->settings = program_config_load(&config_type, fd >= 0 ? path : r->spec->config_file,
                                      r->spec->config_given, err);
    return r->settings ? 0 : -EINVAL;
}

static int take_lock(struct restore *r, struct err *err)
{
    int rc = r->disk->mkdirs(r->disk, r->settings->state_dir, 0755, err);
    if (rc < 0)
        return rc;
    autofree char *path = xasprintf("%s/controller.lock", r->settings->state_dir);
    r->lock = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (r->lock < 0)
        return err_errno(err, errno, "%s", path);
    if (flock(r->lock, LOCK_EX | LOCK_NB) < 0)
        return err_set(err, -EBUSY, "a controller runs on %s: stop it first",
                       r->settings->state_dir);
    return 0;
}

static bool is_there(const struct restore *r, const char *name)
{
    autofree char *path = xasprintf("%s/%s", r->settings->state_dir, name);
    return access(path, F_OK) == 0;
}

static const char *const moved[] = {"store.db", "store.db-wal", "store.db-shm", "trust", "broker"};

static int move_aside(struct restore *r, struct err *err)
{
    const char *dir = r->settings->state_dir;
    char time[CLOCK_RFC3339_LEN];
    clock_format(clock_wall(clock_system()), 0, time);
    autofree char *aside = xasprintf("%s/before-%s", dir, time);
    int rc = r->disk->mkdirs(r->disk, aside, 0700, err);
    for (size_t i = 0; i < ARRAY_LEN(moved) && rc == 0; i++) {
        autofree char *from = xasprintf("%s/%s", dir, moved[i]);
        autofree char *to = xasprintf("%s/%s", aside, moved[i]);
        if (rename(from, to) < 0 && errno != ENOENT)
            rc = err_errno(err, errno, "cannot move %s aside", from);
    }
    if (rc == 0)
        fprintf(stderr, "What was there is in %s\n", aside);
    return rc;
}

static int make_room(struct restore *r, struct err *err)
{
    bool full = false;
    for (size_t i = 0; i < ARRAY_LEN(moved); i++)
        full |= is_there(r, moved[i]);
    if (full && !r->spec->force)
        return err_set(err, -EEXIST,
                       "%s holds a gateway already: nothing was changed; --force moves it aside",
                       r->settings->state_dir);
    autofree char *mark = xasprintf("%s/" RESTORE_MARK, r->settings->state_dir);
    int rc = r->disk->replace(r->disk, mark, "", 0, 0600, err);
    return rc == 0 && full ? move_aside(r, err) : rc;
}

/* At last: write it. */

static int write_record(void *ctx, const struct record *record, struct err *err)
{
    struct restore *r = ctx;
    if (record->type == RECORD_FILE && str_has_prefix(record->name, TRUST_PREFIX)) {
        autofree char *path = xasprintf("%s/%s", r->settings->state_dir, record->name);
        return r->disk->replace(r->disk, path, record->value, record->len, 0600, err);
    }
    if (record->type != RECORD_ITEM || str_eq(record->name, EPOCH_KEY))
        return 0;
    const struct store_item item = {.key = record->name,
                                    .value = record->value,
                                    .len = record->len,
                                    .create_revision = record->create_revision,
                                    .mod_revision = record->mod_revision};
    return store_fill_put(r->fill, &item, err);
}

static int write_epoch(struct restore *r, struct err *err)
{
    const struct epoch epoch = epoch_after(&r->last, clock_wall(clock_system()));
    int64_t revision = value_int(value_get(r->info, "revision"), 0) + SKIP;
    cleanup(buf_done) struct buf text;
    buf_init(&text, 0);
    epoch_write(&epoch, &text);
    const struct store_item item = {.key = EPOCH_KEY,
                                    .value = text.data,
                                    .len = text.len,
                                    .create_revision = revision,
                                    .mod_revision = revision};
    int rc = store_fill_put(r->fill, &item, err);
    return rc == 0 ? store_fill_end(r->fill, revision, err) : rc;
}

static int write_config(struct restore *r, struct err *err)
{
    if (!r->has_config || access(r->spec->config_file, F_OK) == 0)
        return 0;
    autofree char *dir = xstrdup(r->spec->config_file);
    char *slash = strrchr(dir, '/');
    int rc = 0;
    if (slash && slash != dir) {
        *slash = '\0';
        rc = r->disk->mkdirs(r->disk, dir, 0755, err);
    }
    if (rc == 0)
        rc = r->disk->replace(r->disk, r->spec->config_file, buf_str(&r->config), r->config.len,
                              0644, err);
    if (rc == 0)
        fprintf(stderr, "The backup's configuration is in %s\n", r->spec->config_file);
    return rc;
}

static int write_all(struct restore *r, struct err *err)
{
    const char *dir = r->settings->state_dir;
    autofree char *trust = xasprintf("%s/trust", dir), *db = xasprintf("%s/store.db", dir);
    autofree char *mark = xasprintf("%s/" RESTORE_MARK, dir);
    int rc = r->disk->mkdirs(r->disk, trust, 0700, err);
    if (rc == 0)
        rc = store_fill_new(db, &r->fill, err);
    if (rc == 0)
        rc = read_all(r, write_record, err);
    if (rc == 0)
        rc = write_epoch(r, err);
    store_fill_free(r->fill);
    if (rc == 0)
        rc = write_config(r, err);
    return rc == 0 ? r->disk->remove(r->disk, mark, err) : rc;
}

static void done(struct restore *r)
{
    const char *time = value_get_str(r->info, "time");
    fprintf(stderr,
            "Restored the backup of %s: %llu objects, into %s\n"
            "Start limpet-controller. Nodes go on with what they have, what the backup does not "
            "know too,\nuntil you say 'limpet restore --settle'.\n",
            time ? time : "an unknown time", (unsigned long long)r->items, r->settings->state_dir);
}

int restore_run(const struct restore_spec *spec, struct err *err)
{
    struct restore r = {
        .spec = spec, .disk = disk_posix(), .fd = -1, .lock = -1, .last = {.number = 1}};
    static int (*const steps[])(struct restore *, struct err *) = {
        read_header, check_whole, load_config, take_lock, make_room, write_all,
    };
    int rc = 0;
    for (size_t i = 0; i < ARRAY_LEN(steps) && rc == 0; i++)
        rc = steps[i](&r, err);
    if (rc == 0)
        done(&r);
    crypto_wipe(r.key, sizeof(r.key));
    program_config_free(&config_type, r.settings);
    value_free(r.info);
    buf_done(&r.config);
    if (r.fd >= 0)
        close(r.fd);
    if (r.lock >= 0)
        close(r.lock);
    return rc;
}
