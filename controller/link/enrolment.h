#pragma once
/* Enrolment from the gateway's side: keeps the broker's list of tokens, answers requests with
 * certificates, and makes the Node object that carries the node's id and sealing key. A token lets
 * one node in. */

#include "common/kinds/node_id.h"
#include "controller/broker/broker.h"
#include "controller/link/outqueue.h"
#include "controller/api/api.h"
#include "controller/trust/trust.h"

#define NODE_SEALING_ANNOTATION "limpet.io/sealing-key" /* PEM */

struct enrolment;

struct enrolment_spec {
    struct loop *loop;
    struct api *api;
    struct outqueue *queue;
    struct broker *broker; /* NULL: an external one, whose tokens are its own business */
    const struct trust *trust;
};
nodiscard int enrolment_new(const struct enrolment_spec *spec, struct enrolment **ret,
                            struct err *err);
void enrolment_free(struct enrolment *enrolment);
/* A message on enroll/<token id>/request. */
void enrolment_request(struct enrolment *enrolment, const char *token_id, const void *payload,
                       size_t len);
