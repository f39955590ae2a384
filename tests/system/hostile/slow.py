"""Clients that take their time: none keeps a connection beyond what the product promises, none keeps others waiting."""
import select
import threading
import time

from client import *

HANDSHAKE, FIRST, BODY = 10, 30, 60  # seconds that the gateway waits (controller/server/front.c, http.h)
SPARE = 10
EACH = 20  # connections of each sort


def never(sock, tick):
    """Says nothing."""


def trickle(sock, tick):
    sock.send(b"a")


HEAD = b"GET /version HTTP/1.1\r\nHost: x\r\nX-A: "
HALF = f"POST {MAPS} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 100000\r\n\r\n".encode()
CHUNKED = f"POST {MAPS} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n".encode()
HELLO = b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"  # a ClientHello that does not go on
# what, whether TLS is up, what is sent at once, what each second, seconds after which it is closed
SORTS = [
    ("connects and says nothing", False, b"", never, HANDSHAKE),
    ("begins a handshake and stops", False, HELLO, never, HANDSHAKE),
    ("shakes hands a byte a second", False, HELLO, trickle, HANDSHAKE),
    ("shakes hands and says nothing", True, b"", never, FIRST),
    ("sends a head a byte a second", True, HEAD, trickle, FIRST),
    ("sends half a head", True, HEAD, never, FIRST),
    ("sends a body a byte a second", True, HALF, trickle, BODY),
    ("sends chunks a byte a second", True, CHUNKED, lambda sock, tick: sock.send(b"1\r\na\r\n"), BODY),
    ("announces a body and stops", True, HALF, never, BODY),
]


def closed(sock):
    try:
        if isinstance(sock, ssl.SSLSocket) and sock.pending():
            return not sock.recv(65536)
        return bool(select.select([sock], [], [], 0)[0]) and not sock.recv(65536)
    except (ConnectionError, ssl.SSLError):
        return True
    except TimeoutError:
        return False


def keep(sort, results):
    what, tls, first, tick, limit = sort
    socks = {}
    for _ in range(EACH):
        sock = connect() if tls else tcp()
        sock.sendall(first)
        socks[sock] = time.monotonic()
    worst, beats = 0, 0
    while socks and beats < limit + SPARE + 5:
        time.sleep(1)
        beats += 1
        for sock in list(socks):
            gone = closed(sock)
            try:
                tick(sock, beats)
            except OSError:
                gone = True
            if gone:
                worst = max(worst, time.monotonic() - socks.pop(sock))
                sock.close()
    results[what] = (len(socks), worst, limit)
    for sock in socks:
        sock.close()


with Beside("slow clients", 64):
    # What is not TLS at all is sent away.
    for what, data in (("plain HTTP", b"GET /version HTTP/1.1\r\nHost: x\r\n\r\n"), ("zeros", bytes(4096)),
                       ("ones", b"\xff" * 4096), ("SSH", b"SSH-2.0-x\r\n"), ("an endless record", b"\x16\x03\x01\xff\xff" + bytes(70000))):
        with tcp() as sock:
            try:
                sock.sendall(data)
            except OSError:
                pass
            answer = read_to_end(sock)
        case(f"before TLS: {what}: no answer of HTTP, and an end", b"HTTP" not in answer and b"still open" not in answer, answer[:100])

    # Half-closed: who has said all may still hear the answer, and nothing is left of him.
    for what, data in (("after a whole request", f"GET {MAPS} HTTP/1.1\r\nHost: x\r\n\r\n".encode()),
                       ("amid a head", HEAD), ("amid a body", HALF + b"{")):
        sock = connect(timeout=20)
        sock.sendall(data)
        sock.shutdown(socket.SHUT_WR)
        answer = read_to_end(sock)
        case(f"half-closed {what}: it ends", b"still open" not in answer, answer[:200])
        sock.close()

    results = {}
    threads = [threading.Thread(target=keep, args=(sort, results)) for sort in SORTS]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for what, (left, worst, limit) in results.items():
        case(f"who {what} is gone after {limit} s", left == 0 and worst <= limit + SPARE, (left, worst))
    case("every sort of them was tried", len(results) == len(SORTS), results)
conclude()
