#pragma once
/* A write under way: what write.c carries out and verbs.c begins. */

#include "controller/api/api_impl.h"
#include "controller/api/change.h"

struct write;
/* Decides (change.h) on the object as it stands when the write's turn has come: fills
 * write->change, which is empty. */
typedef void write_plan_fn(struct write *write, const struct change_env *env,
                           const struct value *stored);

struct write {
    struct list all;  /* in api->writes */
    struct list link; /* in api->ready or the queue of its key */
    struct api *api;
    const struct schema_kind *kind;
    char *ns, *name, *key;
    char *manager;       /* who writes */
    struct value *asker; /* of kinds that keep who asked; else NULL */
    bool force;          /* of a server-side apply */
    unsigned flags;
    const char *subresource; /* the part that is written; NULL: the object itself */
    bool may_create;         /* an apply: creates what is not there, if the user may that too */
    struct value *create_refusal;
    struct escalation *escalation; /* NULL: nothing is given by it */
    char *node;                    /* that writes; NULL: no node does */
    write_plan_fn *plan;
    struct value *input;
    enum patch_type patch_type;        /* of input, for a patch */
    struct api_delete_options options; /* with strings of its own */
    api_change_fn *edit;
    api_done_fn *done;
    void *ctx;
    struct change change;
    bool removal; /* its mark may use the room that is kept for it */
    int tries;
};

/* One that is not submitted yet. ref is copied. */
struct write *write_new(struct api *api, const struct api_ref *ref, unsigned flags,
                        write_plan_fn *plan, api_done_fn *done, void *ctx);
/* Lets it run when its turn comes, if the user may; else it is answered with the refusal. Takes
 * write over. */
void write_submit(struct write *write, const struct api_user *user, const char *verb);
