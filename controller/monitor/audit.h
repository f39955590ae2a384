#pragma once
/* The audit trail: who asked for what, and what came of it, as events of audit.k8s.io/v1: of which
 * requests, and with how much of what they hold, a policy says (audit_policy.h). JSON lines in a
 * file that is turned over, so that all of it stays within a bound. Lines are gathered for up to a
 * second, then appended and synced by a thread: a crash costs what is younger, or tears a line.
 * Nothing waits for the trail, however slow its disk is, and nothing fails with it: what could not
 * be written, or found no room among the lines that wait, is counted. */

#include "common/base/rng.h"
#include "controller/api/api.h"
#include "controller/monitor/audit_file.h"
#include "controller/monitor/metrics.h"

#define AUDIT_ID 37                        /* with NUL */
#define AUDIT_FILES 4                      /* FILE, FILE.1, ... of bytes / AUDIT_FILES each */
#define AUDIT_BODY_MAX ((size_t)64 * 1024) /* bytes of each body; a larger one is left out */
#define AUDIT_STRANGERS 60                 /* events a minute of who has not said who he is */

struct audit_event {
    char id[AUDIT_ID];
    const char *uri, *verb;
    const char *user; /* NULL: nobody in particular */
    const char *const *groups;
    const struct api_user *acts_as; /* whom he impersonates; NULL: nobody */
    const char *address, *agent;    /* where from, and by which program; NULL: not known */
    struct api_ref ref;             /* kind NULL: no object */
    const char *subresource;        /* NULL or "": none */
    int code;
    int64_t received_ns, answered_ns; /* wall time */
    bool writes, stream;              /* stream: its answer has begun, and goes on */
    /* As audit_decide says, and what then belongs to it: the objects of the request and the answer,
     * NULL where there is none. */
    struct audit_verdict verdict;
    const struct value *request, *response;
    bool truncated;              /* a body was too large */
    const char *note_key, *note; /* one annotation more; NULL: none */
};

struct audit;
struct audit_spec {
    struct loop *loop;
    struct rng *rng;
    const char *file;   /* its folder exists; "" or NULL: in memory only, for tests */
    size_t bytes;       /* all files together */
    const char *policy; /* a file; "" or NULL: writes, at level Metadata */
};
/* Everything in spec is borrowed but file and policy. Fails for a policy that is not right. */
nodiscard int audit_new(const struct audit_spec *spec, struct audit **ret, struct err *err);
void audit_free(struct audit *audit); /* writes what waits. NULL is fine */
/* A new event's identity (a random UUID). */
void audit_id(struct audit *audit, char ret[static AUDIT_ID]);
/* Fills event->verdict by the rest of it; whether it is to be told. audit may be NULL. */
bool audit_decide(struct audit *audit, struct audit_event *event);
/* Once that is decided. audit may be NULL: there is no trail. Strings of others are cut and
 * cleaned. */
void audit_tell(struct audit *audit, const struct audit_event *event);
void audit_register(struct audit *audit, struct metrics *metrics);
/* The lines that wait. */
const char *audit_waiting(const struct audit *audit);
