"""Too many at once: connections, lists and watches that nobody reads, bodies that are big as trees."""
import resource
import threading
import time
from collections import Counter

from client import *

PER_ADDRESS = 2048  # controller/server/server.c
resource.setrlimit(resource.RLIMIT_NOFILE, (resource.getrlimit(resource.RLIMIT_NOFILE)[1],) * 2)


def settled(what, bound_mib, seconds=30):
    """What was held is given back."""
    end = time.monotonic() + seconds
    while memory()[0] > bound_mib * 1048576 and time.monotonic() < end:
        time.sleep(0.2)
    case(f"{what}: afterwards the gateway holds at most {bound_mib} MiB", memory()[0] <= bound_mib * 1048576,
         f"{memory()[0] // 1048576} MiB")


def ask_and_not_read(target, count, headers=""):
    held = []
    for _ in range(count):
        sock = connect(receive_buffer=4096)
        sock.sendall(f"GET {target} HTTP/1.1\r\nHost: x\r\n{headers}\r\n".encode())
        held.append(sock)
    return held


def close(held):
    for sock in held:
        sock.close()


# ---- connections: the attackers have an address of their own ----
with Beside("a flood of connections", 160):
    held, refused_ones = [], 0
    for _ in range(PER_ADDRESS + 500):
        sock = socket.socket()
        sock.settimeout(10)
        try:
            sock.bind(("127.0.0.2", 0))
            sock.connect((HOST, PORT))
            held.append(sock)
        except OSError:
            refused_ones += 1
            sock.close()
    time.sleep(1)
    case("more connections were made than one address may hold", len(held) > PER_ADDRESS, (len(held), refused_ones))
    close(held)
with Beside("a flood of connections with TLS", 160):
    held = [connect() for _ in range(400)]
    for sock in held:
        sock.sendall(b"GET /version HTTP/1.1\r\nHost: x\r\n\r\n")
    served = sum(b"200 OK" in sock.recv(4096) for sock in held)
    case("400 clients at once are served", served == 400, served)
    close(held)
settled("floods of connections", 96)

# ---- what nobody reads ----
BIG = 40
for i in range(BIG):
    code, told, _ = call("POST", MAPS, {"metadata": {"name": f"big{i}"}, "data": {"a": "x" * 900000}})
    if code != 201:
        case("a big object is stored", False, told)
with Beside("40 lists of 36 MB that nobody reads", 288):
    held = ask_and_not_read(MAPS, 40)
    time.sleep(1)
    close(held)
with Beside("40 tables of them", 288):
    held = ask_and_not_read(MAPS, 40, "Accept: application/json;as=Table;v=v1;g=meta.k8s.io\r\n")
    time.sleep(1)
    close(held)
with Beside("40 watches of them that nobody reads", 288):
    held = ask_and_not_read(MAPS + "?watch=true", 40)
    time.sleep(1)
    close(held)
with Beside("changes of big objects for 40 watches that nobody reads", 288):
    held = ask_and_not_read(MAPS + "?watch=true&resourceVersion=0&labelSelector=app", 20) + ask_and_not_read(
        MAPS + "?watch=true&allowWatchBookmarks=true&fieldSelector=metadata.name%3Dbig1", 20)
    for i in range(10):
        call("PATCH", MAPS + "/big1", {"data": {"b": str(i)}}, "application/merge-patch+json")
    close(held)
for i in range(BIG):
    call("DELETE", f"{MAPS}/big{i}")
settled("what nobody reads", 128)

# ---- 300 watches of small things ----
with Beside("300 watches", 96):
    held = ask_and_not_read(MAPS + "?watch=true", 300)
    begun = sum(b"200 OK" in sock.recv(4096) for sock in held)
    case("300 watches begin", begun == 300, begun)
    close(held)

# ---- bodies that are small as text and big as trees ----
BOMB = ('{"metadata":{"name":"bomb"},"x":[' + "0," * 190000 + "0]}").encode()
taken("an object", call("POST", MAPS, {"metadata": {"name": "bomb"}}), 201)
codes = Counter()


def bomb():
    codes[call("PUT", MAPS + "/bomb?fieldValidation=Ignore", BOMB)[0]] += 1


with Beside("100 bodies of 190,000 values at once", 192, 5):
    threads = [threading.Thread(target=bomb) for _ in range(100)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    case("each of them is taken, or told to try again", set(codes) <= {200, 429} and codes[200] > 0, codes)
settled("bodies that are big as trees", 160)
conclude()
