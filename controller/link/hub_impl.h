#pragma once
/* Shared by the files of hub.h only. */

#include "controller/link/asks.h"
#include "controller/link/denials.h"
#include "controller/link/enrolment.h"
#include "controller/link/events.h"
#include "controller/link/hub.h"
#include "controller/link/intake.h"
#include "controller/link/members.h"
#include "controller/link/mirrors.h"
#include "controller/link/outqueue.h"
#include "controller/link/people.h"
#include "controller/link/remains.h"
#include "controller/link/strays.h"

struct hub {
    struct hub_spec spec;
    struct outqueue *queue;
    struct calls *calls;
    struct asks *asks;
    struct intake *intake;
    struct events *events;
    struct enrolment *enrolment;
    struct denials *denials; /* NULL: the broker is not ours */
    struct people *people;
    struct remains *remains;
    struct strays *strays; /* while nodes are to adopt */
    struct mirrors *mirrors;
    struct epoch epoch;
    struct members *members;
    bool complete, started;     /* every object is known; somebody wants it to run */
    struct loop_timer *leaving; /* how long stop waits at most */
    void (*stopped)(void *ctx); /* NULL: nobody waits */
    void *stopped_ctx;
    bool told_down; /* each attempt that fails says so: the first is logged */
};

void hub_message(struct hub *hub, const struct bus_msg *msg); /* hub_message.c: of anybody */
void hub_retained_changed(void *ctx); /* the broker has something to keep: ctx is the hub */
/* hub_call.c: as hub_call_node, with arguments; what it refuses is its to say. */
nodiscard int hub_call_member(struct hub *hub, const char *name, const char *method,
                              const struct value *args, const struct call_handler *handler,
                              void *ctx, struct call **ret, struct err *err);
