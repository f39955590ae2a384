#include "controller/store/sqlite.h"

#include "common/base/cleanup.h"
#include "common/base/log.h"
#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/base/weaken.h"
#include "common/fs/disk.h"
#include "controller/store/sum.h"

#include <errno.h>
#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>

#define APPLICATION_ID 0x4c696d70 /* "Limp" */
#define SCHEMA 1
#define QUICK_CHECK "PRAGMA quick_check(1)"
#define RESTORE "; nothing was changed: move it away and restore a backup"

/* The log keeps no more than this between bursts (bytes). */
#define LOG_KEEPS "4194304"
/* Free pages are worth giving back when they are this many, and this part of all. */
#define SLACK_MIN 256
#define SLACK_PART 4
#define SLACK_BITE "2048"

enum statement {
    ST_BEGIN,
    ST_COMMIT,
    ST_ROLLBACK,
    ST_PUT,
    ST_DELETE,
    ST_NUMBER,
    ST_FREE,
    ST_PAGES,
    ST_COUNT
};

static const char *const statement_sql[ST_COUNT] = {
    [ST_BEGIN] = "BEGIN IMMEDIATE",
    [ST_COMMIT] = "COMMIT",
    [ST_ROLLBACK] = "ROLLBACK",
    [ST_PUT] = ("INSERT OR REPLACE INTO item(row, key, created, modified, sum, value) "
                "VALUES(?1, ?2, ?3, ?4, ?5, ?6)"),
    [ST_DELETE] = "DELETE FROM item WHERE row = ?1",
    [ST_FREE] = "PRAGMA freelist_count",
    [ST_PAGES] = "PRAGMA page_count",
    [ST_NUMBER] = "INSERT OR REPLACE INTO number(name, value, sum) VALUES(?1, ?2, ?3)",
};

/* The key has no index of its own: the store knows the row of each key, so that a write touches one
 * leaf of one tree. */
static const char schema_sql[] =
    "CREATE TABLE number(name TEXT PRIMARY KEY NOT NULL, value INTEGER NOT NULL,"
    " sum INTEGER NOT NULL) WITHOUT ROWID;"
    "CREATE TABLE item(row INTEGER PRIMARY KEY, key TEXT NOT NULL, created INTEGER NOT NULL,"
    " modified INTEGER NOT NULL, sum INTEGER NOT NULL, value BLOB NOT NULL);";

struct sqlite {
    char *path;
    sqlite3 *handle;
    sqlite3_stmt *statements[ST_COUNT];
    int64_t reserved;
    int wal_pages;
    bool shrinks; /* made so that its file can get shorter */
};

static int code_of(int rc)
{
    switch (rc & 0xff) {
    case SQLITE_OK:
    case SQLITE_DONE:
    case SQLITE_ROW:
        return 0;
    case SQLITE_FULL:
        return -ENOSPC;
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
        return -EBUSY;
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
        return -EBADMSG;
    case SQLITE_PERM:
    case SQLITE_READONLY:
        return -EROFS;
    case SQLITE_CANTOPEN:
        return -EACCES;
    default:
        return -EIO;
    }
}

/* For the writer: a full disk is the one failure after which the file is known. */
static int write_code(int rc)
{
    int code = code_of(rc);
    return code == 0 || code == -ENOSPC ? code : -EIO;
}

static int fail(const struct sqlite *db, int rc, const char *what, struct err *err)
{
    int code = code_of(rc);
    if (code == -EBUSY)
        return err_set(err, code, "store %s: another process has it open", db->path);
    if (code == -EBADMSG)
        return err_set(err, code, "store %s: %s: %s" RESTORE, db->path, what,
                       sqlite3_errmsg(db->handle));
    return err_set(err, code, "store %s: %s: %s", db->path, what, sqlite3_errmsg(db->handle));
}

static int run(struct sqlite *db, const char *sql, struct err *err)
{
    int rc = sqlite3_exec(db->handle, sql, NULL, NULL, NULL);
    return rc == SQLITE_OK ? 0 : fail(db, rc, "set up", err);
}

