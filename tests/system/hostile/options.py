"""What a query may say: revisions, limits, tokens, selectors, options of writes. Each mistake is told in Kubernetes'
words."""
import base64

from client import *

BAD = 400, "BadRequest"
INVALID = 422, "Invalid"
HUGE = "9" * 40
FUTURE = "9000000000000000000"


def token(text):
    return base64.b64encode(text.encode()).decode()


QUERIES = [
    ("resourceVersion=text", *BAD, "invalid resource version"),
    ("resourceVersion=-1", *BAD, "invalid resource version"),
    ("resourceVersion=1.5", *BAD, "invalid resource version"),
    (f"resourceVersion={HUGE}", *BAD, "invalid resource version"),
    (f"resourceVersion={FUTURE}", 504, "Timeout", "Too large resource version"),
    ("resourceVersionMatch=Exact", *INVALID, "resourceVersionMatch is forbidden unless resourceVersion is provided"),
    ("resourceVersion=1&resourceVersionMatch=Nearly", *INVALID, "supported values"),
    ("resourceVersion=0&resourceVersionMatch=Exact", *INVALID, "forbidden for resourceVersion"),
    ("sendInitialEvents=true", *INVALID, "sendInitialEvents is forbidden for list"),
    ("watch=true&sendInitialEvents=true", *INVALID, "requires setting resourceVersionMatch"),
    ("watch=true&resourceVersion=text", *BAD, "invalid resource version"),
    ("watch=maybe", *BAD, "watch"),
    ("watch=true&timeoutSeconds=soon", *BAD, "timeoutSeconds"),
    ("watch=true&timeoutSeconds=-1", *BAD, "timeoutSeconds"),
    ("watch=true&allowWatchBookmarks=2", *BAD, "allowWatchBookmarks"),
    ("limit=-1", *BAD, "limit"),
    ("limit=all", *BAD, "limit"),
    (f"limit={HUGE}", *BAD, "limit"),
    ("continue=junk", *BAD, "continue key is not valid"),
    ("continue=" + token("1 /"), *BAD, "continue key is not valid"),
    ("continue=" + token("-5 /configmaps/default/a"), *BAD, "continue key is not valid"),
    ("continue=" + token(f"{HUGE} /configmaps/default/a"), *BAD, "continue key is not valid"),
    ("continue=" + token("1 /secrets/kube-system/a"), *BAD, "continue key is not valid"),
    ("continue=" + token("1 /configmaps/kube-system/a"), *BAD, "continue key is not valid"),
    ("continue=" + "QUFB" * 2000, *BAD, "continue key is not valid"),
    ("labelSelector=" + "(" * 500, *BAD, "unable to parse"),
    ("labelSelector=a%20in%20(b", *BAD, "unable to parse"),
    ("labelSelector=a%3D%3D%3Db", *BAD, "unable to parse"),
    ("labelSelector=a%20%3E%20b", *BAD, "unable to parse"),
    ("labelSelector=" + "a" * 64, *BAD, "not a label key"),
    ("labelSelector=a%3D" + "b" * 64, *BAD, "not a label value"),
    ("labelSelector=" + ",".join(f"k{i}%3Dv" for i in range(1100)), *BAD, "requirements"),
    ("labelSelector=a%20in%20(" + ",".join(f"v{i}" for i in range(1100)) + ")", *BAD, "values"),
    ("labelSelector=" + "a%3Db,"  * 2500, *BAD, "unable to parse"),
    ("fieldSelector=spec.secret%3Da", *BAD, "field label not supported"),
    ("fieldSelector=metadata.name", *BAD, "invalid field selector"),
    ("fieldSelector=metadata.name%3Da%3Db", *BAD, "unable to parse"),
    ("fieldSelector=metadata.name%3Da%5Cb", *BAD, "unable to parse"),
    ("fieldSelector=" + "," * 3000, *BAD, "unable to parse"),
]
WRITES = [
    ("dryRun=Some", *INVALID, "dryRun"),
    ("fieldValidation=Sometimes", *INVALID, "fieldValidation"),
    ("fieldManager=" + "a" * 129, *INVALID, "fieldManager"),
    ("fieldManager=a%0ab", *INVALID, "fieldManager"),
]
DELETES = [
    ({"gracePeriodSeconds": "soon"}, 400, "BadRequest", None),
    ({"propagationPolicy": "Sideways"}, 422, "Invalid", "propagationPolicy"),
    ({"propagationPolicy": 7}, 400, "BadRequest", None),
    ({"preconditions": {"uid": "nobody"}}, 409, "Conflict", "uid"),
    ({"preconditions": {"resourceVersion": "1"}}, 409, "Conflict", None),
    ({"preconditions": {"uid": 7}}, 400, "BadRequest", None),
    ({"preconditions": {"resourceVersion": 1}}, 400, "BadRequest", None),
    ({"preconditions": []}, 400, "BadRequest", None),
    ({"dryRun": ["Some"]}, 422, "Invalid", "dryRun"),
    ([], 400, "BadRequest", None),
]

with Beside("options", 64):
    for query, code, reason, says in QUERIES:
        refused(f"?{query[:80]}", call("GET", f"{MAPS}?{query}"), code, reason, says)
    for query, code, reason, says in WRITES:
        refused(f"POST ?{query[:60]}", call("POST", f"{MAPS}?{query}", {"metadata": {"name": "never"}}), code, reason, says)
    taken("an object", call("POST", MAPS, {"metadata": {"name": "options"}}), 201)
    for body, code, reason, says in DELETES:
        refused(f"DELETE {json.dumps(body)}", call("DELETE", MAPS + "/options", body), code, reason, says)
    for revision, code, reason in (("7", 409, "Conflict"), ("text", 409, "Conflict"), ("-1", 409, "Conflict"),
                                   (HUGE, 409, "Conflict"), (7, 400, "BadRequest")):
        refused(f"an update of revision {revision!r}", call(
            "PUT", MAPS + "/options", {"metadata": {"name": "options", "resourceVersion": revision}}), code, reason)
    refused("a creation with a revision",
            call("POST", MAPS, {"metadata": {"name": "never", "resourceVersion": "5"}}), 400, "BadRequest",
            "resourceVersion should not be set on objects to be created")
    got = call("GET", f"{MAPS}?limit=9000000000000000000")
    taken("a limit as big as can be", got, 200)
    refused("nothing was written", call("GET", MAPS + "/never"), 404, "NotFound")

    # A watch from a revision that is gone is told so in its first event (clients look at nothing else by then).
    with connect() as sock:
        sock.sendall(f"GET {MAPS}?watch=true&resourceVersion={FUTURE} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        first = sock.recv(65536)
    case("a watch from the future begins, or is told", b" 200 OK" in first or b"Status" in first, first)
conclude()
