#pragma once
/* What the broker's log says of who came: pure; names in it are chosen by clients. */

#include "common/bus/topic.h"

#include <stddef.h>

#define VISIT_ID_MAX 256 /* bytes of a client id; the broker cuts lines with much longer ones */

struct visit {
    char client_id[VISIT_ID_MAX + 1];
    char user[TOPIC_USER_MAX + 1];
};
/* "1796037014: New client connected from 192.0.2.7:46380 as ID (p5, c1, k60, u'jane')." of
 * mosquitto 2.0. False: it is another line, or of a client that is no user. */
bool visit_read(const char *line, size_t len, struct visit *ret);