static void finalize_cleanup(sqlite3_stmt **st)
{
    sqlite3_finalize(*st);
}
#define autofinalize __attribute__((__cleanup__(finalize_cleanup)))

/* The integer (or *ret_text, a copy for the caller, if wanted) that a query gives in its first row.
 */
static int query(struct sqlite *db, const char *sql, int64_t *ret, char **ret_text, struct err *err)
{
    autofinalize sqlite3_stmt *st = NULL;
    int rc = sqlite3_prepare_v2(db->handle, sql, -1, &st, NULL);
    if (rc == SQLITE_OK)
        rc = sqlite3_step(st);
    if (rc != SQLITE_ROW)
        return fail(db, rc == SQLITE_DONE ? SQLITE_CORRUPT : rc, "read", err);
    if (ret_text) {
        const char *text = (const char *)sqlite3_column_text(st, 0);
        *ret_text = xstrdup(text ? text : "");
    }
    if (ret)
        *ret = sqlite3_column_int64(st, 0);
    return 0;
}

static int64_t number_sum(const char *name, int64_t value)
{
    return (int64_t)sum_add(sum_add(0, name, strlen(name)), &value, sizeof(value));
}

static int64_t row_sum(const struct item *item)
{
    const int64_t revisions[] = {item->create_revision, item->mod_revision};
    uint64_t sum = sum_add(0, revisions, sizeof(revisions));
    return (int64_t)sum_add(sum, item->data, (size_t)item->key_len + 1 + item->len);
}

static int prepare(struct sqlite *db, struct err *err)
{
    for (int i = 0; i < ST_COUNT; i++) {
        int rc = sqlite3_prepare_v3(db->handle, statement_sql[i], -1, SQLITE_PREPARE_PERSISTENT,
                                    &db->statements[i], NULL);
        if (rc != SQLITE_OK)
            return fail(db, rc, "prepare", err);
    }
    return 0;
}

static int step(struct sqlite *db, enum statement which)
{
    sqlite3_stmt *st = db->statements[which];
    sqlite3_step(st);
    int rc = sqlite3_reset(st);
    sqlite3_clear_bindings(st);
    return rc;
}

static int put_number(struct sqlite *db, const char *name, int64_t value)
{
    sqlite3_stmt *st = db->statements[ST_NUMBER];
    sqlite3_bind_text(st, 1, name, -1, SQLITE_STATIC);
    sqlite3_bind_int64(st, 2, value);
    sqlite3_bind_int64(st, 3, number_sum(name, value));
    return step(db, ST_NUMBER);
}

static int get_number(struct sqlite *db, const char *name, int64_t *ret, struct err *err)
{
    autofinalize sqlite3_stmt *st = NULL;
    int rc = sqlite3_prepare_v2(db->handle, "SELECT value, sum FROM number WHERE name = ?1", -1,
                                &st, NULL);
    if (rc == SQLITE_OK)
        rc = sqlite3_bind_text(st, 1, name, -1, SQLITE_STATIC);
    if (rc == SQLITE_OK)
        rc = sqlite3_step(st);
    if (rc == SQLITE_DONE)
        return err_set(err, -EBADMSG, "store %s: the number \"%s\" is missing" RESTORE, db->path,
                       name);
    if (rc != SQLITE_ROW)
        return fail(db, rc, "read", err);
    int64_t value = sqlite3_column_int64(st, 0);
    if (sqlite3_column_int64(st, 1) != number_sum(name, value))
        return err_set(err, -EBADMSG, "store %s: the number \"%s\" fails its checksum" RESTORE,
                       db->path, name);
    *ret = value;
    return 0;
}

static int on_wal(void *ctx, sqlite3 *handle, const char *name, int pages)
{
    (void)handle;
    (void)name;
    ((struct sqlite *)ctx)->wal_pages = pages;
    return SQLITE_OK;
}

