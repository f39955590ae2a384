#!/usr/bin/env python3
"""One pod after the other through the API: how long from the request until its container's first instruction, and
until a watch says that it runs. A client of its own, on connections that are open.

apply.py HOST PORT CA CERT KEY STAMPS COUNT GROUP   prints one line a deployment: milliseconds until the answer, until
the first instruction, until the watch said Running. GROUP > 1: so many pods at once, one after the other on one
connection; the times are of the last of them.

A container's first instruction makes a file in the folder STAMPS; inotify tells when.
"""
import ctypes
import http.client
import json
import os
import ssl
import struct
import sys
import threading
import time

IN_CREATE = 0x100
LIMIT = 30  # seconds a deployment may take
PODS = "/api/v1/namespaces/default/pods"


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


def watch_pods(connect, running, gone):
    connection = connect()
    connection.request("GET", PODS + "?watch=1")
    answer = connection.getresponse()
    if answer.status != 200:
        sys.exit(f"watch: {answer.status} {answer.read(300)!r}")

    def run():
        while line := answer.readline():
            event = json.loads(line)
            name = event["object"]["metadata"]["name"]
            if event["type"] == "DELETED":
                gone.add(name)
            elif event["object"].get("status", {}).get("phase") == "Running":
                running.add(name)

    threading.Thread(target=run, daemon=True).start()


def manifest(name, stamps):
    container = {
        "name": "main",
        "image": "busybox:latest",
        "imagePullPolicy": "IfNotPresent",
        "command": ["sh", "-c", f": >/stamps/{name}; trap 'exit 0' TERM; while :; do sleep 1000 & wait $!; done"],
        "volumeMounts": [{"name": "stamps", "mountPath": "/stamps"}],
    }
    volume = {"name": "stamps", "hostPath": {"path": stamps, "type": "Directory"}}
    spec = {"containers": [container], "volumes": [volume], "terminationGracePeriodSeconds": 1}
    return json.dumps({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name}, "spec": spec})


def ask(connection, method, path, body, wanted):
    connection.request(method, path, body, {"Content-Type": "application/json"})
    answer = connection.getresponse()
    text = answer.read()
    if answer.status not in wanted:
        sys.exit(f"{method} {path}: {answer.status} {text[:300]!r}")


def deploy(connection, names, stamps, first, running):
    bodies = [manifest(name, stamps) for name in names]
    began = time.monotonic()
    for body in bodies:
        ask(connection, "POST", PODS, body, (200, 201))
    answered = time.monotonic()
    times = (answered, max(map(first.wait, names)), max(map(running.wait, names)))
    print(*(f"{(t - began) * 1000:.2f}" for t in times), flush=True)


def main():
    host, port, ca, cert, key, stamps, count, group = sys.argv[1:]
    context = ssl.create_default_context(cafile=ca)
    context.load_cert_chain(cert, key)

    def connect():
        return http.client.HTTPSConnection(host, int(port), context=context, timeout=None)

    first, running, gone = Seen(), Seen(), Seen()
    watch_stamps(stamps, first)
    watch_pods(connect, running, gone)
    connection = connect()
    for i in range(int(count)):
        names = [f"bench-{group}-{i}-{j}" for j in range(int(group))]
        deploy(connection, names, stamps, first, running)
        for name in names:
            ask(connection, "DELETE", f"{PODS}/{name}?gracePeriodSeconds=0", None, (200, 202))
        for name in names:
            gone.wait(name)
        time.sleep(0.05)


main()
