#include "tools/cli/push.h"

#include "common/base/clock.h"
#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/data/json.h"

#include <errno.h>
#include <stdio.h>
#include <time.h>

#define PATIENCE_NS (120 * NS_PER_S) /* without a byte getting through */
#define PAUSE_MS 500
#define CHUNK (INT64_C(64) << 20) /* bytes of a request: what a cut costs at most is less */

void push_explain(const struct client_answer *answer, struct err *err)
{
    cleanup(value_free) struct value *body = NULL;
    struct err unused = {0};
    if (json_parse(buf_str(&answer->body), answer->body.len, &body, &unused) != 0)
        body = NULL;
    const struct value *first = value_at(value_get(body, "errors"), 0);
    const char *code = value_get_str(first, "code"), *message = value_get_str(first, "message");
    (void)err_set(err, -EREMOTEIO, "the gateway refuses it (%d): %s%s%s", answer->code,
                  code ? code : "", code && message ? ": " : "", message ? message : "");
}

/* ---- one request ---- */

static bool on_tick(void *ctx)
{
    struct push *push = ctx;
    return !push->tick || push->tick(push->ctx);
}

/* Whether another try may go better. */
static bool is_passing(int r, int code)
{
    return r == -ECONNREFUSED || r == -EHOSTUNREACH || r == -EIO || r == -ETIME ||
           (r == 0 && (code == 429 || code == 502 || code == 503));
}

static int rest_a_while(struct push *push)
{
    const struct timespec pause = {.tv_nsec = PAUSE_MS * NS_PER_MS};
    push->state.waiting = true;
    bool on = on_tick(push);
    nanosleep(&pause, NULL);
    return on ? 0 : -ECANCELED;
}

/* Until there is an answer, for a while. */
static int ask(struct push *push, const struct client_request *request, struct client_answer *ret,
               struct err *err)
{
    int64_t end = clock_boot(clock_system()) + PATIENCE_NS;
    for (;;) {
        int r = client_call(push->client, request, ret, err);
        if (!is_passing(r, ret->code) || clock_boot(clock_system()) > end) {
            push->state.waiting = false;
            return r;
        }
        client_answer_done(ret);
        if (rest_a_while(push) != 0)
            return err_set(err, -ECANCELED, "ended");
    }
}

static struct client_request request_of(struct push *push, const char *method, const char *path)
{
    return (struct client_request){
        .method = method, .path = path, .accept = "*/*", .tick = on_tick, .ctx = push};
}

/* ---- blobs ---- */

/* Where an upload stands: its size, from "0-1023". Of "0-0", which says both an empty one and one
 * of a byte, 0. */
static int64_t size_of_range(const char *range)
{
    const char *dash = range ? strchr(range, '-') : NULL;
    uint64_t last;
    if (!dash || str_to_u64(dash + 1, &last) != 0 || last > INT64_MAX - 1)
        return -1;
    return last == 0 ? 0 : (int64_t)last + 1;
}

static int begin(struct push *push, char **ret, struct err *err)
{
    cleanup(client_answer_done) struct client_answer answer = {0};
    autofree char *path = xasprintf("/v2/%s/blobs/uploads/", push->repository);
    struct client_request request = request_of(push, "POST", path);
    request.body = "";
    int r = ask(push, &request, &answer, err);
    if (r)
        return r;
    if (answer.code != 202 || !answer.location || answer.location[0] != '/') {
        push_explain(&answer, err);
        return err->code;
    }
    *ret = steal(answer.location);
    return 0;
}

/* Where the gateway has got to, or -ENOENT: it does not know the upload any more. */
static int find_offset(struct push *push, const char *at, int64_t *ret, struct err *err)
{
    cleanup(client_answer_done) struct client_answer answer = {0};
    const struct client_request request = request_of(push, "GET", at);
    int r = ask(push, &request, &answer, err);
    if (r)
        return r;
    *ret = size_of_range(answer.range);
    if (answer.code == 204 && *ret >= 0)
        return 0;
    if (answer.code == 404)
        return err_set(err, -ENOENT, "the upload is gone");
    push_explain(&answer, err);
    return err->code;
}

enum part { PART_SENT, PART_LOST, PART_MISPLACED }; /* the last two: ask where it has got to */

/* Sends a part: one of these, or a negative errno. */
static int send_part(struct push *push, const struct piece *piece, const char *at, int64_t from,
                     struct err *err)
{
    cleanup(client_answer_done) struct client_answer answer = {0};
    int64_t size = piece->size - from < CHUNK ? piece->size - from : CHUNK;
    autofree char *range =
        xasprintf("Content-Range: %lld-%lld", (long long)from, (long long)(from + size - 1));
    struct client_request request = request_of(push, "PATCH", at);
    request.type = "application/octet-stream";
    request.header = range;
    request.upload = true;
    request.body_fd = piece->fd;
    request.body_at = piece->at + from;
    request.body_size = size;
    request.sent = &push->state.sent;
    int r = client_call(push->client, &request, &answer, err);
    push->state.sent = 0;
    if (r == 0 && answer.code == 202)
        return PART_SENT;
    if (is_passing(r, answer.code))
        return PART_LOST;
    if (r == 0 && answer.code == 416)
        return PART_MISPLACED;
    if (r == 0) {
        push_explain(&answer, err);
        r = err->code;
    }
    return r;
}

