/* meta/v1 Condition. */

#include "common/kinds/types.h"

#include <string.h>

#define DIGIT "0123456789"
#define LETTER "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"

/* "MinimumReplicasAvailable", "Expired:Twice". */
static const char *format_reason(const char *s)
{
    static const char says[] =
        "must be letters, digits, '_', ',' and ':', beginning with a letter and ending with "
        "none of ',' and ':'";
    size_t len = strlen(s);
    if (len > 1024)
        return "must be at most 1024 characters";
    if (len == 0 || !strchr(LETTER, *s) || strspn(s, LETTER DIGIT "_,:") != len)
        return says;
    return s[len - 1] == ',' || s[len - 1] == ':' ? says : NULL;
}

static const char *format_message(const char *s)
{
    return strlen(s) > 32768 ? "must be at most 32768 characters" : NULL;
}

const struct schema_type type_condition = {
    .name = "Condition",
    DOC("One aspect of how an object is, and since when."),
    FIELDS(F(1, "type", STRING, REQUIRED, RULE(qualified_name),
             DOC("The aspect, in one word: Ready, Available.")),
           F(2, "status", STRING, REQUIRED, ONE_OF("True", "False", "Unknown"),
             DOC("True, False or Unknown.")),
           F(3, "observedGeneration", INT64, OMIT_ZERO, RULE(not_negative),
             DOC("The metadata.generation that this was said of.")),
           F(4, "lastTransitionTime", TIME, REQUIRED, DOC("When the status last became another.")),
           F(5, "reason", STRING, REQUIRED, FORMAT(format_reason),
             DOC("Why it became so, in one word, for programs.")),
           F(6, "message", STRING, .flags = SCHEMA_REQUIRED | SCHEMA_MAY_BE_EMPTY,
             FORMAT(format_message), DOC("Why it became so, for people."))),
};
