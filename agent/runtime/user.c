#include "agent/runtime/user.h"

#include "common/base/cleanup.h"
#include "common/base/str.h"
#include "common/base/weaken.h"
#include "common/fs/path.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

#define MAX_FIELDS 7

struct field {
    const char *at;
    size_t len;
};

/* The next line of a colon-separated file cut into fields; 0 at the end of the text. */
static size_t next_line(const char **text, struct field ret[MAX_FIELDS])
{
    if (!**text)
        return 0;
    size_t left = strcspn(*text, "\n"), count = 0;
    const char *at = *text;
    *text += left + (at[left] == '\n');
    for (;;) {
        const char *colon = count < MAX_FIELDS - 1 ? memchr(at, ':', left) : NULL;
        size_t len = colon ? (size_t)(colon - at) : left;
        ret[count++] = (struct field){at, len};
        if (!colon)
            break;
        at += len + 1;
        left -= len + 1;
    }
    for (size_t i = count; i < MAX_FIELDS; i++)
        ret[i] = (struct field){"", 0};
    return count;
}

static bool field_is(const struct field *field, const char *name, size_t len)
{
    return field->len == len && memcmp(field->at, name, len) == 0;
}

/* -EINVAL: not a number; -ERANGE: not an id. */
static int to_id(const char *s, size_t len, uint32_t *ret)
{
    uint64_t value = 0;
    if (len == 0)
        return -EINVAL;
    for (size_t i = 0; i < len; i++) {
        if (s[i] < '0' || s[i] > '9')
            return -EINVAL;
        if (value <= USER_MAX_ID)
            value = value * 10 + (uint64_t)(s[i] - '0');
    }
    if (value > USER_MAX_ID && !WEAKENED(USER_ID_OVERFLOW))
        return -ERANGE;
    *ret = (uint32_t)value;
    return 0;
}

struct entry {
    struct field name;
    uint32_t uid, gid;
    struct field home;
};

/* The first line of passwd with that name, or, name being NULL, with that uid. */
static int find_user(const char *passwd, const char *name, size_t len, uint32_t uid,
                     struct entry *ret)
{
    struct field field[MAX_FIELDS];
    while (next_line(&passwd, field)) {
        struct entry entry = {.name = field[0], .home = field[5]};
        if (name && !field_is(&field[0], name, len))
            continue;
        int r = to_id(field[2].at, field[2].len, &entry.uid);
        if (r == 0)
            r = to_id(field[3].at, field[3].len, &entry.gid);
        if (r < 0 && name)
            return r;
        if (r < 0 || (!name && entry.uid != uid))
            continue;
        *ret = entry;
        return 0;
    }
    return -ENOENT;
}

static int find_group(const char *group, const char *name, size_t len, uint32_t *ret)
{
    struct field field[MAX_FIELDS];
    while (next_line(&group, field))
        if (field_is(&field[0], name, len))
            return to_id(field[2].at, field[2].len, ret);
    return -ENOENT;
}

static bool lists_member(const struct field *members, const struct field *name)
{
    for (size_t at = 0; at < members->len;) {
        size_t end = at;
        while (end < members->len && members->at[end] != ',')
            end++;
        if (end - at == name->len && memcmp(members->at + at, name->at, name->len) == 0)
            return true;
        at = end + 1;
    }
    return false;
}

static void add_memberships(const char *group, const struct field *name, struct user *user)
{
    struct field field[MAX_FIELDS];
    uint32_t gid;
    while (next_line(&group, field))
        if (user->group_count < USER_MAX_GROUPS && lists_member(&field[3], name) &&
            to_id(field[2].at, field[2].len, &gid) == 0)
            user->groups[user->group_count++] = gid;
}

static int no_such(struct err *err, int r, const char *what, const char *name, size_t len)
{
    if (r == -ERANGE)
        return err_set(err, -ERANGE, "%s %.*s: the id is beyond %u", what, (int)len, name,
                       USER_MAX_ID);
    return err_set(err, r, "%s %.*s is not in the image's /etc/%s", what, (int)len, name,
                   str_eq(what, "user") ? "passwd" : "group");
}

static void set_home(struct user *user, const struct field *home)
{
    size_t len = home->len;
    if (len == 0 || len >= sizeof(user->home) || home->at[0] != '/')
        return;
    memcpy(user->home, home->at, len);
    user->home[len] = '\0';
}

int user_resolve(const char *spec, const char *passwd, const char *group, struct user *ret,
                 struct err *err)
{
    struct user user = {.home = "/"};
    size_t name_len = spec ? strcspn(spec, ":") : 0;
    const char *group_name = spec && spec[name_len] ? spec + name_len + 1 : "";
    struct entry entry = {.uid = 0};
    int r = name_len ? to_id(spec, name_len, &user.uid) : 0;
    bool by_name = r == -EINVAL;
    if (r == -ERANGE)
        return no_such(err, r, "user", spec, name_len);
    r = find_user(passwd, by_name ? spec : NULL, name_len, user.uid, &entry);
    if (r < 0 && by_name)
        return no_such(err, r, "user", spec, name_len);
    if (r == 0) {
        user.uid = entry.uid;
        user.gid = entry.gid;
        set_home(&user, &entry.home);
        add_memberships(group, &entry.name, &user);
    }
    if (*group_name) {
        size_t len = strlen(group_name);
        r = to_id(group_name, len, &user.gid);
        if (r == -EINVAL)
            r = find_group(group, group_name, len, &user.gid);
        if (r < 0)
            return no_such(err, r, "group", group_name, len);
    }
    *ret = user;
    return 0;
}

int user_read_file(int root_fd, const char *path, struct buf *ret, struct err *err)
{
    /* O_NONBLOCK: an image may have put a fifo there. */
    autoclose int fd = path_open_in(root_fd, path, O_RDONLY | O_NONBLOCK | O_NOCTTY, 0);
    struct stat st;
    if (fd < 0 || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))
        return 0;
    for (;;) {
        char *to = ret->len <= USER_FILE_MAX ? buf_reserve(ret, 4096) : NULL;
        if (!to)
            return err_set(err, -EFBIG, "the image's %s is larger than %zu bytes", path,
                           USER_FILE_MAX);
        ssize_t n = read(fd, to, 4096);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return err_errno(err, errno, "cannot read the image's %s", path);
        if (n == 0)
            return 0;
        ret->len += (size_t)n;
        ret->data[ret->len] = '\0';
    }
}
