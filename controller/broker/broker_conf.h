#pragma once
/* The texts that mosquitto reads: configuration, ACL, pre-shared keys. Pure (decision record 0001).
 */

#include "common/base/buf.h"
#include "controller/broker/broker.h"

struct broker_conf {
    const char *dir;                       /* absolute */
    const char *user;                      /* whom it becomes; NULL: not written */
    const char *address;                   /* NULL: all */
    int tls_port, enroll_port, renew_port; /* 0: none */
    bool crl;
};

/* Names of the files in dir. */
#define BROKER_CONF_FILE "mosquitto.conf"
#define BROKER_ACL_FILE "acl"
#define BROKER_PSK_FILE "psk"
#define BROKER_CA_FILE "ca.crt"
#define BROKER_CERT_FILE "broker.crt"
#define BROKER_KEY_FILE "broker.key"
#define BROKER_CRL_FILE "broker.crl"
#define BROKER_SOCKET_FILE "sock"

/* -EINVAL: a port, or a name that does not fit a line of the file. */
nodiscard int broker_conf_write(const struct broker_conf *conf, struct buf *ret, struct err *err);
/* denied: common names that may do nothing. -EINVAL. */
nodiscard int broker_acl_write(const char *const *denied, size_t count, struct buf *ret,
                               struct err *err);
/* -EINVAL: an identity that is neither a token id nor a node id, doubled, or a key that is not
 * 16-64 bytes. */
nodiscard int broker_psk_write(const struct broker_psk *list, size_t count, struct buf *ret,
                               struct err *err);
