#pragma once
/* What is said over the socket of one exec or attach. */

#include "agent/keeper/proto.h"

/* Says it, with a descriptor beside it if fd >= 0; who does not listen hears nothing. */
void control_say(int control, enum proto_type type, int64_t value, const char *text, int fd);
