#include "tools/cli/status.h"

#include "common/base/str.h"
#include "common/base/utf8.h"
#include "tools/cli/answer.h"
#include "tools/cli/text.h"

#define SHOWN 500 /* bytes of a body that is no Status */

void status_text(int code, const struct value *status, struct buf *ret)
{
    const char *reason = value_get_str(status, "reason");
    const char *message = value_get_str(status, "message");
    size_t start = ret->len;
    if (code == 401 && (str_empty(message) || str_eq(message, "Unauthorized")))
        (void)buf_addstr(ret, "Error from server (Unauthorized): these credentials are not known "
                              "to the server (see --kubeconfig)");
    else if (str_empty(reason))
        (void)buf_addf(ret, "Error from server (HTTP %d)%s%s", code, str_empty(message) ? "" : ": ",
                       message ? message : "");
    else
        (void)buf_addf(ret, "Error from server (%s): %s", reason, message ? message : "");
    text_clean(ret, start);
    (void)buf_addc(ret, '\n');
}

struct value *status_parse(int code, const char *body, size_t len)
{
    struct value *status = NULL;
    struct err err = {0};
    if (answer_parse(body, len, &status, &err) == 0 && value_type(status) == VALUE_MAP)
        return status;
    value_free(status);
    status = value_new_map();
    value_set_int(status, "code", code);
    if (len > 0 && str_is_utf8(body, len)) {
        struct buf text;
        buf_init(&text, 0);
        (void)buf_add(&text, body, len < SHOWN ? len : utf8_cut(body, SHOWN));
        value_set(status, "message", value_new_str(buf_str(&text)));
        buf_done(&text);
    }
    return status;
}
