#pragma once
/* Shared by the files of mirrors.h only. */

#include "common/base/list.h"
#include "common/base/map.h"
#include "controller/link/bucket.h"
#include "controller/link/mirrors.h"

enum mirror_state {
    MIRROR_IDLE,    /* it is shown, or cannot be as things are */
    MIRROR_QUEUED,  /* its node is to be asked */
    MIRROR_WAITING, /* it is to be queued when its timer says so */
    MIRROR_ASKING,  /* its node is being asked; the timer says when that takes too long */
    MIRROR_MAKING,  /* the Pod is being written */
};

/* A static pod that a node reports. */
struct entry {
    struct mirrors *mirrors;
    struct node *node; /* NULL: forgotten while its Pod was being written */
    char *ns, *name, *uid;
    struct list of_node; /* of node->entries; of mirrors->orphans without a node */
    struct list queued;  /* of node->queue */
    struct entry *next;  /* of the same namespace and name, of whatever node */
    enum mirror_state state;
    struct loop_timer *timer;
    struct call *call;
    struct buf text;
    struct value *status; /* while MAKING */
    bool cut;             /* the answer is too long */
    bool news;            /* reported while its node was asked, or its Pod made: asked again */
    unsigned failures;    /* in a row */
    int64_t made_at;      /* boot ns; 0: not yet */
};

struct node {
    struct mirrors *mirrors;
    char *name;
    struct list entries, queue;
    struct list ready; /* of mirrors->ready while it has a queue and is not asked */
    size_t count;
    bool busy; /* one of its pods is ASKING or MAKING */
    struct bucket bucket;
    struct loop_timer *timer; /* until there is something in it again */
};

struct mirrors {
    struct mirrors_spec spec;
    struct map *nodes;   /* name -> struct node */
    struct map *entries; /* "<node>/<uid>" -> struct entry */
    struct map *names;   /* "<ns>/<name>" -> the first struct entry of that name */
    struct map *shown;   /* name of a node -> struct map: "<ns>/<name>" of the mirrors there are */
    struct list ready, orphans;
    size_t under_way;
    struct api_watch *watch;
};

extern const struct api_user mirrors_user;

/* ---- mirrors_known.c: the static pods that are known, and their nodes ---- */

struct entry *mirrors_find(const struct mirrors *mirrors, const char *node, const char *uid);
/* Of a report's metadata, whose texts are there. */
struct entry *mirrors_entry_new(struct node *node, const struct value *meta);
void mirrors_entry_free(struct entry *entry);
/* Nothing more is done for it. One whose Pod is being written lives until that is through. */
void mirrors_drop(struct entry *entry);
struct node *mirrors_node(struct mirrors *mirrors, const char *name); /* made if it is not there */
void mirrors_node_free(struct node *node);
/* It is asked in its turn, if it has something to be asked for and is not asked yet. */
void mirrors_ready(struct node *node);
/* Its node, and the place among those that are asked, are another's. */
void mirrors_leave(struct entry *entry);

/* ---- mirrors_place.c: what stands under its name ---- */

enum mirrors_place { PLACE_FREE, PLACE_OURS, PLACE_TAKEN };
/* A mirror that this node made of a pod which it does not report any more makes room. */
enum mirrors_place mirrors_place(const struct entry *entry);
void mirrors_delete_pod(struct mirrors *mirrors, const struct value *pod);

/* ---- mirrors_ask.c: when a node is asked, and what becomes of the answer ---- */

void mirrors_look(struct entry *entry);   /* it is queued if its name is free */
void mirrors_resume(struct entry *entry); /* it waits no longer */
/* Asks nodes, as many as may be asked at once: after anything that queues or ends. */
void mirrors_pump(struct mirrors *mirrors);
void mirrors_on_timer(void *ctx);      /* of an entry */
void mirrors_on_node_timer(void *ctx); /* of a node */
