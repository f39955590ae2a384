"""Where a request begins and ends, and what may stand in its head: nothing is read in two ways."""
from client import *

# What is smuggled, if it is: it must never be answered.
INNER = "GET /version?smuggled HTTP/1.1\r\nHost: x\r\n\r\n"
BODY = '{"metadata":{"name":"smuggled"}}'


def post(headers, body=""):
    return f"POST {MAPS} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n{headers}\r\n{body}".encode("latin-1")


def get(headers="", line="GET /version HTTP/1.1", host="Host: x\r\n"):
    return f"{line}\r\n{host}{headers}Connection: close\r\n\r\n".encode("latin-1")


def chunks(text):
    return f"{len(text):x}\r\n{text}\r\n0\r\n\r\n"


CHUNKED = "Transfer-Encoding: chunked\r\n"
LENGTH = f"Content-Length: {len(BODY)}\r\n"
S = 400, "BadRequest"  # a Status
BIG = 413, "RequestEntityTooLarge"
# name, bytes, code and reason of the Status
REFUSED = [
    ("two lengths that differ", post("Content-Length: 3\r\nContent-Length: 4\r\n", "{}{}" + INNER), *S),
    ("two lengths that agree", post(LENGTH + LENGTH, BODY + INNER), *S),
    ("a list of lengths", post("Content-Length: 4, 4\r\n", "{}{}" + INNER), *S),
    ("a length and chunks", post("Content-Length: 5\r\n" + CHUNKED, "0\r\n\r\n" + INNER), *S),
    ("chunks and a length", post(CHUNKED + "Content-Length: 5\r\n", "0\r\n\r\n" + INNER), *S),
    ("chunks twice", post(CHUNKED + CHUNKED, chunks(BODY) + INNER), *S),
    ("chunks, said in a list", post("Transfer-Encoding: gzip, chunked\r\n", chunks(BODY) + INNER), *S),
    ("chunks and then not", post("Transfer-Encoding: chunked, identity\r\n", chunks(BODY) + INNER), *S),
    ("an encoding that nobody knows", post("Transfer-Encoding: xchunked\r\n", chunks(BODY) + INNER), *S),
    ("an encoding that is a quoted string", post('Transfer-Encoding: "chunked"\r\n', chunks(BODY) + INNER), *S),
    ("chunks, with a vertical tab before", post("Transfer-Encoding: \x0bchunked\r\n", chunks(BODY) + INNER), *S),
    ("a negative length", post("Content-Length: -1\r\n", BODY + INNER), *S),
    ("a length with a plus", post("Content-Length: +32\r\n", BODY + INNER), *S),
    ("a length in hexadecimal", post("Content-Length: 0x20\r\n", BODY + INNER), *S),
    ("a length that is a text", post("Content-Length: many\r\n", BODY + INNER), *S),
    ("an empty length", post("Content-Length: \r\n", BODY + INNER), *S),
    ("a length beyond 64 bits", post("Content-Length: 18446744073709551648\r\n", BODY + INNER), *BIG),
    ("a length of 2^63", post("Content-Length: 9223372036854775808\r\n", BODY + INNER), *BIG),
    ("a folded encoding", post("Transfer-Encoding:\r\n chunked\r\n", chunks(BODY) + INNER), *S),
    ("a folded header", post("X-A: b\r\n Content-Length: 5\r\n" + LENGTH, BODY + INNER), *S),
    ("a bare CR in a header", post("X-A: b\rContent-Length: 5\r\n" + LENGTH, BODY + INNER), *S),
    ("a space before the colon", post("Content-Length : 32\r\n", BODY + INNER), *S),
    ("a space before an encoding's colon", post("Transfer-Encoding : chunked\r\n", chunks(BODY) + INNER), *S),
    ("a header without a colon", post(LENGTH + "nothing\r\n", BODY), *S),
    ("a header without a name", post(": b\r\n" + LENGTH, BODY), *S),
    ("NUL in a header's value", post("X-A: a\0b\r\n" + LENGTH, BODY + INNER), *S),
    ("NUL in a header's name", post("X\0A: b\r\n" + LENGTH, BODY), *S),
    ("bare LFs end lines", f"POST {MAPS} HTTP/1.1\nHost: x\nContent-Length: 5\n\n{INNER}".encode(), *S),
    ("a chunk of a size that is none", post(CHUNKED, "zz\r\nabc\r\n0\r\n\r\n" + INNER), *S),
    ("a chunk of a negative size", post(CHUNKED, "-1\r\nabc\r\n0\r\n\r\n" + INNER), *S),
    ("a chunk of an endless size", post(CHUNKED, "fffffffffffffffff\r\nabc\r\n0\r\n\r\n" + INNER), *BIG),
    ("a chunk without its end", post(CHUNKED, "3\r\nabcdef\r\n0\r\n\r\n" + INNER), *S),
    ("a chunk's size with 0x", post(CHUNKED, "0x3\r\nabc\r\n0\r\n\r\n" + INNER), *S),
    ("no host", get(host=""), *S),
    ("two hosts", get("Host: y\r\n"), *S),
    ("no version", b"GET /version\r\n\r\n", *S),
    ("a version that is none", get(line="GET /version HTTP/1.x"), 505, "Unknown"),
    ("HTTP/3", get(line="GET /version HTTP/3.0"), 505, "Unknown"),
    ("a line of three spaces", get(line="GET /version extra HTTP/1.1"), *S),
    ("a preface of HTTP/2", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes(64), 505, "Unknown"),
    ("bytes that are no HTTP", bytes(range(256)) * 8, *S),
    ("a head that is too long", get("X-A: " + "a" * 40000 + "\r\n"), 431, "Unknown"),
    ("too many headers", get("".join(f"X-{i}: a\r\n" for i in range(6000))), 431, "Unknown"),
    ("a target that is too long", get(line="GET /version?" + "a" * 70000 + " HTTP/1.1"), 414, "Unknown"),
    ("too many parameters", get(line="GET /version?" + "&".join(f"a{i}=1" for i in range(2000)) + " HTTP/1.1"), *S),
    ("3 MiB that are announced", post("Content-Length: 3145728\r\n", "{"), *BIG),
    ("3 MiB in chunks", post(CHUNKED, ("10000\r\n" + "x" * 65536 + "\r\n") * 48 + "0\r\n\r\n"), *BIG),
    ("gigabytes that are announced", post("Content-Length: 9999999999\r\n", "{"), *BIG),
    ("a body that is packed", post("Content-Encoding: gzip\r\nContent-Length: 20\r\nConnection: close\r\n", "\x1f\x8b" + "\0" * 18),
     415, "UnsupportedMediaType"),
]


