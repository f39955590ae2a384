"""A server of grpc.health.v1 by the public library: FILE holds what the service "db" says of itself; without it, the
service is not known. Its port stands in FILE.port."""
import os
import sys
from concurrent import futures

import grpc

path = sys.argv[1]
states = {"UNKNOWN": 0, "SERVING": 1, "NOT_SERVING": 2}


def check(request, context):
    if request != b"\x0a\x02db" or not os.path.exists(path):
        context.abort(grpc.StatusCode.NOT_FOUND, "unknown service")
    with open(path) as file:
        return bytes([8, states[file.read().strip()]])


server = grpc.server(futures.ThreadPoolExecutor(max_workers=2))
server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(
    "grpc.health.v1.Health", {"Check": grpc.unary_unary_rpc_method_handler(check)}),))
port = server.add_insecure_port("0.0.0.0:0")
server.start()
with open(path + ".new", "w") as file:
    file.write(f"{port}\n")
os.rename(path + ".new", path + ".port")
server.wait_for_termination()
