#!/usr/bin/python3
"""Drives the gateway that KUBECONFIG names with python3-kubernetes; prints "ok - CASE" and "not ok - CASE"."""
import json
import threading

from kubernetes import client, config, dynamic, watch
from kubernetes.client.rest import ApiException

SPACE = "default"


def is_(what, got, wanted):
    print(f"ok - {what}" if got == wanted else f"not ok - {what}\n     got:    {got!r}\n     wanted: {wanted!r}")


def refused(what, code, reason, call):
    try:
        call()
        is_(what, "accepted", code)
    except ApiException as error:
        is_(what, (error.status, json.loads(error.body)["reason"]), (code, reason))


def config_map(name, data, **metadata):
    return client.V1ConfigMap(metadata=client.V1ObjectMeta(name=name, **metadata), data=data)


def a_life(core):
    made = core.create_namespaced_config_map(SPACE, config_map("one", {"a": "b"}, labels={"of": "py"}))
    is_("create gives it a uid", len(made.metadata.uid), 36)
    refused("create once more", 409, "AlreadyExists",
            lambda: core.create_namespaced_config_map(SPACE, config_map("one", {})))
    refused("a name that is none", 422, "Invalid", lambda: core.create_namespaced_config_map(SPACE, config_map("No_Name", {})))
    refused("what is not there", 404, "NotFound", lambda: core.read_namespaced_config_map("none", SPACE))
    read = core.read_namespaced_config_map("one", SPACE)
    is_("read", (read.data, read.metadata.creation_timestamp.tzinfo is not None), ({"a": "b"}, True))
    read.data["c"] = "d"
    is_("replace", core.replace_namespaced_config_map("one", SPACE, read).data, {"a": "b", "c": "d"})
    refused("replace of an old version", 409, "Conflict", lambda: core.replace_namespaced_config_map("one", SPACE, read))
    tried = core.create_namespaced_config_map(SPACE, config_map("dry", {}), dry_run="All")
    is_("dry run", tried.metadata.name, "dry")
    refused("leaves nothing", 404, "NotFound", lambda: core.read_namespaced_config_map("dry", SPACE))
    named = core.create_namespaced_config_map(SPACE, client.V1ConfigMap(metadata=client.V1ObjectMeta(generate_name="gen-")))
    is_("generateName", (named.metadata.name[:4], len(named.metadata.name)), ("gen-", 9))
    gone = core.delete_namespaced_config_map(named.metadata.name, SPACE)
    is_("delete says so", gone.status, "Success")


def lists(core):
    for number in range(7):
        core.create_namespaced_config_map(SPACE, config_map(f"many-{number}", {}, labels={"of": "many"}))
    page = core.list_namespaced_config_map(SPACE, label_selector="of=many", limit=3)
    names, pages = [], 0
    while True:
        pages += 1
        names += [item.metadata.name for item in page.items]
        if not page.metadata._continue:
            break
        page = core.list_namespaced_config_map(SPACE, label_selector="of=many", limit=3, _continue=page.metadata._continue)
    is_("a list in pages", (pages, names), (3, [f"many-{number}" for number in range(7)]))
    found = core.list_config_map_for_all_namespaces(field_selector="metadata.name=many-3").items
    is_("by field, of all namespaces", [item.metadata.namespace for item in found], [SPACE])
    refused("a selector that is none", 400, "BadRequest", lambda: core.list_namespaced_config_map(SPACE, label_selector="=="))
    core.delete_collection_namespaced_config_map(SPACE, label_selector="of=many")
    is_("deletecollection", core.list_namespaced_config_map(SPACE, label_selector="of=many").items, [])


