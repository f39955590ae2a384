#!/usr/bin/python3
"""Posts every document of tests/manifests, writes its status by PUT /status, and reads both back: nothing may be lost.

post.py HOST PORT FOLDER-OF-THE-TRUST FOLDER FILE...   prints a line "ok - FILE" or "not ok - FILE" with what was lost,
and a line of counts. Leaves what it posted in FOLDER, a List for each file of kinds that are stored.
"""
import base64
import json
import ssl
import sys
import urllib.error
import urllib.request
from decimal import Decimal, InvalidOperation

import yaml

# What an object does not decide itself.
SET_BY_THE_SERVER = {"resourceVersion", "creationTimestamp", "generation", "managedFields", "selfLink",
                     "deletionTimestamp", "deletionGracePeriodSeconds",
                     # An owner that is not there: the garbage collector would take the object away.
                     "ownerReferences"}
# Who asks for a certificate says so by being it.
SET_BY_AUTHENTICATION = ("username", "uid", "groups", "extra")
# A job's pods are known by its own uid, and nobody but the gateway says whether a definition is in use, how much of a
# quota is, and whether a volume or a claim is bound.
OWN_FIELDS = {"batch.kubernetes.io/controller-uid", "uid"}
OWN_STATUS = {"CustomResourceDefinition", "ResourceQuota", "PersistentVolume", "PersistentVolumeClaim"}
# Every pod gets these.
OWN_TOLERATIONS = {"node.kubernetes.io/not-ready", "node.kubernetes.io/unreachable"}
OWN_VOLUME = "kube-api-access-"


class Times(yaml.SafeLoader):
    """Times stay text, as in Kubernetes."""


Times.yaml_implicit_resolvers = {
    key: [(tag, pattern) for tag, pattern in pairs if tag != "tag:yaml.org,2002:timestamp"]
    for key, pairs in yaml.SafeLoader.yaml_implicit_resolvers.items()}


class Gateway:
    def __init__(self, host, port, trust):
        self.base = f"https://{host}:{port}"
        context = ssl.create_default_context(cafile=f"{trust}/ca.crt")
        context.load_cert_chain(f"{trust}/admin.crt", f"{trust}/admin.key")
        self.opener = urllib.request.build_opener(urllib.request.HTTPSHandler(context=context))
        self.known = {}

    def call(self, method, path, body=None):
        request = urllib.request.Request(self.base + path, method=method,
                                         data=None if body is None else json.dumps(body).encode(),
                                         headers={"Content-Type": "application/json"})
        try:
            with self.opener.open(request, timeout=30) as answer:
                return answer.status, json.load(answer)
        except urllib.error.HTTPError as error:
            return error.code, json.load(error)

    def resources(self, version):
        if version not in self.known:
            root = "/api/" if "/" not in version else "/apis/"
            _, found = self.call("GET", root + version)
            self.known[version] = {resource["name"]: resource for resource in found["resources"]}
        return self.known[version]

    def place(self, document):
        """The collection's path, and whether the kind has a status of its own."""
        version = document["apiVersion"]
        resources = self.resources(version)
        name, resource = next((name, resource) for name, resource in resources.items()
                              if resource["kind"] == document["kind"] and "/" not in name)
        path = ("/api/" if "/" not in version else "/apis/") + version
        if resource["namespaced"]:
            path += "/namespaces/" + document["metadata"].get("namespace", "default")
        return f"{path}/{name}", name + "/status" in resources

    def stores(self, document):
        """Whether it can be read back: what is only answered cannot."""
        return self.can(document, "get") and self.can(document, "create")

    def can(self, document, verb):
        return any(verb in resource["verbs"] for resource in self.resources(document["apiVersion"]).values()
                   if resource["kind"] == document["kind"])


def same_quantity(wanted, got):
    """0.1 comes back as "100m", 1 as "1"."""
    try:
        milli = [Decimal(str(value).removesuffix("m")) * (1 if str(value).endswith("m") else 1000) for value in (wanted, got)]
    except InvalidOperation:
        return False
    return isinstance(got, str) and milli[0] == milli[1]


