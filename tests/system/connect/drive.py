"""Debian's python3-kubernetes on live streams; lines of "ok" and "not ok"."""
import os

from kubernetes import client, config
from kubernetes.client.exceptions import ApiException
from kubernetes.stream import portforward, stream

config.load_kube_config(os.environ["KUBECONFIG"])
v1 = client.CoreV1Api()


def check(what, have, want):
    print(("ok" if have == want else "not ok") + " - python3-kubernetes: " + what)
    if have != want:
        print(f"     got: {have!r}, wanted: {want!r}")


def run(*words, stdin=False, **options):
    return stream(v1.connect_get_namespaced_pod_exec, "web", "default", command=list(words), stdin=stdin,
                  stdout=True, stderr=True, tty=False, **options)


check("what a program says", run("echo", "hi"), "hi")
shell = run("exit", "7", _preload_content=False)
shell.run_forever(10)
check("its exit code", shell.returncode, 7)
shell = run("cat", stdin=True, _preload_content=False)
shell.write_stdin("some text\n")
check("what it is told, as text", shell.readline_stdout(timeout=10), "some text")
shell.write_stdin(b"x" * 100000)
count = 0
while count < 100000 and shell.is_open():
    shell.update(timeout=10)
    if shell.peek_stdout():
        count += len(shell.read_stdout())
check("and as bytes", count, 100000)
shell.close()
flood = run("flood", "1000000", _preload_content=False)
flood.run_forever(30)
check("a megabyte from the pod", (flood.returncode, len(flood.read_all())), (0, 1000000))
try:
    run("refuse", "404")
    check("a refusal", "none", "an exception")
except ApiException as e:
    check("a refusal", "404" in str(e), True)
forward = portforward(v1.connect_get_namespaced_pod_portforward, "web", "default", ports="80")
peer = forward.socket(80)
peer.setblocking(True)
peer.sendall(b"ping")
check("a port-forward", (peer.recv(10), forward.error(80)), (b"ping", None))
peer.close()
