#include "common/bus/sealed.h"

#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/base/weaken.h"
#include "common/data/json.h"

#include <errno.h>

static const char *const secret_keys[] = {"data", "stringData"};

static bool is_secret(const struct value *manifest)
{
    return str_eq(value_get_str(manifest, "kind"), "Secret") &&
           str_eq(value_get_str(manifest, "apiVersion"), "v1");
}

/* Bound as additional data, so that what is sealed for one place opens nowhere else. */
static void context_of(const char *node, const char *path, struct buf *ret)
{
    buf_init(ret, 0);
    if (WEAKENED(SEALED_CONTEXT))
        return;
    (void)buf_addstr(ret, "limpet secret v1");
    (void)buf_addc(ret, '\0');
    (void)buf_addstr(ret, node);
    (void)buf_addc(ret, '\0');
    (void)buf_addstr(ret, path);
}

static void wipe_buf(struct buf *buf)
{
    if (buf->data)
        crypto_wipe(buf->data, buf->len);
    buf_done(buf);
}
CLEANUP_DEFINE_VALUE(struct buf, wipe_buf);

/* What is sealed: the keys that are secret, in canonical JSON. */
static int inner_text(const struct value *manifest, struct buf *ret)
{
    cleanup(value_free) struct value *inner = value_new_map();

    buf_init(ret, 0);
    for (size_t i = 0; i < ARRAY_LEN(secret_keys); i++)
        if (value_get(manifest, secret_keys[i]))
            value_set(inner, secret_keys[i], value_copy(value_get(manifest, secret_keys[i])));
    return json_write_canonical(inner, ret);
}

/* Takes sealed. */
static void put_sealed(struct value *manifest, char *sealed)
{
    for (size_t i = 0; i < ARRAY_LEN(secret_keys); i++)
        value_del(manifest, secret_keys[i]);
    value_set(manifest, SEALED_KEY, value_adopt_str(sealed));
}

int sealed_close(struct value *manifest, const struct key *to, const char *node, const char *path,
                 struct err *err)
{
    cleanup(wipe_buf) struct buf plain = {0}, sealed;
    cleanup(buf_done) struct buf context;
    int rc;

    buf_init(&sealed, 0);
    context_of(node, path, &context);
    if (!is_secret(manifest))
        return 0;
    if (value_get(manifest, SEALED_KEY))
        return err_set(err, -EEXIST, "secret %s: is sealed already", path);
    if ((rc = inner_text(manifest, &plain)) < 0 ||
        (rc = key_seal(to, context.data, context.len, plain.data, plain.len, &sealed, err)) < 0)
        return rc;
    put_sealed(manifest, base64_encode(sealed.data, sealed.len));
    return 0;
}

bool sealed_sketch(struct value *manifest)
{
    cleanup(wipe_buf) struct buf plain = {0};

    if (!is_secret(manifest) || inner_text(manifest, &plain) < 0)
        return false;
    size_t len = (plain.len + KEY_SEAL_OVERHEAD + 2) / 3 * 4;
    char *text = xmalloc(len + 1);
    memset(text, 'A', len);
    text[len] = '\0';
    put_sealed(manifest, text);
    return true;
}

int sealed_open(struct value *manifest, const struct key *key, const char *node, const char *path,
                struct err *err)
{
    const char *text = value_get_str(manifest, SEALED_KEY);
    cleanup(value_free) struct value *inner = NULL;
    cleanup(buf_done) struct buf context;
    cleanup(wipe_buf) struct buf plain;
    autofree uint8_t *sealed = NULL;
    size_t len = 0;

    buf_init(&plain, 0);
    context_of(node, path, &context);
    if (!is_secret(manifest) || !value_get(manifest, SEALED_KEY))
        return 0;
    if (!text || base64_decode(text, strlen(text), &sealed, &len) < 0 ||
        key_open(key, context.data, context.len, sealed, len, &plain, NULL) < 0 ||
        json_parse(buf_str(&plain), plain.len, &inner, NULL) < 0 || value_type(inner) != VALUE_MAP)
        return err_set(err, -EBADMSG, "secret %s: does not open with this node's key", path);
    for (size_t i = 0; i < ARRAY_LEN(secret_keys); i++) {
        struct value *v = value_take(inner, secret_keys[i]);

        if (v)
            value_set(manifest, secret_keys[i], v);
    }
    value_del(manifest, SEALED_KEY);
    return 0;
}
