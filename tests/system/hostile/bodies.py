"""Bodies: bombs, wrong encodings, confused types, what is too big, in JSON, YAML and protobuf."""
import struct

from client import *

BAD = 400, "BadRequest"
INVALID = 422, "Invalid"
TOO_MUCH = 413, "RequestEntityTooLarge"
YAML = "application/yaml"
PROTO = "application/vnd.kubernetes.protobuf"


def named(rest, name="never"):
    return f'{{"metadata":{{"name":"{name}"}},{rest}}}'


def deep(open_, close, n, core="1"):
    return named(f'"data":{open_ * n}{core}{close * n}')


def varint(n):
    out = b""
    while n > 127:
        out, n = out + bytes([n & 127 | 128]), n >> 7
    return out + bytes([n])


def field(number, data):
    return varint(number << 3 | 2) + varint(len(data)) + data


def proto(raw, kind=b"ConfigMap", version=b"v1"):
    return b"k8s\0" + field(1, field(1, version) + field(2, kind)) + field(2, raw)


# Lists of lists by aliases: each level is ten of the one before.
def aliases(levels):
    lines = ["metadata: {name: never}", "a0: &a0 [x,x,x,x,x,x,x,x,x,x]"]
    lines += [f"a{i}: &a{i} [{','.join([f'*a{i - 1}'] * 10)}]" for i in range(1, levels)]
    return "\n".join(lines) + "\n"


NAME = field(1, field(1, b"never"))  # ObjectMeta.name
nested = b"\x0a\x01x"
for _ in range(20000):
    nested = field(1, nested[:60000])

