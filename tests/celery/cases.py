"""What a genuine Celery client and its monitors see of our worker: cases.py REDIS-URL CASE. Ends with status 0 when the
case holds; otherwise the traceback tells. The worker serves queue sync with two runners and diagnostic tasks."""
import json
import sys
import time

sys.dont_write_bytecode = True
import cases_control
from client import PATIENCE, TASK, app, end_of, fails, push, raw, send, value_of, wait


def results():
    assert send("add", 1, 2).get(timeout=PATIENCE) == 3
    kwargs = {"ü": "日本\U0001f600", "nested": [1, {"x": None, "y": [[], {}]}], "f": 0.1}
    assert send("echo", kwargs=kwargs).get(timeout=PATIENCE) == kwargs
    assert send("noop").get(timeout=PATIENCE) is None
    r = send("fail", "boom")
    fails(r, "ValueError", "boom")
    assert r.state == "FAILURE" and "ValueError: boom" in r.traceback
    key = "celery-task-meta-" + r.id
    assert 3000 < raw.ttl(key) <= 3600
    assert json.loads(raw.get(key))["date_done"]
    r = send("ignored")
    assert send("add", 1, 1).get(timeout=PATIENCE) == 2
    assert raw.get("celery-task-meta-" + r.id) is None
    r = send("add", 2, 2, ignore_result=True)
    wait(lambda: raw.hlen("unacked") == 0 and raw.llen("sync") == 0)
    assert raw.get("celery-task-meta-" + r.id) is None


def progress():
    seen = []
    r = send("sleep", 1.5)
    r.get(timeout=PATIENCE, on_message=lambda m: seen.append(m["status"]))
    assert "STARTED" in seen and "PROGRESS" in seen and seen[-1] == "SUCCESS", seen
    assert r.info == 1.5


def unknown():
    r = app.send_task("no.such.task")
    fails(r, "NotRegistered", "no.such.task")
    wait(lambda: raw.llen("logikald.dead") == 1)


def eta_and_expiry():
    begin = time.time()
    r = send("add", 5, 6, countdown=2)
    late = send("add", 1, 1, countdown=3, expires=1)
    wait(lambda: raw.zcard("logikald.scheduled") == 2)
    assert raw.hlen("unacked") == 0, "a task that waits for its time is nobody's"
    assert r.get(timeout=PATIENCE) == 11
    assert 2.0 <= time.time() - begin < 30, time.time() - begin
    fails(late, "TaskRevokedError", "expired")


def chords_of_tasks():
    """Chords that our own tasks start, and parts that are revoked where they wait."""
    from celery import chord
    s = app.signature
    started = app.send_task("celery.chord", kwargs={"header": [s(TASK + "add", (n, n)) for n in range(3)],
                                                    "body": s(TASK + "sum", task_id="body-1")})
    assert started.get(timeout=PATIENCE) is not None and len(started.children) == 1
    assert value_of("body-1") == 6
    assert app.send_task("celery.group", ([s(TASK + "add", (1, 1), task_id="member-1")],)).get(timeout=PATIENCE)
    assert value_of("member-1") == 2
    app.send_task("celery.chain", ([s(TASK + "add", (1, 1)), s(TASK + "add", (5,), task_id="last-1")],)).get(timeout=PATIENCE)
    assert value_of("last-1") == 7
    fails(app.send_task("celery.chord"), "RuntimeError")
    fails(app.send_task("celery.chunks", (s(TASK + "add"), [[1, 2]], 0)), "RuntimeError")
    r = chord([s(TASK + "add", (1, 1)), s(TASK + "add", (2, 2), countdown=60, task_id="later-1")])(s(TASK + "sum"))
    wait(lambda: raw.zcard("logikald.scheduled") == 1)
    app.control.revoke("later-1")
    wait(lambda: app.AsyncResult(r.id).state == "FAILURE")
    assert "later-1" in str(app.AsyncResult(r.id).result) and app.AsyncResult("later-1").state == "REVOKED"
    assert not raw.keys("celery-taskset-meta-*.?")


def retries():
    r = send("fail", "again", 2)
    wait(lambda: r.state == "RETRY")
    fails(r, "ValueError", "again")
    stored = json.loads(raw.get("celery-task-meta-" + r.id))
    assert stored["status"] == "FAILURE" and stored["parent_id"] == r.id
    odd = send("fail", "again", 1, task_id='order "7" \\ x')
    wait(lambda: odd.state == "RETRY")
    assert json.loads(raw.get("celery-task-meta-" + odd.id))["children"] == [[[odd.id, None], None]]
    fails(odd, "ValueError", "again")


