#include "controller/monitor/health.h"

#include "common/base/str.h"

static bool ping(void *ctx)
{
    (void)ctx;
    return true;
}

static const struct health_check always = {"ping", HEALTH_LIVE | HEALTH_READY, ping};

static const struct health_check *check_at(const struct health *health, size_t i)
{
    if (i == 0)
        return &always;
    return health && i <= health->count ? &health->checks[i - 1] : NULL;
}

static bool counts(const struct health_check *check, const char *where)
{
    if (str_eq(where, "livez"))
        return check->places & HEALTH_LIVE;
    return str_eq(where, "healthz") || check->places & HEALTH_READY;
}

static bool is_excluded(const struct url *url, const char *name)
{
    for (size_t i = 0; i < url->param_count; i++)
        if (str_eq(url->params[i].name, "exclude") && str_eq(url->params[i].value, name))
            return true;
    return false;
}

/* /livez/NAME */
static int answer_one(const struct health *health, const struct url *url, struct buf *ret)
{
    const struct health_check *check;
    for (size_t i = 0; (check = check_at(health, i)); i++) {
        if (!str_eq(check->name, url->segments[1]) || !counts(check, url->segments[0]))
            continue;
        bool good = check->good(health ? health->ctx : NULL);
        buf_addstr(ret, good ? "ok" : "internal server error: reason withheld\n");
        return good ? 200 : 500;
    }
    buf_addstr(ret, "404 page not found\n");
    return 404;
}

/* Told to who excludes what is not there. */
static void add_strangers(const struct health *health, const struct url *url, struct buf *ret)
{
    for (size_t i = 0; i < url->param_count; i++) {
        const struct health_check *check;
        bool known = !str_eq(url->params[i].name, "exclude");
        for (size_t c = 0; !known && (check = check_at(health, c)); c++)
            known = counts(check, url->segments[0]) && str_eq(check->name, url->params[i].value);
        if (!known)
            buf_addf(ret, "warn: some health checks cannot be excluded: no matches for \"%.64s\"\n",
                     url->params[i].value);
    }
}

int health_answer(const struct health *health, const struct url *url, struct buf *ret)
{
    const struct health_check *check;
    const char *where = url->segments[0];
    bool all = true;
    if (url->segment_count > 1)
        return answer_one(health, url, ret);
    for (size_t i = 0; (check = check_at(health, i)); i++) {
        if (!counts(check, where))
            continue;
        if (is_excluded(url, check->name)) {
            buf_addf(ret, "[+]%s excluded: ok\n", check->name);
            continue;
        }
        bool good = check->good(health ? health->ctx : NULL);
        all = all && good;
        buf_addf(ret, good ? "[+]%s ok\n" : "[-]%s failed: reason withheld\n", check->name);
    }
    add_strangers(health, url, ret);
    if (!all) {
        buf_addf(ret, "%s check failed\n", where);
        return 500;
    }
    if (url_param(url, "verbose")) {
        buf_addf(ret, "%s check passed\n", where);
    } else {
        buf_drop(ret, ret->len);
        buf_addstr(ret, "ok");
    }
    return 200;
}
