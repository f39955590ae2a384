#!/usr/bin/python3
"""Asks a gateway with the credentials that people and programs really have, and prints where it lets in or keeps out
otherwise than it should. Nothing is written: all writes are dry runs.

real.py HOST PORT CA <LINES     NAME CREDENTIAL NAMESPACE RESOURCE[.GROUP] VERB...
CREDENTIAL: cert:FILE.crt:FILE.key, token:FILE, or none. The last line is the number of requests.
"""
import http.client
import json
import ssl
import sys

VERBS = {
    "get": ("GET", "/x", "", None),
    "list": ("GET", "", "", None),
    "watch": ("GET", "", "?watch=true&timeoutSeconds=1&resourceVersion=0", None),
    "create": ("POST", "", "?dryRun=All", "new"),
    "update": ("PUT", "/x", "?dryRun=All", "new"),
    "patch": ("PATCH", "/x", "?dryRun=All", "patch"),
    "delete": ("DELETE", "/x", "?dryRun=All", None),
    "deletecollection": ("DELETE", "", "?dryRun=All", None),
}
BODIES = {
    "pods": {"spec": {"containers": [{"name": "c", "image": "i"}]}},
    "deployments": {"spec": {"selector": {"matchLabels": {"a": "b"}}, "template": {
        "metadata": {"labels": {"a": "b"}}, "spec": {"containers": [{"name": "c", "image": "i"}]}}}},
    "roles": {"rules": []},
}
connections = {}


def connect(credential, host, port, ca):
    if credential not in connections:
        how, *files = credential.split(":")
        context = ssl.create_default_context(cafile=ca)
        headers = {}
        if how == "cert":
            context.load_cert_chain(*files)
        elif how == "token":
            with open(files[0], encoding="ascii") as text:
                headers["Authorization"] = "Bearer " + text.read().strip()
        connections[credential] = (http.client.HTTPSConnection(host, port, context=context, timeout=20), headers)
    return connections[credential]


def ask(connection, headers, namespace, kind, verb):
    """Whether it may, and what was answered."""
    resource, _, group = kind.partition(".")
    method, name, query, body = VERBS[verb]
    root = f"/apis/{group}/v1" if group else "/api/v1"
    where = "" if namespace == "-" else f"/namespaces/{namespace}"
    text = None
    if body == "new":
        text = json.dumps({"metadata": {"name": "x"}, **BODIES.get(resource, {})})
    elif body == "patch":
        text = '{"metadata":{"labels":{"a":"b"}}}'
    kind = "application/merge-patch+json" if method == "PATCH" else "application/json"
    connection.request(method, f"{root}{where}/{resource}{name}{query}", text, {**headers, "Content-Type": kind})
    answer = connection.getresponse()
    said = answer.read().decode()
    return not (answer.status == 401 or (answer.status == 403 and " cannot " in said)), f"{answer.status} {said[:200]}"


def main():
    host, port, ca = sys.argv[1:]
    count = 0
    for line in sys.stdin:
        if not line.split():
            continue
        name, credential, namespace, kind, *verbs = line.split()
        connection, headers = connect(credential, host, int(port), ca)
        for verb in VERBS:
            may, said = ask(connection, headers, namespace, kind, verb)
            count += 1
            if may != (verb in verbs):
                print(f"{name} {namespace} {kind} {verb}: {said}")
    print(count)


main()
