#include "common/data/yaml.h"

#include "common/base/map.h"
#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/base/weaken.h"
#include "common/data/json.h"
#include "common/data/limits.h"
#include "common/data/scalar.h"

#include <errno.h>
#include <yaml.h>

struct reader {
    yaml_parser_t parser;
    struct diags *diags;
    const char *text, *end;
    const char *seek; /* in text: where character seek_index is */
    size_t seek_index;
    size_t aliases;       /* of the stream */
    size_t nodes;         /* of the document */
    struct map *anchors;  /* of the document: name -> borrowed value */
    struct value *merged; /* of the document: maps taken in by <<, alive as anchors may name them */
};

static void event_done(yaml_event_t *event)
{
    yaml_event_delete(event);
}
CLEANUP_DEFINE_VALUE(yaml_event_t, event_done);

static int line_of(const yaml_event_t *event)
{
    return (int)event->start_mark.line + 1;
}

#define bad(r, line, code, ...)                                                                    \
    (diags_add((r)->diags, line, "", "FieldValueInvalid", __VA_ARGS__), (code))

/* Is there a tab in the white space that begins that line? libyaml's message does not say it. */
static bool indented_by_tab(const struct reader *r, size_t line)
{
    const char *s = r->text;
    for (; s && line > 0; line--)
        s = (s = memchr(s, '\n', (size_t)(r->end - s))) ? s + 1 : NULL;
    while (s && s < r->end && *s == ' ')
        s++;
    return s && s < r->end && *s == '\t';
}

static int next(struct reader *r, yaml_event_t *ret)
{
    yaml_parser_t *p = &r->parser;
    if (yaml_parser_parse(p, ret))
        return 0;
    const yaml_mark_t *mark = &p->problem_mark;
    const char *problem = p->problem ? p->problem : "malformed";
    if (p->error == YAML_READER_ERROR)
        return bad(r, 0, -EINVAL, "not YAML: byte %zu: %s", p->problem_offset, problem);
    if (indented_by_tab(r, mark->line))
        return bad(r, (int)mark->line + 1, -EINVAL, "not YAML: a tab cannot indent, use spaces");
    return bad(r, (int)mark->line + 1, -EINVAL, "not YAML: %s%s%s (column %zu)",
               p->context ? p->context : "", p->context ? ", " : "", problem, mark->column + 1);
}

/* libyaml counts characters; the cap is in bytes. Marks only move forward. */
static const char *byte_at(struct reader *r, size_t index)
{
    for (; r->seek < r->end && r->seek_index < index; r->seek_index++)
        for (r->seek++; r->seek < r->end && (*r->seek & 0xc0) == 0x80; r->seek++)
            ;
    return r->seek;
}

static int count_nodes(struct reader *r, int line, size_t count)
{
    r->nodes += count;
    if (r->nodes <= DATA_MAX_NODES || WEAKENED(YAML_NODES))
        return 0;
    return bad(r, line, -E2BIG, "more than %d values in a document", DATA_MAX_NODES);
}

static int refuse_deep(struct reader *r, int line)
{
    return bad(r, line, -E2BIG, "nested more than %d deep", DATA_MAX_DEPTH);
}

static int read_alias(struct reader *r, const yaml_event_t *event, int depth, struct value **ret)
{
    int line = line_of(event), deeper;
    const char *name = (const char *)event->data.alias.anchor;
    if (++r->aliases > DATA_MAX_ALIASES && !WEAKENED(YAML_ALIASES))
        return bad(r, line, -E2BIG, "more than %d aliases", DATA_MAX_ALIASES);
    const struct value *value = map_get(r->anchors, name);
    if (!value)
        return bad(r, line, -EINVAL, "the alias *%s names no anchor above it", name);
    int e = count_nodes(r, line, value_size(value, &deeper));
    if (e < 0)
        return e;
    if (depth + deeper > DATA_MAX_DEPTH)
        return refuse_deep(r, line);
    *ret = value_copy(value);
    value_set_line(*ret, line);
    return 0;
}

#define TAG_PREFIX "tag:yaml.org,2002:"

