"""Patches that blow up, reach where they should not, or say nonsense; the object stays what it was."""
import time

from client import *

JSON_PATCH = "application/json-patch+json"
MERGE = "application/merge-patch+json"
STRATEGIC = "application/strategic-merge-patch+json"
APPLY = "application/apply-patch+yaml"
BAD, INVALID, TOO_MUCH = (400, "BadRequest"), (422, "Invalid"), (413, "RequestEntityTooLarge")
MAP, WEB = MAPS + "/patched", DEPLOYMENTS + "/patched"
TEXT = "x" * 20000
CONTAINERS = {"spec": {"template": {"spec": {"containers": None}}}}


def op(op, path, **more):
    return {"op": op, "path": path, **more}


def containers(*items, **more):
    return {"spec": {"template": {"spec": {"containers": list(items), **more}}}}


# name, target, type, patch, code, reason
PATCHES = [
    ("copies that double", MAP, JSON_PATCH, [op("copy", f"/data/k{i}", **{"from": "/data"}) for i in range(40)], None, None),
    ("copies of a big text", MAP, JSON_PATCH, [op("copy", f"/data/k{i}", **{"from": "/data/big"}) for i in range(5000)], *TOO_MUCH),
    ("10,001 operations", MAP, JSON_PATCH, [op("test", "/data/a", value="1")] * 10001, *TOO_MUCH),
    ("a move into its own child", MAP, JSON_PATCH, [op("move", "/data/a/b", **{"from": "/data"})], None, None),
    ("the whole into its child", MAP, JSON_PATCH, [op("move", "/data/a", **{"from": ""})], None, None),
    ("a test of a big value", MAP, JSON_PATCH, [op("test", "/data/big", value="y" * 500000)], *INVALID),
    ("a removal of nothing", MAP, JSON_PATCH, [op("remove", "/data/none")], *INVALID),
    ("a removal of all", MAP, JSON_PATCH, [op("remove", "")], None, None),
    ("an operation that nobody knows", MAP, JSON_PATCH, [op("grow", "/data/a")], *INVALID),
    ("an operation without a path", MAP, JSON_PATCH, [{"op": "add", "value": 1}], None, None),
    ("an operation that is a number", MAP, JSON_PATCH, [7], *BAD),
    ("operations that are a map", MAP, JSON_PATCH, {"op": "add"}, *BAD),
    ("an index of -1", WEB, JSON_PATCH, [op("add", "/spec/template/spec/containers/-1", value={})], None, None),
    ("an index of 10^20", WEB, JSON_PATCH, [op("add", "/spec/template/spec/containers/100000000000000000000", value={})], None, None),
    ("an index with a zero before", WEB, JSON_PATCH, [op("replace", "/spec/template/spec/containers/00/image", value="x")], None, None),
    ("a pointer with a wrong escape", MAP, JSON_PATCH, [op("add", "/data/~2", value="x")], None, None),
    ("a pointer 10,000 deep", MAP, JSON_PATCH, [op("add", "/data" * 10000, value="x")], *INVALID),
    ("nests that grow", MAP, JSON_PATCH,
     [op("add", "/metadata" + "/a" * i, value={}) for i in range(1, 200)], None, None),
    ("insertions at the front", WEB, JSON_PATCH,
     [op("add", "/spec/template/spec/containers/0", value={}) for _ in range(10000)], None, None),
    ("a merge patch that is a list", MAP, MERGE, [], *BAD),
    ("a merge patch that is a text", MAP, MERGE, "text", *BAD),
    ("a merge patch that takes the metadata", MAP, MERGE, {"metadata": None}, None, None),
    ("a merge patch of another name", MAP, MERGE, {"metadata": {"name": "other"}}, *BAD),
    ("a merge patch of another uid", MAP, MERGE, {"metadata": {"uid": "other"}}, None, None),
    ("a merge patch of an old revision", MAP, MERGE, {"metadata": {"resourceVersion": "1"}}, 409, "Conflict"),
    ("a merge patch with numbers for texts", MAP, MERGE, {"data": {"a": 1}}, None, None),
    ("a $patch that nobody knows", WEB, STRATEGIC, {"$patch": "explode"}, *BAD),
    ("a $patch that is a list", WEB, STRATEGIC, {"spec": {"$patch": ["delete"]}}, *BAD),
    ("a $patch that is a map, in a list", WEB, STRATEGIC, containers({"$patch": {}}), *BAD),
    ("an item without its key", WEB, STRATEGIC, containers({"image": "x"}), None, None),
    ("an item whose key is a map", WEB, STRATEGIC, containers({"name": {"a": 1}, "image": "x"}), None, None),
    ("an order that is a number", WEB, STRATEGIC, containers(**{"$setElementOrder/containers": 7}), *BAD),
    ("an order of other things", WEB, STRATEGIC,
     containers({"name": "a"}, **{"$setElementOrder/containers": [{"name": "b"}]}), *BAD),
    ("kept keys that are a text", WEB, STRATEGIC, {"spec": {"strategy": {"$retainKeys": "type"}}}, *BAD),
    ("kept keys without what is given", WEB, STRATEGIC, {"spec": {"strategy": {"$retainKeys": ["a"], "type": "Recreate"}}}, None, None),
    ("deletions that are a map", MAP, STRATEGIC, {"metadata": {"$deleteFromPrimitiveList/finalizers": {}}}, *BAD),
    ("a list where a map is", WEB, STRATEGIC, {"spec": []}, None, None),
    ("all containers away", WEB, STRATEGIC, CONTAINERS, *INVALID),
    ("a strategic patch 60 deep", WEB, STRATEGIC, json.loads('{"spec":' * 60 + "1" + "}" * 60), None, None),
    ("an apply without a manager", MAP, APPLY, {"apiVersion": "v1", "kind": "ConfigMap"}, *INVALID),
    ("an apply that is a list", MAP + "?fieldManager=a", APPLY, [], *BAD),
    ("an apply of another kind", MAP + "?fieldManager=a", APPLY, {"apiVersion": "v1", "kind": "Secret"}, *BAD),
    ("an apply with managed fields", MAP + "?fieldManager=a", APPLY,
     {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"managedFields": [{"manager": "b"}]}}, None, None),
    ("a force of a merge patch", MAP + "?force=true", MERGE, {}, *INVALID),
    ("a patch of a type that nobody knows", MAP, "application/json", {}, 415, "UnsupportedMediaType"),
    ("a patch without a type", MAP, "", {}, 415, "UnsupportedMediaType"),
    ("managed fields that are junk", MAP, MERGE, {"metadata": {"managedFields": [{"fieldsV1": {"f:": 7}}] * 3}}, None, None),
    ("a scale that is a text", WEB + "/scale", MERGE, {"spec": {"replicas": "many"}}, None, None),
    ("a scale below nothing", WEB + "/scale", MERGE, {"spec": {"replicas": -1}}, *INVALID),
    ("a scale beyond 32 bits", WEB + "/scale", MERGE, {"spec": {"replicas": 4294967296}}, None, None),
]
# What may be taken, in part: the answer is either a refusal as a Status, or an object that is right.
with Beside("patches", 192):
    taken("a ConfigMap", call("POST", MAPS, {"metadata": {"name": "patched"}, "data": {"a": "1", "big": TEXT}}), 201)
    taken("a Deployment", call("POST", DEPLOYMENTS, {"metadata": {"name": "patched"}, "spec": {
        "replicas": 0, "selector": {"matchLabels": {"a": "b"}}, "template": {
            "metadata": {"labels": {"a": "b"}}, "spec": {"containers": [{"name": "c", "image": "i"}]}}}}), 201)
    for name, target, kind, patch, code, reason in PATCHES:
        begin = time.monotonic()
        got = call("PATCH", target, json.dumps(patch), kind)
        took = time.monotonic() - begin
        told = got[1] if isinstance(got[1], dict) else {}
        if code:
            refused(f"patch: {name}", got, code, reason)
        else:
            right = told.get("kind") in ("ConfigMap", "Deployment") if got[0] == 200 else (
                got[0] in (400, 409, 413, 422) and told.get("kind") == "Status" and bool(told.get("message")) and told.get("code") == got[0])
            case(f"patch: {name}: a Status, or an object that is right", right, got)
            print(f"     {got[0]} {told.get('reason', '')}")
        case(f"patch: {name}: within 5 s", took <= 5, took)
    code, told, _ = call("GET", MAP)
    case("the ConfigMap is what it was", code == 200 and told["data"].get("a") == "1" and told["data"].get("big") == TEXT, told.get("data", {}).keys())
    code, told, _ = call("GET", WEB)
    case("the Deployment is what it was", code == 200 and told["spec"]["replicas"] == 0 and
         [c["name"] for c in told["spec"]["template"]["spec"]["containers"]] == ["c"], told)
conclude()
