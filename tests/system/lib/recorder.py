#!/usr/bin/env python3
"""What the gateway shows, and when: recorder.py HOST API_PORT BUS_PORT TRUST_FOLDER

A line for each change, "STAMP KIND NAME STATE...", the stamp in microseconds of the wall clock:
  broker - up|down          the broker accepts connections
  api - up|down             the API answers
  node NAME READY           the status of its condition Ready
  pod NAME PHASE ADDRESS RESTARTS STARTED READY   of the namespace default; "-" for what it has not
With "api up" everything is said anew. Runs until it is ended."""
import http.client
import json
import os
import socket
import ssl
import sys
import threading
import time

HOST, API_PORT, BUS_PORT, TRUST = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), sys.argv[4]
PAUSE_S = 0.02


def say(*words):
    os.write(1, (" ".join([str(time.time_ns() // 1000), *map(str, words)]) + "\n").encode())


def broker():
    """Holds a connection that says nothing: its end is the broker's."""
    while True:
        try:
            with socket.create_connection((HOST, BUS_PORT)) as connection:
                say("broker", "-", "up")
                while connection.recv(100):
                    pass
            say("broker", "-", "down")
        except ConnectionResetError:
            say("broker", "-", "down")
        except OSError:
            pass
        time.sleep(PAUSE_S)


def node(item):
    ready = [c["status"] for c in item.get("status", {}).get("conditions", []) if c["type"] == "Ready"]
    return ready[:1] or ["-"]


def pod(item):
    status = item.get("status", {})
    first = (status.get("containerStatuses") or [{}])[0]
    return [status.get("phase", "-"), status.get("podIP", "-"), first.get("restartCount", "-"),
            first.get("state", {}).get("running", {}).get("startedAt", "-"), first.get("ready", "-")]


class Api:
    """Both watches; it is up while both are."""

    def __init__(self):
        self.lock, self.up = threading.Lock(), set()

    def change(self, kind, up):
        with self.lock:
            before = len(self.up) == 2
            (self.up.add if up else self.up.discard)(kind)
            if before != (len(self.up) == 2):
                say("api", "-", "down" if before else "up")

    def watch(self, kind, path, state):
        context = ssl.create_default_context(cafile=TRUST + "/ca.crt")
        context.load_cert_chain(TRUST + "/admin.crt", TRUST + "/admin.key")
        while True:
            connection = http.client.HTTPSConnection(HOST, API_PORT, context=context)
            try:
                connection.request("GET", path + "?watch=true")
                answer = connection.getresponse()
                if answer.status == 200:
                    self.change(kind, True)
                    self.follow(kind, answer, state)
            except (OSError, http.client.HTTPException, ValueError):
                pass
            self.change(kind, False)
            connection.close()
            time.sleep(PAUSE_S)

    @staticmethod
    def follow(kind, answer, state):
        shown = {}
        while line := answer.readline():
            event = json.loads(line)
            item, name = event["object"], event["object"].get("metadata", {}).get("name")
            now = ["gone"] if event["type"] == "DELETED" else state(item)
            if event["type"] in ("ADDED", "MODIFIED", "DELETED") and shown.get(name) != now:
                shown[name] = now
                say(kind, name, *now)


api = Api()
for work in (lambda: api.watch("node", "/api/v1/nodes", node),
             lambda: api.watch("pod", "/api/v1/namespaces/default/pods", pod)):
    threading.Thread(target=work, daemon=True).start()
broker()
