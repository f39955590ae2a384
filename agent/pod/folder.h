#pragma once
/* How a pod's folders are called: pure. State, run and volume folders by its uid, the folder of its
 * logs also by its namespace and name, for people who look for it. */

#include "agent/pod/spec.h"

#include <stdbool.h>

struct folder {
    char ns[64], name[254];
    char uid[POD_UID_LEN + 1];
};

/* The shape of a UUID, as every pod's uid has it. */
bool folder_is_uid(const char *text);
/* "<ns>_<name>_<uid>"; the caller frees. */
char *folder_of_logs(const char *ns, const char *name, const char *uid);
/* The other way round; -EINVAL: not a name of ours. */
nodiscard int folder_parse_logs(const char *text, struct folder *ret);
