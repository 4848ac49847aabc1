#!/usr/bin/env python3
"""A receiver of webhooks that behaves as the path of the request says, and writes down what it got.

    receiver.py DIRECTORY [CERTIFICATE KEY]

Prints the port. Each request is a line of JSON in DIRECTORY/log; DIRECTORY/port keeps the port over restarts. Paths:
/ok /fails/N (500 N times, then 200) /busy/SECONDS (429 with Retry-After once, then 200) /busy-date/SECONDS (the same as a
date) /gone (410) /moved (302 to /trap) /hang /drip (a body byte by byte) /endless (a body without end) /head (a head
without end) /reset (cuts the connection) /reset-after/N (takes N, cuts the next, then takes) /lies (a Content-Length that
is not true) /slow/SECONDS /down (500 while DIRECTORY/down exists) /garbage (no HTTP) /moods/SEED (now and then refuses,
hangs, cuts the connection before or after it has taken the request, or is slow; the same message twice at most, and not
while DIRECTORY/calm exists; how far it has read the feed is DIRECTORY/next)."""
import base64
import email.utils
import http.server
import json
import os
import random
import socket
import ssl
import struct
import sys
import threading
import time

directory = sys.argv[1]
lock = threading.Lock()
counts = {}
moods = random.Random(0)
taken = set()


def replace(name, text):
    path = os.path.join(directory, name)
    with open(path + ".new", "w") as f:
        f.write(text)
    os.rename(path + ".new", path)


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def note(self, body, taken):
        line = json.dumps({
            "t": time.time(), "path": self.path, "taken": taken, "headers": {k.lower(): v for k, v in self.headers.items()},
            "raw": base64.b64encode(body).decode(), "body": json.loads(body)})
        with lock, open(os.path.join(directory, "log"), "a") as log:
            log.write(line + "\n")

    def count(self):
        with lock:
            counts[self.path] = counts.get(self.path, 0) + 1
            return counts[self.path]

    def mood(self, body):
        """Refused at most twice in a row, of a message and of a path: what comes third is taken."""
        key = (self.path, self.headers.get("webhook-id"))
        with lock:
            counts[key] = counts.get(key, 0) + 1
            is_bad = not os.path.exists(os.path.join(directory, "calm")) and counts[key] < 3 and moods.random() < 0.25
            if not is_bad:
                counts[key] = 0
            mood = moods.choice(["refuses", "hangs", "cuts", "forgets", "slow"]) if is_bad else "takes"
        self.note(body, mood in ("takes", "forgets", "slow"))
        data = json.loads(body).get("data", {})
        if mood in ("takes", "forgets", "slow") and "next" in data:
            with lock:
                if key not in taken:
                    replace("next", data["next"])
                taken.add(key)
        if mood == "refuses":
            self.answer(500)
        elif mood in ("cuts", "forgets"):
            self.cut()
        elif mood == "hangs":
            time.sleep(10)
        else:
            time.sleep(0.5 if mood == "slow" else 0)
            self.answer(200)

    def answer(self, status, body=b"", **headers):
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def cut(self):
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.close_connection = True
        self.connection.close()

    def do_GET(self):
        self.note(b"null", False)
        self.answer(200)

    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        words = self.path.split("?")[0].strip("/").split("/")
        if words[0] == "moods":
            self.mood(body)
            return
        kind, number, n = words[0], float(words[1]) if len(words) > 1 else 0, self.count()
        refused = {"fails": n <= number, "busy": n == 1, "busy-date": n == 1, "reset-after": n == number + 1,
                   "down": os.path.exists(os.path.join(directory, "down"))}.get(
                       kind, kind in ("gone", "moved", "hang", "head", "reset", "garbage"))
        if kind == "slow":
            time.sleep(number)
        self.note(body, not refused)
        if not refused and kind not in ("drip", "endless", "lies"):
            self.answer(200, b"ok")
        elif kind in ("fails", "down"):
            self.answer(500, "broken: größer <b>\x07".encode())
        elif kind == "busy":
            self.answer(429, Retry_After=str(int(number)))
        elif kind == "busy-date":
            self.answer(429, Retry_After=email.utils.formatdate(time.time() + number, usegmt=True))
        elif kind == "gone":
            self.answer(410)
        elif kind == "moved":
            self.answer(302, Location="http://%s/trap" % self.headers["Host"])
        elif kind == "hang":
            time.sleep(60)
        elif kind in ("reset", "reset-after"):
            self.cut()
        elif kind == "garbage":
            self.wfile.write(b"\x00\x01 this is no HTTP\r\n\r\n")
            self.close_connection = True
        elif kind == "lies":
            self.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\nshort")
            self.close_connection = True
        else:
            self.pour(kind)

    def pour(self, kind):
        head = b"HTTP/1.1 200 OK\r\n" if kind == "head" else b"HTTP/1.1 200 OK\r\nContent-Length: 10737418240\r\n\r\n"
        piece = b"x-filler: " + b"y" * 1000 + b"\r\n" if kind == "head" else b"z" * (1 if kind == "drip" else 65536)
        self.close_connection = True
        try:
            self.wfile.write(head)
            while True:
                self.wfile.write(piece)
                if kind == "drip":
                    time.sleep(0.2)
        except OSError:
            pass


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128


kept = os.path.join(directory, "port")
port = int(open(kept).read()) if os.path.exists(kept) else 0
server = Server(("127.0.0.1", port), Handler)
if len(sys.argv) > 3:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(sys.argv[2], sys.argv[3])
    server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
replace("port", str(server.server_port))
server.serve_forever()
