#include "common/bus/envelope.h"

#include "common/base/clock.h"
#include "common/base/str.h"
#include "common/base/weaken.h"
#include "common/data/json.h"

#include <errno.h>
#include <stdio.h>

#define ENVELOPE_VERSION 1
#define LINK_DOMAIN "limpet rpc v1"
#define CHANNEL_SET "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_/"

static const char *const dir_names[] = {[ENVELOPE_DOWN] = "down", [ENVELOPE_UP] = "up"};

static bool boot_valid(const char *boot)
{
    size_t len = boot ? strnlen(boot, ENVELOPE_MAX_BOOT + 1) : 0;

    return len >= 1 && len <= ENVELOPE_MAX_BOOT && strspn(boot, CHANNEL_SET) == len &&
           !strpbrk(boot, "/_");
}

static bool class_valid(const char *class_name)
{
    size_t len = class_name ? strlen(class_name) : 0;

    return len >= 1 && len < sizeof(((struct envelope_line *)0)->class_name) &&
           strspn(class_name, "abcdefghijklmnopqrstuvwxyz") == len;
}

/* "rpc/8d2a" belongs to the class "rpc". */
static bool channel_in(const char *channel, const char *class_name)
{
    size_t len = strlen(class_name);

    return strnlen(channel, ENVELOPE_MAX_CHANNEL + 1) <= ENVELOPE_MAX_CHANNEL &&
           strspn(channel, CHANNEL_SET) == strlen(channel) &&
           strncmp(channel, class_name, len) == 0 && (!channel[len] || channel[len] == '/');
}

int envelope_link_init(struct envelope_link *link, const struct key *mine, const struct key *theirs,
                       const char *node, const char *boot, struct err *err)
{
    cleanup(buf_done) struct buf info;
    int rc;

    buf_init(&info, 0);
    if (!topic_node_valid(node) || !boot_valid(boot))
        return err_set(err, -EINVAL, "link key: the node or boot id is not valid");
    /* Each word ends with a NUL, so that no two sets of words give the same bytes. */
    (void)buf_add(&info, LINK_DOMAIN, sizeof(LINK_DOMAIN));
    (void)buf_add(&info, node, strlen(node) + 1);
    (void)buf_add(&info, boot, strlen(boot) + 1);
    if ((rc = key_agree(mine, theirs, info.data, info.len, link->secret, err)) < 0)
        return rc;
    snprintf(link->node, sizeof(link->node), "%s", node);
    snprintf(link->boot, sizeof(link->boot), "%s", boot);
    return 0;
}

void envelope_link_done(struct envelope_link *link)
{
    crypto_wipe(link, sizeof(*link));
}

int envelope_line_init(struct envelope_line *line, const struct envelope_link *link,
                       enum envelope_dir dir, const char *class_name, struct err *err)
{
    char label[32];

    if (!class_valid(class_name))
        return err_set(err, -EINVAL, "envelope: the class is not valid");
    *line = (struct envelope_line){.dir = dir};
    int len = snprintf(label, sizeof(label), "%s %s", dir_names[dir], class_name);
    hmac_sha256(link->secret, sizeof(link->secret), label, (size_t)len, line->key);
    memcpy(line->node, link->node, sizeof(line->node));
    memcpy(line->boot, link->boot, sizeof(line->boot));
    snprintf(line->class_name, sizeof(line->class_name), "%s", class_name);
    return 0;
}

void envelope_line_done(struct envelope_line *line)
{
    crypto_wipe(line, sizeof(*line));
}

/* Over the head's bytes, its newline (which no head holds, so the border is clear) and the raw
 * bytes. */
static void mac_of(const struct envelope_line *line, const void *head, size_t head_len,
                   const void *raw, size_t raw_len, uint8_t ret[SHA256_LEN])
{
    cleanup(buf_done) struct buf all;

    buf_init(&all, 0);
    (void)buf_add(&all, head, head_len);
    (void)buf_addc(&all, '\n');
    (void)buf_add(&all, raw_len ? raw : "", raw_len);
    hmac_sha256(line->key, sizeof(line->key), all.data, all.len, ret);
}

