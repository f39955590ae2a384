#include "common/kinds/safe_sysctl.h"

#include "common/base/str.h"

#include <stddef.h>
#include <stdint.h>

/* Texts in place: pointers would cost more, and a relocation each. */
static const struct {
    char name[37];
    uint8_t since;
} table[] = {
    {"kernel.shm_rmid_forced", 0},
    {"net.ipv4.ip_local_port_range", 0},
    {"net.ipv4.tcp_syncookies", 0},
    {"net.ipv4.ping_group_range", 0},
    {"net.ipv4.ip_unprivileged_port_start", 0},
    {"net.ipv4.ip_local_reserved_ports", 27},
    {"net.ipv4.tcp_keepalive_time", 29},
    {"net.ipv4.tcp_fin_timeout", 29},
    {"net.ipv4.tcp_keepalive_intvl", 29},
    {"net.ipv4.tcp_keepalive_probes", 29},
    {"net.ipv4.tcp_rmem", 32},
    {"net.ipv4.tcp_wmem", 32},
};

bool safe_sysctl(const char *name, int minor)
{
    for (size_t i = 0; i < ARRAY_LEN(table); i++)
        if (minor >= table[i].since && str_eq(name, table[i].name))
            return true;
    return false;
}
