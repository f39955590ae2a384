#pragma once
/* Where the API server is and who we are: Kubernetes' Config of clusters, users and contexts. */

#include "common/base/buf.h"
#include "common/base/cleanup.h"

#include <stdbool.h>

#define KUBECONFIG_MAX (1024 * 1024) /* bytes, also of each file that it names */

struct kubeconfig {
    char *file;   /* it came from */
    char *server; /* "https://host:port[/prefix]", no '/' at the end */
    char *tls_server_name;
    bool insecure; /* insecure-skip-tls-verify */
    char *ns;      /* of the context; "default" if it says nothing */
    /* One of text and file where given; NULL otherwise. */
    char *ca_pem, *ca_file;
    char *cert_pem, *cert_file;
    char *key_pem, *key_file;
    char *token, *token_file;
    char *username, *password;
};

/* Pure. context NULL: the current one. Relative names of files get the folder of `file`. -EINVAL
 * with what is wrong. */
nodiscard int kubeconfig_parse(const char *text, size_t len, const char *file, const char *context,
                               struct kubeconfig **ret, struct err *err);
void kubeconfig_free(struct kubeconfig *config); /* wipes secrets */
CLEANUP_DEFINE(struct kubeconfig, kubeconfig_free);

/* Reads the first there is of: `given`, $LIMPET_KUBECONFIG, $KUBECONFIG (a list between ':'), the
 * gateway's own and ~/.kube/config; then the files it names, so that ca_pem, cert_pem, key_pem and
 * token hold what there is. What was asked for by name must exist. */
nodiscard int kubeconfig_load(const char *given, const char *context, struct kubeconfig **ret,
                              struct err *err);
