/* A gateway's link and nothing else: dials streams of one node through the broker, with the
 * gateway's keys, while the gateway itself is away.
 *
 *   streams-dialer SOCKET GATEWAY-KEY NODE-KEY NODE METHOD ARGUMENTS [COUNT [STALLED]]
 *
 * COUNT 1 (default): standard input goes in, if the arguments ask for stdin or the method is
 * portforward; what comes goes to standard output and error; the exit code is the program's, 100 on
 * a failure that is then on standard error. More: so many at once; of each a line with its number,
 * bytes, digest, microseconds and end; the first STALLED take nothing until all others are through.
 * -COUNT: so many one after the other.
 */

#include "common/base/mem.h"
#include "common/base/rng.h"
#include "common/base/str.h"
#include "common/bus/birth.h"
#include "common/bus/mqtt.h"
#include "common/bus/rpc.h"
#include "common/bus/topic.h"
#include "common/data/json.h"
#include "controller/link/calls.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define PIECE ((size_t)16 * 1024)

struct dialer;

struct stream {
    struct dialer *dialer;
    size_t number;
    struct call *call;
    bool stalled;
    size_t bytes, held;
    struct sha256_ctx *digest;
    int64_t began, ended;
    char typed[PIECE]; /* read, not sent yet */
    size_t typed_len;
    bool typed_all;
    struct call_end end;
    char message[256];
};

struct dialer {
    struct loop *loop;
    struct bus *bus;
    struct calls *calls;
    struct key *node_key;
    const char *node, *method;
    struct value *args;
    size_t count, stalled, through;
    bool opened, types, serial;
    struct stream *streams;
    struct loop_io *in;
    struct loop_timer *typing;
};

_Noreturn static void die(const char *what, const struct err *err)
{
    fprintf(stderr, "%s: %s\n", what, err ? err->msg : "");
    exit(101);
}

static void read_key(const char *path, struct key **ret)
{
    char pem[8192];
    struct err err = {0};
    FILE *file = fopen(path, "re");
    size_t len = file ? fread(pem, 1, sizeof(pem) - 1, file) : 0;
    if (len == 0 || key_parse_private(pem, len, ret, &err) < 0)
        die(path, &err);
    fclose(file);
}

static struct key *public_of(const struct key *key)
{
    cleanup(buf_done) struct buf pem;
    struct key *public = NULL;
    struct err err = {0};
    buf_init(&pem, 0);
    if (key_write_public(key, &pem, &err) < 0 ||
        key_parse_public(pem.data, pem.len, &public, &err) < 0)
        die("public key", &err);
    return public;
}

/* ---- what is typed ---- */

/* Standard input may be a file: read when there is room, never waited for with epoll. */
static void type_more(void *ctx)
{
    struct dialer *dialer = ctx;
    struct stream *stream = &dialer->streams[0];
    while (stream->call && !stream->typed_all) {
        struct pollfd in = {.fd = STDIN_FILENO, .events = POLLIN};
        if (stream->typed_len == 0) {
            if (poll(&in, 1, 0) <= 0) {
                loop_timer_after(dialer->typing, 5 * NS_PER_MS);
                return;
            }
            ssize_t n = read(STDIN_FILENO, stream->typed, PIECE);
            if (n <= 0) {
                stream->typed_all = true;
                call_eof(stream->call, RPC_STDIN);
                return;
            }
            stream->typed_len = (size_t)n;
        }
        size_t sent = call_send(stream->call, RPC_STDIN, stream->typed, stream->typed_len, false);
        memmove(stream->typed, stream->typed + sent, stream->typed_len - sent);
        stream->typed_len -= sent;
        if (stream->typed_len > 0)
            return; /* room brings us back */
    }
}

/* ---- what comes ---- */

static void write_all(int fd, const char *data, size_t len)
{
    while (len > 0) {
        ssize_t n = write(fd, data, len);
        if (n <= 0)
            exit(102);
        data += n;
        len -= (size_t)n;
    }
}

