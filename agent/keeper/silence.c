#include "agent/keeper/silence.h"

#include "common/base/mem.h"
#include "common/base/str.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

static ssize_t read_file(pid_t pid, const char *name, char *ret, size_t size)
{
    char path[64];
    snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, name);
    autoclose int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t n = fd < 0 ? -1 : read(fd, ret, size - 1);
    ret[n > 0 ? n : 0] = '\0';
    return n;
}

/* proc(5): "pid (name) state ...", and the name may hold anything. */
bool silence_is_blocked(pid_t pid)
{
    char text[256];
    (void)read_file(pid, "stat", text, sizeof(text));
    const char *end = strrchr(text, ')');
    return end && end[1] == ' ' && end[2] && strchr("DTt", end[2]);
}

/* "limpet-keeper --pod <ns>/<name> ...", each word with a NUL behind it. */
int silence_pod(pid_t pid, char **ret_ns, char **ret_name)
{
    char text[1024];
    ssize_t n = read_file(pid, "cmdline", text, sizeof(text));
    const char *word = text, *end = text + (n > 0 ? n : 0);
    const char *words[3] = {"", "", ""};
    for (size_t i = 0; i < ARRAY_LEN(words) && word < end; i++) {
        words[i] = word;
        word += strlen(word) + 1;
    }
    const char *slash = strchr(words[2], '/');
    if (!str_eq(words[1], "--pod") || !slash || slash == words[2] || !slash[1])
        return -EINVAL;
    *ret_ns = xstrndup(words[2], (size_t)(slash - words[2]));
    *ret_name = xstrdup(slash + 1);
    return 0;
}

int64_t silence_awake_ns(int64_t *awake_since, bool blocked, int64_t now)
{
    if (blocked || *awake_since == 0)
        *awake_since = now;
    return now - *awake_since;
}
