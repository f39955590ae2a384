#include "agent/volume/gift.h"

#include "agent/volume/label.h"

#include <fcntl.h>

int gift_give(const struct gift *gift, size_t *left, struct err *err)
{
    int rc = label_give(AT_FDCWD, gift->path, gift->label, false, left);
    if (rc < 0)
        return err_errno(err, -rc, "label %s", gift->label);
    if (gift->group < 0)
        return 0;
    rc = fs_group_give(AT_FDCWD, gift->path, gift->part, (gid_t)gift->group, gift->write, left);
    return rc < 0 ? err_errno(err, -rc, "fsGroup %lld", (long long)gift->group) : 0;
}
