#include "tests/sim/fake/node/net_fake.h"

#include "common/base/map.h"
#include "common/base/mem.h"
#include "common/base/str.h"

#include <stdlib.h>

#include <errno.h>
#include <stdio.h>

struct net_fake {
    struct net net;
    bool (*cut)(void *ctx);
    void *ctx;
    struct map *pods; /* uid -> struct net_pod */
    unsigned last;
    bool broken;
};

static struct net_fake *fake_of(struct net *net)
{
    return (struct net_fake *)net; /* its first member */
}

static bool is_cut(const struct net_fake *fake)
{
    return fake->cut && fake->cut(fake->ctx);
}

static int fake_start(struct net *net, const char *const *uids, struct err *err)
{
    struct net_fake *fake = fake_of(net);
    if (is_cut(fake))
        return err_set(err, -EIO, "dead");
    const char *uid;
    void *pod;
    for (size_t i = 0; map_next(fake->pods, &i, &uid, &pod);) {
        bool known = false;
        for (size_t u = 0; uids[u]; u++)
            known |= str_eq(uids[u], uid);
        if (!known)
            free(map_del(fake->pods, uid));
    }
    return 0;
}

static int fake_reserve(struct net *net, const char *uid, struct net_pod *ret, struct err *err)
{
    struct net_fake *fake = fake_of(net);
    if (is_cut(fake))
        return err_set(err, -EIO, "dead");
    struct net_pod *pod = map_get(fake->pods, uid);
    if (!pod) {
        pod = xcalloc(1, sizeof(*pod));
        fake->last++;
        snprintf(pod->address, sizeof(pod->address), "10.42.%u.%u", fake->last / 250 % 250,
                 fake->last % 250 + 2);
        snprintf(pod->gateway, sizeof(pod->gateway), "10.42.0.1");
        pod->prefix_len = 16;
        (void)map_put(fake->pods, uid, pod);
    }
    *ret = *pod;
    return 0;
}

static int fake_attach(struct net *net, const char *uid, int netns_fd, struct net_pod *ret,
                       struct err *err)
{
    const struct net_fake *fake = fake_of(net);
    if (is_cut(fake) || fake->broken || netns_fd < 0)
        return err_set(err, -EIO, "no bridge");
    return fake_reserve(net, uid, ret, err);
}

static int fake_expose(struct net *net, const char *uid, int netns_fd,
                       const struct host_ports *ports, struct err *err)
{
    const struct net_fake *fake = fake_of(net);
    (void)ports;
    if (is_cut(fake) || netns_fd < 0 || !map_get(fake->pods, uid))
        return err_set(err, -EIO, "no bridge");
    return 0;
}

static int fake_shape(struct net *net, const char *uid, int netns_fd, const struct net_rates *rates,
                      struct err *err)
{
    (void)rates;
    return fake_expose(net, uid, netns_fd, NULL, err);
}

static int fake_get(struct net *net, const char *uid, struct net_pod *ret)
{
    const struct net_pod *pod = map_get(fake_of(net)->pods, uid);
    if (!pod)
        return -ENOENT;
    *ret = *pod;
    return 0;
}

static void fake_detach(struct net *net, const char *uid)
{
    struct net_fake *fake = fake_of(net);
    if (!is_cut(fake))
        free(map_del(fake->pods, uid));
}

static int fake_teardown(struct net *net, struct err *err)
{
    (void)err;
    net_fake_reboot(fake_of(net));
    return 0;
}

static void close_life(struct net *net)
{
    (void)net;
}

struct net_fake *net_fake_new(bool (*cut)(void *ctx), void *ctx)
{
    struct net_fake *fake = xcalloc(1, sizeof(*fake));
    fake->net = (struct net){.start = fake_start,
                             .reserve = fake_reserve,
                             .attach = fake_attach,
                             .expose = fake_expose,
                             .shape = fake_shape,
                             .get = fake_get,
                             .detach = fake_detach,
                             .teardown = fake_teardown,
                             .free = close_life};
    fake->cut = cut;
    fake->ctx = ctx;
    fake->pods = map_new();
    return fake;
}

void net_fake_free(struct net_fake *fake)
{
    if (!fake)
        return;
    map_free(fake->pods, free);
    free(fake);
}

struct net *net_fake_open(struct net_fake *fake)
{
    return &fake->net;
}

void net_fake_reboot(struct net_fake *fake)
{
    map_free(fake->pods, free);
    fake->pods = map_new();
}

void net_fake_break(struct net_fake *fake, bool broken)
{
    fake->broken = broken;
}

size_t net_fake_addresses(const struct net_fake *fake)
{
    return map_len(fake->pods);
}
