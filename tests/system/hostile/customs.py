"""Definitions of custom kinds, and the documents that describe all kinds, asked for in bad faith."""
import time

from client import *

DEFINITIONS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
THINGS = "/apis/hostile.example.com/v1/namespaces/default/things"
BAD, INVALID, TOO_MUCH = (400, "BadRequest"), (422, "Invalid"), (413, "RequestEntityTooLarge")


def definition(schema, plural="things", **more):
    return {"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
            "metadata": {"name": f"{plural}.hostile.example.com"},
            "spec": {"group": "hostile.example.com", "scope": "Namespaced",
                     "names": {"plural": plural, "kind": plural[:-1].capitalize()},
                     "versions": [{"name": "v1", "served": True, "storage": True,
                                   "schema": {"openAPIV3Schema": schema}}], **more}}


def spec(**fields):
    return {"type": "object", "properties": {"spec": {"type": "object", "properties": fields}}}


def nest(n):
    at = {"type": "string"}
    for _ in range(n):
        at = {"type": "object", "properties": {"a": at}}
    return at


TEXT = {"type": "string"}
WRONG = [
    ("no schema", definition(None)),
    ("a schema that is a text", definition("text")),
    ("a schema without a type", definition({"properties": {"spec": {"properties": {}}}})),
    ("a schema that names itself", definition({"type": "object", "properties": {"spec": {"$ref": "#"}}})),
    ("a pattern that is none", definition(spec(a={"type": "string", "pattern": "(((("}))),
    ("a pattern of 100,000 characters", definition(spec(a={"type": "string", "pattern": "a" * 100000}))),
    ("a pattern that repeats repeats", definition(spec(a={"type": "string", "pattern": "((a{1000}){1000}){1000}"}))),
    ("a type that is none", definition(spec(a={"type": "everything"}))),
    ("a schema 200 deep", definition(nest(200))),
    ("a name that is another's", {**definition(spec()), "metadata": {"name": "others.hostile.example.com"}}),
    ("a group of Kubernetes' own", {**definition(spec()), "metadata": {"name": "pods."}}),
    ("no versions", definition(spec(), versions=[])),
    ("1,000 versions that are stored", definition(spec(), versions=[
        {"name": f"v{i}", "served": True, "storage": True, "schema": {"openAPIV3Schema": {"type": "object"}}} for i in range(1000)])),
]
FIELDS = spec(number={"type": "integer", "minimum": 0, "maximum": 10},
              word={"type": "string", "pattern": "^(a+)+$", "maxLength": 100000},
              set={"type": "array", "items": TEXT, "x-kubernetes-list-type": "set"},
              free={"type": "object", "x-kubernetes-preserve-unknown-fields": True})
OBJECTS = [
    ("a text for a number", {"number": "7"}),
    ("a number that is too big", {"number": 11}),
    ("2^63 for a number", {"number": 2 ** 63}),
    ("a fraction for a number", {"number": 1.5}),
    ("a map for a list", {"set": {}}),
    ("a list of numbers for one of texts", {"set": [1, 2]}),
    ("doubles in a set", {"set": ["a", "b", "a"]}),
    ("a text that a simple matcher is long about", {"word": "a" * 50000 + "b"}),
    ("null for a text", {"word": None}),
]
DOCUMENTS = [
    ("/openapi/v3/none", 404), ("/openapi/v3/apis/none/v1", 404), ("/openapi/v3/api/v1?hash=junk", None),
    ("/openapi/v3/api/v1?hash=" + "A" * 5000, None), ("/openapi/v2?timeout=-1", 200), ("/apis/none", 404),
    ("/apis/apps/none", 404),
]
ACCEPTS = ["a" * 5000, "application/json;" * 500, "application/json;q=" + "9" * 300, ",,,,,", "*/*;q=0", "\t", ";;;=",
           "application/json;as=Table;v=v9;g=meta.k8s.io", "application/json;g=apidiscovery.k8s.io;v=v9;as=APIGroupDiscoveryList"]

