#include "controller/server/accept.h"

#include "common/base/cleanup.h"
#include "common/base/str.h"

#include <stdlib.h>
#include <strings.h>

struct range {
    char type[64];
    char as[64], version[16], group[64], q[16];
};

static void copy_word(const char *from, size_t len, char *to, size_t size)
{
    while (len > 0 && (*from == ' ' || *from == '\t')) {
        from++;
        len--;
    }
    while (len > 0 && (from[len - 1] == ' ' || from[len - 1] == '\t'))
        len--;
    if (len >= size)
        len = 0; /* nothing that we know is that long */
    memcpy(to, from, len);
    to[len] = '\0';
}

static int see_parameter(void *ctx, const char *piece, size_t len)
{
    struct range *range = ctx;
    const struct {
        const char *name;
        char *to;
        size_t size;
    } known[] = {{"as", range->as, sizeof(range->as)},
                 {"v", range->version, sizeof(range->version)},
                 {"g", range->group, sizeof(range->group)},
                 {"q", range->q, sizeof(range->q)}};
    const char *equals = memchr(piece, '=', len);
    if (!equals) {
        if (!*range->type)
            copy_word(piece, len, range->type, sizeof(range->type));
        return 0;
    }
    char name[16];
    copy_word(piece, (size_t)(equals - piece), name, sizeof(name));
    for (size_t i = 0; i < ARRAY_LEN(known); i++)
        if (str_eq(name, known[i].name))
            copy_word(equals + 1, (size_t)(piece + len - equals - 1), known[i].to, known[i].size);
    return 0;
}

/* Thousandths (RFC 9110 section 12.4.2); what is no such number counts as 1. */
static int quality(const char *text)
{
    char *end;
    if (!*text)
        return 1000;
    double q = strtod(text, &end);
    return *end || !(q >= 0 && q <= 1) ? 1000 : (int)(q * 1000 + 0.5);
}

static bool covers(const char *range, const char *type)
{
    const char *slash = strchr(type, '/');
    size_t top = slash ? (size_t)(slash - type) + 1 : 0;
    return strcasecmp(range, type) == 0 || str_eq(range, "*/*") ||
           (strncasecmp(range, type, top) == 0 && str_eq(range + top, "*"));
}

static bool fits(const struct range *range, const struct accept_form *form)
{
    if (!covers(range->type, form->type))
        return false;
    if (!form->as)
        return !*range->as;
    return str_eq(range->as, form->as) && str_eq(range->version, form->version) &&
           str_eq(range->group, form->group);
}

struct choice {
    const struct accept_form *forms;
    size_t count;
    int best, q;
};

static int see_range(void *ctx, const char *piece, size_t len)
{
    struct choice *choice = ctx;
    struct range range = {0};
    autofree char *text = strndup(piece, len);
    str_split(text ? text : "", ';', see_parameter, &range);
    int q = quality(range.q);
    for (size_t i = 0; i < choice->count && q > choice->q; i++) {
        if (!fits(&range, &choice->forms[i]))
            continue;
        choice->best = (int)i;
        choice->q = q;
    }
    return 0;
}

int accept_form(const char *header, const struct accept_form *forms, size_t count)
{
    struct choice choice = {forms, count, -1, 0};
    if (str_empty(header))
        return 0;
    str_split(header, ',', see_range, &choice);
    return choice.best;
}

enum accept accept_choose(const char *header)
{
    static const struct accept_form forms[] = {
        {"application/json", NULL, NULL, NULL},
        {"application/json", "Table", "v1", "meta.k8s.io"},
        {"application/json", "Table", "v1beta1", "meta.k8s.io"},
        {"application/json", "PartialObjectMetadata", "v1", "meta.k8s.io"},
        {"application/json", "PartialObjectMetadataList", "v1", "meta.k8s.io"},
        {"application/json", "PartialObjectMetadata", "v1beta1", "meta.k8s.io"},
        {"application/json", "PartialObjectMetadataList", "v1beta1", "meta.k8s.io"},
    };
    static const enum accept means[ARRAY_LEN(forms)] = {
        ACCEPT_JSON,    ACCEPT_TABLE,        ACCEPT_TABLE_BETA,  ACCEPT_PARTIAL,
        ACCEPT_PARTIAL, ACCEPT_PARTIAL_BETA, ACCEPT_PARTIAL_BETA};
    int form = accept_form(header, forms, ARRAY_LEN(forms));
    return form < 0 ? ACCEPT_NOTHING : means[form];
}
