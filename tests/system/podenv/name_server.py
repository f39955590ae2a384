"""A name server that knows one answer: every name is at 10.9.8.7. Usage: name_server.py ADDRESS"""

import socket
import struct
import sys

server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
server.bind((sys.argv[1], 53))
print("ready", flush=True)
while True:
    query, peer = server.recvfrom(512)
    end = query.index(b"\0", 12) + 5  # the question: name, type, class
    kind = struct.unpack("!H", query[end - 4 : end - 2])[0]
    answer = b"\xc0\x0c" + struct.pack("!HHIH", 1, 1, 60, 4) + bytes([10, 9, 8, 7])
    count = 1 if kind == 1 else 0
    head = query[:2] + struct.pack("!HHHHH", 0x8180, 1, count, 0, 0)
    server.sendto(head + query[12:end] + (answer if count else b""), peer)
