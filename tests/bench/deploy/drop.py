#!/usr/bin/env python3
"""Pods from one YAML file in a node's folder of manifests: how long until the first instruction of the last of them.

drop.py FOLDER RUN STAMPS COUNT GROUP   prints one line a round of GROUP pods: milliseconds. RUN is the node's run
folder: a round begins when nothing of the one before is in it any more.
"""
import json
import os
import sys
import time

from stamps import COMMAND, LIMIT, Seen, watch_stamps

POD = """apiVersion: v1
kind: Pod
metadata:
  name: {name}
spec:
  terminationGracePeriodSeconds: 1
  containers:
  - name: main
    image: busybox:latest
    imagePullPolicy: IfNotPresent
    command:
    - sh
    - -c
    - {command}
    volumeMounts:
    - name: stamps
      mountPath: /stamps
  volumes:
  - name: stamps
    hostPath:
      path: {stamps}
      type: Directory
"""


def wait_until_empty(folder):
    end = time.monotonic() + LIMIT
    while any(not name.startswith(".") for name in os.listdir(folder)):
        if time.monotonic() > end:
            sys.exit(f"{folder}: pods are left after {LIMIT} s: {os.listdir(folder)}")
        time.sleep(0.02)


def main():
    folder, run, stamps, count, group = sys.argv[1:]
    first = Seen()
    watch_stamps(stamps, first)
    path = os.path.join(folder, "bench.yaml")
    for i in range(int(count)):
        names = [f"drop-{i}-{j}" for j in range(int(group))]
        pods = [POD.format(name=n, command=json.dumps(COMMAND.format(name=n)), stamps=stamps) for n in names]
        with open(path + ".new", "w") as file:
            file.write("---\n".join(pods))
        began = time.monotonic()
        os.rename(path + ".new", path)
        print(f"{(max(map(first.wait, names)) - began) * 1000:.2f}", flush=True)
        os.remove(path)
        wait_until_empty(os.path.join(run, "pods"))
        time.sleep(0.05)


main()
