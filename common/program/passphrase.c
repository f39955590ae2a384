#include "common/program/passphrase.h"

#include "common/base/cleanup.h"
#include "common/base/str.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

void passphrase_wipe(struct buf *passphrase)
{
    if (passphrase->data)
        explicit_bzero(passphrase->data, passphrase->len);
    buf_done(passphrase);
}

/* Up to the end of the line or of the file. */
static int read_line(int fd, struct buf *ret, struct err *err)
{
    char c;
    ssize_t n;
    while ((n = read(fd, &c, 1)) == 1 && c != '\n') {
        if (ret->len == PASSPHRASE_MAX)
            return err_set(err, -EINVAL, "the passphrase is longer than %d bytes", PASSPHRASE_MAX);
        (void)buf_addc(ret, c);
    }
    if (n < 0)
        return err_errno(err, errno, "cannot read the passphrase");
    if (ret->len && ret->data[ret->len - 1] == '\r')
        ret->data[--ret->len] = '\0';
    return 0;
}

static int from_file(const char *file, struct buf *ret, struct err *err)
{
    autoclose int fd = open(file, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return err_errno(err, errno, "%s", file);
    return read_line(fd, ret, err);
}

static int ask(int tty, const char *prompt, struct buf *ret, struct err *err)
{
    struct termios before, quiet;
    if (tcgetattr(tty, &before) < 0)
        return err_errno(err, errno, "the terminal");
    quiet = before;
    quiet.c_lflag &= ~(tcflag_t)ECHO;
    (void)tcsetattr(tty, TCSAFLUSH, &quiet);
    (void)dprintf(tty, "%s: ", prompt);
    int r = read_line(tty, ret, err);
    (void)tcsetattr(tty, TCSAFLUSH, &before);
    (void)dprintf(tty, "\n");
    return r;
}

static int from_terminal(const char *prompt, bool again, struct buf *ret, struct err *err)
{
    autoclose int tty = open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY);
    if (tty < 0)
        return err_set(err, -ENOTTY,
                       "there is no terminal to ask for the passphrase: use --passphrase-file");
    int r = ask(tty, prompt, ret, err);
    if (r < 0 || !again)
        return r;
    struct buf second;
    buf_init(&second, 0);
    r = ask(tty, "The same again", &second, err);
    if (r == 0 && !str_eq(buf_str(ret), buf_str(&second)))
        r = err_set(err, -EINVAL, "the two passphrases differ");
    passphrase_wipe(&second);
    return r;
}

int passphrase_get(const char *file, const char *prompt, bool again, size_t least, struct buf *ret,
                   struct err *err)
{
    int r = file ? from_file(file, ret, err) : from_terminal(prompt, again, ret, err);
    if (r == 0 && ret->len < least)
        r = err_set(err, -EINVAL, "the passphrase has less than %zu bytes", least);
    if (r < 0)
        passphrase_wipe(ret);
    return r;
}