static void on_opened(void *ctx)
{
    struct stream *stream = ctx;
    if (stream->dialer->types && stream->number == 0)
        type_more(stream->dialer);
}

static void on_room(void *ctx)
{
    struct stream *stream = ctx;
    type_more(stream->dialer);
}

static void on_data(void *ctx, unsigned channel, const void *data, size_t len)
{
    struct stream *stream = ctx;
    stream->bytes += len;
    if (stream->dialer->count == 1)
        write_all(channel == RPC_STDERR ? STDERR_FILENO : STDOUT_FILENO, data, len);
    else
        sha256_add(stream->digest, data, len);
    if (stream->stalled)
        stream->held += len;
    else
        call_took(stream->call, len);
}

static void report(const struct stream *stream)
{
    uint8_t digest[SHA256_LEN];
    char hex[2 * SHA256_LEN + 1];
    sha256_end(stream->digest, digest);
    hex_encode(digest, sizeof(digest), hex);
    printf("%zu %zu %s %lld %d %d %s\n", stream->number, stream->bytes, hex,
           (long long)((stream->ended - stream->began) / 1000), stream->end.code,
           stream->end.exit_code, stream->message);
}

/* The others are through: those that took nothing go on. */
static void wake_stalled(struct dialer *dialer)
{
    for (size_t i = 0; i < dialer->stalled; i++) {
        struct stream *stream = &dialer->streams[i];
        stream->stalled = false;
        fprintf(stderr, "stalled %zu held %zu\n", i, stream->held);
        if (stream->call)
            call_took(stream->call, stream->held);
    }
}

static void dial_one(struct dialer *dialer, size_t i);

static void on_end(void *ctx, const struct call_end *end)
{
    struct stream *stream = ctx;
    struct dialer *dialer = stream->dialer;
    stream->call = NULL;
    stream->ended = loop_now(dialer->loop);
    stream->end = *end;
    snprintf(stream->message, sizeof(stream->message), "%s", end->message);
    if (dialer->count > 1)
        report(stream);
    if (dialer->serial && dialer->through + 1 < dialer->count)
        dial_one(dialer, dialer->through + 1);
    if (++dialer->through + dialer->stalled == dialer->count && dialer->stalled > 0)
        wake_stalled(dialer);
    if (dialer->through == dialer->count)
        loop_stop(dialer->loop, 0);
}

/* ---- the link ---- */

static void dial_one(struct dialer *dialer, size_t i)
{
    static const struct call_handler handler = {
        .opened = on_opened, .data = on_data, .room = on_room, .end = on_end};
    struct err err = {0};
    struct stream *stream = &dialer->streams[i];
    *stream = (struct stream){.dialer = dialer,
                              .number = i,
                              .stalled = i < dialer->stalled,
                              .digest = sha256_new(),
                              .began = loop_now(dialer->loop)};
    if (call_open(dialer->calls, dialer->node, dialer->method, dialer->args, &handler, stream,
                  &stream->call, &err) < 0)
        die("call", &err);
}

static void dial(struct dialer *dialer)
{
    dialer->opened = true;
    for (size_t i = 0; i < (dialer->serial ? 1 : dialer->count); i++)
        dial_one(dialer, i);
}

static void got_birth(struct dialer *dialer, const struct bus_msg *msg)
{
    cleanup(birth_done) struct birth birth = {0};
    struct err err = {0};
    if (birth_read(msg->payload, msg->len, dialer->node, &birth, &err) < 0)
        die("birth", &err);
    if (!birth.online) {
        calls_lost(dialer->calls, dialer->node);
        return;
    }
    calls_boot(dialer->calls, dialer->node, birth.boot, dialer->node_key);
    if (!dialer->opened)
        dial(dialer);
}

