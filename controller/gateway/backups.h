#pragma once
/* Backups over the API, and what comes after a restore: POST /apis/limpet.io/v1/backup with
 * {"rounds", "salt", "key"} (hex) answers with the whole of the gateway, encrypted under that key
 * (common/backup), while it runs and is written to; GET /apis/limpet.io/v1/restore tells
 * {"epoch", "adopt", "kept": [{"node", "namespace", "name"}]}, POST settles (decision record 0008).
 */

#include "common/fs/disk.h"
#include "controller/link/hub.h"
#include "controller/http/http.h"
#include "controller/store/store.h"

struct backups;

struct backups_spec {
    struct loop *loop;
    struct disk *disk;
    struct store *store;
    struct hub *hub;
    const char *trust_dir;
    const char *config_file; /* may not exist */
};
/* Borrows what is in spec; strings are copied. */
struct backups *backups_new(const struct backups_spec *spec);
/* Before the server is freed. NULL is fine. */
void backups_free(struct backups *backups);

/* Hooks of the server; the first argument is a struct backups. */
void backups_backup(void *backups, struct http_request *request);
void backups_restore(void *backups, struct http_request *request);
