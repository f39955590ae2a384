"""Connections to forwarded ports: connect.py ECHO FLOOD CLOSES, or connect.py refused PORT."""
import socket
import sys
import threading


def talk(port, data):
    """Sends all of it, then no more; everything that comes."""
    got = bytearray()
    with socket.create_connection(("127.0.0.1", port), 20) as peer:
        def send():
            peer.sendall(data)
            peer.shutdown(socket.SHUT_WR)

        sender = threading.Thread(target=send)
        sender.start()
        try:
            while chunk := peer.recv(65536):
                got += chunk
        except OSError:
            pass
        sender.join()
    return bytes(got)


if sys.argv[1] == "refused":
    try:
        talk(int(sys.argv[2]), b"")
    except OSError:
        pass
    sys.exit()

echo, flood, closes = map(int, sys.argv[1:])
print("echo")
for size in 5, 10_000_000:
    data = (bytes(range(256)) * (size // 256 + 1))[:size]
    print(size if talk(echo, data) == data else "differs")
right = []
threads = [threading.Thread(target=lambda i=i: right.append(talk(echo, b"%d " % i * 5000) == b"%d " % i * 5000))
           for i in range(40)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
print("parallel", sum(right))
print("flood", len(talk(flood, b"")))
print("closed" if talk(closes, b"") == b"" else "open")
