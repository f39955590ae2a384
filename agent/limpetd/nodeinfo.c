#include "agent/limpetd/nodeinfo.h"

#include "agent/image/manifest.h"
#include "agent/pod/runtimes.h"
#include "agent/runtime/huge_pages.h"
#include "common/base/buf.h"
#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/kinds/types.h"
#include "common/schema/quantity.h"

#include <errno.h>
#include <stdio.h>
#include <sys/statvfs.h>
#include <sys/sysinfo.h>
#include <sys/utsname.h>

#define PODS "110"
/* Kept for the system and the agent itself: a tenth, at least 32 MiB. */
#define RESERVE_MIN (INT64_C(32) << 20)

/* What the images of pods are for (Kubernetes: GOARCH): that of the agent's program, also where the
 * kernel has 64 bits and the agent 32. */
static struct platform platform(const struct utsname *uts)
{
    struct platform platforms[PLATFORMS_MAX];
    (void)platforms_host(uts->machine, platforms);
    if (str_eq(platforms[0].arch, "unknown")) /* nobody has images for it */
        snprintf(platforms[0].arch, sizeof(platforms[0].arch), "%.15s", uts->machine);
    return platforms[0];
}

static char *os_image(void)
{
    FILE *f = fopen("/etc/os-release", "re");
    char line[512];
    char *name = NULL;
    while (f && !name && fgets(line, sizeof(line), f)) {
        if (!str_has_prefix(line, "PRETTY_NAME="))
            continue;
        char *value = line + strlen("PRETTY_NAME=");
        value[strcspn(value, "\n")] = '\0';
        size_t len = strlen(value);
        bool quoted = len >= 2 && value[0] == '"' && value[len - 1] == '"';
        name = quoted ? xstrndup(value + 1, len - 2) : xstrdup(value);
    }
    if (f)
        fclose(f);
    return name ? name : xstrdup("Linux");
}

struct room {
    long cpus;
    int64_t memory, storage;  /* bytes; storage 0 = unknown */
    int64_t huge[HUGE_SIZES]; /* bytes; -1 = no pages of that size */
};

static struct room all_room(const char *state_dir)
{
    struct sysinfo info = {0};
    struct statvfs fs;
    struct room room = {.cpus = sysconf(_SC_NPROCESSORS_ONLN)};
    (void)sysinfo(&info);
    for (size_t i = 0; i < HUGE_SIZES; i++)
        room.huge[i] = huge_pages_total(HUGE_PAGES_DIR, i);
    room.memory = (int64_t)info.totalram * info.mem_unit;
    if (statvfs(state_dir, &fs) == 0)
        room.storage = (int64_t)fs.f_blocks * (int64_t)fs.f_frsize;
    return room;
}

static struct room pods_room(const struct room *all)
{
    int64_t reserve = all->memory / 10 > RESERVE_MIN ? all->memory / 10 : RESERVE_MIN;
    struct room room = *all;
    for (size_t i = 0; i < HUGE_SIZES; i++) /* which are for nothing else */
        reserve += all->huge[i] > 0 ? all->huge[i] : 0;
    room.memory = all->memory > reserve ? all->memory - reserve : 0;
    room.storage = all->storage - all->storage / 10;
    return room;
}

static void set_ki(struct value *map, const char *name, int64_t bytes)
{
    autofree char *text = xasprintf("%lldKi", (long long)(bytes / 1024));
    value_set_str(map, name, text);
}

/* As Kubernetes writes it: "0", "16Mi", "2Gi". */
static void set_bytes(struct value *map, const char *name, int64_t bytes)
{
    static const char *const units[] = {"", "Ki", "Mi", "Gi"};
    size_t unit = 0;
    for (; bytes > 0 && bytes % 1024 == 0 && unit + 1 < ARRAY_LEN(units); unit++)
        bytes /= 1024;
    autofree char *text = xasprintf("%lld%s", (long long)bytes, units[unit]);
    value_set_str(map, name, text);
}

static struct value *resources(const struct room *room)
{
    struct value *map = value_new_map();
    autofree char *cpu = xasprintf("%ld", room->cpus);
    value_set_str(map, "cpu", cpu);
    if (room->storage > 0)
        set_ki(map, "ephemeral-storage", room->storage);
    for (size_t i = 0; i < HUGE_SIZES; i++)
        if (room->huge[i] >= 0)
            set_bytes(map, huge_sizes[i].resource, room->huge[i]);
    set_ki(map, "memory", room->memory);
    value_set_str(map, "pods", PODS);
    return map;
}

static void add_address(struct value *list, const char *type, const char *address)
{
    if (str_empty(address))
        return;
    struct value *item = value_new_map();
    value_set_str(item, "type", type);
    value_set_str(item, "address", address);
    value_append(list, item);
}

struct value *nodeinfo_status(const char *node_name, const char *address, const char *boot_id,
                              const char *state_dir, bool user_namespaces)
{
    struct utsname uts = {0};
    (void)uname(&uts);
    const struct room all = all_room(state_dir), pods = pods_room(&all);
    struct value *status = value_new_map();
    value_set(status, "capacity", resources(&all));
    value_set(status, "allocatable", resources(&pods));
    struct value *addresses = value_set(status, "addresses", value_new_list());
    add_address(addresses, "InternalIP", address);
    add_address(addresses, "Hostname", node_name);
    struct value *node = value_set(status, "nodeInfo", value_new_map());
    autofree char *image = os_image();
    value_set_str(node, "architecture", platform(&uts).arch);
    value_set_str(node, "bootID", boot_id);
    value_set_str(node, "containerRuntimeVersion", "limpet://" LIMPET_VERSION);
    value_set_str(node, "kernelVersion", uts.release);
    value_set_str(node, "kubeProxyVersion", "");
    value_set_str(node, "kubeletVersion", "v" LIMPET_VERSION "-limpet");
    value_set_str(node, "machineID", "");
    value_set_str(node, "operatingSystem", "linux");
    value_set_str(node, "osImage", image);
    value_set_str(node, "systemUUID", "");
    value_set_bool(value_set(status, "features", value_new_map()), "supplementalGroupsPolicy",
                   true);
    value_set(status, "runtimeHandlers", runtimes_status(user_namespaces));
    return status;
}

static bool is_extended(const char *name)
{
    autofree char *domain = xstrndup(name, strcspn(name, "/"));
    return strchr(name, '/') && !format_resource_name(name) && !str_eq(domain, "kubernetes.io") &&
           !str_has_suffix(domain, ".kubernetes.io");
}

int nodeinfo_extend(struct value *status, const char *const *list, struct err *err)
{
    for (; list && *list; list++) {
        const char *equals = strchr(*list, '=');
        autofree char *name = xstrndup(*list, equals ? (size_t)(equals - *list) : strlen(*list));
        struct quantity amount;
        if (!equals || !is_extended(name) || quantity_parse(equals + 1, &amount) < 0 ||
            amount.units < 0 || amount.nano)
            return err_set(err, -EINVAL,
                           "extendedResources: \"%s\" is not of the form vendor.example/card=2",
                           *list);
        value_set_str(value_get(status, "capacity"), name, equals + 1);
        value_set_str(value_get(status, "allocatable"), name, equals + 1);
    }
    return 0;
}

struct value *nodeinfo_labels(const char *node_name)
{
    struct utsname uts = {0};
    (void)uname(&uts);
    struct value *labels = value_new_map();
    value_set_str(labels, "kubernetes.io/arch", platform(&uts).arch);
    value_set_str(labels, "kubernetes.io/hostname", node_name);
    value_set_str(labels, "kubernetes.io/os", "linux");
    return labels;
}
