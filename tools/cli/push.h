#pragma once
/* Sends an image to the gateway's registry (OCI distribution-spec 1.1): what is there is not sent
 * again, and what breaks off goes on from where it was. */

#include "tools/cli/bundle.h"
#include "tools/cli/client.h"

struct push_state {
    const char *repository; /* "team/app" */
    int64_t total, done;    /* bytes of blobs; done: those that are there */
    int64_t sent;           /* of the part that is on its way */
    size_t step, steps;
    bool waiting; /* the gateway does not answer for the moment */
};
struct push {
    struct client *client;
    const struct bundle_image *image;
    const char *repository, *tag;
    bool (*tick)(void *ctx); /* about once a second; false: ends it (-ECANCELED) */
    void *ctx;
    struct push_state state;
};
/* 0; *ret_digest (71 bytes and NUL) is the image's. */
nodiscard int push_image(struct push *push, char ret_digest[72], struct err *err);
/* What a registry says in the body of a refusal: "DENIED: why"; else the code. */
void push_explain(const struct client_answer *answer, struct err *err);
