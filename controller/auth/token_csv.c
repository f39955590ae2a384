#include "controller/auth/token_csv.h"

#include "common/base/buf.h"
#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/crypto/crypto.h"

#include <errno.h>

enum { TOKEN, USER, UID, GROUPS, FIELDS };

struct reader {
    const char *name, *at, *end;
    int line;
};

static int wrong(const struct reader *r, struct err *err, const char *why)
{
    return err_set(err, -EINVAL, "%s:%d: %s", r->name, r->line, why);
}

/* What stands between quotes, two of which stand for one; *at is the first of them. */
static int read_quoted(struct reader *r, struct buf *ret, struct err *err)
{
    for (r->at++; r->at < r->end && *r->at != '\n'; r->at++) {
        if (*r->at != '"') {
            (void)buf_addc(ret, *r->at);
        } else if (r->at + 1 < r->end && r->at[1] == '"') {
            (void)buf_addc(ret, '"');
            r->at++;
        } else {
            r->at++;
            return 0;
        }
    }
    return wrong(r, err, "a quotation mark is missing");
}

static int read_field(struct reader *r, struct buf *ret, struct err *err)
{
    while (r->at < r->end && *r->at == ' ')
        r->at++;
    if (r->at < r->end && *r->at == '"') {
        int rc = read_quoted(r, ret, err);
        if (rc < 0)
            return rc;
    } else {
        while (r->at < r->end && !strchr(",\r\n", *r->at))
            (void)buf_addc(ret, *r->at++);
    }
    if (r->at < r->end && *r->at == '\r')
        r->at++;
    if (r->at < r->end && *r->at != ',' && *r->at != '\n')
        return wrong(r, err, "there is something behind a quotation mark");
    return 0;
}

static int add_group(void *ctx, const char *piece, size_t len)
{
    while (len > 0 && *piece == ' ')
        piece++, len--;
    while (len > 0 && piece[len - 1] == ' ')
        len--;
    autofree char *group = xstrndup(piece, len);
    if (len > 0)
        who_add_group(ctx, group);
    return 0;
}

static int add_line(struct reader *r, const struct buf fields[FIELDS], int count, struct map *ret,
                    struct err *err)
{
    char key[SHA256_HEX + 1];
    if (count < UID + 1)
        return wrong(r, err, "wanted: token,user,uid,\"group1,group2\"");
    if (fields[TOKEN].len == 0)
        return wrong(r, err, "the token is empty");
    if (fields[USER].len == 0)
        return wrong(r, err, "the user is empty");
    sha256_hex(fields[TOKEN].data, fields[TOKEN].len, key);
    if (map_get(ret, key))
        return wrong(r, err, "the same token stands on an earlier line");
    struct who *who = who_new(buf_str(&fields[USER]));
    who_set_uid(who, buf_str(&fields[UID]));
    (void)str_split(buf_str(&fields[GROUPS]), ',', add_group, who);
    (void)map_put(ret, key, who);
    return 0;
}

/* One line, up to its end. */
static int read_line(struct reader *r, struct map *ret, struct err *err)
{
    struct buf fields[FIELDS];
    int count = 0, rc = 0;
    for (int i = 0; i < FIELDS; i++)
        buf_init(&fields[i], 0);
    while (rc == 0 && count < FIELDS) {
        rc = read_field(r, &fields[count++], err);
        if (r->at == r->end || *r->at != ',')
            break;
        r->at++;
    }
    if (rc == 0 && r->at < r->end && *r->at != '\n')
        rc = wrong(r, err, "there are more than four fields");
    if (rc == 0)
        rc = add_line(r, fields, count, ret, err);
    for (int i = 0; i < FIELDS; i++) {
        if (fields[i].data)
            crypto_wipe(fields[i].data, fields[i].len);
        buf_done(&fields[i]);
    }
    return rc;
}

static bool is_skipped(const struct reader *r)
{
    const char *p = r->at;
    while (p < r->end && (*p == ' ' || *p == '\t' || *p == '\r'))
        p++;
    return p == r->end || *p == '\n' || *p == '#';
}

static void free_who(void *who)
{
    who_free(who);
}

int token_csv_parse(const char *name, const char *text, size_t len, struct map *ret,
                    struct err *err)
{
    struct reader r = {name, text, text + len, 1};
    int rc = 0;
    if (len > TOKEN_CSV_MAX)
        return err_set(err, -E2BIG, "%s: larger than %d bytes", name, TOKEN_CSV_MAX);
    if (!str_is_utf8(text, len))
        return err_set(err, -EINVAL, "%s: it is not UTF-8 text", name);
    struct map *all = map_new();
    for (; rc == 0 && r.at < r.end; r.line++) {
        if (is_skipped(&r))
            while (r.at < r.end && *r.at != '\n')
                r.at++;
        else
            rc = read_line(&r, all, err);
        if (rc == 0 && r.at < r.end)
            r.at++; /* the end of the line */
    }
    const char *key;
    void *who;
    for (size_t i = 0; rc == 0 && map_next(all, &i, &key, &who);)
        free_who(map_put(ret, key, who));
    map_free(all, rc == 0 ? NULL : free_who);
    return rc;
}