static int finish(struct push *push, const struct bundle_step *step, const char *at,
                  struct err *err)
{
    cleanup(client_answer_done) struct client_answer answer = {0};
    autofree char *path = xasprintf("%s%cdigest=%s", at, strchr(at, '?') ? '&' : '?', step->digest);
    struct client_request request = request_of(push, "PUT", path);
    request.body = "";
    int r = ask(push, &request, &answer, err);
    if (r == 0 && answer.code == 404) /* it was done, and the answer was lost */
        return 1;
    if (r == 0 && answer.code != 201) {
        push_explain(&answer, err);
        r = err->code;
    }
    return r;
}

static int is_there(struct push *push, const struct bundle_step *step, bool *ret, struct err *err)
{
    cleanup(client_answer_done) struct client_answer answer = {0};
    autofree char *path = xasprintf("/v2/%s/blobs/%s", push->repository, step->digest);
    const struct client_request request = request_of(push, "HEAD", path);
    int r = ask(push, &request, &answer, err);
    *ret = answer.code == 200;
    if (r == 0 && answer.code != 200 && answer.code != 404) {
        if (answer.code == 401 || answer.code == 403) /* HEAD has no body that says why */
            return err_set(err, -EACCES, "not allowed to push %s (%d)", push->repository,
                           answer.code);
        push_explain(&answer, err);
        r = err->code;
    }
    return r;
}

/* Where the next part begins, when one did not get through. */
static int look_again(struct push *push, const char *at, bool misplaced, int64_t *from,
                      struct err *err)
{
    int64_t next;
    if (rest_a_while(push) != 0)
        return err_set(err, -ECANCELED, "ended");
    int r = find_offset(push, at, &next, err);
    if (r)
        return r;
    if (next == 0 && *from == 0 && misplaced) /* then "0-0" was a byte */
        next = 1;
    *from = next;
    return 0;
}

/* All parts, however often it breaks off, as long as something gets through. */
static int send_parts(struct push *push, const struct piece *piece, const char *at, struct err *err)
{
    int64_t base = push->state.done, from = 0;
    int64_t end = clock_boot(clock_system()) + PATIENCE_NS;
    while (from < piece->size) {
        int64_t before = from;
        int r = send_part(push, piece, at, from, err);
        if (r == PART_SENT)
            from += piece->size - from < CHUNK ? piece->size - from : CHUNK;
        else if (r > 0)
            r = look_again(push, at, r == PART_MISPLACED, &from, err);
        if (r < 0)
            return r;
        if (from > piece->size)
            return err_set(err, -EPROTO, "the gateway has more than was sent");
        if (from > before)
            end = clock_boot(clock_system()) + PATIENCE_NS;
        else if (clock_boot(clock_system()) > end)
            return err->code ? err->code : err_set(err, -ETIME, "nothing gets through");
        push->state.waiting = false;
        push->state.done = base + from;
    }
    return 0;
}

#define TRIES 5 /* of a blob from its beginning */

static int push_blob(struct push *push, const struct bundle_step *step, struct err *err)
{
    int64_t base = push->state.done;
    for (int i = 0; i < TRIES; i++) {
        autofree char *at = NULL;
        bool there = false;
        push->state.done = base;
        int r = is_there(push, step, &there, err);
        if (r || there) {
            push->state.done = base + step->piece.size;
            return r;
        }
        r = begin(push, &at, err);
        if (r == 0)
            r = send_parts(push, &step->piece, at, err);
        if (r == 0)
            r = finish(push, step, at, err);
        if (r == 0)
            return 0;
        if (r != 1 && r != -ENOENT)
            return r;
    }
    return err_set(err, -EIO, "%s does not get through", step->digest);
}

/* ---- the image ---- */

static int push_manifest(struct push *push, const struct bundle_step *step, const char *reference,
                         struct err *err)
{
    cleanup(client_answer_done) struct client_answer answer = {0};
    autofree char *path = xasprintf("/v2/%s/manifests/%s", push->repository, reference);
    struct client_request request = request_of(push, "PUT", path);
    request.type = step->type;
    request.body = step->text;
    request.body_len = step->len;
    int r = ask(push, &request, &answer, err);
    if (r == 0 && answer.code != 201) {
        push_explain(&answer, err);
        r = err->code;
    }
    return r;
}

int push_image(struct push *push, char ret_digest[72], struct err *err)
{
    const struct bundle_image *image = push->image;
    push->state = (struct push_state){.repository = push->repository, .steps = image->count};
    for (size_t i = 0; i < image->count; i++)
        push->state.total += image->steps[i].text ? 0 : image->steps[i].piece.size;
    for (size_t i = 0; i < image->count; i++) {
        const struct bundle_step *step = &image->steps[i];
        bool last = i + 1 == image->count;
        push->state.step = i + 1;
        int r = step->text ? push_manifest(push, step, last ? push->tag : step->digest, err)
                           : push_blob(push, step, err);
        if (r)
            return r;
    }
    memcpy(ret_digest, image->steps[image->count - 1].digest, 72);
    return 0;
}
