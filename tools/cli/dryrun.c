#include "tools/cli/dryrun.h"

#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/data/json.h"
#include "common/data/limits.h"
#include "tools/cli/mistake.h"

#define PATH "/apis/limpet.io/v1/dryrun"
/* Of one request's documents; the server takes no body that is much larger. */
#define BATCH_BYTES DATA_MAX_BYTES

/* Documents from `from` on, as many as a request holds. More than that are asked for by several
 * requests, each with the namespaces (which stand first) before its own. */
struct batch {
    struct buf body;
    size_t from, spaces, count;
};

static void add_object(struct buf *body, const struct value *object)
{
    (void)buf_addc(body, body->data[body->len - 1] == '[' ? ' ' : ',');
    (void)json_write(object, body);
}

static bool is_namespace(const struct manifests *manifests, size_t i)
{
    return i < manifests->count && manifests->items[i].kind == &kind_namespace;
}

static void fill(const struct manifests *manifests, size_t from, struct batch *ret)
{
    *ret = (struct batch){.from = from};
    (void)buf_addstr(&ret->body, "{\"objects\":[");
    while (ret->spaces < from && is_namespace(manifests, ret->spaces))
        add_object(&ret->body, manifests->items[ret->spaces++].object);
    for (size_t i = from; i < manifests->count; i++, ret->count++) {
        size_t before = ret->body.len;
        add_object(&ret->body, manifests->items[i].object);
        if (ret->count > 0 && ret->body.len > BATCH_BYTES) {
            ret->body.len = before;
            break;
        }
    }
    (void)buf_addstr(&ret->body, "]}");
}

static int ask(struct cli *cli, const struct batch *batch, bool objects, struct value **ret)
{
    const struct client_request request = {.method = "POST",
                                           .path = objects ? PATH "?objects=true" : PATH,
                                           .body = batch->body.data,
                                           .body_len = batch->body.len};
    cleanup(value_free) struct value *answer = NULL;
    if (cli_call_ok(cli, &request, &answer) < 0)
        return EXIT_FAILED;
    if (value_len(value_get(answer, "results")) != batch->spaces + batch->count)
        return cli_fail("the gateway does not say what it would make of each document");
    *ret = value_take(answer, "results");
    return EXIT_DONE;
}

static void take(const struct manifests *manifests, const struct batch *batch,
                 const struct value *results, struct value *all, struct buf *mistakes)
{
    for (size_t i = 0; i < batch->count; i++) {
        const struct value *result = value_at(results, batch->spaces + i);
        const struct value *status = value_get(result, "status");
        value_append(all, value_copy(result));
        if (str_eq(value_get_str(result, "action"), "refused"))
            mistake_add_status(mistakes, &manifests->items[batch->from + i],
                               (int)value_get_int(status, "code", 0), status);
    }
}

int dryrun_manifests(struct cli *cli, const struct manifests *manifests, bool objects,
                     struct value **ret, struct buf *mistakes)
{
    cleanup(value_free) struct value *all = value_new_list();
    int code = EXIT_DONE;
    for (size_t from = 0; code == EXIT_DONE && from < manifests->count;) {
        cleanup(value_free) struct value *results = NULL;
        struct batch batch;
        fill(manifests, from, &batch);
        code = ask(cli, &batch, objects, &results);
        if (code == EXIT_DONE)
            take(manifests, &batch, results, all, mistakes);
        from += batch.count;
        buf_done(&batch.body);
    }
    if (code == EXIT_DONE)
        *ret = steal(all);
    return code;
}
