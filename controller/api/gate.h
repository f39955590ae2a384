#pragma once
/* What stands between the defaulting of a write and its validation, and again before it is carried
 * out: admission (controller/admission). The API calls it for every creation and change, however it
 * came, with what it may look at. Synchronous, from memory. */

#include "controller/api/api.h"

/* Of a warning that is for the audit trail alone: its path is the key of the annotation. */
#define CAUSE_AUDIT_NOTE "AuditNote"

enum gate_verb { GATE_CREATE, GATE_UPDATE };

/* What is stored now (a row of dry runs: what would be). */
struct gate_reader {
    /* NULL if there is none. Borrowed until the fourth next call, and so is gate_request.old: of a
     * change no more than three objects are looked at. */
    const struct value *(*see)(void *ctx, const struct api_ref *ref);
    /* Objects of a kind, of one namespace (ns "": of all), until fn returns non-zero (returned).
     * Borrowed for the call of fn, which must not read. */
    int (*each)(void *ctx, const struct api_ref *ref,
                int (*fn)(void *fn_ctx, const struct value *object), void *fn_ctx);
    void *ctx;
};

struct gate_request {
    struct api_ref ref; /* the kind as it was asked for; never without a name */
    enum gate_verb verb;
    unsigned flags;          /* API_* */
    const struct value *old; /* NULL of a creation */
    struct value *object;    /* checked and defaulted; mutate may change it */
    struct diags *warnings;
    struct rng *rng;
    const struct gate_reader *reader;
};

struct gate {
    /* Each returns NULL, or the refusal (a Status, the caller's). *ret_ran: something may have
     * changed the object, which is then checked and defaulted again. */
    struct value *(*mutate)(void *ctx, const struct gate_request *request, bool *ret_ran);
    /* The object as it would be written: that it may not change any more. */
    struct value *(*validate)(void *ctx, const struct gate_request *request);
    /* How a write ended that may have been validated: object as it stands now, NULL if it is gone;
     * written false: nothing has changed. Not told of dry runs. */
    void (*settle)(void *ctx, const struct api_ref *ref, const struct value *object, bool written);
    void *ctx;
};

/* Borrowed until api_free; NULL: none. Before the first write. */
void api_set_gate(struct api *api, const struct gate *gate);
/* What the API itself reads by; ctx is the API. */
struct gate_reader api_reader(struct api *api);