static void free_handle(struct sqlite *db)
{
    for (int i = 0; i < ST_COUNT; i++)
        sqlite3_finalize(db->statements[i]);
    sqlite3_close(db->handle);
    free(db->path);
    free(db);
}
CLEANUP_DEFINE(struct sqlite, free_handle);

static int open_handle(const struct store_medium *medium, const char *path, int flags,
                       struct sqlite **ret, struct err *err)
{
    cleanup(free_handle) struct sqlite *db = xcalloc(1, sizeof(*db));
    db->path = xstrdup(path);
    int rc = sqlite3_open_v2(path, &db->handle, flags | SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX,
                             medium->vfs);
    if (!db->handle)
        return err_set(err, -ENOMEM, "store %s: out of memory", path);
    sqlite3_extended_result_codes(db->handle, 1);
    if (rc != SQLITE_OK)
        return fail(db, rc, "open", err);
    sqlite3_busy_timeout(db->handle, 2000);
    sqlite3_db_config(db->handle, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
    sqlite3_db_config(db->handle, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
    *ret = steal(db);
    return 0;
}

static int fill_new(struct sqlite *db, struct err *err)
{
    autofree char *pragma =
        xasprintf("PRAGMA auto_vacuum=INCREMENTAL; PRAGMA application_id=%d; BEGIN; "
                  "PRAGMA user_version=%d; %s",
                  APPLICATION_ID, SCHEMA, schema_sql);
    int r = run(db, pragma, err);
    if (r == 0)
        r = prepare(db, err);
    if (r < 0)
        return r;
    int rc = put_number(db, "reserved", 0);
    if (rc == SQLITE_OK)
        rc = step(db, ST_COMMIT);
    return rc == SQLITE_OK ? 0 : fail(db, rc, "create", err);
}

/* A new database is made in memory, and gets its name when it is complete and on the medium. */
static int create(const struct store_medium *medium, const char *path, struct err *err)
{
    cleanup(free_handle) struct sqlite *db = NULL;
    int r = open_handle(medium, ":memory:", SQLITE_OPEN_CREATE | SQLITE_OPEN_MEMORY, &db, err);
    if (r == 0)
        r = fill_new(db, err);
    if (r < 0)
        return r;
    sqlite3_int64 size = 0;
    unsigned char *bytes = sqlite3_serialize(db->handle, "main", &size, 0);
    if (!bytes)
        return err_set(err, -ENOMEM, "store %s: out of memory", path);
    r = medium->disk->replace(medium->disk, path, bytes, (size_t)size, 0600, err);
    sqlite3_free(bytes);
    return r < 0 ? err_wrap(err, "store") : 0;
}

static int create_if_missing(const struct store_medium *medium, const char *path, struct err *err)
{
    struct disk *disk = medium->disk;
    autofree char *wal = xasprintf("%s-wal", path);
    struct disk_stat st;
    int r = disk->stat(disk, path, &st, err);
    if (r == 0 && st.size == 0)
        return err_set(err, -EBADMSG,
                       "store %s: the file is empty, which Limpet never leaves" RESTORE, path);
    if (r != -ENOENT)
        return r < 0 ? err_wrap(err, "store") : 0;
    r = disk->stat(disk, wal, &st, err);
    if (r == 0 && st.size > 0)
        return err_set(err, -EBADMSG,
                       "store %s: missing, but its log %s-wal is there: restore a backup, or "
                       "remove the log to begin with nothing",
                       path, path);
    if (r < 0 && r != -ENOENT)
        return err_wrap(err, "store");
    return create(medium, path, err);
}

static int check_identity(struct sqlite *db, struct err *err)
{
    int64_t id, schema;
    int r = query(db, "PRAGMA application_id", &id, NULL, err);
    if (r < 0)
        return r;
    if (id != APPLICATION_ID)
        return err_set(err, -EBADMSG, "store %s: not a store of Limpet (application id %lld)",
                       db->path, (long long)id);
    r = query(db, "PRAGMA user_version", &schema, NULL, err);
    if (r < 0)
        return r;
    if (schema > SCHEMA)
        return err_set(err, -ENOTSUP,
                       "store %s: written by a newer Limpet (schema %lld, this one knows %d): "
                       "install that version again",
                       db->path, (long long)schema, SCHEMA);
    if (schema < 1)
        return err_set(err, -EBADMSG, "store %s: schema %lld is not known" RESTORE, db->path,
                       (long long)schema);
    return 0;
}

/* The check goes on where a page cannot be read, and only its text tells, not always clearly: what
 * a second look does not find was no damage either. */
static bool was_unreadable(struct sqlite *db, const char *verdict)
{
    autofree char *again = NULL;
    struct err ignored = {0};
    return strstr(verdict, "unable to get the page") ||
           (query(db, QUICK_CHECK, NULL, &again, &ignored) == 0 && str_eq(again, "ok"));
}

static int check_structure(struct sqlite *db, struct err *err)
{
    autofree char *verdict = NULL;
    int r = query(db, QUICK_CHECK, NULL, &verdict, err);
    if (r < 0 || str_eq(verdict, "ok"))
        return r;
    if (was_unreadable(db, verdict))
        return err_set(err, -EIO, "store %s: a part of it cannot be read", db->path);
    return err_set(err, -EBADMSG, "store %s: damaged: %.100s" RESTORE, db->path, verdict);
}

/* EXCLUSIVE before WAL: one process only, and no shared-memory file. */
static int set_up(struct sqlite *db, struct err *err)
{
    autofree char *mode = NULL;
    int64_t vacuum = 0;
    int r = run(db,
                "PRAGMA locking_mode=EXCLUSIVE; PRAGMA cell_size_check=ON; "
                "PRAGMA cache_size=-512; PRAGMA temp_store=MEMORY",
                err);
    if (r == 0)
        r = check_identity(db, err);
    if (r == 0)
        r = query(db, "PRAGMA journal_mode=WAL", NULL, &mode, err);
    if (r < 0)
        return r;
    if (!str_eq(mode, "wal"))
        return err_set(err, -EIO, "store %s: its file system allows no write-ahead log", db->path);
    r = run(db, WEAKENED(STORE_SYNC) ? "PRAGMA synchronous=OFF" : "PRAGMA synchronous=FULL", err);
    if (r == 0)
        r = run(db, "PRAGMA wal_autocheckpoint=0; PRAGMA journal_size_limit=" LOG_KEEPS, err);
    if (r == 0)
        r = query(db, "PRAGMA auto_vacuum", &vacuum, NULL, err);
    if (r < 0)
        return r;
    db->shrinks = vacuum == 2;
    sqlite3_wal_hook(db->handle, on_wal, db);
    return 0;
}

int sqlite_open(const struct store_medium *medium, const char *path, struct sqlite **ret,
                struct err *err)
{
    cleanup(free_handle) struct sqlite *db = NULL;
    int r = create_if_missing(medium, path, err);
    if (r == 0)
        r = open_handle(medium, path, 0, &db, err);
    if (r == 0)
        r = set_up(db, err);
    if (r == 0)
        r = check_structure(db, err);
    if (r == 0)
        r = prepare(db, err);
    if (r == 0)
        r = get_number(db, "reserved", &db->reserved, err);
    if (r < 0)
        return r;
    *ret = steal(db);
    return 0;
}

void sqlite_close(struct sqlite *db)
{
    if (!db)
        return;
    free_handle(db);
}

/* The row that a statement stands on; NULL if it cannot be one of ours. */
static struct item *read_row(sqlite3_stmt *st)
{
    int key_len = sqlite3_column_bytes(st, 1);
    const char *key = (const char *)sqlite3_column_text(st, 1);
    const void *value = sqlite3_column_blob(st, 5);
    int len = sqlite3_column_bytes(st, 5);
    if (!key || key_len < 1 || key_len > UINT16_MAX || strlen(key) != (size_t)key_len)
        return NULL;

    struct item *item = item_new(key, value ? value : "", (size_t)len);
    item->row = sqlite3_column_int64(st, 0);
    item->create_revision = sqlite3_column_int64(st, 2);
    item->mod_revision = sqlite3_column_int64(st, 3);
    if (row_sum(item) == sqlite3_column_int64(st, 4) || WEAKENED(STORE_ROW_SUM))
        return item;
    item_unref(item);
    return NULL;
}

int sqlite_load(struct sqlite *db, sqlite_row_fn *fn, void *ctx, struct err *err)
{
    autofinalize sqlite3_stmt *st = NULL;
    int rc = sqlite3_prepare_v2(
        db->handle, "SELECT row, key, created, modified, sum, value FROM item", -1, &st, NULL);
    while (rc == SQLITE_OK || rc == SQLITE_ROW) {
        rc = sqlite3_step(st);
        if (rc != SQLITE_ROW)
            break;
        struct item *item = read_row(st);
        if (!item)
            return err_set(err, -EBADMSG,
                           "store %s: row %lld (%.80s) fails its checksum: a failing medium, or an "
                           "edit by hand" RESTORE,
                           db->path, (long long)sqlite3_column_int64(st, 0),
                           log_quote((const char *)sqlite3_column_text(st, 1)));
        fn(ctx, item);
    }
    return rc == SQLITE_DONE ? 0 : fail(db, rc, "read", err);
}

int64_t sqlite_reserved(const struct sqlite *db)
{
    return db->reserved;
}

int sqlite_begin(struct sqlite *db)
{
    return write_code(step(db, ST_BEGIN));
}

int sqlite_put(struct sqlite *db, const struct item *item)
{
    sqlite3_stmt *st = db->statements[ST_PUT];
    sqlite3_bind_int64(st, 1, item->row);
    sqlite3_bind_text(st, 2, item_key(item), item->key_len, SQLITE_STATIC);
    sqlite3_bind_int64(st, 3, item->create_revision);
    sqlite3_bind_int64(st, 4, item->mod_revision);
    sqlite3_bind_int64(st, 5, row_sum(item));
    sqlite3_bind_blob(st, 6, item_value(item), (int)item->len, SQLITE_STATIC);
    return write_code(step(db, ST_PUT));
}

int sqlite_delete(struct sqlite *db, int64_t row)
{
    sqlite3_bind_int64(db->statements[ST_DELETE], 1, row);
    return write_code(step(db, ST_DELETE));
}

int sqlite_reserve(struct sqlite *db, int64_t revision)
{
    int code = write_code(put_number(db, "reserved", revision));
    if (code == 0)
        db->reserved = revision;
    return code;
}

int sqlite_commit(struct sqlite *db)
{
    return write_code(step(db, ST_COMMIT));
}

void sqlite_rollback(struct sqlite *db)
{
    if (!sqlite3_get_autocommit(db->handle))
        step(db, ST_ROLLBACK);
}

int sqlite_wal_pages(const struct sqlite *db)
{
    return db->wal_pages;
}

int sqlite_checkpoint(struct sqlite *db)
{
    int left = 0, copied = 0;
    int rc = sqlite3_wal_checkpoint_v2(db->handle, NULL, SQLITE_CHECKPOINT_PASSIVE, &left, &copied);
    if (rc == SQLITE_OK)
        db->wal_pages = 0;
    return write_code(rc);
}

static int64_t ask(struct sqlite *db, enum statement which)
{
    sqlite3_stmt *st = db->statements[which];
    int64_t answer = sqlite3_step(st) == SQLITE_ROW ? sqlite3_column_int64(st, 0) : 0;
    sqlite3_reset(st);
    return answer;
}

bool sqlite_has_slack(struct sqlite *db)
{
    int64_t left = db->shrinks ? ask(db, ST_FREE) : 0;
    return left >= SLACK_MIN && left >= ask(db, ST_PAGES) / SLACK_PART;
}

int sqlite_trim(struct sqlite *db)
{
    return write_code(
        sqlite3_exec(db->handle, "PRAGMA incremental_vacuum(" SLACK_BITE ")", NULL, NULL, NULL));
}
