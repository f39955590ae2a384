"""What the benches of deployments share: a container's first instruction makes a file, inotify tells when."""
import ctypes
import os
import struct
import sys
import threading
import time

IN_CREATE = 0x100
LIMIT = 30  # seconds a deployment may take
# Of a container that has the folder of stamps as /stamps, in a shell.
COMMAND = ": >/stamps/{name}; trap 'exit 0' TERM; while :; do sleep 1000 & wait $!; done"


class Seen:
    """When each name was seen first; waits for one."""

    def __init__(self):
        self.times, self.changed = {}, threading.Condition()

    def add(self, name):
        now = time.monotonic()
        with self.changed:
            if name not in self.times:
                self.times[name] = now
                self.changed.notify_all()

    def wait(self, name):
        with self.changed:
            if not self.changed.wait_for(lambda: name in self.times, LIMIT):
                sys.exit(f"pod {name}: nothing seen within {LIMIT} s")
            return self.times[name]


def watch_stamps(folder, seen):
    libc = ctypes.CDLL(None, use_errno=True)
    fd = libc.inotify_init1(os.O_CLOEXEC)
    if fd < 0 or libc.inotify_add_watch(fd, folder.encode(), IN_CREATE) < 0:
        sys.exit(f"inotify: {os.strerror(ctypes.get_errno())}")

    def run():
        while True:
            data = os.read(fd, 65536)
            while data:
                length = struct.unpack_from("iIII", data)[3]
                seen.add(data[16 : 16 + length].rstrip(b"\0").decode())
                data = data[16 + length :]

    threading.Thread(target=run, daemon=True).start()
