#pragma once
/* The caps of every document that comes from outside (decision record 0003). */

#define DATA_MAX_BYTES (1024 * 1024)            /* an object, at the API and on the bus */
#define DATA_MAX_STREAM_BYTES (8 * 1024 * 1024) /* a file of YAML documents, each an object */
#define DATA_MAX_DEPTH 64                       /* nested maps and lists */
#define DATA_MAX_NODES 200000                   /* values of one document, aliases expanded */
#define DATA_MAX_NUMBER 400                     /* characters of a number */
#define DATA_MAX_ALIASES 1000                   /* YAML aliases of one stream */
#define DATA_MAX_DOCUMENTS 1000                 /* YAML documents of one stream */
#define DATA_MAX_DIAGS 100                      /* mistakes named before "and more" */
