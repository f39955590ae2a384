#pragma once
/* Texts of /proc. */

#include <stddef.h>
#include <stdint.h>

/* The first size - 1 bytes of a file, terminated; "" if it cannot be read. */
void proc_text_read(const char *path, char *ret, size_t size);
/* Bytes behind `name` ("MemTotal:") in the text of /proc/meminfo; -1: it does not say. */
int64_t proc_text_meminfo(const char *meminfo, const char *name);