/* What a tag says the scalar is: 's'tring, 'p'lain (resolve it), or 0 for tags we do not take. */
static char tag_meaning(const char *tag)
{
    static const char *const plain[] = {TAG_PREFIX "null", TAG_PREFIX "bool", TAG_PREFIX "int",
                                        TAG_PREFIX "float"};
    if (strcmp(tag, "!") == 0 || strcmp(tag, TAG_PREFIX "str") == 0)
        return 's';
    for (size_t i = 0; i < ARRAY_LEN(plain); i++)
        if (strcmp(tag, plain[i]) == 0)
            return 'p';
    return 0;
}

static int read_scalar(struct reader *r, const yaml_event_t *event, struct value **ret)
{
    const char *text = (const char *)event->data.scalar.value;
    const char *tag = (const char *)event->data.scalar.tag;
    size_t len = event->data.scalar.length;
    int line = line_of(event);
    if (memchr(text, 0, len))
        return bad(r, line, -EINVAL, "a string may not hold a NUL");
    char meaning = event->data.scalar.plain_implicit ? 'p' : 's';
    if (tag && !(meaning = tag_meaning(tag)))
        return bad(r, line, -EINVAL, "the tag %s is not supported", tag);
    *ret = meaning == 's' ? value_new_strn(text, len) : scalar_resolve(text);
    if (!*ret)
        return bad(r, line, -EINVAL, "%.32s: not a finite number", text);
    return 0;
}

static int read_node(struct reader *r, const yaml_event_t *event, int depth, struct value **ret);

static int read_list(struct reader *r, int depth, struct value **ret)
{
    cleanup(value_free) struct value *list = value_new_list();
    for (;;) {
        cleanup(event_done) yaml_event_t event = {0};
        struct value *item;
        int e = next(r, &event);
        if (e == 0 && event.type == YAML_SEQUENCE_END_EVENT)
            break;
        if (e < 0 || (e = read_node(r, &event, depth, &item)) < 0)
            return e;
        value_append(list, item);
    }
    *ret = steal(list);
    return 0;
}

/* A key as Kubernetes' conversion to JSON makes it a string. Caller frees. */
static int read_key(struct reader *r, const yaml_event_t *event, char **ret)
{
    if (event->type != YAML_SCALAR_EVENT)
        return bad(r, line_of(event), -EINVAL, "a key must be a scalar");
    cleanup(value_free) struct value *key = NULL;
    int e = read_scalar(r, event, &key);
    if (e < 0)
        return e;
    switch (value_type(key)) {
    case VALUE_STRING:
        *ret = xstrdup(value_str(key));
        return 0;
    case VALUE_BOOL:
        *ret = xstrdup(value_bool(key, false) ? "true" : "false");
        return 0;
    case VALUE_INT:
        *ret = xasprintf("%lld", (long long)value_int(key, 0));
        return 0;
    case VALUE_FLOAT:
        *ret = xstrdup((const char *)event->data.scalar.value);
        return 0;
    default:
        return bad(r, line_of(event), -EINVAL, "a key may not be null");
    }
}

static bool is_merge(const yaml_event_t *event)
{
    return event->type == YAML_SCALAR_EVENT && event->data.scalar.plain_implicit &&
           strcmp((const char *)event->data.scalar.value, "<<") == 0;
}

/* Keys that are there already win. */
static int merge_map(struct reader *r, struct value *map, const struct value *from)
{
    if (value_type(from) != VALUE_MAP)
        return bad(r, value_line(from), -EINVAL, "<<: must be a map or a list of maps");
    for (size_t i = 0; i < value_len(from); i++) {
        const char *key = value_key_at(from, i);
        if (value_get(map, key))
            continue;
        const struct value *item = value_at(from, i);
        int depth, e = count_nodes(r, value_line(from), value_size(item, &depth));
        if (e < 0)
            return e;
        value_set(map, key, value_copy(item));
        value_set_key_line(map, key, value_key_line_at(from, i));
    }
    return 0;
}

static int merge_all(struct reader *r, struct value *map, const struct value *from)
{
    if (value_type(from) != VALUE_LIST)
        return merge_map(r, map, from);
    for (size_t i = 0; i < value_len(from); i++) {
        int e = merge_map(r, map, value_at(from, i));
        if (e < 0)
            return e;
    }
    return 0;
}

