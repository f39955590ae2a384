#include "common/data/settings.h"

#include "common/base/buf.h"
#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/data/diag.h"
#include "common/data/yaml.h"

#include <errno.h>
#include <stdbool.h>

static void *field(void *target, const struct setting *setting)
{
    return (char *)target + setting->offset;
}

static void set_default(const struct setting *s, void *to)
{
    switch (s->type) {
    case SETTING_STRING:
        *(char **)to = xstrdup(s->def);
        break;
    case SETTING_NUMBER:
        *(int64_t *)to = s->number;
        break;
    case SETTING_BOOL:
        *(bool *)to = s->number != 0;
        break;
    case SETTING_STRINGS:
        *(char ***)to = xcalloc(1, sizeof(char *));
        break;
    }
}

static void free_strings(char **strings)
{
    for (size_t i = 0; strings && strings[i]; i++)
        free(strings[i]);
    free(strings);
}

void settings_done(const struct setting *settings, size_t count, void *target)
{
    for (size_t i = 0; i < count; i++) {
        void *to = field(target, &settings[i]);
        if (settings[i].type == SETTING_STRING) {
            free(*(char **)to);
            *(char **)to = NULL;
        } else if (settings[i].type == SETTING_STRINGS) {
            free_strings(*(char ***)to);
            *(char ***)to = NULL;
        }
    }
}

static bool set_strings(char ***to, const struct value *list)
{
    if (value_type(list) != VALUE_LIST)
        return false;
    char **strings = xcalloc(value_len(list) + 1, sizeof(char *));
    for (size_t i = 0; i < value_len(list); i++) {
        const char *s = value_str(value_at(list, i));
        if (!s) {
            free_strings(strings);
            return false;
        }
        strings[i] = xstrdup(s);
    }
    free_strings(*to);
    *to = strings;
    return true;
}

static bool set_string(char **to, const struct value *value)
{
    if (!value_str(value))
        return false;
    free(*to);
    *to = xstrdup(value_str(value));
    return true;
}

static bool set_number(const struct setting *s, int64_t *to, const struct value *value)
{
    int64_t n = value_int(value, s->min - 1);
    if (n < s->min || n > s->max)
        return false;
    *to = n;
    return true;
}

static void set(const struct setting *s, void *to, const struct value *value, struct diags *diags)
{
    int line = value_line(value);
    switch (s->type) {
    case SETTING_STRING:
        if (!set_string(to, value))
            diags_add(diags, line, s->name, "FieldValueTypeInvalid", "must be a string");
        break;
    case SETTING_NUMBER:
        if (!set_number(s, to, value))
            diags_add(diags, line, s->name, "FieldValueInvalid", "must be a number %lld-%lld",
                      (long long)s->min, (long long)s->max);
        break;
    case SETTING_BOOL:
        if (value_type(value) == VALUE_BOOL)
            *(bool *)to = value_bool(value, false);
        else
            diags_add(diags, line, s->name, "FieldValueTypeInvalid", "must be true or false");
        break;
    case SETTING_STRINGS:
        if (!set_strings(to, value))
            diags_add(diags, line, s->name, "FieldValueTypeInvalid", "must be a list of strings");
        break;
    }
}

static void set_all(const struct setting *settings, size_t count, void *target,
                    const struct value *doc, struct diags *diags)
{
    if (value_type(doc) != VALUE_MAP) {
        diags_add(diags, value_line(doc), "", "FieldValueTypeInvalid", "must be a map");
        return;
    }
    for (size_t i = 0; i < value_len(doc); i++) {
        const char *name = value_key_at(doc, i);
        size_t k = 0;
        while (k < count && !str_eq(settings[k].name, name))
            k++;
        if (k < count)
            set(&settings[k], field(target, &settings[k]), value_at(doc, i), diags);
        else
            diags_add(diags, value_key_line_at(doc, i), name, "FieldUnknown", "unknown key");
    }
}

int settings_read(const struct setting *settings, size_t count, void *target, const char *file,
                  const char *text, size_t len, struct err *err)
{
    for (size_t i = 0; i < count; i++)
        set_default(&settings[i], field(target, &settings[i]));
    cleanup(diags_done) struct diags diags;
    diags_init(&diags);
    cleanup(value_free) struct value *doc = NULL;
    if (len > 0 && yaml_parse(text, len, &doc, &diags) == 0)
        set_all(settings, count, target, doc, &diags);
    if (diags.count == 0)
        return 0;
    cleanup(buf_done) struct buf lines;
    buf_init(&lines, 0);
    diags_print(&diags, file, &lines);
    settings_done(settings, count, target);
    return err_set(err, -EINVAL, "%.*s", (int)strcspn(buf_str(&lines), "\n"), buf_str(&lines));
}