with Beside("custom kinds", 128):
    for name, body in WRONG:
        got = call("POST", DEFINITIONS, body)
        told = got[1] if isinstance(got[1], dict) else {}
        case(f"definition: {name}", got[0] in (400, 413, 422) and told.get("kind") == "Status" and bool(told.get("message")), got)
    taken("a definition", call("POST", DEFINITIONS, definition(FIELDS)), 201)
    end = time.monotonic() + 30
    while call("GET", THINGS)[0] != 200 and time.monotonic() < end:
        time.sleep(0.1)
    head = {"apiVersion": "hostile.example.com/v1", "kind": "Thing", "metadata": {"name": "never"}}
    for name, fields in OBJECTS:
        begin = time.monotonic()
        got = call("POST", THINGS, {**head, "spec": fields})
        took = time.monotonic() - begin
        if fields.get("word", "") is None:
            case(f"object: {name}: refused, or dropped", got[0] in (201, 422), got)
            call("DELETE", THINGS + "/never")
        else:
            refused(f"object: {name}", got, *INVALID, "spec.")
        case(f"object: {name}: within 5 s", took <= 5, took)
    refused("object: unknown fields, Strict", call("POST", THINGS + "?fieldValidation=Strict", {**head, "spec": {"x": 1}}), *BAD, "strict decoding error")
    taken("object: what is kept unknown", call("POST", THINGS + "?dryRun=All", {**head, "spec": {"free": {"a": [1, {"b": None}]}}}), 201)
    many = {**head, "spec": {"set": [f"v{i}" for i in range(50000)]}}
    begin = time.monotonic()
    got = call("POST", THINGS + "?dryRun=All", many)
    case("object: 50,000 things in a set: within 5 s", got[0] in (201, 413, 422) and time.monotonic() - begin <= 5, (got[0], time.monotonic() - begin))
    refused("a strategic patch of a custom kind", call("PATCH", THINGS + "/never", {}, "application/strategic-merge-patch+json"),
            415, "UnsupportedMediaType")
    # Who may list one resource reads no other whose name begins like it (CVE-2022-3162).
    MORE = THINGS + "more"
    taken("a definition whose name begins like another's", call("POST", DEFINITIONS, definition(spec(), "thingsmore")), 201)
    for _ in range(100):
        if call("GET", MORE)[0] == 200:
            break
        time.sleep(0.05)
    taken("one of its objects", call("POST", MORE, {"metadata": {"name": "hidden"}}), 201)
    taken("one of the other's", call("POST", THINGS, {"metadata": {"name": "seen"}}), 201)
    for query in ("", "?limit=500", "?resourceVersion=0", "?fieldSelector=metadata.name%3Dhidden"):
        code, told, _ = call("GET", THINGS + query)
        names = [item["metadata"]["name"] for item in told.get("items", [])]
        case(f"a list{query} shows its own alone", code == 200 and names == ([] if "hidden" in query else ["seen"]), names)
    for target in (THINGS + "%2f..%2fthingsmore", THINGS + "/..%2fthingsmore", THINGS + "/../thingsmore/hidden", THINGS + "/hidden"):
        case(f"GET {target[46:]} leads to no other", call("GET", target)[0] in (400, 404), call("GET", target)[0])
    taken("away with that", call("DELETE", DEFINITIONS + "/thingsmore.hostile.example.com"))
    taken("away with it", call("DELETE", DEFINITIONS + "/things.hostile.example.com"))

    for target, code in DOCUMENTS:
        got = call("GET", target)
        case(f"GET {target[:60]}", got[0] == code if code else got[0] in (200, 301, 404), (got[0], str(got[1])[:100]))
    for accept in ACCEPTS:
        for target in (PODS, "/apis", "/openapi/v2"):
            got = call("GET", target, headers={"Accept": accept})
            right = got[0] == 200 or (got[0] == 406 and status_of(json.dumps(got[1])).get("reason") == "NotAcceptable")
            case(f"Accept: {accept[:40]!r} of {target}", right, (got[0], str(got[1])[:200]))
conclude()