/* `merge` gets the value of <<, if there is one. */
static int read_member(struct reader *r, const yaml_event_t *event, int depth, struct value *map,
                       struct value **merge)
{
    autofree char *key = NULL;
    bool merging = is_merge(event);
    int e = merging ? 0 : read_key(r, event, &key);
    if (e < 0)
        return e;
    bool twice = merging ? *merge != NULL : value_get(map, key) != NULL;
    if (twice && !WEAKENED(YAML_DUPLICATE_KEY))
        return bad(r, line_of(event), -EINVAL, "the key \"%.64s\" comes twice", key ? key : "<<");
    cleanup(event_done) yaml_event_t child = {0};
    struct value *item;
    if ((e = next(r, &child)) < 0 || (e = read_node(r, &child, depth, &item)) < 0)
        return e;
    if (merging) {
        value_append(r->merged, item);
        *merge = item;
        return 0;
    }
    value_set(map, key, item);
    value_set_key_line(map, key, line_of(event));
    return 0;
}

static int read_map(struct reader *r, int depth, struct value **ret)
{
    cleanup(value_free) struct value *map = value_new_map();
    struct value *merge = NULL;
    for (;;) {
        cleanup(event_done) yaml_event_t event = {0};
        int e = next(r, &event);
        if (e == 0 && event.type == YAML_MAPPING_END_EVENT)
            break;
        if (e < 0 || (e = read_member(r, &event, depth, map, &merge)) < 0)
            return e;
    }
    int e = merge ? merge_all(r, map, merge) : 0;
    if (e == 0)
        *ret = steal(map);
    return e;
}

static int check_collection_tag(struct reader *r, const yaml_event_t *event, const char *tag,
                                const char *want)
{
    if (!tag || strcmp(tag, "!") == 0 || strcmp(tag, want) == 0)
        return 0;
    return bad(r, line_of(event), -EINVAL, "the tag %s is not supported", tag);
}

static int read_collection(struct reader *r, const yaml_event_t *event, int depth,
                           struct value **ret)
{
    bool list = event->type == YAML_SEQUENCE_START_EVENT;
    const char *tag =
        (const char *)(list ? event->data.sequence_start.tag : event->data.mapping_start.tag);
    if (depth == DATA_MAX_DEPTH && !WEAKENED(YAML_DEPTH))
        return refuse_deep(r, line_of(event));
    int e = check_collection_tag(r, event, tag, list ? TAG_PREFIX "seq" : TAG_PREFIX "map");
    if (e < 0)
        return e;
    return list ? read_list(r, depth + 1, ret) : read_map(r, depth + 1, ret);
}

static const char *anchor_of(const yaml_event_t *event)
{
    const yaml_char_t *anchor = event->type == YAML_SCALAR_EVENT ? event->data.scalar.anchor
                                : event->type == YAML_SEQUENCE_START_EVENT
                                    ? event->data.sequence_start.anchor
                                    : event->data.mapping_start.anchor;
    return (const char *)anchor;
}

static int read_node(struct reader *r, const yaml_event_t *event, int depth, struct value **ret)
{
    if (event->type == YAML_ALIAS_EVENT)
        return read_alias(r, event, depth, ret);
    int e = count_nodes(r, line_of(event), 1);
    if (e < 0)
        return e;
    e = event->type == YAML_SCALAR_EVENT ? read_scalar(r, event, ret)
                                         : read_collection(r, event, depth, ret);
    if (e < 0)
        return e;
    value_set_line(*ret, line_of(event));
    if (anchor_of(event))
        map_put(r->anchors, anchor_of(event), *ret);
    return 0;
}

static int read_document(struct reader *r, const yaml_event_t *start, struct value **ret)
{
    cleanup(event_done) yaml_event_t root = {0};
    cleanup(event_done) yaml_event_t end = {0};
    cleanup(value_free) struct value *doc = NULL;
    r->nodes = 0;
    r->anchors = map_new();
    r->merged = value_new_list();
    int e = next(r, &root);
    if (e == 0)
        e = read_node(r, &root, 0, &doc);
    if (e == 0)
        e = next(r, &end);
    map_free(r->anchors, NULL);
    value_free(r->merged);
    if (e < 0)
        return e;
    const char *from = byte_at(r, start->start_mark.index);
    if (byte_at(r, end.end_mark.index) - from > DATA_MAX_BYTES)
        return bad(r, line_of(start), -E2BIG, "a document of more than %d bytes", DATA_MAX_BYTES);
    *ret = steal(doc);
    return 0;
}

