#pragma once
/* The id of a machine, "<name>.<8 hex>": the name of its Node and the beginning of the hash of its
 * key. */

#define NODE_ID_HASH_LEN 8
/* Of a Node: the id of the machine that it stands for. */
#define NODE_ID_ANNOTATION "limpet.io/node-id"