# name, body, content type, code, reason
BODIES = [
    ("nothing", b"", None, *BAD),
    ("blanks", b"   \n", None, *BAD),
    ("text", b"hello", None, *BAD),
    ("null", b"null", None, *BAD),
    ("a number", b"7", None, *BAD),
    ("a list", b"[]", None, *BAD),
    ("two documents", named('"data":{}') + named('"data":{}'), None, *BAD),
    ("half a document", named('"data":{}')[:-1], None, *BAD),
    ("lists 100,000 deep", deep("[", "]", 100000), None, *TOO_MUCH),
    ("maps 20,000 deep", deep('{"a":', "}", 20000), None, *TOO_MUCH),
    ("lists that never close", "[" * 500000, None, *TOO_MUCH),
    ("300,000 values", named('"data":[' + "0," * 300000 + "0]"), None, *TOO_MUCH),
    ("a key twice", '{"metadata":{"name":"never"},"data":{"a":"1","a":"2"}}', None, *BAD),
    ("a name twice", '{"metadata":{"name":"never","name":"other"}}', None, *BAD),
    ("a key twice, once escaped", '{"metadata":{"name":"never"},"data":{"a":"1","\\u0061":"2"}}', None, *BAD),
    ("NaN", named('"data":{"a":NaN}'), None, *BAD),
    ("Infinity", named('"data":{"a":-Infinity}'), None, *BAD),
    ("a number of 100,000 digits", named('"data":' + "9" * 100000), None, *BAD),
    ("a number beyond doubles", named('"data":1e999999'), None, *BAD),
    ("a leading zero", named('"data":01'), None, *BAD),
    ("hexadecimal", named('"data":0x1'), None, *BAD),
    ("a comma at the end", named('"data":{},'), None, *BAD),
    ("a comment", named('"data":{} // no'), None, *BAD),
    ("apostrophes", "{'metadata':{'name':'never'}}", None, *BAD),
    ("NUL in a text", named('"data":{"a":"x\\u0000"}').replace("\\u0000", "\0"), None, *BAD),
    ("NUL, escaped", named('"data":{"a":"x\\u0000"}'), None, *BAD),
    ("half a surrogate pair", named('"data":{"a":"\\ud800"}'), None, *BAD),
    ("bytes that are no UTF-8", b'{"metadata":{"name":"never"},"data":{"a":"\xff"}}', None, *BAD),
    ("an overlong sequence", b'{"metadata":{"name":"never"},"data":{"a":"\xc0\xaf"}}', None, *BAD),
    ("a surrogate in UTF-8", b'{"metadata":{"name":"never"},"data":{"a":"\xed\xa0\x80"}}', None, *BAD),
    ("UTF-16", named('"data":{}').encode("utf-16"), None, *BAD),
    ("a line's end in a text", named('"data":{"a":"x\ny"}'), None, *BAD),
    ("an alias bomb", aliases(9), YAML, *TOO_MUCH),
    ("an alias to itself", "metadata: {name: never}\na: &a [*a]\n", YAML, *BAD),
    ("an alias of nothing", "metadata: {name: never}\na: *b\n", YAML, *BAD),
    ("YAML 10,000 deep", "metadata: {name: never}\na: " + "[" * 10000, YAML, *TOO_MUCH),
    ("YAML indented 1,200 deep", "\n".join(" " * i + "a:" for i in range(1200)), YAML, *TOO_MUCH),
    ("a key twice in YAML", "metadata: {name: never}\ndata: {a: x}\ndata: {a: y}\n", YAML, *BAD),
    ("a tag that makes something", "metadata: {name: never}\ndata: !!python/object:os.system {a: x}\n", YAML, *BAD),
    ("two documents of YAML", "metadata: {name: never}\n---\nmetadata: {name: never}\n", YAML, *BAD),
    ("protobuf without its mark", b"\x0a\x00", PROTO, *BAD),
    ("protobuf of nothing", b"k8s\0", PROTO, *BAD),
    ("protobuf cut off", proto(NAME)[:-3], PROTO, *BAD),
    ("protobuf of an endless number", b"k8s\0" + b"\xff" * 40, PROTO, *BAD),
    ("protobuf longer than it is", b"k8s\0\x12\xff\xff\xff\xff\x0f", PROTO, *BAD),
    ("protobuf of a negative length", b"k8s\0\x12" + b"\xff" * 9 + b"\x01", PROTO, *BAD),
    ("protobuf of no kind", proto(NAME, b"Nothing"), PROTO, *BAD),
    ("protobuf in groups", proto(b"\x0b" * 10000), PROTO, *BAD),
    ("protobuf with bytes for text", proto(field(1, field(1, b"\xff\xfe"))), PROTO, *BAD),
    ("a form that nobody knows", b"<a/>", "application/xml", 415, "UnsupportedMediaType"),
    ("a form", b"a=b", "application/x-www-form-urlencoded", 415, "UnsupportedMediaType"),
    ("a type that is junk", b"{}", "\x7f" * 200, 400, "BadRequest"),
    ("a type without end", b"{}", "a" * 5000, 415, "UnsupportedMediaType"),
]
# What stands where a Pod has something else: path -> values that do not belong there.
POD = {"metadata": {"name": "never"}, "spec": {"containers": [{"name": "a", "image": "b"}]}}
JUNK = {
    "a text": ["text", {"metadata", "metadata.labels", "spec", "spec.containers", "spec.nodeSelector",
                        "spec.terminationGracePeriodSeconds", "spec.hostNetwork", "spec.tolerations",
                        "spec.securityContext", "spec.containers[0].ports", "spec.containers[0].env",
                        "spec.containers[0].resources", "spec.containers[0].command", "spec.affinity"}],
    "a number": [7, {"metadata", "metadata.name", "metadata.labels", "spec", "spec.containers", "spec.nodeName",
                     "spec.hostNetwork", "spec.containers[0].name", "spec.containers[0].image", "spec.volumes",
                     "spec.containers[0].command", "spec.restartPolicy", "metadata.annotations"}],
    "a list": [[], {"metadata", "metadata.name", "metadata.labels", "spec", "spec.nodeSelector", "spec.nodeName",
                    "spec.terminationGracePeriodSeconds", "spec.securityContext", "spec.containers[0].image",
                    "spec.containers[0].resources", "spec.affinity", "metadata.creationTimestamp"}],
    "a map": [{"a": "b"}, {"metadata.name", "metadata.finalizers", "metadata.ownerReferences", "spec.containers",
                           "spec.nodeName", "spec.hostNetwork", "spec.tolerations", "spec.containers[0].name",
                           "spec.containers[0].ports", "spec.containers[0].env", "spec.containers[0].command",
                           "spec.terminationGracePeriodSeconds", "spec.volumes"}],
    "a truth": [True, {"metadata", "metadata.name", "metadata.labels", "spec", "spec.containers", "spec.nodeName",
                       "spec.terminationGracePeriodSeconds", "spec.containers[0].image", "spec.containers[0].env"}],
    "a fraction": [1.5, {"spec.terminationGracePeriodSeconds", "spec.priority", "spec.activeDeadlineSeconds"}],
    "2^63": [2 ** 63, {"spec.terminationGracePeriodSeconds", "spec.activeDeadlineSeconds", "spec.priority"}],
    "a list of numbers": [[1, 2], {"spec.containers", "metadata.finalizers", "spec.containers[0].command",
                                   "spec.containers[0].env", "spec.tolerations", "spec.imagePullSecrets"}],
}


