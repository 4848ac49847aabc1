#!/usr/bin/python3
"""Sends requests by chance, good and bad, for every operation that /openapi.json of a running web declares. No answer may be
a failure inside, hang, break the connection, or be another than its operation declares; what the schema refuses must not
succeed.

  fuzz.py URL --token ADMIN [--token CLIENT ...] [--known NAME=VALUE ...] [--seed 1] [--seconds 5] [--threads 4] [--requests N]
          [--only OPERATION]

By time, what is asked hangs on what was answered (names that are met are asked for) and on how fast. With --requests one
thread sends that many and learns nothing: the same ones on every machine, as long as the operations and the names given by
--known are. The last line says how many were sent; status 1 when something was wrong, with the requests."""
import argparse
import collections
import http.client
import json
import os
import random
import sys
import threading
import time

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from answers import Answers  # noqa: E402
from asking import Requests  # noqa: E402
from values import Known, Values  # noqa: E402

HANGS_S = 60
SKIPPED = {"admin_logout", "ui_logout"}  # the session is the one that asks
SHOWN = 40


class Seen:
    """What came of it, of all threads."""
    def __init__(self):
        self.lock, self.faults, self.sent, self.statuses = threading.Lock(), {}, 0, collections.Counter()
        self.succeeded, self.took_s = set(), collections.Counter()

    def add(self, request, status, wrong, took_s):
        name = request.operation["operationId"]
        with self.lock:
            self.sent += 1
            self.statuses[status] += 1
            self.took_s[name] += took_s
            if 200 <= status < 400:
                self.succeeded.add(name)
            if wrong:
                self.faults.setdefault((name, wrong[:60]), (wrong, request.told(), 0))
                first, told, count = self.faults[name, wrong[:60]]
                self.faults[name, wrong[:60]] = (first, told, count + 1)


def operations_of(document):
    for path, item in document["paths"].items():
        for method, operation in item.items():
            is_endless = "text/event-stream" in operation["responses"]["200"].get("content", {})
            if operation["operationId"] not in SKIPPED and not is_endless:
                yield path, method, operation


def seldom(operation):
    """The share of rounds that leave it out: what starts a task in a process of its own takes long."""
    is_sync = any(p["name"] == "wait" for p in operation.get("parameters", [])) and operation["operationId"] != "changes"
    return 0.8 if is_sync else 0


def send(connection, request):
    """Status, headers and body; the bytes are written here, since a client's library would not send what is odd."""
    headers = {k.lower(): v for k, v in request.headers.items()}
    connection.putrequest(request.method, request.target, skip_accept_encoding=True)
    for name, value in headers.items():
        connection.putheader(name, value.encode("utf-8"))
    if request.body is not None or request.method in ("POST", "PUT", "PATCH"):
        connection.putheader("Content-Length", str(len(request.body or b"")))
    connection.endheaders(request.body or None)
    answer = connection.getresponse()
    return answer.status, {k.lower(): v for k, v in answer.getheaders()}, answer.read()


def ask(host, connection, request, answers):
    """(connection, status, headers, body, what is wrong)"""
    try:
        status, headers, raw = send(connection, request)
    except (OSError, http.client.HTTPException) as error:
        connection.close()
        is_refused = isinstance(error, (BrokenPipeError, ConnectionResetError)) and "X-Long" in request.headers
        return http.client.HTTPConnection(host, timeout=HANGS_S), 0, {}, b"", None if is_refused else f"no answer: {error!r}"
    if headers.get("connection") == "close":
        connection.close()
    return connection, status, headers, raw, answers.judge(request, status, headers, raw)


class Asker:
    """One connection, and what to ask next."""
    def __init__(self, chance, options, host, document, seen):
        self.options, self.host, self.seen = options, host, seen
        self.operations = [o for o in operations_of(document) if not options.only or o[2]["operationId"] == options.only]
        self.values = Values(chance, document, Known(chance, options.known))
        self.requests, self.answers = Requests(chance, document, self.values, options.token), Answers(document)
        self.connection = http.client.HTTPConnection(host, timeout=HANGS_S)
        self.draw_from(chance)
        chance.shuffle(self.operations)

    def draw_from(self, chance):
        self.chance = self.values.random = self.values.known.random = self.requests.random = chance

    def ask_of(self, path, method, operation, is_learning):
        if self.chance.random() < seldom(operation):
            return
        request = self.requests.make(path, method, operation)
        began = time.monotonic()
        self.connection, status, headers, raw, wrong = ask(self.host, self.connection, request, self.answers)
        if is_learning and headers.get("etag"):
            self.requests.etags[request.target] = headers["etag"]
        if is_learning and status == 200:
            self.values.known.learn(raw)
        self.seen.add(request, status, wrong, time.monotonic() - began)


def ask_for_a_time(number, options, host, document, seen, until):
    asker = Asker(random.Random(options.seed * 1000 + number), options, host, document, seen)
    while True:
        for operation in asker.operations:
            asker.ask_of(*operation, True)
            if time.monotonic() >= until:
                return


def ask_the_same(options, host, document, seen):
    """Each request is drawn from a chance of its own, so that none hangs on those before."""
    asker = Asker(random.Random(options.seed), options, host, document, seen)
    for number in range(options.requests):
        asker.draw_from(random.Random(f"{options.seed} {number}"))
        asker.ask_of(*asker.operations[number % len(asker.operations)], False)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("url")
    parser.add_argument("--token", action="append", required=True)
    parser.add_argument("--known", action="append", default=["id=1", "object_type=phase", "table=Articles", "table=Glass"])
    parser.add_argument("--only")
    for name, default in (("--seed", 1), ("--seconds", 5), ("--threads", 4), ("--requests", 0)):
        parser.add_argument(name, type=int, default=default)
    options = parser.parse_args()
    host = options.url.split("://")[1]
    first = http.client.HTTPConnection(host, timeout=HANGS_S)
    first.request("GET", "/openapi.json")
    document = json.loads(first.getresponse().read())
    seen, began = Seen(), time.monotonic()
    threads = [threading.Thread(target=ask_for_a_time, args=(i, options, host, document, seen, began + options.seconds))
               for i in range(0 if options.requests else options.threads)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if options.requests:
        ask_the_same(options, host, document, seen)
    for (name, _), (wrong, told, count) in sorted(seen.faults.items())[:SHOWN]:
        print(f"{name}: {wrong}\n    {count} times, first by {told}")
    never = sorted({o[2]["operationId"] for o in operations_of(document)} - seen.succeeded)
    slowest = ", ".join(f"{name} {took:.1f} s" for name, took in seen.took_s.most_common(8))
    print(f"slowest: {slowest}, all {sum(seen.took_s.values()):.0f} s in {time.monotonic() - began:.0f} s")
    print(f"never succeeded: {' '.join(never)}")
    print(f"seed {options.seed}: {seen.sent} requests, {dict(sorted(seen.statuses.items()))}, {len(seen.faults)} faults")
    return 1 if seen.faults or not seen.sent else 0


if __name__ == "__main__":
    sys.exit(main())
