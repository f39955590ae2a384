/* Collections as clients read them. */

#include "common/base/mem.h"
#include "common/data/json.h"
#include "controller/api/list_options.h"
#include "controller/server/reply.h"
#include "controller/server/rest_impl.h"
#include "controller/api/status.h"

#include <errno.h>
#include <stdlib.h>

/* What is made at one go: so many objects are looked at, or so many bytes are written. */
#define PIECE_OBJECTS 32
#define PIECE_BYTES ((size_t)16 * 1024)

/* A list that is being written. Of a page, metadata tells what is left: it comes at the end. */
struct list_answer {
    struct rest *rest;
    struct api_listing *listing;
    const struct schema_kind *kind; /* held by the listing */
    struct view view;
    bool page, begun, any;
};

/* The List as it is shown, without what is in it. */
static struct value *shown_head(const struct list_answer *answer, const char **ret_part)
{
    struct value *head = api_listing_head(answer->listing);
    value_set(head, "items", value_new_list());
    head = view_of(answer->rest, &answer->view, answer->kind, head, true);
    *ret_part = value_get(head, "rows") ? "rows" : "items";
    value_del(head, *ret_part);
    return head;
}

static void write_head(const struct list_answer *answer, struct buf *text)
{
    const char *part;
    cleanup(value_free) struct value *head = shown_head(answer, &part);
    if (answer->page)
        value_del(head, "metadata");
    (void)json_write(head, text);
    text->len--; /* its last brace */
    buf_addf(text, ",\"%s\":[", part);
}

static void write_tail(const struct list_answer *answer, struct buf *text)
{
    const char *part;
    cleanup(value_free) struct value *head = shown_head(answer, &part);
    buf_addc(text, ']');
    if (answer->page) {
        buf_addstr(text, ",\"metadata\":");
        (void)json_write(value_get(head, "metadata"), text);
    }
    buf_addstr(text, "}\n");
}

/* The plain view is passed on as it is stored. */
static enum api_listed write_item(const struct list_answer *answer, struct buf *text)
{
    struct value *object = NULL;
    if (answer->view.accept == ACCEPT_JSON)
        return api_listing_text(answer->listing, text);
    enum api_listed listed = api_listing_object(answer->listing, &object);
    if (listed != API_LISTED_ONE)
        return listed;
    cleanup(value_free) struct value *item =
        view_item(&answer->view, answer->kind, object, clock_wall(answer->rest->spec.clock));
    (void)json_write(item, text);
    return listed;
}

static int next_piece(void *ctx, struct buf *text)
{
    struct list_answer *answer = ctx;
    if (!answer->begun)
        write_head(answer, text);
    answer->begun = true;
    for (int i = 0; i < PIECE_OBJECTS && text->len < PIECE_BYTES; i++) {
        size_t before = text->len;
        if (answer->any)
            buf_addc(text, ',');
        enum api_listed listed = write_item(answer, text);
        answer->any |= listed == API_LISTED_ONE;
        if (listed != API_LISTED_ONE)
            text->len = before;
        if (listed == API_LISTED_LOST)
            return -ESTALE;
        if (listed == API_LISTED_END) {
            write_tail(answer, text);
            return 0;
        }
    }
    return 1;
}

static void answer_free(void *ctx)
{
    struct list_answer *answer = ctx;
    api_listing_free(answer->listing);
    free(answer);
}

static void list_send(const struct ask *ask, const struct api_ref *ref,
                      const struct api_list_query *query, const struct view *view)
{
    struct api_listing *listing = NULL;
    struct value *status = NULL;
    if (api_listing_new(ask->rest->spec.api, ask->user, ref, query, &listing, &status) != 0) {
        reply_status(ask->request, status);
        return;
    }
    struct list_answer *answer = xcalloc(1, sizeof(*answer));
    *answer = (struct list_answer){.rest = ask->rest,
                                   .listing = listing,
                                   .kind = ref->kind,
                                   .view = *view,
                                   .page = query->limit > 0};
    const struct pieces_source source = {next_piece, answer_free, answer};
    pieces_send(&ask->rest->lists, ask->request, "application/json", &source);
}

void rest_list(const struct ask *ask)
{
    struct view view;
    struct err err = {0};
    struct api_ref ref = ask_ref(ask);
    struct api_list_query query = {
        .label_selector = url_param(ask->url, "labelSelector"),
        .field_selector = url_param(ask->url, "fieldSelector"),
        .continue_token = url_param(ask->url, "continue"),
        .resource_version = url_param(ask->url, "resourceVersion"),
        .resource_version_match = url_param(ask->url, "resourceVersionMatch"),
    };
    int64_t revision;
    const struct list_options options = {.initial_given = url_param(ask->url, "sendInitialEvents")};
    struct value *status = list_options_check(&options, &revision);
    if (!status && url_param_int(ask->url, "limit", 0, &query.limit, &err) != 0)
        status = status_failure(400, "%s", err.msg);
    if (status) {
        reply_status(ask->request, status);
        return;
    }
    if (view_parse(ask, &view))
        list_send(ask, &ref, &query, &view);
}
