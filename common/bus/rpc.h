#pragma once
/* Requests of the controller to a node (`down/rpc/<id>`) and their streams, both ways
 * (`up/rpc/<id>`): bodies of envelopes (envelope.h), class "rpc". Flow control by credit: either
 * side sends at most as many raw bytes as the other has granted.
 *
 *   down {"op":"open","method":"logs","args":{...},"credit":65536}    starts stream <id>
 *   up   {"op":"opened","n":1,"credit":32768}      it goes on; what may be sent to it. Methods that
 *                                                  take nothing may leave it out
 *   both {"op":"data","n":2,"ch":1} + raw bytes    a piece, at most RPC_MAX_CHUNK
 *   both {"op":"eof","n":3,"ch":0}                 nothing more comes on that channel
 *   both {"op":"credit","n":4,"bytes":65536}       more may come; of 0 bytes: still there
 *   down {"op":"close"}                            the reader went away
 *   up   {"op":"end","n":5,"code":0,"exit":0,"message":""}   over; code = HTTP code of a failure,
 *                                                  exit = of the program that ended
 *
 * n numbers the messages of a stream in each direction from 1 (an "open" and a "close" have none):
 * one that is missing ends the stream with an error, so that nothing is ever passed on with a hole
 * in it. Who hears nothing for RPC_SILENCE_S ends the stream; each side says something every
 * RPC_IDLE_S.
 *
 * Channels as in v4.channel.k8s.io: 0 stdin, 1 stdout, 2 stderr, 4 sizes of the terminal. Methods:
 *   "logs" {namespace, pod, uid, container, follow, previous, tailLines, sinceTime, timestamps,
 *   limitBytes}
 *   "why" {namespace, pod}
 *   "resync" {namespace: "", pod: ""}: the node says all statuses again
 *   "usage" {namespace: "", pod: ""}: what node and pods use, as JSON (agent/pod/usage.h)
 *   "pull" {namespace: "", pod: "", images}: the node is to have these, whatever pods it has;
 *   "pulls", the same: how it goes with them. Both are answered at once (agent/image/prepulls.h)
 *   "exec" {namespace, pod, uid, container, command, stdin, stdout, stderr, tty}
 *   "attach" {namespace, pod, uid, container, stdin, stdout, stderr, tty}
 *   "portforward" {namespace, pod, uid, port}
 *
 * A node asks, too. Each question has one answer or none, and nothing stays open for it: an idle
 * node costs nothing (decision record 0008). <id> is the node's own:
 *
 *   up   {"op":"ask","method":"token","args":{...}}
 *   down {"op":"answer","code":0,...} + raw bytes, or with an HTTP code and "message"
 *
 *   "token" {namespace, pod, uid, audience, expirationSeconds}: of the pod's ServiceAccount, as one
 *   of its projected volumes has it. Answered {"seconds"}: for so long it holds; raw: podtoken.h */

#define RPC_CLASS "rpc"
#define RPC_MAX_CHUNK (16 * 1024)
#define RPC_CREDIT (64 * 1024)      /* of the node */
#define RPC_NODE_CREDIT (32 * 1024) /* of the gateway */
#define RPC_EXPIRY_S 10
#define RPC_MAX_STREAMS 128
#define RPC_IDLE_S 20
#define RPC_SILENCE_S 65

enum rpc_channel { RPC_STDIN, RPC_STDOUT, RPC_STDERR, RPC_STATUS, RPC_RESIZE, RPC_CHANNELS };
