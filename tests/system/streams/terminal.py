#!/usr/bin/env python3
"""terminal.py SECONDS PROGRAM...: runs it at a terminal of 33 by 101, types $TYPED into it (pieces between "|", each
when the one before has been answered and a moment has passed; "~resize" makes the terminal 20 by 60), prints what is
shown without the carriage returns, and its exit code."""
import fcntl
import os
import pty
import select
import struct
import sys
import termios
import time

QUIET = 0.4  # nothing more is shown for so long: it waits for us


def resize(fd, rows, cols):
    fcntl.ioctl(fd, termios.TIOCSWINSZ, struct.pack("HHHH", rows, cols, 0, 0))


def shown(fd, limit):
    """What comes until it is quiet, or None at the end."""
    out = b""
    while True:
        ready, _, _ = select.select([fd], [], [], min(QUIET, max(limit - time.monotonic(), 0)) if out or limit else QUIET)
        if not ready:
            return out
        try:
            data = os.read(fd, 65536)
        except OSError:
            data = b""
        if not data:
            return out or None
        out += data


def main():
    until = time.monotonic() + float(sys.argv[1])
    pieces = [p.encode().decode("unicode_escape").encode("latin1") for p in os.environ["TYPED"].split("|") if p]
    pid, fd = pty.fork()
    if pid == 0:
        time.sleep(0.1)
        os.execvp(sys.argv[2], sys.argv[2:])
    resize(fd, 33, 101)
    out = b""
    while time.monotonic() < until:
        data = shown(fd, until)
        if data is None:
            break
        out += data
        if data == b"" and not pieces and out:
            select.select([fd], [], [], max(0, min(1, until - time.monotonic())))
        if pieces and (out or time.monotonic() > until - 5):
            piece = pieces.pop(0)
            if piece == b"~resize":
                resize(fd, 20, 60)
            else:
                os.write(fd, piece)
    else:
        out += b"\ntimed out\n"
        os.kill(pid, 9)
    _, status = os.waitpid(pid, 0)
    sys.stdout.write(out.replace(b"\r", b"").decode("utf-8", "replace"))
    print(f"\nexit code {os.waitstatus_to_exitcode(status)}")


main()
