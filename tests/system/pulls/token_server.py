#!/usr/bin/env python3
"""The token server of a registry (distribution's token specification): token_server.py KEY CERTIFICATE PORT_FILE LOG

Gives who asks as "holder" with the password "opener" a token to read, signed by KEY; 401 to everybody else. LOG gets a line a request: user, scope, status."""
import base64
import http.server
import json
import os
import subprocess
import sys
import time
import urllib.parse

KEY, CERTIFICATE, PORT_FILE, LOG = sys.argv[1:5]
WANT = "Basic " + base64.b64encode(b"holder:opener").decode()
with open(CERTIFICATE) as file:
    X5C = "".join(line.strip() for line in file if "CERTIFICATE" not in line)


def b64(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def token(service, scope):
    kind, name, actions = scope.split(":")
    now = int(time.time())
    head = {"typ": "JWT", "alg": "RS256", "x5c": [X5C]}
    body = {"iss": "test", "sub": "holder", "aud": service, "exp": now + 300, "nbf": now - 10, "iat": now, "jti": str(now),
            "access": [{"type": kind, "name": name, "actions": actions.split(",")}]}
    signed = b64(json.dumps(head).encode()) + "." + b64(json.dumps(body).encode())
    signature = subprocess.run(["openssl", "dgst", "-sha256", "-sign", KEY], input=signed.encode(), check=True,
                               stdout=subprocess.PIPE).stdout
    return signed + "." + b64(signature)


class Handler(http.server.BaseHTTPRequestHandler):
    def log_message(self, *_):
        pass

    def do_GET(self):
        query = urllib.parse.parse_qs(urllib.parse.urlparse(self.path).query)
        scope = query.get("scope", [""])[0]
        good = self.headers.get("Authorization") == WANT
        with open(LOG, "a") as log:
            log.write(f"{'holder' if good else 'other'} {scope} {200 if good else 401}\n")
        body = json.dumps({"token": token(query["service"][0], scope)} if good else {"errors": []}).encode()
        self.send_response(200 if good else 401)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
with open(PORT_FILE + ".new", "w") as ports:
    ports.write(f"{server.server_port}\n")
os.rename(PORT_FILE + ".new", PORT_FILE)
server.serve_forever()