def chains_and_links():
    from celery import chain
    s = app.signature
    c = chain(s(TASK + "add", (1, 2)), s(TASK + "add", (10,)), s(TASK + "add", (100,)))()
    assert end_of(c) == 113
    assert end_of(c.parent) == 13 and end_of(c.parent.parent) == 3
    r = send("add", 1, 2, link=s(TASK + "add", (5,)))
    assert r.get(timeout=PATIENCE) == 3 and [end_of(x) for x in r.children] == [8]
    bad = send("fail", "x", link_error=s(TASK + "echo", kwargs={"key": "seen"}, task_id="errback-1"))
    fails(bad, "ValueError")
    assert value_of("errback-1") == {"key": "seen"}


def carried_unchanged():
    """What our worker only passes on is as a Python worker would pass it on."""
    odd = {"int": 2**60 + 1, "negative": -2**63, "float": 0.1 + 0.2, "one": 1.0, "small": 5e-324, "text": "a\x00b",
           "half": "Gr\u00fc\u00dfe \ud83d", "list": [1.50, [2**53 + 1]], "pair": "\U0001f600"}
    got = send("echo", kwargs=odd).get(timeout=PATIENCE)
    assert got == odd and repr(got["one"]) == "1.0", got
    nan = send("echo", kwargs={"x": float("nan"), "y": float("inf")}).get(timeout=PATIENCE)
    assert nan["x"] != nan["x"] and nan["y"] == float("inf"), nan
    s = app.signature
    after = s("other.task", (2**60 + 1, 0.1 + 0.2, 1.0, "a\x00b"), kwargs={"n": 2**64}, queue="elsewhere")
    c = (s(TASK + "noop", immutable=True) | after).apply_async()
    wait(lambda: raw.llen("elsewhere") == 1)
    import base64
    body = json.loads(base64.b64decode(json.loads(raw.lpop("elsewhere"))["body"]))
    assert body[0] == [None, 2**60 + 1, 0.1 + 0.2, 1.0, "a\x00b"] and body[1] == {"n": 2**64}, body
    assert end_of(c.parent) is None
    fails(send("add", 2**53 + 1, 1), "OverflowError")


def failed_chains():
    s = app.signature
    for first, kind in ((s(TASK + "fail", ("x",), immutable=True), "ValueError"),
                        (s("tasks.nowhere", immutable=True), "NotRegistered"),
                        (s(TASK + "sleep", (30,), immutable=True, time_limit=1), "TimeLimitExceeded")):
        c = (first | s(TASK + "add", (1, 2), immutable=True) | s(TASK + "add", (3,))).apply_async()
        last = app.AsyncResult(c.id)  # as another process asks: by the last task's id
        wait(lambda: last.state == "FAILURE")
        fails(last, kind)
        assert app.AsyncResult(c.parent.id).state == "FAILURE"
    ok = (s(TASK + "add", (1, 2)) | s(TASK + "add", (3,))).apply_async()
    assert end_of(ok) == 6


def errbacks():
    s = app.signature
    for id, kwargs, args in (("e-limit", {"time_limit": 1}, (30,)),):
        r = send("sleep", *args, link_error=s(TASK + "echo", kwargs={"key": id}, task_id=id), **kwargs)
        fails(r, "TimeLimitExceeded")
        assert value_of(id) == {"key": id}
    r = send("fail", "x", link_error=[s(TASK + "echo", kwargs={"n": i}, task_id="e-%d" % i) for i in (1, 2)])
    fails(r, "ValueError")
    assert [value_of("e-%d" % i) for i in (1, 2)] == [{"n": 1}, {"n": 2}]
    r = send("crash", link_error=s(TASK + "echo", kwargs={"key": "lost"}, task_id="e-lost"))
    fails(r, "WorkerLostError")
    assert value_of("e-lost") == {"key": "lost"}


def groups_chains_and_maps():
    from celery import group
    s = app.signature
    add = TASK + "add"
    last = (s(add, (1, 1)) | group(s(add, (1,)), s(add, (2,)))).apply_async()
    assert end_of(last) == [3, 4]
    r = send("add", 1, 2, link=group(s(add, (10,), task_id="g-1"), s(add, (20,), task_id="g-2")))
    assert r.get(timeout=PATIENCE) == 3
    assert [value_of(id) for id in ("g-1", "g-2")] == [13, 23]
    r = send("add", 1, 2, link=(s(add, (10,)) | s(add, (20,)) | s(add, (30,), task_id="c-3")))
    assert r.get(timeout=PATIENCE) == 3 and value_of("c-3") == 63
    nested = (s(add, (1, 1)) | group(s(add, (1,)) | s(add, (10,)), s(add, (2,)))).apply_async()
    assert end_of(nested) == [13, 4]
    star = app.send_task("celery.starmap", kwargs={"task": s(add), "it": [[1, 2], [3, 4]]})
    assert star.get(timeout=PATIENCE) == [3, 7]
    each = app.send_task("celery.map", kwargs={"task": s(TASK + "sleep"), "it": [0, 0]})
    assert each.get(timeout=PATIENCE) == [0, 0]
    fails(app.send_task("celery.map", kwargs={"task": {"task": "tasks.nowhere"}, "it": [1]}), "NotRegistered")
    fails(app.send_task("celery.starmap", kwargs={"task": s(add), "it": [1]}), "RuntimeError", "list")
    fails(app.send_task("celery.starmap", kwargs={"task": s(add), "it": [["a", 1]]}), "TypeError")


