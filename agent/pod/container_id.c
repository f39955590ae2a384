#include "agent/pod/container_id.h"

#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/crypto/crypto.h"

char *container_id(const char *pod_uid, const char *name, int64_t started_wall_ns)
{
    if (str_empty(pod_uid) || started_wall_ns <= 0)
        return NULL;
    char sum[SHA256_HEX + 1];
    autofree char *text = xasprintf("%s/%s/%lld", pod_uid, name, (long long)started_wall_ns);
    sha256_hex(text, strlen(text), sum);
    return xasprintf("limpet://%.32s", sum);
}
