#include "controller/admission/findings.h"

#include "common/base/mem.h"

#include <stdlib.h>
#include <string.h>

void findings_init(struct findings *findings)
{
    *findings = (struct findings){false, map_new(), map_new()};
}

void findings_done(struct findings *findings)
{
    map_free(findings->containers, NULL);
    map_free(findings->values, NULL);
}

void findings_put(struct map *set, const char *text)
{
    if (text && !map_get(set, text))
        (void)map_put(set, text, set);
}

void findings_container(struct findings *findings, const struct value *container)
{
    findings_put(findings->containers, value_get_str(container, "name"));
}

void findings_value(struct findings *findings, const char *text)
{
    findings_put(findings->values, text);
}

static int by_text(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static void print(const struct map *set, bool sorted, const char *comma, const char *quote,
                  struct buf *ret)
{
    size_t count = 0;
    autofree const char **texts = xcalloc(map_len(set) + 1, sizeof(*texts));
    for (size_t i = 0; map_next(set, &i, &texts[count], NULL);)
        count++;
    if (sorted)
        qsort(texts, count, sizeof(*texts), by_text);
    for (size_t i = 0; i < count; i++)
        (void)buf_addf(ret, "%s%s%s%s", i ? comma : "", quote, texts[i], quote);
}

void findings_print_set(const struct map *set, bool sorted, bool quoted, struct buf *ret)
{
    print(set, sorted, ", ", quoted ? "\"" : "", ret);
}

void findings_print_joined(const struct map *set, struct buf *ret)
{
    print(set, true, ",", "", ret);
}

void findings_print_containers(const struct findings *findings, struct buf *ret)
{
    (void)buf_addstr(ret, map_len(findings->containers) == 1 ? "container " : "containers ");
    findings_print_set(findings->containers, false, true, ret);
}

void findings_print_setters(const struct findings *findings, struct buf *ret)
{
    if (findings->pod)
        (void)buf_addstr(ret, map_len(findings->containers) ? "pod and " : "pod");
    if (map_len(findings->containers))
        findings_print_containers(findings, ret);
}