static int read_stream(struct reader *r, yaml_doc_fn *fn, void *ctx)
{
    for (int document = 0;;) {
        cleanup(event_done) yaml_event_t event = {0};
        int e = next(r, &event);
        if (e < 0)
            return e;
        if (event.type == YAML_STREAM_END_EVENT)
            return 0;
        if (event.type != YAML_DOCUMENT_START_EVENT)
            continue;
        r->diags->document = ++document;
        if (document > DATA_MAX_DOCUMENTS)
            return bad(r, line_of(&event), -E2BIG, "more than %d documents", DATA_MAX_DOCUMENTS);
        struct value *doc = NULL;
        if ((e = read_document(r, &event, &doc)) < 0)
            return e;
        if (value_type(doc) == VALUE_NULL)
            value_free(doc);
        else if ((e = fn(ctx, document, doc)) != 0)
            return e;
    }
}

int yaml_parse_all(const char *text, size_t len, yaml_doc_fn *fn, void *ctx, struct diags *diags)
{
    struct reader r = {.diags = diags};
    if (len > DATA_MAX_STREAM_BYTES)
        return bad(&r, 0, -E2BIG, "%zu bytes: must be at most %d", len, DATA_MAX_STREAM_BYTES);
    if (!str_is_utf8(text, len))
        return bad(&r, 0, -EINVAL, "not UTF-8, or holds a NUL");
    if (len >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0) { /* an editor's byte order mark */
        text += 3;
        len -= 3;
    }
    r.text = r.seek = text;
    r.end = text + len;
    if (!yaml_parser_initialize(&r.parser))
        abort();
    yaml_parser_set_encoding(&r.parser, YAML_UTF8_ENCODING);
    yaml_parser_set_input_string(&r.parser, (const unsigned char *)text, len);
    int e = read_stream(&r, fn, ctx);
    yaml_parser_delete(&r.parser);
    return e;
}

struct single {
    struct value *doc;
    struct diags *diags;
};

static int take_single(void *ctx, int document, struct value *doc)
{
    (void)document;
    struct single *single = ctx;
    if (single->doc) {
        diags_add(single->diags, value_line(doc), "", "FieldValueInvalid",
                  "a second document: there must be exactly one");
        value_free(doc);
        return -EINVAL;
    }
    single->doc = doc;
    return 0;
}

int yaml_parse(const char *text, size_t len, struct value **ret, struct diags *diags)
{
    struct single single = {.diags = diags};
    int e = yaml_parse_all(text, len, take_single, &single, diags);
    if (e == 0 && !single.doc) {
        diags_add(diags, 0, "", "FieldValueRequired", "no document in it");
        e = -EINVAL;
    }
    if (e == 0)
        *ret = single.doc;
    else
        value_free(single.doc);
    return e;
}

/* Writing. libyaml's emitter decides what may stand plain; what would read as another type is
 * quoted. */
struct emitter {
    yaml_emitter_t emitter;
    struct buf *out;
    int error; /* of the buffer */
};

static int emit_bytes(void *ctx, unsigned char *bytes, size_t len)
{
    struct emitter *e = ctx;
    e->error = buf_add(e->out, bytes, len);
    return e->error == 0;
}

static int emit(struct emitter *e, yaml_event_t *event, int initialized)
{
    if (!initialized)
        return -EINVAL; /* text that is not UTF-8 */
    if (yaml_emitter_emit(&e->emitter, event))
        return 0;
    return e->error < 0 ? e->error : -EINVAL;
}

static int emit_text(struct emitter *e, const char *text, yaml_scalar_style_t style)
{
    yaml_event_t event;
    return emit(e, &event,
                yaml_scalar_event_initialize(&event, NULL, NULL, (const yaml_char_t *)text,
                                             (int)strlen(text), 1, 1, style));
}

