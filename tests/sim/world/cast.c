#include "tests/sim/world/cast.h"

#include "common/base/mem.h"
#include "tests/sim/fake/clock_fake.h"
#include "tests/sim/fake/disk_fake.h"

#include <stdio.h>
#include <stdlib.h>

static void must(int rc, const struct err *err)
{
    if (rc == 0)
        return;
    fprintf(stderr, "cast: %s\n", err->msg);
    abort();
}

/* As the gateway and a node do it over the bus. */
static void enrol(struct cast *cast, size_t i, const struct clock *clock)
{
    static const char *const groups[] = {"system:nodes", NULL};
    struct disk_fake *fake = disk_fake_new(1, clock);
    struct disk *disk = disk_fake_disk(fake);
    struct err err = {0};
    struct key *identity = NULL, *sealing = NULL;
    cleanup(buf_done) struct buf cert;
    buf_init(&cert, 0);
    char id[SHA256_HEX + 1], name[16];
    struct enroll_answer answer = {.ca_pem = cast->trust->ca_pem,
                                   .signer_pem = cast->trust->signer_pem,
                                   .sealing_pem = cast->trust->sealing_pem};
    snprintf(name, sizeof(name), "node-%zu", i);
    must(identity_keys(disk, "/identity", &identity, &sealing, &err), &err);
    must(key_id(identity, id, &err), &err);
    must(topic_node_id(name, id, answer.node, &err), &err);
    must(trust_issue_client(cast->trust, clock, answer.node, groups, identity,
                            INT64_C(365) * 24 * 3600, &cert, &err),
         &err);
    answer.cert_pem = cert.data;
    must(identity_store(disk, "/identity", &answer, &err), &err);
    key_free(identity);
    key_free(sealing);
    must(identity_load(disk, "/identity", &cast->nodes[i], &err), &err);
    disk_fake_free(fake);
}

struct cast *cast_new(void)
{
    struct cast *cast = xcalloc(1, sizeof(*cast));
    struct clock_fake clock;
    struct err err = {0};
    clock_fake_init(&clock, 0, INT64_C(1790000000) * NS_PER_S);
    struct disk_fake *disk = disk_fake_new(1, &clock.clock);
    const struct trust_spec spec = {
        .disk = disk_fake_disk(disk), .dir = "/trust", .clock = &clock.clock};
    must(trust_open(&spec, &cast->trust, &err), &err);
    disk_fake_free(disk);
    for (size_t i = 0; i < CAST_NODES; i++)
        enrol(cast, i, &clock.clock);
    must(key_generate(&cast->stranger, &err), &err);
    return cast;
}

void cast_free(struct cast *cast)
{
    if (!cast)
        return;
    trust_free(cast->trust);
    for (size_t i = 0; i < CAST_NODES; i++)
        identity_free(cast->nodes[i]);
    key_free(cast->stranger);
    free(cast);
}

int cast_setup(void **state)
{
    *state = cast_new();
    return 0;
}

int cast_teardown(void **state)
{
    cast_free(*state);
    return 0;
}
