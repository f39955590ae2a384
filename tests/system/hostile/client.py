"""What the attacks share: bytes over TLS to a gateway, answers read strictly, and a well-behaved client beside them.

A case is one line, "ok - NAME" or "not ok - NAME"; the program ends with 1 if one failed.
"""
import http.client
import json
import os
import socket
import ssl
import subprocess
import sys
import time

HOST, PORT, TRUST, PID = sys.argv[1], int(sys.argv[2]), sys.argv[3], int(sys.argv[4])
NS = "/api/v1/namespaces/default"
MAPS = NS + "/configmaps"
PODS = NS + "/pods"
DEPLOYMENTS = "/apis/apps/v1/namespaces/default/deployments"
failed = 0


def case(name, ok, detail=""):
    global failed
    failed += not ok
    print(f"{'ok' if ok else 'not ok'} - {name}")
    if not ok:
        print(f"     {str(detail)[:600]}")
    sys.stdout.flush()


def conclude():
    sys.exit(1 if failed else 0)


def context(certificate=True):
    made = ssl.create_default_context(cafile=TRUST + "/ca.crt")
    made.set_alpn_protocols(["http/1.1"])
    if certificate:
        made.load_cert_chain(TRUST + "/admin.crt", TRUST + "/admin.key")
    return made


ADMIN, STRANGER = context(), context(False)


def tcp(timeout=30):
    made = socket.create_connection((HOST, PORT), timeout)
    made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return made


def connect(who=ADMIN, timeout=30, receive_buffer=None):
    raw = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    if receive_buffer:
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
    raw.settimeout(timeout)
    raw.connect((HOST, PORT))
    raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return who.wrap_socket(raw, server_hostname=HOST)


def read_to_end(sock):
    """All that comes until the other side closes; the time is the socket's."""
    got = b""
    try:
        while piece := sock.recv(65536):
            got += piece
    except (ConnectionError, ssl.SSLError):
        pass
    except TimeoutError:
        got += b"\n(still open)"
    return got


class Torn(Exception):
    pass


def read_answers(data, head=False):
    """[(code, headers, body)] of what a server sent, whole; Torn if there is something else in it."""
    answers = []
    while data:
        top, blank, data = data.partition(b"\r\n\r\n")
        lines = top.decode("latin-1").split("\r\n")
        if not blank or not lines[0].startswith("HTTP/1."):
            raise Torn(top[:200])
        headers = {k.strip().lower(): v.strip() for k, _, v in (line.partition(":") for line in lines[1:])}
        code = int(lines[0].split()[1])
        body = b""
        if headers.get("transfer-encoding") == "chunked" and not head:
            while True:
                size, _, data = data.partition(b"\r\n")
                n = int(size, 16)
                body, data = body + data[:n], data[n + 2:]
                if n == 0:
                    break
        elif not head and code >= 200:
            n = int(headers.get("content-length", 0))
            if len(data) < n:
                raise Torn(f"{n} bytes were promised, {len(data)} came")
            body, data = data[:n], data[n:]
        answers.append((code, headers, body))
    return answers


def send(data, who=ADMIN, timeout=30, head=False, half_close=False):
    """What a connection answers to those bytes until it ends."""
    with connect(who, timeout) as sock:
        try:
            sock.sendall(data)
            if half_close:
                sock.unwrap()
        except OSError:
            pass
        return read_answers(read_to_end(sock), head)


def status_of(body):
    try:
        status = json.loads(body)
    except ValueError:
        return {}
    return status if isinstance(status, dict) and status.get("kind") == "Status" else {}


def call(method, path, body=None, content_type="application/json", who=ADMIN, headers=None, timeout=60):
    """(code, object, headers) of one request; the target goes as it stands."""
    connection = http.client.HTTPSConnection(HOST, PORT, context=who, timeout=timeout)
    if isinstance(body, (dict, list)):
        body = json.dumps(body).encode()
    elif isinstance(body, str):
        body = body.encode()
    connection.putrequest(method, path, skip_accept_encoding=True)
    if body is not None:
        if content_type:
            connection.putheader("Content-Type", content_type)
        connection.putheader("Content-Length", str(len(body)))
    for name, value in (headers or {}).items():
        connection.putheader(name, value)
    connection.endheaders()
    try:
        if body:
            connection.send(body)
    except OSError:
        pass  # it may be answered before it is all sent
    try:
        response = connection.getresponse()
        text = response.read()
    except (OSError, http.client.HTTPException) as wrong:
        return 0, repr(wrong), {}
    connection.close()
    try:
        told = json.loads(text)
    except ValueError:
        told = text.decode("latin-1")
    return response.status, told, response.headers


def refused(name, got, code, reason=None, says=None):
    """Kubernetes' Status of that code and reason, with a message that holds the text."""
    have, told = got[0], got[1]
    right = have == code
    if reason:
        right = right and isinstance(told, dict) and told.get("kind") == "Status" and told.get("apiVersion") == "v1"
        right = right and told.get("status") == "Failure" and told.get("code") == code and told.get("metadata") == {}
        right = right and told.get("reason") == reason and bool(told.get("message"))
        right = right and (says is None or says.lower() in told["message"].lower())
    case(name, right, f"wanted {code} {reason} {says or ''}, got {have} {told}")
    return right


def taken(name, got, code=None):
    right = got[0] == code if code else got[0] in (200, 201)
    case(name, right, f"got {got[0]} {got[1]}")


def memory():
    """Bytes of the gateway that are resident: now, and at most since the last reset."""
    fields = {}
    with open(f"/proc/{PID}/status", encoding="ascii") as file:
        for line in file:
            name, _, value = line.partition(":")
            fields[name] = value.split()
    return int(fields["VmRSS"][0]) * 1024, int(fields["VmHWM"][0]) * 1024


def reset_peak():
    with open(f"/proc/{PID}/clear_refs", "w", encoding="ascii") as file:
        file.write("5")


class Beside:
    """While it lasts a well-behaved client reads, writes and watches; and the gateway's memory is bounded."""

    def __init__(self, what, bound_mib, seconds=5):
        self.what, self.bound, self.seconds = what, bound_mib, seconds

    def __enter__(self):
        reset_peak()
        here = os.path.dirname(os.path.abspath(__file__))
        self.process = subprocess.Popen([sys.executable, here + "/beside.py", *sys.argv[1:5]],
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        if self.process.stdout.readline() != b"ready\n":
            raise RuntimeError("the client beside does not begin")
        return self

    def __exit__(self, kind, value, trace):
        text, _ = self.process.communicate(timeout=60)
        told = json.loads(text or "{}")
        peak = memory()[1] // 1048576
        case(f"{self.what}: a client beside is served within {self.seconds} s",
             0 < told.get("requests", 0) and told["failures"] == [] and told["worst"] <= self.seconds, told)
        case(f"{self.what}: a watch beside sees every change within {self.seconds} s",
             told.get("missed") == 0 and told["latest"] <= self.seconds, told)
        case(f"{self.what}: the gateway stays within {self.bound} MiB", peak <= self.bound, f"{peak} MiB")
        print(f"     {told.get('requests')} requests, worst {told.get('worst')} s, "
              f"events within {told.get('latest')} s, peak {peak} MiB")
