#include "controller/broker/broker_conf.h"

#include "common/base/map.h"
#include "common/base/str.h"
#include "common/base/weaken.h"
#include "common/bus/topic.h"
#include "common/crypto/crypto.h"

#include <errno.h>

/* What every broker of ours is told; why, stands in the decision record. */
static const char common_lines[] = "allow_anonymous true\n" /* on the unix socket; the TLS listeners
                                                               all take the name from the proof */
                                   "persistence true\n"
                                   "autosave_interval 0\n" /* broker_changed says when */
                                   "max_queued_messages 1000000\n"
                                   "max_inflight_messages 1000\n"
                                   "max_packet_size 1200000\n"
                                   "persistent_client_expiration 1d\n"
                                   "set_tcp_nodelay true\n"
                                   "connection_messages true\n" /* for the doorman */
                                   "log_dest stderr\n"
                                   "log_dest topic\n"
                                   "log_type notice\n"
                                   "log_type error\n"
                                   "log_type warning\n";

/* Lines before any user are for clients without a name: those of the unix socket, the controller.
 * The rest derives from the proven name (%u) alone, never from the client id. */
static const char acl_lines[] = "topic readwrite #\n"
                                "topic read $SYS/#\n"
                                "pattern write limpet/v1/nodes/%u/up/#\n"
                                "pattern read limpet/v1/nodes/%u/down/#\n"
                                "pattern write limpet/v1/users/%u/apply\n"
                                "pattern write limpet/v1/users/%u/delete\n"
                                "pattern read limpet/v1/users/%u/reply\n"
                                "pattern write limpet/v1/enroll/%u/request\n"
                                "pattern read limpet/v1/enroll/%u/reply\n"
                                "pattern write limpet/v1/renew/%u/request\n"
                                "pattern read limpet/v1/renew/%u/reply\n";

static bool fits_line(const char *s)
{
    for (; *s; s++)
        if ((unsigned char)*s < ' ' || *s == 0x7f)
            return false;
    return true;
}

static int check(const struct broker_conf *c, struct err *err)
{
    const int ports[] = {c->tls_port, c->enroll_port, c->renew_port};

    if (!c->dir || c->dir[0] != '/' || !fits_line(c->dir) || (c->user && !fits_line(c->user)))
        return err_set(err, -EINVAL,
                       "broker: the folder must be absolute, without control characters");
    if (c->address && (!fits_line(c->address) || strchr(c->address, ' ')))
        return err_set(err, -EINVAL, "broker: the address to listen on is not valid");
    for (size_t i = 0; i < ARRAY_LEN(ports); i++) {
        if (ports[i] < 0 || ports[i] > 65535)
            return err_set(err, -EINVAL, "broker: port %d: must be 1-65535", ports[i]);
        for (size_t j = 0; j < i; j++)
            if (ports[i] && ports[i] == ports[j])
                return err_set(err, -EINVAL, "broker: port %d is used twice", ports[i]);
    }
    return 0;
}

static int listener(const struct broker_conf *c, int port, struct buf *ret)
{
    return buf_addf(ret, "\nlistener %d%s%s\nuse_identity_as_username true\n", port,
                    c->address ? " " : "", c->address ? c->address : "");
}

static int tls_listener(const struct broker_conf *c, struct buf *ret)
{
    int rc = listener(c, c->tls_port, ret);

    if (rc == 0)
        rc = buf_addf(ret,
                      "cafile %s/" BROKER_CA_FILE "\ncertfile %s/" BROKER_CERT_FILE
                      "\nkeyfile %s/" BROKER_KEY_FILE "\n",
                      c->dir, c->dir, c->dir);
    if (rc == 0 && !WEAKENED(BROKER_REQUIRE_CERTIFICATE))
        rc = buf_addstr(ret, "require_certificate true\n");
    if (rc == 0 && c->crl)
        rc = buf_addf(ret, "crlfile %s/" BROKER_CRL_FILE "\n", c->dir);
    return rc;
}