static int write_head(const struct envelope_line *line, const struct envelope_msg *msg,
                      uint64_t seq, struct buf *ret)
{
    cleanup(value_free) struct value *head = value_new_map();
    char when[CLOCK_RFC3339_LEN];

    clock_format(msg->time_ns, 6, when);
    value_set_int(head, "v", ENVELOPE_VERSION);
    value_set_str(head, "node", line->node);
    value_set_str(head, "boot", line->boot);
    value_set_str(head, "dir", dir_names[line->dir]);
    value_set_str(head, "channel", msg->channel);
    value_set_int(head, "seq", (int64_t)seq);
    value_set_str(head, "time", when);
    if (msg->echo)
        value_set_int(head, "echo", (int64_t)msg->echo);
    if (msg->body)
        value_set(head, "body", value_copy(msg->body));
    return json_write(head, ret);
}

int envelope_write(struct envelope_line *line, const struct envelope_msg *msg, struct buf *ret,
                   struct err *err)
{
    cleanup(buf_done) struct buf head;
    uint8_t mac[SHA256_LEN];

    buf_init(&head, ENVELOPE_MAX_HEAD);
    if (!msg->channel || !channel_in(msg->channel, line->class_name) ||
        (msg->body && value_type(msg->body) != VALUE_MAP) || msg->echo > ENVELOPE_MAX_SEQ)
        return err_set(err, -EINVAL, "envelope: channel, body or echo is not valid");
    if (line->last >= ENVELOPE_MAX_SEQ)
        return err_set(err, -EOVERFLOW, "envelope: the counter is used up");
    if (msg->raw_len > ENVELOPE_MAX_RAW || write_head(line, msg, line->last + 1, &head) < 0)
        return err_set(err, -E2BIG, "envelope: larger than %d bytes of head or %d of data",
                       ENVELOPE_MAX_HEAD, ENVELOPE_MAX_RAW);
    mac_of(line, head.data, head.len, msg->raw, msg->raw_len, mac);
    autofree char *text = base64_encode(mac, sizeof(mac));
    if (buf_addf(&head, "\n{\"mac\":\"%s\"}\n", text) < 0 ||
        buf_reserve(ret, head.len + msg->raw_len) == NULL)
        return err_set(err, -E2BIG, "envelope: too large");
    (void)buf_add(ret, head.data, head.len);
    (void)buf_add(ret, msg->raw_len ? msg->raw : "", msg->raw_len);
    line->last++;
    return 0;
}

struct parts {
    const char *head, *raw;
    size_t head_len, raw_len;
    uint8_t mac[SHA256_LEN];
};

static int parse_mac(const char *text, size_t len, uint8_t ret[SHA256_LEN])
{
    cleanup(value_free) struct value *v = NULL;
    autofree uint8_t *mac = NULL;
    const char *b64;
    size_t mac_len;

    if (len > 256 || json_parse(text, len, &v, NULL) < 0 || !(b64 = value_get_str(v, "mac")) ||
        base64_decode(b64, strlen(b64), &mac, &mac_len) < 0 || mac_len != SHA256_LEN)
        return -EBADMSG;
    memcpy(ret, mac, SHA256_LEN);
    return 0;
}

static int split(const char *text, size_t len, struct parts *ret)
{
    const char *end = text + len;
    const char *first = memchr(text, '\n', len < ENVELOPE_MAX_HEAD ? len : ENVELOPE_MAX_HEAD);
    const char *second = first ? memchr(first + 1, '\n', (size_t)(end - first - 1)) : NULL;

    if (!second || (size_t)(end - second - 1) > ENVELOPE_MAX_RAW)
        return -EBADMSG;
    ret->head = text;
    ret->head_len = (size_t)(first - text);
    ret->raw = second + 1;
    ret->raw_len = (size_t)(end - second - 1);
    return parse_mac(first + 1, (size_t)(second - first - 1), ret->mac);
}