def wire_variants():
    import bz2
    import gzip
    import zlib
    plain = [[20, 22], {}, {}]
    push(id="utf-8", task=TASK + "add", body=json.dumps(plain),
         properties={"correlation_id": "utf-8", "body_encoding": "utf-8", "delivery_tag": "t"})
    push(id="utf8", task=TASK + "add", body=json.dumps(plain),
         properties={"correlation_id": "utf8", "body_encoding": "UTF8", "delivery_tag": "t2"})
    import base64
    for n, encoding in enumerate(("base64", "BASE64", "binary", "latin-1", "utf-16", "", None, 7, "no such one")):
        push(id="said-%d" % n, body=base64.b64encode(zlib.compress(json.dumps(plain).encode())).decode(),
             headers={"task": TASK + "add", "id": "said-%d" % n, "compression": "application/x-gzip"}, **{"content-encoding": encoding})
        assert value_of("said-%d" % n) == 42, encoding
    for id, packed in (("zlib", zlib.compress(json.dumps(plain).encode())), ("gz", gzip.compress(json.dumps(plain).encode()))):
        push(id=id, body=base64.b64encode(packed).decode(),
             headers={"task": TASK + "add", "id": id, "compression": "application/x-gzip"})
    for id in ("utf-8", "utf8", "zlib", "gz"):
        assert value_of(id) == 42, id
    import lzma
    text = json.dumps(plain).encode()
    alone = lzma.compress(text, format=lzma.FORMAT_ALONE)
    packings = {"bz2": ("application/x-bz2", bz2.compress(text)), "bzip": ("bzip2", bz2.compress(text[:5]) + bz2.compress(text[5:])),
                "xz": ("application/x-lzma", lzma.compress(text)), "lzma": ("lzma", alone),
                "zstd": ("application/zstd", base64.b64decode("KLUv/QRokQAAW1syMCwgMjJdLCB7fSwge31dCYAQ+A=="))}
    for id, (name, packed) in packings.items():
        push(id=id, body=base64.b64encode(packed).decode(), headers={"task": TASK + "add", "id": id, "compression": name})
        push(id="cut-" + id, body=base64.b64encode(packed[:-6]).decode(),
             headers={"task": TASK + "add", "id": "cut-" + id, "compression": name})
        push(id="bad-" + id, body=base64.b64encode(b"nothing").decode(),
             headers={"task": TASK + "add", "id": "bad-" + id, "compression": name})
    for id in packings:
        assert value_of(id) == 42, id
        for kind in ("cut-", "bad-"):
            fails(app.AsyncResult(kind + id), "DecodeError")
    big = b" " * (40 << 20)
    bombs = {"zlib": ("gzip", zlib.compress(big)), "bz2": ("bzip2", bz2.compress(big)), "xz": ("xz", lzma.compress(big, preset=1))}
    for id, (name, packed) in bombs.items():
        push(id="bomb-" + id, body=base64.b64encode(packed).decode(),
             headers={"task": TASK + "add", "id": "bomb-" + id, "compression": name})
    push(id="brotli", headers={"task": TASK + "add", "id": "brotli", "compression": "application/x-brotli"})
    for id in ["bomb-" + id for id in bombs] + ["brotli"]:
        fails(app.AsyncResult(id), "DecodeError")
    s = app.signature
    chained = json.dumps([["x"], {}, {"chain": [s(TASK + "add", (1,), task_id="packed-next")],
                                      "errbacks": [s(TASK + "echo", kwargs={"key": "packed"}, task_id="packed-err")]}])
    push(id="packed-fail", body=base64.b64encode(bz2.compress(chained.encode())).decode(),
         headers={"task": TASK + "fail", "id": "packed-fail", "compression": "application/x-bz2"})
    fails(app.AsyncResult("packed-fail"), "ValueError")
    assert value_of("packed-err") == {"key": "packed"}
    fails(app.AsyncResult("packed-next"), "ValueError")
    for id, eta in (("date", "2020-01-01"), ("minutes", "2020-01-01T00:00"), ("basic", "20200101T000000Z"),
                    ("basic-zone", "20200101T010203+0545"), ("week", "2020-W01-1"), ("blank", "2020-01-01 00:00:00.5"),
                    ("number", 1577836800), ("float", 1577836800.25), ("second-zone", "2020-01-01T01:02:03+05:45:30")):
        push(id=id, headers={"task": TASK + "noop", "id": id, "eta": eta})
        assert value_of(id) is None, id
    for truth in (1, "true", True):
        running = send("sleep", 60)
        wait(lambda: running.state in ("STARTED", "PROGRESS"))
        app.control.revoke(running.id, terminate=truth)
        fails(running, "TaskRevokedError", "terminated")
    running = send("sleep", 60)
    wait(lambda: running.state in ("STARTED", "PROGRESS"))
    replies = app.control.revoke(running.id, terminate=True, signal="SIGNOTHING", reply=True)
    assert "error" in list(replies[0].values())[0], replies
    assert running.state in ("STARTED", "PROGRESS")
    app.control.revoke(running.id, terminate=True, signal="SIGUSR1")
    fails(running, "TaskRevokedError", "terminated")


