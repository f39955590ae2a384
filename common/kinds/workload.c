#include "common/kinds/workload.h"

#include "common/base/mem.h"

#include <stdlib.h>
#include <string.h>

void workload_containers(const struct value *template, const char *key, struct buf *ret)
{
    const struct value *containers = value_path(template, "spec", "containers", NULL);
    for (size_t i = 0; i < value_len(containers); i++) {
        const char *text = value_get_str(value_at(containers, i), key);
        buf_addf(ret, "%s%s", i ? "," : "", text ? text : "");
    }
}

static int by_name(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

void workload_labels(const struct value *labels, struct buf *ret)
{
    size_t count = value_type(labels) == VALUE_MAP ? value_len(labels) : 0;
    autofree const char **names = xcalloc(count + 1, sizeof(*names));
    for (size_t i = 0; i < count; i++)
        names[i] = value_key_at(labels, i);
    qsort(names, count, sizeof(*names), by_name);
    for (size_t i = 0; i < count; i++) {
        const char *text = value_get_str(labels, names[i]);
        buf_addf(ret, "%s%s=%s", i ? "," : "", names[i], text ? text : "");
    }
    if (count == 0)
        buf_addstr(ret, "<none>");
}
