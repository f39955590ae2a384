"""A well-behaved client beside an attack: reads, writes and watches until its standard input ends, then says as JSON
how long the slowest request and the slowest event took, and what went wrong."""
import json
import select
import sys
import threading
import time

import client

NAME = "beside"
seen = {}  # value -> when its event came
stop = threading.Event()


def watch(sock):
    data = b""
    while not stop.is_set():
        if not sock.pending() and not select.select([sock], [], [], 0.2)[0]:
            continue
        piece = sock.recv(65536)
        if not piece:
            return
        data += piece
        while True:
            at = data.find(b'"value":"')
            end = data.find(b'"', at + 9)
            if at < 0 or end < 0:
                break
            seen.setdefault(data[at + 9:end].decode(), time.monotonic())
            data = data[end:]


def main():
    path = client.MAPS + "/" + NAME
    client.call("POST", client.MAPS, {"metadata": {"name": NAME}, "data": {"value": "0"}})
    sock = client.connect()
    sock.sendall(f"GET {client.MAPS}?watch=true&fieldSelector=metadata.name%3D{NAME} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
    first = sock.recv(65536)
    watcher = threading.Thread(target=watch, args=(sock,), daemon=True)
    watcher.start()
    told = {"requests": 0, "failures": [], "worst": 0, "latest": 0, "missed": 0}
    if b"200 OK" not in first:
        told["failures"].append(first.decode("latin-1"))
    print("ready", flush=True)
    written = {}
    while not select.select([sys.stdin], [], [], 0.1)[0] or not written:
        value = str(time.monotonic())
        for method, body in (("PUT", {"metadata": {"name": NAME}, "data": {"value": value}}), ("GET", None)):
            begin = time.monotonic()
            try:
                code, answer, _ = client.call(method, path, body)
                if code != 200 or answer["data"]["value"] != value:
                    told["failures"].append(f"{method}: {code}")
            except (OSError, KeyError, TypeError) as wrong:
                told["failures"].append(f"{method}: {wrong!r}")
            end = time.monotonic()
            if method == "PUT":
                written[value] = end
            told["requests"] += 1
            told["worst"] = max(told["worst"], round(end - begin, 3))
    limit = time.monotonic() + 10
    while time.monotonic() < limit and not all(value in seen for value in written):
        time.sleep(0.05)
    stop.set()
    told["missed"] = sum(value not in seen for value in written)
    told["latest"] = round(max(seen.get(value, 0) - at for value, at in written.items()), 3)
    told["failures"] = told["failures"][:5]
    print(json.dumps(told))


main()
