/* Collections as clients read them. */

#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/data/json.h"
#include "controller/api/list_options.h"
#include "controller/server/reply.h"
#include "controller/server/rest_impl.h"
#include "controller/api/status.h"

#include <string.h>

/* The plain view is passed on as it is stored. */
static void list_plain(const struct ask *ask, const struct api_ref *ref,
                       const struct api_list_query *query)
{
    struct value *status = NULL;
    struct buf text = {0};
    if (api_list_text(ask->rest->spec.api, ask->user, ref, query, &text, &status) != 0) {
        buf_done(&text);
        reply_status(ask->request, status);
        return;
    }
    buf_addc(&text, '\n');
    http_answer_buf(ask->request, 200, "application/json", &text);
}

/* What is held as trees while a view of many is made: objects, and their bytes. */
#define VIEW_PAGE 500
#define VIEW_BYTES ((size_t)4 * 1024 * 1024)

/* Adds the rows (or items) of a page's view to the text; the first page's view without them is
 * *head.
 */
static void add_page(struct value *view, struct value **head, struct buf *text)
{
    const char *part = value_get(view, "rows") ? "rows" : "items";
    cleanup(value_free) struct value *rows = value_take(view, part);
    for (size_t i = 0; i < value_len(rows); i++) {
        buf_addstr(text, text->len ? "," : "");
        (void)json_write(value_at(rows, i), text);
    }
    value_free(*head ? view : NULL);
    if (*head)
        return;
    *head = view;
    value_del(value_get(view, "metadata"), "continue");
    value_del(value_get(view, "metadata"), "remainingItemCount");
    value_set(view, part, value_new_list()); /* the last key: its brackets are at the end */
}

/* A list that is shown otherwise than it is stored, all of it: page by page, all of one revision.
 */
static void list_view(const struct ask *ask, const struct api_ref *ref,
                      const struct api_list_query *query, const struct view *view)
{
    struct api_list_query page = *query;
    autofree char *token = NULL;
    cleanup(value_free) struct value *head = NULL;
    cleanup(buf_done) struct buf rows = {0};
    page.limit = VIEW_PAGE;
    page.bytes = VIEW_BYTES;
    if (!str_empty(page.resource_version) && str_empty(page.resource_version_match))
        page.resource_version_match = "NotOlderThan"; /* as without a limit */
    do {
        struct value *list = NULL;
        if (api_list(ask->rest->spec.api, ask->user, ref, &page, &list) != 0) {
            reply_status(ask->request, list);
            return;
        }
        const char *next = value_get_str(value_get(list, "metadata"), "continue");
        free(token);
        token = next ? xstrdup(next) : NULL;
        add_page(view_of(ask->rest, view, ref->kind, list, !head), &head, &rows);
        page.continue_token = token;
        page.resource_version = page.resource_version_match = NULL;
    } while (token);
    struct buf text = {0};
    (void)json_write(head, &text);
    text.len -= strlen("]}");
    buf_add(&text, rows.data, rows.len);
    buf_addstr(&text, "]}\n");
    http_answer_buf(ask->request, 200, "application/json", &text);
}

void rest_list(const struct ask *ask)
{
    struct view view;
    struct err err = {0};
    struct value *list = NULL;
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
    if (!view_parse(ask, &view))
        return;
    if (view.accept == ACCEPT_JSON)
        list_plain(ask, &ref, &query);
    else if (query.limit == 0 && str_empty(query.continue_token))
        list_view(ask, &ref, &query, &view);
    else if (api_list(ask->rest->spec.api, ask->user, &ref, &query, &list) != 0)
        reply_status(ask->request, list);
    else
        reply_json(ask->request, 200, view_of(ask->rest, &view, ref.kind, list, true));
}
