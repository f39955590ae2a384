#pragma once
/* What the gateway may ask of a node (rpc.h): a method a file. */

#include "agent/link/stream.h"

extern const struct stream_method method_logs, method_why, method_resync;
extern const struct stream_method method_exec, method_attach; /* exec.c */
extern const struct stream_method method_portforward;
extern const struct stream_method method_usage, method_manifest;
extern const struct stream_method method_pull, method_pulls; /* pull.c */
