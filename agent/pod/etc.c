/* The files that every container of a pod finds in its /etc: composed from the manifest and from
 * the node's own (agent/net), kept in the pod's folder on tmpfs, mounted by the plan that
 * compile.c makes. */

#include "agent/pod/internal.h"

#include "agent/net/hosts_file.h"
#include "agent/net/resolv_conf.h"
#include "agent/pod/hostname.h"
#include "agent/volume/label.h"
#include "common/base/log.h"
#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/base/weaken.h"

#include <errno.h>
#include <fcntl.h>

#define RESOLV_CONF_MAX ((size_t)64 * 1024)
#define HOSTS_MAX ((size_t)1024 * 1024)

/* What the node's files say just now; NULL: cannot be read. */
struct node_files {
    char *resolv_conf, *resolved, *hosts;
};

static char *read_node_file(const struct agent *agent, const char *path, size_t max)
{
    struct disk *disk = agent->world.disk;
    cleanup(buf_done) struct buf text;
    buf_init(&text, 0);
    struct err err = {0};
    int rc = disk->read(disk, path, max, &text, &err);
    if (rc < 0 && rc != -ENOENT)
        log_warn("pods go without what this file says: error=%s", log_quote(err.msg));
    return rc < 0 ? NULL : buf_steal(&text, NULL);
}

/* hosts: for pods of the host's network. */
static struct node_files read_node_files(const struct agent *agent, bool hosts)
{
    return (struct node_files){
        .resolv_conf = read_node_file(agent, agent->spec.resolv_conf, RESOLV_CONF_MAX),
        .resolved = read_node_file(agent, AGENT_RESOLVED_FILE, RESOLV_CONF_MAX),
        .hosts = hosts ? read_node_file(agent, AGENT_HOSTS_FILE, HOSTS_MAX) : NULL,
    };
}

static void node_files_done(struct node_files *files)
{
    free(files->resolv_conf);
    free(files->resolved);
    free(files->hosts);
}
CLEANUP_DEFINE_VALUE(struct node_files, node_files_done);

/* Each composes one file. *ret_stale: what it is made of is not known just now (the node's file
 * cannot be read), a text that is there already says more. */

static int compose_hosts(const struct pod_record *record, const struct node_files *node,
                         struct buf *ret, bool *ret_stale, struct err *err)
{
    (void)err;
    const struct pod_spec *spec = record->spec;
    autofree char *hostname = hostname_short(spec), *domain = hostname_domain(spec);
    *ret_stale = spec->host_network ? !node->hosts : str_empty(record->address.address);
    hosts_file_compose(
        &(struct hosts_file){
            .address = spec->host_network ? NULL : record->address.address,
            .hostname = hostname,
            .domain = domain,
            .aliases = value_path(spec->object, "spec", "hostAliases", NULL),
            .node_text = spec->host_network ? node->hosts : NULL,
        },
        ret);
    return 0;
}

static int compose_hostname(const struct pod_record *record, const struct node_files *node,
                            struct buf *ret, bool *ret_stale, struct err *err)
{
    (void)node;
    *ret_stale = false;
    autofree char *name = NULL;
    int rc = hostname_kernel(record->spec, record->agent->spec.host_name, &name, err);
    return rc < 0 ? rc : buf_addf(ret, "%s\n", name);
}

static int compose_resolv_conf(const struct pod_record *record, const struct node_files *node,
                               struct buf *ret, bool *ret_stale, struct err *err)
{
    (void)err;
    const struct value *pod = value_get(record->spec->object, "spec");
    const struct resolv_conf conf = {
        .node_text = node->resolv_conf,
        .resolved_text = node->resolved,
        .host_network = record->spec->host_network,
        .policy = value_get_str(pod, "dnsPolicy"),
        .config = value_get(pod, "dnsConfig"),
    };
    *ret_stale = !node->resolv_conf && resolv_conf_follows_node(&conf);
    resolv_conf_compose(&conf, ret);
    return 0;
}

static const struct {
    const char *name;
    int (*compose)(const struct pod_record *record, const struct node_files *node, struct buf *ret,
                   bool *ret_stale, struct err *err);
} files[] = {
    {"hosts", compose_hosts},
    {"hostname", compose_hostname},
    {"resolv.conf", compose_resolv_conf},
};

