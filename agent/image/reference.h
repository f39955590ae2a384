#pragma once
/* The name of an image: "[host[:port]/]repository[:tag][@sha256:digest]" (the grammar of
 * distribution's reference package), with Docker's defaults filled in. Pure. */

#include "common/base/err.h"

#include <stdbool.h>

#define DIGEST_HEX 64
#define DIGEST_LEN 71 /* "sha256:" and DIGEST_HEX digits */
#define DIGEST_PREFIX "sha256:"
#define REFERENCE_MAX 512

struct reference {
    char registry[256];          /* host[:port]; "docker.io" if the name has none */
    char repository[256];        /* lower case; "library/" is put before bare names of docker.io */
    char tag[129];               /* "latest" if the name has neither tag nor digest; else "" */
    char digest[DIGEST_LEN + 1]; /* "" if none */
};

/* -EINVAL with what is wrong with it. */
nodiscard int reference_parse(const char *text, struct reference *ret, struct err *err);
/* The canonical text, the same for every way to write a name. */
void reference_format(const struct reference *ref, char ret[REFERENCE_MAX + 256]);
/* "sha256:" and 64 lower-case hexadecimal digits, nothing else: no other algorithm is known here,
 * and what passes is safe as the name of a file. */
bool digest_valid(const char *digest);
/* The digits of a valid digest. */
const char *digest_hex(const char *digest);