def lost(wanted, got, path=""):
    """Each field of the one that the other has not, or has otherwise."""
    if isinstance(wanted, dict) and isinstance(got, dict):
        for key, value in wanted.items():
            if key not in OWN_FIELDS or path.endswith("involvedObject"):
                yield from lost(value, got.get(key), f"{path}.{key}")
    elif isinstance(wanted, list) and isinstance(got, list) and len(wanted) == len(got):
        for number, value in enumerate(wanted):
            yield from lost(value, got[number], f"{path}[{number}]")
    elif wanted != got and not same_quantity(wanted, got):
        yield f"{path}: {json.dumps(wanted)[:80]} became {json.dumps(got)[:80]}"


def take_own(spec):
    """Takes out of a pod what admission puts in."""
    spec["tolerations"] = [toleration for toleration in spec["tolerations"]
                           if toleration.get("key") not in OWN_TOLERATIONS]
    for within, key in [(spec, "volumes")] + [(container, "volumeMounts") for container in
                                              spec["containers"] + spec.get("initContainers", [])]:
        if key in within:
            within[key] = [item for item in within[key] if not item["name"].startswith(OWN_VOLUME)]


def one(gateway, document, counts):
    """What is wrong with one document, as lines."""
    path, has_status = gateway.place(document)
    name = document["metadata"]["name"]
    code, answer = gateway.call("POST", path, document)
    if code == 409 and document["kind"] == "Namespace":
        code, answer = gateway.call("GET", f"{path}/{name}")
    if code not in (200, 201):
        counts["refused"] += 1
        return [f"refused with {code}: {answer.get('message')}"]
    counts["accepted"] += 1
    if not gateway.stores(document):
        return []
    if has_status and "status" in document and document["kind"] not in OWN_STATUS:
        code, answer = gateway.call("GET", f"{path}/{name}")
        answer["status"] = document["status"]
        code, answer = gateway.call("PUT", f"{path}/{name}/status", answer)
        if code != 200:
            return [f"its status is refused with {code}: {answer.get('message')}"]
        counts["statuses"] += 1
    code, answer = gateway.call("GET", f"{path}/{name}")
    if document["kind"] == "Pod":
        take_own(answer["spec"])
    wanted = dict(document)
    if document["kind"] in OWN_STATUS:
        wanted.pop("status", None)
    if document["kind"] == "Secret" and "stringData" in wanted:
        data = {key: base64.b64encode(text.encode()).decode() for key, text in wanted.pop("stringData").items()}
        wanted["data"] = {**wanted.get("data", {}), **data}
    return list(lost(wanted, answer))


def with_its_uid(gateway, document):
    """What was posted, with the uid that it has got: it may not change."""
    uid = document["metadata"].get("uid")
    if uid and gateway.stores(document):
        _, answer = gateway.call("GET", f"{gateway.place(document)[0]}/{document['metadata']['name']}")
        document = json.loads(json.dumps(document).replace(uid, answer["metadata"]["uid"]))
    return document


def main():
    host, port, trust, folder, *files = sys.argv[1:]
    gateway = Gateway(host, port, trust)
    counts = {"accepted": 0, "refused": 0, "statuses": 0, "documents": 0}
    for file in files:
        with open(file, encoding="utf-8") as text:
            documents = [document for document in yaml.load_all(text, Times) if document]
        for document in documents:
            for key in SET_BY_THE_SERVER & document["metadata"].keys():
                del document["metadata"][key]
            for key in SET_BY_AUTHENTICATION if document["kind"] == "CertificateSigningRequest" else ():
                document["spec"].pop(key, None)
        wrong = []
        for document in documents:
            space = document["metadata"].get("namespace")
            if space:
                gateway.call("POST", "/api/v1/namespaces", {"metadata": {"name": space}})
            counts["documents"] += 1
            what = f"{document['kind']} {document['metadata']['name']}"
            if gateway.can(document, "create"):
                wrong += [f"{what}: {line}" for line in one(gateway, document, counts)]
        items = [with_its_uid(gateway, document) for document in documents if gateway.stores(document)]
        if items:
            with open(f"{folder}/{file.rsplit('/', 1)[-1]}.json", "w", encoding="utf-8") as text:
                json.dump({"apiVersion": "v1", "kind": "List", "items": items}, text)
        print(("not ok - " if wrong else "ok - ") + file.rsplit("/", 1)[-1])
        for line in wrong:
            print("     " + line)
    print("# {documents} documents: {accepted} accepted, {refused} refused, {statuses} statuses written".format(**counts))


main()
