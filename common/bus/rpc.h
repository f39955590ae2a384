#pragma once
/* Requests of the controller to a node (`down/rpc/<id>`) and their streams back (`up/rpc/<id>`):
 * bodies of envelopes (envelope.h), class "rpc". Flow control by credit: the node sends at most as
 * many raw bytes as were granted. Pure.
 *
 *   down {"op":"open","method":"logs","args":{...},"credit":65536}    starts stream <id>
 *   down {"op":"credit","bytes":65536}                                 more may come
 *   down {"op":"close"}                                                the reader went away
 *   up   {"op":"data"} + raw bytes                                     a piece, at most
 * RPC_MAX_CHUNK up   {"op":"end","code":0,"message":""}                            over; code =
 * HTTP code of a failure
 *
 * Methods: "logs" {namespace, pod, uid, container, follow, previous, tailLines, sinceTime,
 * timestamps, limitBytes}; "why" {namespace, pod}; "resync" {namespace: "",
 * pod: ""}: the node says all statuses again. */

#define RPC_CLASS "rpc"
#define RPC_MAX_CHUNK (16 * 1024)
#define RPC_CREDIT (64 * 1024)
#define RPC_EXPIRY_S 10
#define RPC_MAX_STREAMS 128
