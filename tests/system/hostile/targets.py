"""Tricks in the target of a request: none reaches what it should not, and each is told what is wrong."""
from client import *

BAD = 400, "BadRequest"
NOWHERE = 404, "NotFound"
LONG = "a" * 254
# target, code, reason
GETS = [
    ("//api/v1/pods", *BAD),
    ("/api//v1/pods", *BAD),
    ("/api/v1/pods//", *BAD),
    ("/api/./v1/pods", *BAD),
    ("/api/v1/../v1/pods", *BAD),
    ("/api/v1/%2e/pods", *BAD),
    ("/api/v1/namespaces/default/%2e%2e/kube-system/pods", *BAD),
    ("/api/v1/namespaces/default/pods/%2E%2E", *BAD),
    ("/api/v1/namespaces/default%2fpods", *BAD),
    ("/api/v1/namespaces/default%2Fpods/x", *BAD),
    ("/api/v1/pods%00", *BAD),
    ("/api/v1/namespaces/a%00b/pods", *BAD),
    ("/api/v1/pods%zz", *BAD),
    ("/api/v1/pods%4", *BAD),
    ("/api/v1/pods%", *BAD),
    ("/api/v1/namespaces/%ff/pods", *BAD),
    ("/api/v1/namespaces/%c0%ae%c0%ae/pods", *BAD),  # dots, overlong
    ("/api/v1/namespaces/%ed%a0%80/pods", *BAD),  # half a surrogate pair
    ("/" + "a/" * 200, *BAD),
    ("/api/v1/pods?" + "&".join(f"a{i}=1" for i in range(300)), *BAD),
    ("/api/v1/pods?" + "&".join(f"a{i}=1" for i in range(2000)), *BAD),
    ("/api/v1/pods?" + "&" * 15000, *BAD),
    ("/api/v1/pods?watch=%00", *BAD),
    ("/api/v1/pods?labelSelector=%ff", *BAD),
    ("api/v1/pods", 400, None),
    ("https://elsewhere/api/v1/pods", 400, None),
    ("*", 400, None),
    ("/API/v1/pods", *NOWHERE),
    ("/api/V1/pods", *NOWHERE),
    ("/api/v1/Pods", *NOWHERE),
    ("/api/v1/namespaces/default/PODS", *NOWHERE),
    ("/api/v1/pods;a=b", *NOWHERE),
    ("/api/v1/pods%20", *NOWHERE),
    ("/api/v1/%70ods/x", *NOWHERE),
    ("/api/v2/pods", *NOWHERE),
    ("/apis/apps/v1/pods", *NOWHERE),
    ("/apis/nothing.io/v1/things", *NOWHERE),
    ("/api/v1/namespaces/default/pods/x/nothing", *NOWHERE),
    ("/api/v1/namespaces/default/pods/x/log/more", *NOWHERE),
    (PODS + "/" + LONG, *NOWHERE),
    (PODS + "/" + "a" * 8000, *NOWHERE),
    ("/api/v1/namespaces/" + LONG + "/pods/x", *NOWHERE),
    (PODS + "/Not_A_Name", *NOWHERE),
    (PODS + "/%E2%80%AEtxt", *NOWHERE),
    ("/metrics/../api/v1/secrets", *BAD),
    ("/version/%2e%2e/api/v1/secrets", *BAD),
    ("/openapi/v3/../../api/v1/secrets", *BAD),
    ("/etc/passwd", *NOWHERE),
]
SERVED = ["/version?" + "a" * 15000, "/api/v1/pods/", "/api/v1/%70ods", "/api/v1/pods?", "/api/v1/pods?&&", "/api/v1/pods?nothing=1", "/version/"]
# Nobody in particular learns only what everybody may know.
STRANGE = [("/api/v1/pods", 403), ("/nothing", 403), ("/api/v1/namespaces/none/pods/none", 403), ("/apis/x/y/z", 403),
           ("/metrics", 403), ("/api/v1/../pods", 400), ("/limpet/backup", 403)]

with Beside("targets", 64):
    for target, code, reason in GETS:
        refused(f"GET {target[:70]}", call("GET", target), code, reason)
    for target in SERVED:
        taken(f"GET {target}", call("GET", target), 200)
    for target, code in STRANGE:
        got = call("GET", target, who=STRANGER)
        told = got[1] if isinstance(got[1], dict) else {}
        case(f"a stranger: GET {target}", got[0] == code and told.get("kind") == "Status" and "metadata" in told and "items" not in told, got)
    taken("an object", call("POST", MAPS, {"metadata": {"name": "one"}}), 201)
    refused("a name in the way of another", call("PUT", MAPS + "/one", {"metadata": {"name": "two"}}), 400, "BadRequest",
            "does not match the name on the URL")
    refused("a namespace in the way of another",
            call("POST", MAPS, {"metadata": {"name": "three", "namespace": "kube-system"}}), 400, "BadRequest",
            "does not match the namespace sent on the request")
    refused("another kind than the URL's", call("POST", MAPS, {"kind": "Secret", "metadata": {"name": "three"}}), 400,
            "BadRequest", "cannot be handled as a ConfigMap")
    refused("another group than the URL's", call("POST", MAPS, {"apiVersion": "apps/v1", "metadata": {"name": "three"}}),
            400, "BadRequest", "does not match the expected API version")
conclude()