/* Whatever a client of this listener says or asks for lies below the mount point. */
static int psk_listener(const struct broker_conf *c, int port, const char *mount, struct buf *ret)
{
    int rc = listener(c, port, ret);

    if (rc == 0)
        rc = buf_addf(ret, "psk_hint limpet\n");
    if (rc == 0 && !WEAKENED(BROKER_MOUNT_POINT))
        rc = buf_addf(ret, "mount_point %s\n", mount);
    return rc;
}

int broker_conf_write(const struct broker_conf *c, struct buf *ret, struct err *err)
{
    int rc = check(c, err);

    if (rc < 0)
        return rc;
    rc = buf_addstr(ret, common_lines);
    if (rc == 0)
        rc = buf_addf(ret, "persistence_location %s/\nacl_file %s/" BROKER_ACL_FILE "\n", c->dir,
                      c->dir);
    if (rc == 0 && c->user)
        rc = buf_addf(ret, "user %s\n", c->user);
    if (rc == 0 && (c->enroll_port || c->renew_port))
        rc = buf_addf(ret, "psk_file %s/" BROKER_PSK_FILE "\n", c->dir);
    if (rc == 0 && c->tls_port)
        rc = tls_listener(c, ret);
    if (rc == 0 && c->enroll_port)
        rc = psk_listener(c, c->enroll_port, TOPIC_ENROLL_MOUNT, ret);
    if (rc == 0 && c->renew_port)
        rc = psk_listener(c, c->renew_port, TOPIC_RENEW_MOUNT, ret);
    /* The last to be opened: once it accepts, all do. */
    if (rc == 0)
        rc = buf_addf(ret, "\nlistener 0 %s/" BROKER_SOCKET_FILE "\n", c->dir);
    return rc < 0 ? err_set(err, rc, "broker: the configuration is too long") : 0;
}

int broker_acl_write(const char *const *denied, size_t count, struct buf *ret, struct err *err)
{
    int rc = buf_addstr(ret, WEAKENED(BROKER_ACL) ? "topic readwrite #\npattern readwrite #\n"
                                                  : acl_lines);

    for (size_t i = 0; i < count && rc == 0; i++) {
        if (!topic_node_valid(denied[i]) && !topic_user_valid(denied[i]))
            return err_set(err, -EINVAL, "broker: %zu. revoked name is not valid", i + 1);
        if (!WEAKENED(BROKER_DENY))
            rc = buf_addf(ret, "\nuser %s\ntopic deny #\n", denied[i]);
    }
    return rc < 0 ? err_set(err, rc, "broker: the ACL is too long") : 0;
}

static int add_psk(const struct broker_psk *psk, struct map *seen, struct buf *ret, struct err *err)
{
    char hex[2 * 64 + 1];

    if (!psk->identity || (!topic_token_valid(psk->identity) && !topic_node_valid(psk->identity)))
        return err_set(err, -EINVAL, "broker: a pre-shared key's identity is not valid");
    if (psk->key_len < 16 || psk->key_len > 64)
        return err_set(err, -EINVAL, "broker: key of %s: must be 16-64 bytes", psk->identity);
    if (map_put(seen, psk->identity, (void *)psk))
        return err_set(err, -EINVAL, "broker: two pre-shared keys for %s", psk->identity);
    hex_encode(psk->key, psk->key_len, hex);
    int rc = buf_addf(ret, "%s:%s\n", psk->identity, hex);
    crypto_wipe(hex, sizeof(hex));
    return rc < 0 ? err_set(err, rc, "broker: the list of keys is too long") : 0;
}

int broker_psk_write(const struct broker_psk *list, size_t count, struct buf *ret, struct err *err)
{
    struct map *seen = map_new();
    int rc = 0;

    for (size_t i = 0; i < count && rc == 0; i++)
        rc = add_psk(&list[i], seen, ret, err);
    map_free(seen, NULL);
    return rc;
}
