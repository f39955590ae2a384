#include "agent/pod/selinux.h"

#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/base/weaken.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define KERNEL "/sys/fs/selinux/"
#define OWN "/proc/self/attr/current"
#define CONFIG "/etc/selinux/config"
#define FILE_MAX ((size_t)64 * 1024)

/* What cannot be read is not there. */
static const char *text_of(struct disk *disk, const char *path, struct buf *ret)
{
    buf_drop(ret, ret->len);
    return disk->read(disk, path, FILE_MAX, ret, NULL) < 0 ? "" : buf_str(ret);
}

/* Before a policy is loaded everything has the label "kernel". */
bool selinux_is_on(struct disk *disk)
{
    cleanup(buf_done) struct buf text;
    buf_init(&text, FILE_MAX);
    return text_of(disk, KERNEL "mls", &text)[0] && strchr(text_of(disk, OWN, &text), ':');
}

/* Whoever makes policies for containers says what they get: in the place of all policies, else in
 * that of the one that is in force. */
static struct selinux_defaults read_defaults(struct disk *disk)
{
    cleanup(buf_done) struct buf text;
    buf_init(&text, FILE_MAX);
    bool levels = text_of(disk, KERNEL "mls", &text)[0] == '1';
    autofree char *type = selinux_setting(text_of(disk, CONFIG, &text), "SELINUXTYPE", "targeted");
    autofree char *path = xasprintf("/etc/selinux/%s/contexts/lxc_contexts", type);
    const char *found = text_of(disk, "/usr/share/containers/selinux/contexts", &text);
    return selinux_defaults(found[0] ? found : text_of(disk, path, &text), levels);
}

/* Asks the kernel. Where that is not allowed, exec and mount ask it. */
static bool is_known(struct disk *disk, const char *label)
{
    return !label || WEAKENED(SELINUX_KNOWN) ||
           disk->overwrite(disk, KERNEL "context", label, strlen(label), 0666, NULL) != -EINVAL;
}

static unsigned long number_of(struct disk *disk, const char *path)
{
    cleanup(buf_done) struct buf text;
    buf_init(&text, FILE_MAX);
    return strtoul(text_of(disk, path, &text), NULL, 10);
}

/* Whether the policy lets who runs as this process does go over to that label. In a process of no
 * container runtime it may not; what cannot be asked is left to the exec. */
static bool may_run(struct disk *disk, const char *label)
{
    unsigned long class = number_of(disk, KERNEL "class/process/index");
    unsigned long right = number_of(disk, KERNEL "class/process/perms/transition");
    if (!class || !right || right > 32 || !number_of(disk, KERNEL "enforce"))
        return true;
    cleanup(buf_done) struct buf own;
    buf_init(&own, FILE_MAX);
    autofree char *ask = xasprintf("%s %s %lu", text_of(disk, OWN, &own), label, class);
    char answer[128] = ""; /* the rights, a number in hexadecimal, first */
    autoclose int fd = open(KERNEL "access", O_RDWR | O_CLOEXEC);
    if (fd < 0 || write(fd, ask, strlen(ask)) < 0 || read(fd, answer, sizeof(answer) - 1) <= 0)
        return true;
    return strtoul(answer, NULL, 16) >> (right - 1) & 1;
}

static int refuse(const struct selinux_labels *labels, bool known, struct err *err)
{
    return err_set(err, -EINVAL,
                   known ? "SELinux: the node's policy does not let limpetd start what has the "
                           "label \"%s\""
                         : "SELinux: the node's policy does not know the label \"%s\"",
                   labels->process);
}

static void drop(char **label)
{
    free(*label);
    *label = NULL;
}

int selinux_labels(struct disk *disk, const struct value *pod, const char *pod_uid,
                   const struct value *container, struct selinux_labels *ret, struct err *err)
{
    *ret = (struct selinux_labels){0};
    if (!selinux_is_on(disk))
        return 0;
    cleanup(selinux_defaults_done) struct selinux_defaults defaults = read_defaults(disk);
    struct selinux_labels labels = selinux_asked(&defaults, pod, pod_uid, container);
    bool known = is_known(disk, labels.process);
    bool fine = known && may_run(disk, labels.process);
    if (container && labels.asked && !fine) {
        int rc = refuse(&labels, known, err);
        selinux_labels_done(&labels);
        return rc;
    }
    /* Files as ever for processes without a label; but one that asks for another may be among those
     * that share them. */
    bool labelled = fine || (!container && selinux_is_asked(value_get(pod, "spec")));
    if (!fine)
        drop(&labels.process);
    if (!labelled || !is_known(disk, labels.files))
        drop(&labels.files);
    *ret = labels;
    return 0;
}

char *selinux_shared(struct disk *disk, const struct value *pod, const char *pod_uid)
{
    cleanup(selinux_labels_done) struct selinux_labels labels = {0};
    int rc = selinux_labels(disk, pod, pod_uid, NULL, &labels, NULL);
    return rc < 0 ? NULL : steal(labels.files);
}