def exchange(data, who=ADMIN):
    with connect(who, 10) as sock:
        try:
            sock.sendall(data)
        except OSError:
            pass
        return read_to_end(sock)


def refuse(name, data, code, reason):
    raw = exchange(data)
    right = b"(still open)" not in raw and b"gitVersion" not in raw and b"smuggled" not in raw
    try:  # exactly one answer, and that is a Status
        answers = read_answers(raw)
    except Torn:
        answers = []
    status = status_of(answers[0][2]) if answers else {}
    right = right and len(answers) == 1 and answers[0][0] == code and answers[0][1].get("connection") == "close"
    right = right and status.get("code") == code and status.get("reason") == reason and status.get("message")
    case(f"refused: {name}", right, raw)


def serve(name, data, codes, **how):
    try:
        got = [a[0] for a in send(data, **how)]
    except Torn as torn:
        got = torn
    case(f"served: {name}", got == codes, got)


with Beside("framing", 64):
    for row in REFUSED:
        refuse(*row)
    code, told, _ = call("GET", MAPS + "/smuggled")
    case("nothing of all that was written", code == 404, told)

    CLOSE = "Connection: close\r\n"
    serve("a good request, then a bad one, then a good one", get().replace(b"close", b"keep-alive") + post(": b\r\n") + get(),
          [200, 400])
    serve("the longest head that is taken", get("".join(f"X-{i}: {'a' * 150}\r\n" for i in range(60)) + "X-A: " + "a" * 6000 + "\r\n",
                                                    line="GET /version?" + "&" * 127 + " HTTP/1.1"), [200])
    serve("the most cookies that fit", get("Cookie: " + "a=b;" * 3900 + "\r\n"), [200])
    serve("the longest head before a body",
          post("X-A: " + "a" * 16000 + "\r\n" + CHUNKED + CLOSE, chunks(BODY)), [201])
    taken("away with it", call("DELETE", MAPS + "/smuggled"), 200)
    serve("HTTP/1.0", b"GET /version HTTP/1.0\r\n\r\n", [200])
    serve("HEAD without a body", get(line="HEAD /version HTTP/1.1"), [200], head=True)
    serve("many requests at once, in their order",
          b"GET /version HTTP/1.1\r\nHost: x\r\n\r\n" * 50 + get(line=f"GET {PODS}/none HTTP/1.1"), [200] * 50 + [404])
    serve("chunks with extensions", post(CHUNKED + CLOSE, f"{len(BODY):x};a=b;c\r\n{BODY}\r\n0\r\n\r\n"), [201])
    serve("chunks of a byte", post(CHUNKED + CLOSE, "".join(f"1\r\n{c}\r\n" for c in BODY) + "0\r\n\r\n"), [409])
    serve("a trailer that says a length", post(CHUNKED + CLOSE, f"{len(BODY):x}\r\n{BODY}\r\n0\r\nContent-Length: 5\r\n\r\n"), [409])
    serve("who waits to be asked for the body", post("Expect: 100-continue\r\n" + LENGTH + CLOSE, BODY), [100, 409])
    serve("an upgrade to what nobody knows", get("Upgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQCAAAAAAIAAAAA\r\n"), [200])
    serve("a body where none is read", b"GET /version HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}", [200])
    for method, code in (("TRACE", 405), ("CONNECT", 405), ("OPTIONS", 405), ("LIMPET", 405), ("get", 405), ("POST", 405)):
        answers = send(get(line=f"{method} {PODS}/one HTTP/1.1"))
        status = status_of(answers[0][2]) if answers else {}
        case(f"method {method}: a Status", status.get("code") == code and status.get("reason") == "MethodNotAllowed",
             answers)

    # Who may not ask shall not make anybody hold a body.
    answers = send(post("Content-Length: 1000000\r\n", "{"), STRANGER)
    case("a stranger's body is not waited for", status_of(answers[0][2]).get("code") == 403, answers)
    text = repr(answers)
    case("and he learns nothing but his own words", "uid" not in text and "resourceVersion" not in text, text)
conclude()
