#pragma once
/* `format` of strings in schemas: those that Kubernetes checks for custom kinds. Pure. */

#include <stdbool.h>

/* NULL is unknown; unknown ones are not looked at. */
bool string_format_is_known(const char *format);
bool string_format_fits(const char *format, const char *text); /* format is known */