static int check_address(const struct envelope_line *line, const char *channel,
                         const struct value *head, struct err *err)
{
    if (value_get_int(head, "v", 0) != ENVELOPE_VERSION)
        return err_set(err, -EBADMSG, "envelope: a version that is not known");
    if (!str_eq(value_get_str(head, "node"), line->node) ||
        !str_eq(value_get_str(head, "boot"), line->boot) ||
        !str_eq(value_get_str(head, "dir"), dir_names[line->dir]))
        return err_set(err, -EADDRNOTAVAIL, "envelope: for another node, boot or direction");
    if (!channel_in(channel, line->class_name) ||
        (!str_eq(value_get_str(head, "channel"), channel) && !WEAKENED(ENVELOPE_CHANNEL)))
        return err_set(err, -EADDRNOTAVAIL, "envelope: came on another topic than it was sent to");
    return 0;
}

static int check_counter(const struct envelope_line *line, const struct value *head,
                         struct err *err)
{
    int64_t seq = value_get_int(head, "seq", 0);

    if (seq < 1 || seq > ENVELOPE_MAX_SEQ)
        return err_set(err, -EBADMSG, "envelope: the counter is not valid");
    if ((uint64_t)seq <= line->last && !WEAKENED(ENVELOPE_REPLAY))
        return err_set(err, -ESTALE,
                       "envelope: counter %lld is not above %llu: replayed or doubled",
                       (long long)seq, (unsigned long long)line->last);
    return 0;
}

int envelope_read(struct envelope_line *line, const char *channel, const void *payload, size_t len,
                  struct envelope_got *ret, struct err *err)
{
    cleanup(value_free) struct value *head = NULL;
    struct envelope_got got = {0};
    uint8_t mac[SHA256_LEN];
    struct parts parts;
    int rc;

    if (len == 0 || split(payload, len, &parts) < 0)
        return err_set(err, -EBADMSG, "envelope: not a head, a MAC and data within their caps");
    mac_of(line, parts.head, parts.head_len, parts.raw, parts.raw_len, mac);
    if (!crypto_equal(mac, parts.mac, sizeof(mac)) && !WEAKENED(ENVELOPE_MAC))
        return err_set(err, -EBADMSG, "envelope: the MAC does not verify");
    if (json_parse(parts.head, parts.head_len, &head, NULL) < 0)
        return err_set(err, -EBADMSG, "envelope: the head is not JSON");
    if ((rc = check_address(line, channel, head, err)) < 0 ||
        (rc = check_counter(line, head, err)) < 0)
        return rc;
    const char *when = value_get_str(head, "time");
    int64_t echo = value_get_int(head, "echo", 0);
    if (!when || clock_parse(when, &got.time_ns) < 0 || echo < 0)
        return err_set(err, -EBADMSG, "envelope: time or echo is not valid");
    got.seq = (uint64_t)value_get_int(head, "seq", 0);
    got.echo = (uint64_t)echo;
    got.body = value_take(head, "body");
    got.raw = parts.raw;
    got.raw_len = parts.raw_len;
    line->last = got.seq;
    *ret = got;
    return 0;
}

void envelope_got_done(struct envelope_got *got)
{
    value_free(got->body);
    *got = (struct envelope_got){0};
}

int envelope_hint_write(struct envelope_line *hint_line, const struct envelope_line *refused,
                        int64_t time_ns, struct buf *ret, struct err *err)
{
    cleanup(value_free) struct value *body = value_new_map();
    struct envelope_msg msg = {.channel = "hint", .time_ns = time_ns, .body = body};

    value_set_str(body, "class", refused->class_name);
    value_set_int(body, "last", (int64_t)refused->last);
    return envelope_write(hint_line, &msg, ret, err);
}

int envelope_hint_apply(struct envelope_line *hint_line, const void *payload, size_t len,
                        struct envelope_line *sender, bool *ret_moved, struct err *err)
{
    cleanup(envelope_got_done) struct envelope_got got = {0};
    int rc = envelope_read(hint_line, "hint", payload, len, &got, err);

    if (rc < 0)
        return rc;
    if (!str_eq(value_get_str(got.body, "class"), sender->class_name))
        return err_set(err, -EADDRNOTAVAIL, "envelope: a hint about another class");
    int64_t last = value_get_int(got.body, "last", 0);
    if (last < 0 || last >= ENVELOPE_MAX_SEQ)
        return err_set(err, -EBADMSG, "envelope: the hint's counter is not valid");
    *ret_moved = (uint64_t)last > sender->last;
    if (*ret_moved)
        sender->last = (uint64_t)last;
    return 0;
}
