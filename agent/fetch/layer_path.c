#include "agent/fetch/layer_path.h"

#include "common/base/str.h"
#include "common/base/weaken.h"

#include <errno.h>
#include <limits.h>

#define WHITEOUT ".wh."
#define OPAQUE ".wh..wh..opq"

struct joining {
    char *to;
    size_t len;
    int depth;
    const char *whole;
    struct err *err;
};

static int refuse(struct err *err, const char *path, const char *why)
{
    return err_set(err, -EINVAL, "entry \"%.120s\": %s", path, why);
}

static int add_piece(void *ctx, const char *piece, size_t len)
{
    struct joining *j = ctx;
    if (len == 0 || (len == 1 && piece[0] == '.'))
        return 0;
    if (len == 2 && piece[0] == '.' && piece[1] == '.' && !WEAKENED(IMAGE_ESCAPE))
        return refuse(j->err, j->whole, "\"..\" would leave the layer");
    if (len > NAME_MAX)
        return refuse(j->err, j->whole, "a name is longer than 255 bytes");
    if (++j->depth > LAYER_DEPTH_MAX)
        return refuse(j->err, j->whole, "more than 100 folders deep");
    if (j->len + len + 2 > LAYER_PATH_MAX)
        return refuse(j->err, j->whole, "longer than 4095 bytes");
    if (j->len > 0)
        j->to[j->len++] = '/';
    memcpy(j->to + j->len, piece, len);
    j->len += len;
    j->to[j->len] = '\0';
    return 0;
}

/* The name loses ".wh." in place. */
static int whiteout(char *name, const char *whole, struct err *err)
{
    const char *gone = name + strlen(WHITEOUT);
    bool nothing = !*gone || str_eq(gone, ".") || str_eq(gone, "..");
    if (nothing && !WEAKENED(IMAGE_WHITEOUT_NAME))
        return refuse(err, whole, "a whiteout of nothing");
    memmove(name, gone, strlen(gone) + 1);
    return 0;
}

int layer_path(const char *path, enum layer_name *ret, char ret_path[LAYER_PATH_MAX],
               struct err *err)
{
    char clean[LAYER_PATH_MAX] = "";
    struct joining j = {clean, 0, 0, path, err};
    int rc = str_split(path, '/', add_piece, &j);
    if (rc < 0)
        return rc;
    char *slash = strrchr(clean, '/');
    char *name = slash ? slash + 1 : clean;
    enum layer_name is = clean[0] ? LAYER_ENTRY : LAYER_ROOT;
    if (str_eq(name, OPAQUE)) {
        is = LAYER_OPAQUE;
        *(slash ? slash : clean) = '\0';
    } else if (str_has_prefix(name, WHITEOUT WHITEOUT)) {
        is = LAYER_IGNORE;
    } else if (str_has_prefix(name, WHITEOUT)) {
        is = LAYER_WHITEOUT;
        rc = whiteout(name, path, err);
        if (rc < 0)
            return rc;
    }
    memcpy(ret_path, clean, strlen(clean) + 1);
    *ret = is;
    return 0;
}
