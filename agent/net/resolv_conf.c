#include "agent/net/resolv_conf.h"

#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/base/weaken.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdlib.h>

#define BLANKS " \t\r\n\v\f"

/* Words in order, none twice. */
struct words {
    char **items;
    size_t count;
};

struct settings {
    struct words servers, searches;
    struct words options; /* "name" or "name:value" */
};

static void words_done(struct words *words)
{
    for (size_t i = 0; i < words->count; i++)
        free(words->items[i]);
    free(words->items);
    *words = (struct words){0};
}

static void settings_done(struct settings *settings)
{
    words_done(&settings->servers);
    words_done(&settings->searches);
    words_done(&settings->options);
}
CLEANUP_DEFINE_VALUE(struct settings, settings_done);

/* Takes word. */
static void add(struct words *words, char *word)
{
    for (size_t i = 0; i < words->count; i++) {
        if (str_eq(words->items[i], word)) {
            free(word);
            return;
        }
    }
    words->items = xreallocarray(words->items, words->count + 1, sizeof(*words->items));
    words->items[words->count++] = word;
}

/* Takes option; one of the same name gives way to it, in its place. */
static void add_option(struct words *options, char *option)
{
    size_t len = strcspn(option, ":");
    for (size_t i = 0; i < options->count; i++) {
        char *old = options->items[i];
        if (strcspn(old, ":") != len || strncmp(old, option, len) != 0)
            continue;
        free(old);
        options->items[i] = option;
        return;
    }
    add(options, option);
}

/* Domains with and without the dot at their end are one; the root alone is none. */
static void add_search(struct words *searches, const char *domain, size_t len)
{
    while (len > 0 && domain[len - 1] == '.')
        len--;
    if (len > 0)
        add(searches, xstrndup(domain, len));
}

/* Of several lines `search` or `domain` the last one holds. */
static void take_line(struct settings *settings, const char *line, size_t line_len)
{
    const char *end = line + line_len, *word = line;
    char keyword[16] = "";
    for (size_t n = 0; word < end; n++) {
        word += strspn(word, BLANKS);
        size_t len = strcspn(word, BLANKS);
        if (word >= end || len == 0)
            return;
        if (n == 0 && len < sizeof(keyword))
            memcpy(keyword, word, len);
        bool search = str_eq(keyword, "search"), domain = str_eq(keyword, "domain");
        if (n == 0 && (search || domain))
            words_done(&settings->searches);
        else if (n == 1 && str_eq(keyword, "nameserver"))
            add(&settings->servers, xstrndup(word, len));
        else if (n > 0 && (search || (n == 1 && domain)))
            add_search(&settings->searches, word, len);
        else if (n > 0 && str_eq(keyword, "options"))
            add_option(&settings->options, xstrndup(word, len));
        word += len;
    }
}

static struct settings parse(const char *text)
{
    struct settings settings = {0};
    for (const char *line = text; line && *line;) {
        size_t len = strcspn(line, "\n");
        take_line(&settings, line, len);
        line += len + (line[len] == '\n');
    }
    return settings;
}

/* Of the node's loopback, or of a link that the pod is not on. */
static bool is_out_of_reach(const char *server)
{
    char text[INET6_ADDRSTRLEN] = "";
    struct in_addr v4;
    struct in6_addr v6;
    size_t len = strcspn(server, "%"); /* the zone of a link-local address */
    if (len >= sizeof(text))
        return true;
    memcpy(text, server, len);
    if (inet_pton(AF_INET, text, &v4) == 1)
        return ntohl(v4.s_addr) >> 24 == 127 || v4.s_addr == 0;
    if (inet_pton(AF_INET6, text, &v6) != 1)
        return true;
    if (IN6_IS_ADDR_V4MAPPED(&v6))
        return v6.s6_addr[12] == 127;
    return IN6_IS_ADDR_LOOPBACK(&v6) || IN6_IS_ADDR_UNSPECIFIED(&v6) || IN6_IS_ADDR_LINKLOCAL(&v6);
}

/* Returns how many were left out. */
static size_t drop_servers(struct words *servers)
{
    size_t kept = 0, count = servers->count;
    for (size_t i = 0; i < count; i++) {
        if (!WEAKENED(RESOLV_LOOPBACK) && is_out_of_reach(servers->items[i]))
            free(servers->items[i]);
        else
            servers->items[kept++] = servers->items[i];
    }
    servers->count = kept;
    return count - kept;
}

/* What the node's files say to a pod. */
static struct settings node_settings(const struct resolv_conf *conf)
{
    struct settings own = parse(conf->node_text);
    if (conf->host_network || drop_servers(&own.servers) == 0 || own.servers.count > 0)
        return own;
    struct settings resolved = parse(conf->resolved_text);
    (void)drop_servers(&resolved.servers);
    if (resolved.servers.count > 0) {
        settings_done(&own);
        return resolved;
    }
    settings_done(&resolved);
    return own;
}

static void add_config(struct settings *settings, const struct value *config)
{
    const struct value *servers = value_get(config, "nameservers");
    const struct value *searches = value_get(config, "searches");
    const struct value *options = value_get(config, "options");
    for (size_t i = 0; i < value_len(servers); i++)
        add(&settings->servers, xstrdup(value_str(value_at(servers, i))));
    for (size_t i = 0; i < value_len(searches); i++)
        add(&settings->searches, xstrdup(value_str(value_at(searches, i))));
    for (size_t i = 0; i < value_len(options); i++) {
        const char *name = value_get_str(value_at(options, i), "name");
        const char *value = value_get_str(value_at(options, i), "value");
        add_option(&settings->options,
                   str_empty(value) ? xstrdup(name) : xasprintf("%s:%s", name, value));
    }
}

/* As many of the domains, from the first, as a resolver takes. */
static void fit_searches(struct words *searches)
{
    size_t kept = 0, chars = 0;
    bool full = false;
    for (size_t i = 0; i < searches->count; i++) {
        char *domain = searches->items[i];
        size_t len = strlen(domain), more = len + (kept > 0);
        full |= i >= RESOLV_SEARCHES_MAX ||
                (len <= RESOLV_SEARCH_MAX && chars + more > RESOLV_SEARCH_CHARS_MAX);
        if (full || len > RESOLV_SEARCH_MAX) {
            free(domain);
            continue;
        }
        chars += more;
        searches->items[kept++] = domain;
    }
    searches->count = kept;
}

static void write_line(const char *keyword, const struct words *words, struct buf *ret)
{
    for (size_t i = 0; i < words->count; i++)
        (void)buf_addf(ret, "%s %s", i == 0 ? keyword : "", words->items[i]);
    if (words->count > 0)
        (void)buf_addc(ret, '\n');
}

static bool is_none(const struct resolv_conf *conf)
{
    return str_eq(conf->policy, "None");
}

bool resolv_conf_follows_node(const struct resolv_conf *conf)
{
    return !is_none(conf);
}

void resolv_conf_compose(const struct resolv_conf *conf, struct buf *ret)
{
    if (conf->host_network && !is_none(conf) && value_len(conf->config) == 0) {
        (void)buf_addstr(ret, conf->node_text ? conf->node_text : "");
        return;
    }
    cleanup(settings_done) struct settings settings = {0};
    if (!is_none(conf))
        settings = node_settings(conf);
    add_config(&settings, conf->config);
    fit_searches(&settings.searches);
    write_line("search", &settings.searches, ret);
    for (size_t i = 0; i < settings.servers.count && i < RESOLV_SERVERS_MAX; i++)
        (void)buf_addf(ret, "nameserver %s\n", settings.servers.items[i]);
    write_line("options", &settings.options, ret);
}
