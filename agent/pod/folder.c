#include "agent/pod/folder.h"

#include "common/base/err.h"
#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/base/weaken.h"

#include <errno.h>
#include <string.h>

bool folder_is_uid(const char *text)
{
    static const char shape[POD_UID_LEN + 1] = "xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx";
    if (WEAKENED(FOLDER_UID))
        return true;
    if (strlen(text) != POD_UID_LEN)
        return false;
    for (size_t i = 0; i < POD_UID_LEN; i++)
        if (shape[i] == '-' ? text[i] != '-' : !strchr("0123456789abcdefABCDEF", text[i]))
            return false;
    return true;
}

char *folder_of_logs(const char *ns, const char *name, const char *uid)
{
    return xasprintf("%s_%s_%s", ns, name, uid);
}

/* Cuts off what stands before the next '_': of the letters that Kubernetes' names have. */
static int take_part(const char **text, char *ret, size_t size)
{
    size_t len = strspn(*text, "abcdefghijklmnopqrstuvwxyz0123456789.-");
    if (len == 0 || len >= size || (*text)[len] != '_' || (*text)[0] == '.')
        return -EINVAL;
    memcpy(ret, *text, len);
    ret[len] = '\0';
    *text += len + 1;
    return 0;
}

int folder_parse_logs(const char *text, struct folder *ret)
{
    struct folder folder;
    if (take_part(&text, folder.ns, sizeof(folder.ns)) < 0 ||
        take_part(&text, folder.name, sizeof(folder.name)) < 0 || !folder_is_uid(text) ||
        strlen(text) > POD_UID_LEN)
        return -EINVAL;
    strcpy(folder.uid, text);
    *ret = folder;
    return 0;
}
