#!/usr/bin/python3
"""Asks a gateway by SubjectAccessReviews who may what, and prints what is answered otherwise than it should be.

matrix.py HOST PORT FOLDER-OF-THE-TRUST <LINES     SUBJECT[/GROUP] NAMESPACE RESOURCE[/SUB][.GROUP] VERB...
The last line is the number of questions.
"""
import http.client
import json
import ssl
import sys

VERBS = ["get", "list", "watch", "create", "update", "patch", "delete", "deletecollection"]


def question(subject, namespace, kind, verb):
    user, _, group = subject.partition("/")
    resource, _, api_group = kind.partition(".")
    resource, _, sub = resource.partition("/")
    spec = {"user": user, "resourceAttributes": {"namespace": namespace, "verb": verb, "group": api_group,
                                                 "resource": resource, "subresource": sub}}
    if group:
        spec["groups"] = [group]
    return json.dumps({"spec": spec})


def main():
    host, port, trust = sys.argv[1:]
    context = ssl.create_default_context(cafile=f"{trust}/ca.crt")
    context.load_cert_chain(f"{trust}/admin.crt", f"{trust}/admin.key")
    gateway = http.client.HTTPSConnection(host, int(port), context=context, timeout=30)
    count = 0
    for line in sys.stdin:
        if not line.split():
            continue
        subject, namespace, kind, *verbs = line.split()
        for verb in VERBS:
            gateway.request("POST", "/apis/authorization.k8s.io/v1/subjectaccessreviews",
                            question(subject, namespace, kind, verb), {"Content-Type": "application/json"})
            answer = json.load(gateway.getresponse())
            count += 1
            if answer["status"]["allowed"] != (verb in verbs):
                print(f"{subject} {namespace} {kind} {verb}: {answer['status']}")
    print(count)


main()