def time_limits():
    fails(send("sleep", 30, time_limit=1), "TimeLimitExceeded")
    fails(send("sleep", 30, soft_time_limit=1), "SoftTimeLimitExceeded")


def crash():
    r = send("crash", 9)
    fails(r, "WorkerLostError")
    wait(lambda: raw.llen("logikald.dead") == 1)
    dead = json.loads(raw.lindex("logikald.dead", 0))
    assert dead["id"] == r.id and dead["deliveries"] == 5 and json.loads(dead["message"])["headers"]["id"] == r.id
    assert send("add", 1, 2).get(timeout=PATIENCE) == 3


def priorities():
    blockers = [send("sleep", 4), send("sleep", 4)]
    wait(lambda: all(b.state != "PENDING" for b in blockers))
    low = [send("echo", kwargs={"n": n}, priority=9) for n in range(3)]
    high = [send("echo", kwargs={"n": n}, priority=0) for n in range(3)]
    done = lambda r: json.loads(raw.get("celery-task-meta-" + r.id))["date_done"]
    for r in low + high:
        r.get(timeout=PATIENCE)
    # When the first low one starts, the last high one may still be with the other runner.
    assert sorted(map(done, high))[-2] <= min(map(done, low))


def malformed():
    silent = ["", "not json", "[1, 2]", "\"x\"", "{}", "null", "\xff\xfe", "[" * 100000, "{" * 5000, "{\"a\":" * 3000]
    for text in silent:
        push(text=text.encode("latin-1"))
    push(id="no-props", properties={})
    push(id="no-tag", properties={"body_encoding": "base64", "correlation_id": "no-tag"})
    answered = {"bad-base64": dict(body="@@@"), "pickle": {"content-type": "application/x-python-serialize"},
                "yaml": {"content-type": "application/x-yaml"}, "body-object": dict(body_text="{}x"),
                "two": dict(body_text="[[], {}]"), "kwargs-list": dict(body_text="[[], [], {}]"),
                "deep": dict(body_text="[" * 3000 + "]" * 3000),
                "bad-eta": dict(headers={"task": TASK + "noop", "id": "bad-eta", "eta": "tomorrow"}),
                "bad-gzip": dict(headers={"task": TASK + "noop", "id": "bad-gzip", "compression": "application/x-gzip"})}
    for id, change in answered.items():
        push(id=id, **change)
    for id in answered:
        fails(app.AsyncResult(id), "DecodeError")
    old = {"task": TASK + "add", "id": "protocol-1", "args": [4, 5], "kwargs": {}, "retries": 0, "eta": None}
    push(id="protocol-1", headers={"x": 1}, body_text=json.dumps(old))
    assert value_of("protocol-1") == 9
    assert value_of("no-tag") is None, "a message without a delivery tag is as good as any"
    for text in ("junk", "[]", "{\"body\": 1}", "{}", "[[[["):
        raw.publish("/0.celery.pidbox", text)
    assert send("add", 1, 2).get(timeout=PATIENCE) == 3
    wait(lambda: raw.hlen("unacked") == 0)
    assert raw.llen("logikald.dead") >= len(silent) + len(answered), raw.llen("logikald.dead")
    entry = json.loads(raw.lindex("logikald.dead", -1))
    assert entry["reason"] and "message" in entry


def large():
    push(body_text=json.dumps([[], {"big": "x" * (10 << 20)}, {}]), id="large", task=TASK + "echo")
    wait(lambda: raw.strlen("celery-task-meta-large") > 10 << 20)
    assert raw.getrange("celery-task-meta-large", 0, 20).startswith(b'{"status": "SUCCESS"')


getattr(cases_control, sys.argv[2], globals().get(sys.argv[2]))()
