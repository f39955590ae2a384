#!/usr/bin/python3
"""Makes pods under a quota and certificate requests, as fast as a gateway takes them, while it is killed and comes back;
remembers what was acknowledged, and in the end holds the gateway to it.

burst.py PORT TRUST REQUEST STOP QUOTA
TRUST: folder with ca.crt, admin.crt, admin.key. REQUEST: a certificate request. Ends when the file STOP is there; prints
what does not hold, then "pods N deleted N requests N".
"""
import base64
import http.client
import json
import os
import random
import ssl
import sys
import threading
import time

PODS = "/api/v1/namespaces/burst/pods"
CSRS = "/apis/certificates.k8s.io/v1/certificatesigningrequests"
port, trust, request, stop, quota = int(sys.argv[1]), sys.argv[2], sys.argv[3], sys.argv[4], int(sys.argv[5])
context = ssl.create_default_context(cafile=f"{trust}/ca.crt")
context.load_cert_chain(f"{trust}/admin.crt", f"{trust}/admin.key")


class Asker:
    """A connection that is made anew as often as it breaks."""

    def __init__(self):
        self.connection = None

    def ask(self, method, path, body=None):
        """Code and answer; 0: none came, and nobody knows what became of it."""
        try:
            if not self.connection:
                self.connection = http.client.HTTPSConnection("localhost", port, context=context, timeout=10)
            self.connection.request(method, path, json.dumps(body) if body else None, {"Content-Type": "application/json"})
            answer = self.connection.getresponse()
            return answer.status, json.loads(answer.read())
        except (OSError, http.client.HTTPException, ValueError):
            self.connection = None
            time.sleep(0.02)
            return 0, None


def over():
    return os.path.exists(stop)


made, dropped, unsure, approved = set(), set(), set(), set()


def pods(number):
    """Makes and deletes pods; unsure is what was asked for and not answered."""
    asker, mine, i = Asker(), [], 0
    while not over():
        if len(mine) > 8 or (mine and random.random() < 0.3):
            name = mine.pop(random.randrange(len(mine)))
            unsure.add(name)
            code, _ = asker.ask("DELETE", f"{PODS}/{name}?gracePeriodSeconds=0")
            if code == 200:
                dropped.add(name)
            continue
        name, i = f"p{number}-{i}", i + 1
        code, _ = asker.ask("POST", PODS, {"metadata": {"name": name}, "spec": {
            "containers": [{"name": "c", "image": "i", "resources": {"requests": {"memory": "1Mi"}}}]}})
        if code == 201:
            made.add(name)
            mine.append(name)
        elif code == 0:
            unsure.add(name)


def requests():
    asker, i = Asker(), 0
    with open(request, "rb") as text:
        coded = base64.b64encode(text.read()).decode()
    while not over():
        name, i = f"r{i}", i + 1
        code, csr = asker.ask("POST", CSRS, {"metadata": {"name": name}, "spec": {
            "request": coded, "signerName": "kubernetes.io/kube-apiserver-client", "usages": ["client auth"]}})
        if code != 201:
            continue
        csr["status"] = {"conditions": [{"type": "Approved", "status": "True", "reason": "x", "message": "x"}]}
        if asker.ask("PUT", f"{CSRS}/{name}/approval", csr)[0] == 200:
            approved.add(name)


def settled(asker):
    """What does not hold now."""
    wrong = []
    there = {pod["metadata"]["name"] for pod in asker.ask("GET", PODS)[1]["items"]}
    used = asker.ask("GET", "/api/v1/namespaces/burst/resourcequotas/q")[1]["status"]["used"]
    csrs = {csr["metadata"]["name"]: csr.get("status", {}) for csr in asker.ask("GET", CSRS)[1]["items"]}
    wrong += [f"pod {name} was acknowledged and is lost" for name in made - unsure - there]
    wrong += [f"pod {name} was deleted and is there" for name in dropped & there]
    if int(used["pods"]) != len(there) or len(there) > quota:
        wrong.append(f"{len(there)} pods are there, {used['pods']} are counted, {quota} may be")
    if used["requests.memory"] != (f"{len(there)}Mi" if there else "0"):
        wrong.append(f"{len(there)} pods of 1Mi are there, {used['requests.memory']} are counted")
    wrong += [f"request {name} was approved and is lost" for name in approved - csrs.keys()]
    for name, status in csrs.items():
        if status.get("conditions") and not status.get("certificate"):
            wrong.append(f"request {name} is approved and not signed")
    return wrong


def main():
    threads = [threading.Thread(target=pods, args=(n,)) for n in range(3)] + [threading.Thread(target=requests)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    asker, wrong = Asker(), ["nothing was asked"]
    end = time.monotonic() + 20
    while wrong and time.monotonic() < end:
        try:
            wrong = settled(asker)
        except (TypeError, KeyError) as error:
            wrong = [f"no answer: {error!r}"]
        time.sleep(0.2)
    print("\n".join(wrong[:20]))
    print(f"pods {len(made)} deleted {len(dropped)} requests {len(approved)}")


main()
