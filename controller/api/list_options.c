#include "controller/api/list_options.h"

#include "common/base/str.h"
#include "controller/api/meta.h"
#include "controller/api/status.h"

#define EXACT "Exact"
#define NOT_OLDER "NotOlderThan"

/* Nothing is ever stored of it: it names the mistakes. */
static const struct schema_kind kind_list_options = {.group = "meta.k8s.io", .kind = "ListOptions"};

static void forbid(struct diags *diags, const char *field, const char *why)
{
    diags_add(diags, 0, field, CAUSE_FORBIDDEN, "Forbidden: %s", why);
}

static void check_list(const struct list_options *options, struct diags *diags)
{
    const char *match = options->match;
    if (options->initial_given)
        forbid(diags, "sendInitialEvents", "sendInitialEvents is forbidden for list");
    if (str_empty(match))
        return;
    if (str_empty(options->resource_version))
        forbid(diags, "resourceVersionMatch",
               "resourceVersionMatch is forbidden unless resourceVersion is provided");
    if (!str_empty(options->continue_token))
        forbid(diags, "resourceVersionMatch",
               "resourceVersionMatch is forbidden when continue is provided");
    if (!str_eq(match, EXACT) && !str_eq(match, NOT_OLDER))
        diags_add(diags, 0, "resourceVersionMatch", CAUSE_NOT_SUPPORTED,
                  "Unsupported value: \"%.40s\": supported values: \"" EXACT "\", \"" NOT_OLDER
                  "\", \"\"",
                  match);
    if (str_eq(match, EXACT) && str_eq(options->resource_version, "0"))
        forbid(diags, "resourceVersionMatch",
               "resourceVersionMatch \"exact\" is forbidden for resourceVersion \"0\"");
}

static void check_watch(const struct list_options *options, struct diags *diags)
{
    const char *match = options->match;
    bool not_older = str_eq(match, NOT_OLDER);
    if (options->initial_given && !not_older)
        forbid(diags, "resourceVersionMatch",
               "sendInitialEvents requires setting resourceVersionMatch to " NOT_OLDER);
    if (str_empty(match))
        return;
    if (!options->initial_given)
        forbid(diags, "resourceVersionMatch",
               "resourceVersionMatch is forbidden for watch unless sendInitialEvents is provided");
    if (!not_older)
        diags_add(diags, 0, "resourceVersionMatch", CAUSE_NOT_SUPPORTED,
                  "Unsupported value: \"%.40s\": supported values: \"" NOT_OLDER "\"", match);
    if (!str_empty(options->continue_token))
        forbid(diags, "resourceVersionMatch",
               "resourceVersionMatch is forbidden when continue is provided");
}

struct value *list_options_check(const struct list_options *options, int64_t *ret_revision)
{
    cleanup(diags_done) struct diags diags;
    diags_init(&diags);
    if (options->watch)
        check_watch(options, &diags);
    else
        check_list(options, &diags);
    if (diags.count)
        return status_invalid(&kind_list_options, "", &diags);
    if (meta_parse_revision(options->resource_version, ret_revision) != 0)
        return status_failure(400, "invalid resource version \"%.40s\"", options->resource_version);
    if (!options->watch && !str_empty(options->continue_token) && *ret_revision > 0)
        return status_failure(400, "specifying resource version is not allowed when using "
                                   "continue");
    return NULL;
}

struct value *list_too_large(int64_t asked, int64_t current)
{
    struct value *status =
        status_failure(504, "Timeout: Too large resource version: %lld, current: %lld",
                       (long long)asked, (long long)current);
    struct value *details = value_set(status, "details", value_new_map());
    struct value *cause = value_new_map();
    value_set_str(cause, "reason", "ResourceVersionTooLarge");
    value_set_str(cause, "message", "Too large resource version");
    value_append(value_set(details, "causes", value_new_list()), cause);
    value_set_int(details, "retryAfterSeconds", 1);
    return status;
}
