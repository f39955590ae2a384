#!/usr/bin/env python3
"""One pod after the other through the API: how long from the request until its container's first instruction, and
until a watch says that it runs. A client of its own, on connections that are open.

apply.py HOST PORT CA CERT KEY STAMPS COUNT GROUP   prints one line a deployment: milliseconds until the answer, until
the first instruction, until the watch said Running. GROUP > 1: so many pods at once, one after the other on one
connection; the times are of the last of them.

A container's first instruction makes a file in the folder STAMPS; inotify tells when.
"""
import http.client
import json
import ssl
import sys
import threading
import time

from stamps import COMMAND, Seen, watch_stamps

PODS = "/api/v1/namespaces/default/pods"


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
        "command": ["sh", "-c", COMMAND.format(name=name)],
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