static void on_message(void *ctx, const struct bus_msg *msg)
{
    struct dialer *dialer = ctx;
    struct topic topic;
    struct err err = {0};
    if (topic_parse(msg->topic, &topic, &err) < 0 || !str_eq(topic.node, dialer->node))
        return;
    if (topic.type == TOPIC_ONLINE)
        got_birth(dialer, msg);
    else if (topic.type == TOPIC_RPC_UP)
        calls_message(dialer->calls, dialer->node, topic.id, msg->payload, msg->len);
}

static void on_connected(void *ctx, bool session_present)
{
    struct dialer *dialer = ctx;
    struct err err = {0};
    const enum topic_type types[] = {TOPIC_RPC_UP, TOPIC_ONLINE};
    (void)session_present;
    for (size_t i = 0; i < ARRAY_LEN(types); i++) {
        struct topic topic = {.type = types[i]};
        char filter[TOPIC_MAX + 1];
        snprintf(topic.node, sizeof(topic.node), "%s", dialer->node);
        if (topic_filter(&topic, filter, &err) < 0 ||
            dialer->bus->subscribe(dialer->bus, filter, 1, &err) < 0)
            die("subscribe", &err);
    }
}

static void on_disconnected(void *ctx, const struct err *err)
{
    struct dialer *dialer = ctx;
    if (err->code < 0)
        calls_lost(dialer->calls, NULL);
}

static void on_acked(void *ctx, uint32_t id, int code)
{
    (void)code;
    calls_acked(((struct dialer *)ctx)->calls, id);
}

static void connect_bus(struct dialer *dialer, const char *socket, const struct key *gateway)
{
    static const struct bus_handler handler = {on_connected, on_disconnected, on_message, on_acked};
    struct err err = {0};
    autofree char *id = xasprintf("dialer-%d", (int)getpid());
    const struct mqtt_spec spec = {.client_id = id,
                                   .unix_path = socket,
                                   .keepalive_s = 30,
                                   .backoff_min_ns = NS_PER_S / 10,
                                   .backoff_max_ns = NS_PER_S,
                                   .rng = rng_system()};
    if (loop_new(clock_system(), &dialer->loop, &err) < 0 ||
        mqtt_new(dialer->loop, &spec, &dialer->bus, &err) < 0)
        die("bus", &err);
    dialer->calls = calls_new(&(struct calls_spec){
        .loop = dialer->loop, .bus = dialer->bus, .rng = rng_system(), .sealing = gateway});
    dialer->typing = loop_timer_new(dialer->loop, type_more, dialer);
    if (dialer->bus->start(dialer->bus, &handler, dialer, &err) < 0)
        die("bus", &err);
}

static int verdict(const struct dialer *dialer)
{
    const struct stream *stream = &dialer->streams[0];
    if (dialer->count > 1)
        return 0;
    if (stream->end.code == 0)
        return stream->end.exit_code;
    fprintf(stderr, "%d %s\n", stream->end.code, stream->message);
    return 100;
}

int main(int argc, char **argv)
{
    struct dialer dialer = {.count = 1};
    struct key *gateway, *node;
    struct err err = {0};
    if (argc < 7)
        return 2;
    read_key(argv[2], &gateway);
    read_key(argv[3], &node);
    dialer.node_key = public_of(node);
    dialer.node = argv[4];
    dialer.method = argv[5];
    if (json_parse(argv[6], strlen(argv[6]), &dialer.args, &err) < 0)
        die("arguments", &err);
    if (argc > 7) {
        dialer.serial = argv[7][0] == '-';
        dialer.count = strtoul(argv[7] + dialer.serial, NULL, 10);
    }
    if (argc > 8)
        dialer.stalled = strtoul(argv[8], NULL, 10);
    dialer.types =
        value_get_bool(dialer.args, "stdin", false) || str_eq(dialer.method, "portforward");
    dialer.streams = xcalloc(dialer.count, sizeof(*dialer.streams));
    connect_bus(&dialer, argv[1], gateway);
    (void)loop_run(dialer.loop);
    return verdict(&dialer);
}