const char *etc_name(size_t i)
{
    return i < ARRAY_LEN(files) ? files[i].name : NULL;
}

static char *etc_dir(const struct pod_record *record)
{
    autofree char *dir = agent_volume_dir(record->agent, record->uid);
    return xasprintf("%s/etc", dir);
}

char *etc_path(const struct pod_record *record, size_t i)
{
    autofree char *dir = etc_dir(record);
    return xasprintf("%s/%s", dir, files[i].name);
}

/* Whether the file is there and has this text. *ret_there: it is there. */
static bool has_text(struct disk *disk, const char *path, const struct buf *text, bool *ret_there)
{
    cleanup(buf_done) struct buf now;
    buf_init(&now, 0);
    struct err err = {0};
    int rc = disk->read(disk, path, text->len, &now, &err);
    *ret_there = rc != -ENOENT;
    return rc == 0 && now.len == text->len && memcmp(buf_str(&now), buf_str(text), now.len) == 0;
}

/* In place: the file is mounted into containers that run. Returns 1 if it was written, 0 if it is
 * as it should be. */
static int bring_up_to_date(const struct pod_record *record, size_t i,
                            const struct node_files *node, struct err *err)
{
    struct disk *disk = record->agent->world.disk;
    autofree char *path = etc_path(record, i);
    cleanup(buf_done) struct buf text;
    buf_init(&text, 0);
    bool stale = false, there = false;
    int rc = files[i].compose(record, node, &text, &stale, err);
    if (rc < 0)
        return rc;
    if (has_text(disk, path, &text, &there) || (there && stale))
        return 0;
    const char *bytes = buf_str(&text);
    rc = WEAKENED(ETC_IN_PLACE) ? disk->replace(disk, path, bytes, text.len, 0644, err)
                                : disk->overwrite(disk, path, bytes, text.len, 0644, err);
    return rc < 0 ? rc : 1;
}

/* Returns how many files were written. */
static int bring_all_up_to_date(const struct pod_record *record, const struct node_files *node,
                                struct err *err)
{
    int written = 0;
    for (size_t i = 0; i < ARRAY_LEN(files); i++) {
        int rc = bring_up_to_date(record, i, node, err);
        if (rc < 0)
            return rc;
        written += rc;
    }
    return written;
}

int etc_write(const struct pod_record *record, const char *label, struct err *err)
{
    struct disk *disk = record->agent->world.disk;
    autofree char *dir = etc_dir(record);
    int rc = disk->mkdirs(disk, dir, 0700, err);
    if (rc < 0)
        return rc;
    cleanup(node_files_done) struct node_files node =
        read_node_files(record->agent, record->spec->host_network);
    rc = bring_all_up_to_date(record, &node, err);
    if (rc < 0)
        return rc;
    rc = label_give(AT_FDCWD, dir, label, true, NULL);
    return rc < 0 ? err_errno(err, -rc, "label %s", label) : 0;
}

static bool any_of_host_network(const struct agent *agent)
{
    void *p;
    for (size_t i = 0; map_next(agent->records, &i, NULL, &p);) {
        const struct pod_record *record = p;
        if (pod_record_is_set_up(record) && record->spec->host_network)
            return true;
    }
    return false;
}

void etc_refresh(const struct agent *agent)
{
    cleanup(node_files_done) struct node_files node =
        read_node_files(agent, any_of_host_network(agent));
    size_t pods = 0;
    void *p;
    for (size_t i = 0; map_next(agent->records, &i, NULL, &p);) {
        const struct pod_record *record = p;
        struct err err = {0};
        int rc = pod_record_is_set_up(record) ? bring_all_up_to_date(record, &node, &err) : 0;
        if (rc < 0 && rc != -ENOENT) /* the pod is of an older agent: it has no such files */
            log_warn("files of a pod do not follow the node's: pod=%s/%s error=%s", record->ns,
                     record->name, log_quote(err.msg));
        pods += rc > 0;
    }
    if (pods > 0)
        log_info("files of pods follow the node's: pods=%zu", pods);
}
