#include "agent/net/forward.h"

#include "common/base/buf.h"
#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/base/weaken.h"

#define WORD_MAX 256

/* Cuts the next word off, as iptables writes words: in double quotes where they hold spaces. Longer
 * ones are cut, which no word of ours is. */
static bool next_word(const char **text, char ret[WORD_MAX])
{
    const char *p = *text + strspn(*text, " ");
    size_t len = 0;
    bool quoted = false;
    if (!*p)
        return false;
    for (; *p && (quoted || *p != ' '); p++) {
        if (*p == '"') {
            quoted = !quoted;
            continue;
        }
        if (*p == '\\' && p[1])
            p++;
        if (len < WORD_MAX - 1)
            ret[len++] = *p;
    }
    ret[len] = '\0';
    *text = p;
    return true;
}

/* "-A CHAIN ... --comment limpet-BRIDGE ..." */
static bool is_ours(const char *rule, const char *bridge)
{
    autofree char *tag = xasprintf("limpet-%s", bridge);
    char word[WORD_MAX];
    if (!str_has_prefix(rule, "-A "))
        return false;
    for (bool is_comment = false; next_word(&rule, word);) {
        if (is_comment && str_eq(word, tag))
            return true;
        is_comment = !is_comment && str_eq(word, "--comment");
    }
    return false;
}

typedef bool line_fn(void *ctx, const char *line);

/* True if fn says so of any line. */
static bool any_line(const char *text, line_fn *fn, void *ctx)
{
    bool any = false;
    while (*text) {
        size_t len = strcspn(text, "\n");
        autofree char *line = xstrndup(text, len);
        any |= fn(ctx, line);
        text += len + (text[len] == '\n');
    }
    return any;
}

static bool same(void *ctx, const char *line)
{
    return str_eq(line, ctx);
}

bool forward_is_closed(const char *listing)
{
    char policy[] = "-P FORWARD DROP";
    return any_line(listing, same, policy);
}

bool forward_has_docker_user(const char *listing)
{
    char jump[] = "-A FORWARD -j DOCKER-USER";
    return any_line(listing, same, jump);
}

struct removal {
    const char *bridge;
    struct buf *script;
};

static bool remove_ours(void *ctx, const char *line)
{
    const struct removal *removal = ctx;
    if (!is_ours(line, removal->bridge))
        return false;
    (void)buf_addf(removal->script, "-D %s\n", line + strlen("-A "));
    return true;
}

char *forward_close_script(const char *listing, const char *bridge)
{
    cleanup(buf_done) struct buf script;
    buf_init(&script, 0);
    struct removal removal = {bridge, &script};
    (void)buf_addstr(&script, "*filter\n");
    if (!any_line(listing, remove_ours, &removal))
        return NULL;
    (void)buf_addstr(&script, "COMMIT\n");
    return buf_steal(&script, NULL);
}

char *forward_open_script(const char *listing, const char *bridge, const char *cidr)
{
    const char *answers =
        WEAKENED(FORWARD_ANSWERS) ? "" : "-m conntrack --ctstate RELATED,ESTABLISHED,DNAT ";
    const char *chain = forward_has_docker_user(listing) ? "DOCKER-USER" : "FORWARD";
    struct buf script;
    buf_init(&script, 0);
    struct removal removal = {bridge, &script};
    (void)buf_addstr(&script, "*filter\n");
    (void)any_line(listing, remove_ours, &removal);
    (void)buf_addf(&script,
                   "-I %s -d %s -o %s %s-m comment --comment limpet-%s -j ACCEPT\n"
                   "-I %s -s %s -i %s -m comment --comment limpet-%s -j ACCEPT\n"
                   "COMMIT\n",
                   chain, cidr, bridge, answers, bridge, chain, cidr, bridge, bridge);
    return buf_steal(&script, NULL);
}
