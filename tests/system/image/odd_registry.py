#!/usr/bin/env python3
"""A registry that misbehaves: odd_registry.py ARCHIVE PORT_FILE LOG

Serves the image of an OCI archive under names that say what is odd about each: <behaviour>/web:1. A second server
is where redirected blobs go. PORT_FILE gets "port port2" when both listen. LOG gets a line a request."""
import http.server
import json
import os
import sys
import tarfile
import threading
import time

ARCHIVE, PORT_FILE, LOG = sys.argv[1:4]
TOKEN = "t0ken"
files = {}
with tarfile.open(ARCHIVE) as tar:
    for member in filter(tarfile.TarInfo.isfile, tar.getmembers()):
        files[member.name] = tar.extractfile(member).read()
manifest_digest = json.loads(files["index.json"])["manifests"][0]["digest"]
manifest = files["blobs/sha256/" + manifest_digest[7:]]
layers = [layer["digest"] for layer in json.loads(manifest)["layers"]]
MANIFEST = "application/vnd.oci.image.manifest.v1+json"
INDEX = "application/vnd.oci.image.index.v1+json"
broken = set()
left = {}  # requests that a token is still good for
lock = threading.Lock()


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def note(self):
        with lock, open(LOG, "a") as log:
            log.write(f"{self.server.server_port} {self.path} authorization={self.headers.get('Authorization')} "
                      f"range={self.headers.get('Range')}\n")

    def answer(self, status, body=b"", kind="application/octet-stream", **headers):
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self):
        self.note()
        try:
            self.route()
        except (BrokenPipeError, ConnectionResetError):
            self.close_connection = True

    def route(self):
        if self.path.startswith("/token"):
            token = TOKEN
            if "expiring" in self.path:
                token = f"short{len(left)}"
                left[token] = 2
            self.answer(200, json.dumps({"token": token}).encode(), "application/json")
            return
        if self.path.startswith("/elsewhere/"):
            self.answer(200, files["blobs/sha256/" + self.path.rpartition(":")[2]])
            return
        parts = self.path.strip("/").split("/")
        if len(parts) != 5 or parts[0] != "v2":
            self.answer(404)
            return
        odd, kind, name = parts[1], parts[3], parts[4]
        gate = getattr(self, "gate_" + odd.replace("-", "_"), None)
        if gate and gate():
            return
        if kind == "manifests":
            self.manifest(odd, name)
        else:
            self.blob(odd, name)

    # What stands before everything else.
    def gate_auth(self):
        if self.headers.get("Authorization") == "Bearer " + TOKEN:
            return False
        realm = f"http://127.0.0.1:{self.server.server_port}/token"
        self.answer(401, WWW_Authenticate=f'Bearer realm="{realm}",service="odd",scope="repository:x:pull"')
        return True

    gate_redirect = gate_auth

    def gate_expiring(self):
        """Each token is good for two requests."""
        token = (self.headers.get("Authorization") or "").replace("Bearer ", "")
        if left.get(token, 0) > 0:
            left[token] -= 1
            return False
        realm = f"http://127.0.0.1:{self.server.server_port}/token/expiring"
        self.answer(401, WWW_Authenticate=f'Bearer realm="{realm}",service="odd",scope="repository:x:pull"')
        return True

    def gate_basic_redirect(self):
        return self.headers.get("Authorization") != "Basic dTpw" and self.gate_basic()

    def gate_basic(self):
        self.answer(401, WWW_Authenticate='Basic realm="odd"')
        return True

    def gate_evil_realm(self):
        self.answer(401, WWW_Authenticate='Bearer realm="http://192.0.2.1/token",service="odd"')
        return True

    def gate_busy(self):
        self.answer(503)
        return True

    def gate_denied(self):
        self.answer(403)
        return True

    def manifest(self, odd, name):
        if name not in ("1", manifest_digest):
            self.answer(404)
        elif odd == "big":
            self.answer(200, b" " * (4 << 20), MANIFEST)
        elif odd == "other" and name == manifest_digest:
            self.answer(200, manifest.replace(b"schemaVersion", b"schemaversion"), MANIFEST)
        else:
            self.answer(200, manifest, INDEX if odd == "type" else MANIFEST)

    def blob(self, odd, name):
        data = files.get("blobs/sha256/" + name[7:])
        if data is None:
            self.answer(404)
            return
        if name not in layers:
            self.answer(200, data)
            return
        if odd in ("redirect", "basic-redirect"):
            self.answer(307, Location=f"http://127.0.0.1:{other.server_port}/elsewhere/{name}")
        elif odd == "redirect-out":
            self.answer(307, Location="http://192.0.2.1/elsewhere")
        elif odd == "loop":
            self.answer(307, Location=self.path)
        elif odd == "flipped":
            self.answer(200, bytes([data[0]]) + bytes([data[1]]) + data[2:4] + b"\x01" + data[5:])
        elif odd == "longer":
            self.answer(200, data + b"more")
        else:
            self.ranged(odd, name, data)

    def ranged(self, odd, name, data):
        start, status = 0, 200
        asked = self.headers.get("Range")
        if asked and odd != "no-range":
            start, status = int(asked[6:].split("-")[0]), 206
        body = data[start:]
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        if status == 206:
            self.send_header("Content-Range", f"bytes {start}-{len(data) - 1}/{len(data)}")
        self.end_headers()
        if odd == "short" or (odd in ("broken", "no-range", "expiring") and (odd, name) not in broken):
            broken.add((odd, name))
            self.wfile.write(body[:len(body) // 2])
            self.wfile.flush()
            self.close_connection = True
            self.connection.close()
        elif odd == "slow":
            for at in range(0, len(body), 64):
                self.wfile.write(body[at:at + 64])
                self.wfile.flush()
                time.sleep(0.05)
        else:
            self.wfile.write(body)


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True


main, other = Server(("127.0.0.1", 0), Handler), Server(("127.0.0.1", 0), Handler)
threading.Thread(target=other.serve_forever, daemon=True).start()
with open(PORT_FILE + ".new", "w") as ports:
    ports.write(f"{main.server_port} {other.server_port}\n")
os.rename(PORT_FILE + ".new", PORT_FILE)
main.serve_forever()