def patches(core, apps):
    container = client.V1Container(name="app", image="busybox:1")
    template = client.V1PodTemplateSpec(metadata=client.V1ObjectMeta(labels={"app": "web"}),
                                        spec=client.V1PodSpec(containers=[container]))
    spec = client.V1DeploymentSpec(selector=client.V1LabelSelector(match_labels={"app": "web"}), template=template)
    made = apps.create_namespaced_deployment(SPACE, client.V1Deployment(metadata=client.V1ObjectMeta(name="web"), spec=spec))
    is_("a deployment is defaulted", (made.spec.replicas, made.spec.strategy.type), (1, "RollingUpdate"))
    more = {"spec": {"template": {"spec": {"containers": [{"name": "side", "image": "busybox:2"}]}}}}
    is_("a dict is a strategic patch", [each.name for each in
        apps.patch_namespaced_deployment("web", SPACE, more).spec.template.spec.containers], ["side", "app"])
    is_("a list is a JSON patch", apps.patch_namespaced_deployment(
        "web", SPACE, [{"op": "replace", "path": "/spec/replicas", "value": 4}]).spec.replicas, 4)
    refused("whose test does not hold", 422, "Invalid", lambda: apps.patch_namespaced_deployment(
        "web", SPACE, [{"op": "test", "path": "/spec/replicas", "value": 9}]))
    scale = apps.read_namespaced_deployment_scale("web", SPACE)
    scale.spec.replicas = 2
    is_("scale", apps.replace_namespaced_deployment_scale("web", SPACE, scale).spec.replicas, 2)
    api = client.ApiClient()
    maps = dynamic.DynamicClient(api).resources.get(api_version="v1", kind="ConfigMap")
    merged = maps.patch(body={"metadata": {"name": "one"}, "data": {"c": None}}, namespace=SPACE, name="one",
                        content_type="application/merge-patch+json")
    is_("the dynamic client's merge patch", merged.to_dict()["data"], {"a": "b"})
    body = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "applied"}, "data": {"x": "y"}}
    def apply(**more):
        return maps.patch(body=json.dumps(body), namespace=SPACE, name="applied", content_type="application/apply-patch+yaml", **more)
    is_("its server-side apply", apply(field_manager="py").to_dict()["data"], {"x": "y"})
    body["data"]["x"] = "z"
    refused("another's field", 409, "Conflict", lambda: apply(field_manager="other"))
    apps.delete_namespaced_deployment("web", SPACE, propagation_policy="Foreground")


def watches(core):
    listed = core.list_namespaced_config_map(SPACE)
    seen, there = [], threading.Event()

    def look(since):
        for event in watch.Watch().stream(core.list_namespaced_config_map, SPACE, resource_version=since, timeout_seconds=30,
                                          label_selector="of=watch"):
            seen.append((event["type"], event["object"].metadata.name))
            if event["type"] == "DELETED":
                there.set()
                return
    looker = threading.Thread(target=look, args=(listed.metadata.resource_version,), daemon=True)
    looker.start()
    core.create_namespaced_config_map(SPACE, config_map("seen", {}, labels={"of": "watch"}))
    core.patch_namespaced_config_map("seen", SPACE, {"data": {"a": "b"}})
    core.delete_namespaced_config_map("seen", SPACE)
    there.wait(30)
    life = [("ADDED", "seen"), ("MODIFIED", "seen"), ("DELETED", "seen")]
    is_("a watch sees a life", seen, life)
    seen.clear()
    look(listed.metadata.resource_version)
    is_("another from the same version sees it again", seen, life)
    first = next(iter(watch.Watch().stream(core.list_node, timeout_seconds=20)))
    is_("a watch from nowhere begins with what is", (first["type"], first["object"].metadata.name), ("ADDED", "a"))
    is_("a watch ends after timeoutSeconds", list(watch.Watch().stream(
        core.list_namespaced_config_map, SPACE, label_selector="of=nobody", resource_version=listed.metadata.resource_version,
        timeout_seconds=1)), [])


def pods(core):
    body = {"metadata": {"name": "runs"}, "spec": {"terminationGracePeriodSeconds": 1, "containers": [{
        "name": "main", "image": "busybox:latest", "imagePullPolicy": "IfNotPresent",
        "command": ["sh", "-c", "echo from python; trap 'exit 0' TERM; while :; do sleep 0.1; done"]}]}}
    core.create_namespaced_pod(SPACE, body)
    for event in watch.Watch().stream(core.list_namespaced_pod, SPACE, field_selector="metadata.name=runs", timeout_seconds=30):
        if event["object"].status.phase == "Running":
            break
    pod = core.read_namespaced_pod("runs", SPACE)
    is_("a pod runs on the node", (pod.status.phase, pod.spec.node_name), ("Running", "a"))
    text = ""
    for _ in range(100):
        text = core.read_namespaced_pod_log("runs", SPACE)
        if text:
            break
    is_("its log", text, "from python\n")
    core.delete_namespaced_pod("runs", SPACE)
    for event in watch.Watch().stream(core.list_namespaced_pod, SPACE, timeout_seconds=30):
        if event["type"] == "DELETED":
            is_("its end is seen", event["object"].metadata.name, "runs")
            break


def main():
    config.load_kube_config()
    core, apps = client.CoreV1Api(), client.AppsV1Api()
    is_("version", client.VersionApi().get_code().minor, "33")
    a_life(core)
    lists(core)
    patches(core, apps)
    watches(core)
    pods(core)


main()
