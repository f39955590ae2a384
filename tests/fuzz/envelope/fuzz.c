/* Envelopes from a captured broker, and heads as if the other side had written them: nothing is
 * accepted that was not written under the key, and what is leaves the counter above what it was. */

#include "common/base/str.h"
#include "common/bus/envelope.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool ok)
{
    if (!ok)
        abort();
}

static struct envelope_line new_line(const char *class_name)
{
    static const struct envelope_link link = {
        .secret = {1, 2, 3}, .node = "pi-01.0123abcd", .boot = "boot-1"};
    struct envelope_line line;

    check(envelope_line_init(&line, &link, ENVELOPE_DOWN, class_name, NULL) == 0);
    return line;
}

static void read_one(const char *class_name, const void *payload, size_t len)
{
    struct envelope_line line = new_line(class_name);
    cleanup(envelope_got_done) struct envelope_got got = {0};
    struct err err = {0};
    int rc = envelope_read(&line, class_name, payload, len, &got, &err);

    if (rc < 0)
        check(err.code == rc && *err.msg && line.last == 0);
    else
        check(line.last == got.seq && got.seq > 0 && got.raw_len <= len);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct envelope_line line = new_line("rpc"), hint = new_line("hint");
    cleanup(buf_done) struct buf payload = {0};
    uint8_t mac[SHA256_LEN];
    bool moved = false;

    read_one("rpc", data, size);
    /* The same bytes as a head, under the right MAC, with some raw bytes. */
    if (memchr(data, '\n', size))
        return 0;
    check(buf_add(&payload, data, size) == 0 && buf_addstr(&payload, "\nraw") == 0);
    for (int i = 0; i < 2; i++) {
        const struct envelope_line *of = i ? &hint : &line;
        cleanup(buf_done) struct buf whole = {0};

        hmac_sha256(of->key, sizeof(of->key), payload.data, payload.len, mac);
        autofree char *text = base64_encode(mac, sizeof(mac));
        check(buf_add(&whole, data, size) == 0 &&
              buf_addf(&whole, "\n{\"mac\":\"%s\"}\nraw", text) == 0);
        read_one(of->class_name, whole.data, whole.len);
        if (i && envelope_hint_apply(&hint, whole.data, whole.len, &line, &moved, NULL) == 0)
            check(line.last < ENVELOPE_MAX_SEQ);
    }
    return 0;
}
