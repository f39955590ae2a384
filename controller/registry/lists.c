/* What there is: names, a page at a time. */

#include "controller/registry/service_impl.h"

#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/data/json.h"

#include <errno.h>

#define PAGE_MAX 10000 /* names */

struct page {
    struct value *names; /* a list */
    const char *last;    /* the page begins behind it; "" = at the first */
    int64_t max;
    bool more;
};

/* In the order in which names come: that of bytes, '/' as the '+' that it is on disk. */
static int order(const char *a, const char *b)
{
    while (*a && *a == *b) {
        a++;
        b++;
    }
    return (*a == '/' ? '+' : *a) - (*b == '/' ? '+' : *b);
}

static int on_name(void *ctx, const char *name)
{
    struct page *page = ctx;
    if (*page->last && order(name, page->last) <= 0)
        return 0;
    if ((int64_t)value_len(page->names) == page->max) {
        page->more = true;
        return 1;
    }
    value_append(page->names, value_new_str(name));
    return 0;
}

/* False after having answered. */
static bool page_begin(struct visit *visit, struct page *page)
{
    struct err err = {0};
    const char *last = url_param(&visit->url, "last");
    *page = (struct page){.last = last ? last : ""};
    if (url_param_int(&visit->url, "n", PAGE_MAX, &page->max, &err) != 0) {
        service_fail_code(visit->request, 400, ERROR_SIZE_INVALID, err.msg);
        return false;
    }
    if (page->max > PAGE_MAX)
        page->max = PAGE_MAX;
    page->names = value_new_list();
    return true;
}

static void page_send(struct visit *visit, const struct page *page, const char *path,
                      struct value *body)
{
    size_t count = value_len(page->names);
    struct buf text = {0};
    if (page->more && count > 0)
        service_header(visit, "Link", "<%s?n=%lld&last=%s>; rel=\"next\"", path,
                       (long long)page->max, value_str(value_at(page->names, count - 1)));
    (void)json_write(body, &text);
    value_free(body);
    http_answer_buf(visit->request, 200, "application/json", &text);
}

void list_base(struct visit *visit)
{
    http_answer(visit->request, 200, "application/json", "{}", 2);
}

void list_catalog(struct visit *visit)
{
    struct page page;
    if (!page_begin(visit, &page))
        return;
    struct value *body = value_new_map();
    value_set(body, "repositories", page.names);
    (void)depot_repositories(visit->service->spec.depot, on_name, &page);
    page_send(visit, &page, "/v2/_catalog", body);
}

void list_tags(struct visit *visit)
{
    struct page page;
    if (!page_begin(visit, &page))
        return;
    struct value *body = value_new_map();
    value_set_str(body, "name", visit->target.repository);
    value_set(body, "tags", page.names);
    int r = depot_tags(visit->service->spec.depot, visit->target.repository, on_name, &page);
    if (r == -ENOENT) {
        value_free(body);
        service_fail(visit, ERROR_NAME_UNKNOWN, "there is no %s", visit->target.repository);
        return;
    }
    autofree char *path = xasprintf("/v2/%s/tags/list", visit->target.repository);
    page_send(visit, &page, path, body);
}