def confused(path, value):
    pod = json.loads(json.dumps(POD))
    at = pod
    *way, last = path.replace("[0]", ".0").split(".")
    for step in way:
        at = at[int(step)] if isinstance(at, list) else at.setdefault(step, {})
    at[last] = value
    return pod


def meta(**more):
    return {"metadata": {"name": "never", **more}}


METAS = [
    ("a name of 254 characters", {"metadata": {"name": "a" * 254}}, "metadata.name"),
    ("a name of capitals", {"metadata": {"name": "Never"}}, "metadata.name"),
    ("an empty name", {"metadata": {"name": ""}}, "name or generateName is required"),
    ("a label's value of 64", meta(labels={"a": "b" * 64}), "metadata.labels"),
    ("a label's name of 64", meta(labels={"a" * 64: "b"}), "metadata.labels"),
    ("a label that is no name", meta(labels={"a/b/c": "b"}), "metadata.labels"),
    ("annotations of 257 KiB", meta(annotations={"a": "b" * 257 * 1024}), "metadata.annotations"),
    ("annotations of 257 KiB in all", meta(annotations={f"a{i}": "b" * 1000 for i in range(264)}), "metadata.annotations"),
    ("a finalizer that is none", meta(finalizers=["not a name/x"]), "metadata.finalizers"),
    ("an owner without a name", meta(ownerReferences=[{"apiVersion": "v1", "kind": "Pod", "uid": "1"}]), "metadata.ownerReferences"),
    ("an owner without a uid", meta(ownerReferences=[{"apiVersion": "v1", "kind": "Pod", "name": "a"}]), "metadata.ownerReferences"),
    ("two owners that control", meta(ownerReferences=[
        {"apiVersion": "v1", "kind": "Pod", "name": n, "uid": n, "controller": True} for n in "ab"]), "metadata.ownerReferences"),
    ("a key of data that is none", {**meta(), "data": {"../a": "b"}}, "data"),
]
UNKNOWN = {**meta(), "daata": {"a": "b"}}

with Beside("bodies", 128):
    for name, body, kind, code, reason in BODIES:
        refused(f"body: {name}", call("POST", MAPS, body, kind or "application/json"), code, reason)
    for what, (value, paths) in JUNK.items():
        for path in sorted(paths):
            if path.startswith("metadata.creationTimestamp"):
                continue
            got = call("POST", PODS, confused(path, value))
            told = got[1] if isinstance(got[1], dict) else {}
            right = got[0] in (400, 422) and told.get("kind") == "Status" and path.split("[")[0].split(".")[-1] in told["message"]
            case(f"types: {what} for {path}", right, got)
    for name, body, says in METAS:
        refused(f"metadata: {name}", call("POST", MAPS, body), *INVALID, says)
    refused("an unknown field, Strict", call("POST", MAPS + "?fieldValidation=Strict", UNKNOWN), *BAD, "strict decoding error")
    code, told, headers = call("POST", MAPS + "?fieldValidation=Warn&dryRun=All", UNKNOWN)
    case("an unknown field, Warn", code == 201 and "unknown field" in (headers.get("Warning") or "") and "daata" not in told, headers)
    code, told, headers = call("POST", MAPS + "?fieldValidation=Ignore&dryRun=All", UNKNOWN)
    case("an unknown field, Ignore", code == 201 and not headers.get("Warning") and "daata" not in told, headers)
    many = {**meta(), **{f"x{i}": 1 for i in range(20000)}}
    code, told, headers = call("POST", MAPS + "?fieldValidation=Warn&dryRun=All", many)
    case("20,000 unknown fields are told of in few words", code == 201 and len(str(headers)) < 8192, (code, len(str(headers))))
    code, told, headers = call("POST", MAPS + "?fieldValidation=Strict", many)
    case("20,000 unknown fields are refused in few words", code == 400 and len(json.dumps(told)) < 65536, (code, str(told)[:200]))
    room = 1024 * 1024 - len(json.dumps({**meta(), "data": {"a": ""}}))
    refused("an object of a MiB and a byte", call("POST", MAPS, {**meta(), "data": {"a": "b" * (room + 1)}}), *TOO_MUCH)
    taken("one that is nearly a MiB", call("POST", MAPS + "?dryRun=All", {**meta(), "data": {"a": "b" * (room - 8192)}}), 201)
    refused("a name with a way up", call("POST", MAPS, {"metadata": {"name": "../never"}}), *BAD)
    bom = call("POST", MAPS + "?dryRun=All", b"\xef\xbb\xbf" + named('"data":{}').encode())
    case("a byte order mark is refused or passed over", bom[0] in (201, 400), bom)
    refused("nothing was written", call("GET", MAPS + "/never"), 404, "NotFound")
conclude()