static bool reads_as_string(const char *s)
{
    if (strcmp(s, "<<") == 0 || strcmp(s, "y") == 0 || strcmp(s, "n") == 0)
        return false; /* the last two are booleans to other readers */
    cleanup(value_free) struct value *value = scalar_resolve(s);
    return value_type(value) == VALUE_STRING;
}

static int emit_string(struct emitter *e, const char *s)
{
    yaml_scalar_style_t style = YAML_PLAIN_SCALAR_STYLE;
    if (strchr(s, '\n') && !strchr(" \t\n", *s) && !strchr(s, '\r'))
        style = YAML_LITERAL_SCALAR_STYLE;
    else if (!reads_as_string(s) || strpbrk(s, "\n\r\t"))
        style = YAML_DOUBLE_QUOTED_SCALAR_STYLE;
    return emit_text(e, s, style);
}

static int emit_value(struct emitter *e, const struct value *value);

static int emit_list(struct emitter *e, const struct value *list)
{
    yaml_event_t event;
    size_t len = value_len(list);
    int r = emit(e, &event,
                 yaml_sequence_start_event_initialize(&event, NULL, NULL, 1,
                                                      len ? YAML_BLOCK_SEQUENCE_STYLE
                                                          : YAML_FLOW_SEQUENCE_STYLE));
    for (size_t i = 0; i < len && r == 0; i++)
        r = emit_value(e, value_at(list, i));
    return r < 0 ? r : emit(e, &event, yaml_sequence_end_event_initialize(&event));
}

static int emit_map(struct emitter *e, const struct value *map)
{
    yaml_event_t event;
    size_t len = value_len(map);
    int r =
        emit(e, &event,
             yaml_mapping_start_event_initialize(
                 &event, NULL, NULL, 1, len ? YAML_BLOCK_MAPPING_STYLE : YAML_FLOW_MAPPING_STYLE));
    for (size_t i = 0; i < len && r == 0; i++) {
        r = emit_string(e, value_key_at(map, i));
        if (r == 0)
            r = emit_value(e, value_at(map, i));
    }
    return r < 0 ? r : emit(e, &event, yaml_mapping_end_event_initialize(&event));
}

static int emit_value(struct emitter *e, const struct value *value)
{
    char number[32];
    switch (value_type(value)) {
    case VALUE_NULL:
        return emit_text(e, "null", YAML_PLAIN_SCALAR_STYLE);
    case VALUE_BOOL:
        return emit_text(e, value_bool(value, false) ? "true" : "false", YAML_PLAIN_SCALAR_STYLE);
    case VALUE_INT:
        snprintf(number, sizeof(number), "%lld", (long long)value_int(value, 0));
        return emit_text(e, number, YAML_PLAIN_SCALAR_STYLE);
    case VALUE_FLOAT:
        json_format_float(value_float(value, 0), number);
        return emit_text(e, number, YAML_PLAIN_SCALAR_STYLE);
    case VALUE_STRING:
        return emit_string(e, value_str(value));
    case VALUE_LIST:
        return emit_list(e, value);
    case VALUE_MAP:
        return emit_map(e, value);
    }
    return -EINVAL;
}

static int emit_document(struct emitter *e, const struct value *value)
{
    yaml_event_t event;
    int r = emit(e, &event, yaml_stream_start_event_initialize(&event, YAML_UTF8_ENCODING));
    if (r == 0)
        r = emit(e, &event, yaml_document_start_event_initialize(&event, NULL, NULL, NULL, 1));
    if (r == 0)
        r = emit_value(e, value);
    if (r == 0)
        r = emit(e, &event, yaml_document_end_event_initialize(&event, 1));
    return r < 0 ? r : emit(e, &event, yaml_stream_end_event_initialize(&event));
}

int yaml_write(const struct value *value, struct buf *ret)
{
    struct emitter e = {.out = ret};
    if (!yaml_emitter_initialize(&e.emitter))
        abort();
    yaml_emitter_set_output(&e.emitter, emit_bytes, &e);
    yaml_emitter_set_unicode(&e.emitter, 1);
    yaml_emitter_set_width(&e.emitter, -1);
    int r = emit_document(&e, value);
    yaml_emitter_delete(&e.emitter);
    return r;
}
