"""What a genuine Celery client and its monitors see of our worker: cases.py REDIS-URL CASE. Ends with status 0 when the
case holds; otherwise the traceback tells. The worker serves queue sync with two runners and diagnostic tasks."""
import json
import sys
import threading
import time

import redis
from celery import Celery
from celery.exceptions import TaskRevokedError, TimeoutError

URL = sys.argv[1]
TASK = "tasks.diagnostics."
app = Celery("client", broker=URL, backend=URL)
app.conf.update(task_default_queue="sync", task_serializer="json", result_serializer="json", accept_content=["json"],
                result_expires=3600, task_send_sent_event=True)
raw = redis.Redis.from_url(URL)
PATIENCE = 90  # seconds, for what is there at once unless the machine is very busy


def send(name, *args, **options):
    return app.send_task(TASK + name, args=args, **options)


def wait(condition, seconds=PATIENCE):
    end = time.time() + seconds
    while not condition():
        assert time.time() < end, "waited in vain"
        time.sleep(0.05)


def value_of(task_id, seconds=PATIENCE):
    """What a task that runs already returns. A result that comes between Celery's look for it and its subscription is one that
    Celery waits for in vain, so it is asked when there is one."""
    wait(lambda: raw.exists("celery-task-meta-" + task_id) and app.AsyncResult(task_id).ready(), seconds)
    return app.AsyncResult(task_id).get(timeout=PATIENCE)


def end_of(result):
    """The same of a result whose tasks Celery does not yet listen to when they are sent: of chains and groups."""
    wait(result.ready)
    return result.get(timeout=PATIENCE)


def the_worker():
    """Its name, as soon as it answers."""
    return list(app.control.broadcast("ping", reply=True, timeout=PATIENCE, limit=1)[0])[0]


def fails(result, kind, text=None):
    try:
        value = result.get(timeout=PATIENCE)
    except TimeoutError:
        raise
    except Exception as e:
        assert type(e).__name__ == kind, (type(e), e)
        assert text is None or text in str(e), e
        return
    raise AssertionError("it did not fail but returned %r" % (value,))


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


def revoke():
    waiting = send("add", 1, 1, countdown=60)
    wait(lambda: raw.zcard("logikald.scheduled") == 1)
    app.control.revoke(waiting.id)
    begin = time.time()
    fails(waiting, "TaskRevokedError", "revoked")
    assert time.time() - begin < 30, "it must not wait for its time"
    running = send("sleep", 60)
    wait(lambda: running.state in ("STARTED", "PROGRESS"))
    app.control.revoke(running.id, terminate=True)
    fails(running, "TaskRevokedError", "terminated")
    blockers = [send("sleep", 3), send("sleep", 3)]
    queued = send("add", 1, 1)
    app.control.revoke(queued.id)
    fails(queued, "TaskRevokedError", "revoked")
    for b in blockers:
        b.get(timeout=PATIENCE)


def revoke_by_stamps():
    node = the_worker()
    ask = lambda **a: app.control.broadcast("revoke_by_stamped_headers", arguments=a, reply=True, timeout=PATIENCE, destination=[node])[0][node]
    def stamped(id, task, body, **stamps):
        push(id=id, body_text=json.dumps([body, {}, {}]),
             headers={"task": TASK + task, "id": id, "stamped_headers": list(stamps), "stamps": stamps})
    assert "ok" in ask(headers={"tenant": "a"})
    assert "ok" in ask(headers=["color=red", "color=blue"])
    assert "ok" in ask(headers={"number": [1, 2]})
    for id, stamps in (("s1", {"tenant": ["a"]}), ("s2", {"tenant": "a"}), ("s3", {"color": ["green", "blue"]}), ("s4", {"number": [2]})):
        stamped(id, "add", [1, 2], **stamps)
        fails(app.AsyncResult(id), "TaskRevokedError", "revoked")
    for id, stamps in (("k1", {"tenant": ["b"]}), ("k2", {"other": ["a"]}), ("k3", {"number": ["x", None]}), ("k4", {})):
        stamped(id, "add", [1, 2], **stamps)
        assert value_of(id) == 3, id
    for id in ("running", "beside", "waiting"):
        stamped(id, "sleep", [60], job=["7"])
    wait(lambda: app.AsyncResult("running").state in ("STARTED", "PROGRESS"))
    assert "error" in ask(headers={"job": "7"}, terminate=True, signal="SIGNOTHING")
    assert "error" in ask(headers=7) and "error" in ask()
    assert "not terminated" in ask(headers={"nobody": "7"}, terminate=True)["ok"]
    assert "revoked" in ask(headers={"job": "7"}, terminate=True)["ok"]
    for id in ("running", "beside", "waiting"):
        fails(app.AsyncResult(id), "TaskRevokedError")
    # A follow-up bears the stamps of its sender, and its own.
    link = dict(app.signature(TASK + "noop", immutable=True))
    link["options"] = {"queue": "elsewhere", "stamped_headers": ["own"], "own": [3], "headers": {"tenant-id": 2**60 + 1, "task": "no"}}
    push(id="sender", body_text=json.dumps([[], {}, {"callbacks": [link]}]),
         headers={"task": TASK + "noop", "id": "sender", "stamped_headers": ["trace"], "stamps": {"trace": ["t", 2**60 + 1]}})
    wait(lambda: raw.llen("elsewhere") == 1)
    headers = json.loads(raw.lpop("elsewhere"))["headers"]
    assert headers["stamped_headers"] == ["trace", "own"] and headers["stamps"] == {"trace": ["t", 2**60 + 1], "own": [3]}, headers
    assert headers["tenant-id"] == 2**60 + 1 and headers["task"] == TASK + "noop", headers


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


def push(text=None, body_text="[[], {}, {}]", id="m-1", task=TASK + "noop", headers=None, **envelope):
    import base64
    message = {"body": base64.b64encode(body_text.encode()).decode(), "content-encoding": "utf-8",
               "content-type": "application/json", "headers": headers or {"task": task, "id": id, "lang": "py"},
               "properties": {"correlation_id": id, "delivery_mode": 2, "priority": 0, "body_encoding": "base64",
                              "delivery_info": {"exchange": "", "routing_key": "sync"}, "delivery_tag": "tag-" + id}}
    message.update(envelope)
    raw.lpush("sync", text if text is not None else json.dumps(message))


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


def monitors():
    node = the_worker()
    ask = app.control.inspect(destination=[node], timeout=PATIENCE)
    assert ask.ping()[node] == {"ok": "pong"}
    running = send("sleep", 4)
    later = send("add", 1, 2, countdown=60)
    wait(lambda: running.state in ("STARTED", "PROGRESS"))
    assert [t["id"] for t in ask.active()[node]] == [running.id]
    assert ask.reserved()[node] == []
    wait(lambda: len(ask.scheduled()[node]) == 1)
    scheduled = ask.scheduled()[node][0]
    assert scheduled["request"]["id"] == later.id and scheduled["eta"]
    assert ask.stats()[node]["pool"]["max-concurrency"] == 2
    names = ask.registered()[node]
    assert TASK + "noop" in names and names == sorted(names)
    assert [q["name"] for q in ask.active_queues()[node]] == ["sync"]
    assert "redis.url" in ask.conf()[node]
    assert ask.query_task(running.id)[node][running.id][0] == "active"
    app.control.revoke(later.id)
    wait(lambda: later.id in ask.revoked()[node])
    control = lambda name, **a: app.control.broadcast(name, arguments=a, reply=True, timeout=PATIENCE, destination=[node])[0][node]
    assert "ok" in control("pool_grow", n=1)
    wait(lambda: ask.stats()[node]["pool"]["max-concurrency"] == 3)
    assert "ok" in control("pool_shrink", n=1)
    assert "ok" in control("rate_limit", task_name=TASK + "noop", rate_limit="100/m")
    assert "error" in control("rate_limit", task_name="no.such", rate_limit="1/s")
    assert "ok" in control("rate_limit", task_name=TASK + "noop", rate_limit="0")
    assert "KeyError" in control("frobnicate")["error"]
    assert 0 < max(raw.ttl(k) for k in raw.keys("*.reply.celery.pidbox")) <= 60 if raw.keys("*.reply.celery.pidbox") else True
    assert running.get(timeout=PATIENCE) == 4


def events():
    seen = []
    ready = threading.Event()

    def listen():
        with app.connection() as connection:
            receiver = app.events.Receiver(connection, handlers={"*": seen.append})
            ready.set()
            try:
                receiver.capture(limit=None, timeout=PATIENCE, wakeup=True)
            except Exception:
                pass

    thread = threading.Thread(target=listen, daemon=True)
    thread.start()
    ready.wait(PATIENCE)
    types = lambda: {e["type"] for e in seen}
    wait(lambda: "worker-heartbeat" in types())
    ok = send("add", 1, 2)
    bad = send("fail", "boom")
    gone = send("add", 1, 1, countdown=1, expires=0.5)
    ok.get(timeout=PATIENCE)
    fails(bad, "ValueError")
    fails(gone, "TaskRevokedError")
    wait(lambda: {"task-sent", "task-received", "task-started", "task-succeeded", "task-failed", "task-revoked"} <= types())
    mine = [e["type"] for e in seen if e.get("uuid") == ok.id]
    # The client publishes task-sent after the task itself, so the worker may be first to speak.
    assert mine.count("task-sent") == 1, mine
    assert [t for t in mine if t != "task-sent"] == ["task-received", "task-started", "task-succeeded"], mine
    done = [e for e in seen if e["type"] == "task-succeeded"][0]
    assert done["result"] == "3" and done["runtime"] >= 0
    clocks = [e["clock"] for e in seen if e.get("hostname", "").startswith("worker")]
    assert clocks == sorted(clocks)


def events_of_waiting_tasks():
    """task-received once, however often the message is looked at; task-revoked also for what waits in nobody's hands."""
    seen = []
    ready = threading.Event()

    def listen():
        with app.connection() as connection:
            receiver = app.events.Receiver(connection, handlers={"*": seen.append})
            ready.set()
            try:
                receiver.capture(limit=None, timeout=PATIENCE, wakeup=True)
            except Exception:
                pass

    threading.Thread(target=listen, daemon=True).start()
    ready.wait(PATIENCE)
    wait(lambda: any(e["type"] == "worker-heartbeat" for e in seen))
    types = lambda r: [e["type"] for e in seen if e.get("uuid") == r.id and e["type"] != "task-sent"]
    later = send("add", 1, 2, countdown=2)
    waiting = send("add", 1, 1, countdown=60)
    wait(lambda: raw.zcard("logikald.scheduled") == 2)
    app.control.revoke(waiting.id)
    assert later.get(timeout=PATIENCE) == 3
    wait(lambda: types(later) == ["task-received", "task-started", "task-succeeded"])
    wait(lambda: types(waiting) == ["task-received", "task-revoked"])
    node = the_worker()
    app.control.rate_limit(TASK + "echo", "1/s", destination=[node], reply=True)
    limited = [send("echo", kwargs={"n": n}) for n in range(3)]
    for r in limited:
        r.get(timeout=PATIENCE)
    wait(lambda: all(types(r) == ["task-received", "task-started", "task-succeeded"] for r in limited))
    assert raw.hlen("logikald.history") == 0, "what has ended leaves no history"


def remote_control():
    """Each command that Celery's own command line has, by it."""
    import contextlib
    import io
    from celery.bin.celery import celery as cli
    node = the_worker()

    def run(*words, destination=node):
        out = io.StringIO()
        where = ["-d", destination] if destination else []
        status = None
        with contextlib.redirect_stdout(out):
            try:
                cli.main(args=["-b", URL, words[0], "-t", "5", "-j", *where, *map(str, words[1:])], standalone_mode=False)
            except Exception as e:
                status = e
        lines = [line for line in out.getvalue().splitlines() if line.startswith(("{", "["))]
        answer = json.loads(lines[-1]) if lines else {}
        if isinstance(answer, list):
            answer = {k: v for one in answer for k, v in one.items()}
        return answer.get(node, status)

    control = lambda name, **a: app.control.broadcast(name, arguments=a, reply=True, timeout=PATIENCE, destination=[node])[0][node]
    inspect = lambda *words: run("inspect", *words)
    assert inspect("ping") == {"ok": "pong"}
    for name in ("active", "reserved", "scheduled", "revoked"):
        assert inspect(name) == [], (name, inspect(name))
    assert isinstance(inspect("clock")["clock"], int)
    assert "redis.url" in inspect("conf") and "worker.grace_s" not in inspect("conf")
    assert "worker.grace_s" in control("conf", with_defaults=True)
    assert inspect("report")["ok"].startswith("software -> logikald"), inspect("report")
    assert inspect("memsample")[-2:] in ("MB", "KB", "GB")
    text = inspect("memdump")
    assert text.startswith("- rss (sample):") and "- rss (end): " in text, text
    assert "ImportError" in control("objgraph")["error"]
    assert [q["name"] for q in inspect("active_queues")] == ["sync"]
    names = inspect("registered")
    assert TASK + "noop" in names and "celery.map" not in names
    assert "celery.map" in control("registered", builtins=True)
    # limits
    assert control("rate_limit", task_name=TASK + "noop", rate_limit="10/m") == {"ok": "new rate limit set successfully"}
    assert any(n.startswith(TASK + "noop [rate_limit=0.16") for n in inspect("registered")), inspect("registered")
    assert run("control", "rate_limit", TASK + "noop", "0") == {"ok": "rate limit disabled successfully"}
    for bad in ("x", "5/y", -1):
        assert control("rate_limit", task_name=TASK + "noop", rate_limit=bad)["error"].startswith("Invalid rate limit string")
    assert run("control", "time_limit", TASK + "sleep", "0.5", "1") == {"ok": "time limits set successfully"}
    assert TASK + "sleep [time_limit=1 soft_time_limit=0.5]" in control(
        "registered", taskinfoitems=["time_limit", "soft_time_limit", "nonsense"])
    fails(send("sleep", 30), "SoftTimeLimitExceeded")
    r = send("sleep", 0.8, soft_time_limit=20, time_limit=30)
    assert r.get(timeout=PATIENCE) == 0.8, "a message's own limits come first"
    assert control("time_limit", task_name=TASK + "sleep", soft=None, hard=None) == {"ok": "time limits set successfully"}
    assert control("time_limit", task_name="no.such", soft=1)["error"] == "unknown task"
    assert "ValueError" in control("time_limit", task_name=TASK + "sleep", soft="x")["error"]
    # the pool
    assert run("control", "pool_grow", 2) == {"ok": "pool will grow"}
    assert inspect("stats")["pool"]["max-concurrency"] == 4
    assert run("control", "pool_shrink", 2) == {"ok": "pool will shrink"}
    for n in (0, 2, 100, "x"):
        assert "ValueError" in control("pool_shrink", n=n)["error"], n
    assert "ValueError" in control("pool_grow", n=63)["error"]
    assert control("autoscale", max=4, min=1)["error"].startswith("ValueError('Autoscale not enabled"), control("autoscale", max=4)
    # queues
    assert run("control", "add_consumer", "extra", "extra-exchange", "direct", "extra.key") == {"ok": "add consumer extra"}
    assert raw.sismember("_kombu.binding.extra-exchange", "extra.key\x06\x16\x06\x16extra")
    r = app.send_task(TASK + "add", (1, 2), exchange="extra-exchange", routing_key="extra.key")
    assert r.get(timeout=PATIENCE) == 3
    assert run("control", "cancel_consumer", "extra") == {"ok": "no longer consuming from extra"}
    assert "error" in control("cancel_consumer", queue="extra")
    assert "ValueError" in control("add_consumer", queue="t", exchange="e", exchange_type="topic", routing_key="#")["error"]
    # events
    assert run("control", "enable_events") == {"ok": "task events already enabled"}
    assert run("control", "disable_events") == {"ok": "task events disabled"}
    assert run("control", "disable_events") == {"ok": "task events already disabled"}
    assert run("control", "enable_events") == {"ok": "task events enabled"}
    assert control("heartbeat") is None and control("election", id="e", topic="t", action="a") is None
    # revoking
    running = send("sleep", 60)
    wait(lambda: running.state in ("STARTED", "PROGRESS"))
    assert inspect("query_task", running.id)[running.id][0] == "active"
    assert control("query_task", ids=running.id)[running.id][0] == "active"
    assert control("active", safe=True)[0]["args"] == "(60,)" and control("active")[0]["args"] == [60]
    assert "error" in control("terminate", signal="NOTHING", task_id=running.id)
    assert run("control", "terminate", "KILL", running.id) == {"ok": "terminate: " + running.id}
    fails(running, "TaskRevokedError", "terminated")
    assert running.id in inspect("revoked")
    told = control("hello", from_node="other@host", revoked={"told-1": [12.5, "told-1"]})
    assert isinstance(told["revoked"][running.id][0], float) and told["revoked"][running.id][1] == running.id, told
    fails(send("noop", task_id="told-1"), "TaskRevokedError", "revoked")
    # whom it is for
    asked = lambda timeout=PATIENCE, **a: bool(app.control.broadcast("ping", reply=True, timeout=timeout, limit=1, **a))
    host = node.split("@")[1]
    matches = [("glob", "*@" + host), ("glob", "worker-[0-9]*"), ("pcre", r".*@"), ("pcre", r"worker-\d+@"), ("pcre", "(?i)WORKER")]
    others = [("glob", "x*"), ("glob", "worker"), ("pcre", "^orker"), ("pcre", "("), ("pcre", "(a*)*(a*)*(.*)*x$"), ("soundex", "w")]
    for matcher, pattern in matches:
        assert asked(pattern=pattern, matcher=matcher), pattern
    for matcher, pattern in others:
        assert not asked(0.4, pattern=pattern, matcher=matcher), pattern
    assert not asked(0.4, destination=["nobody@nowhere"]) and asked(destination=["nobody@nowhere", node])
    assert "KeyError" in control("frobnicate")["error"]
    assert control("shutdown") == {"ok": "the worker ends"}
    wait(lambda: raw.zcard("logikald.workers") == 0)


def other_names():
    """A client with all of kombu's options for names set, and a worker that is told of them (see the test)."""
    app.conf.update(broker_transport_options={"priority_steps": list(range(10)), "sep": ":", "fanout_prefix": "/app{db}."},
                    control_exchange="steering", event_exchange="happenings")
    seen = []
    with app.connection() as connection:
        receiver = app.events.Receiver(connection, handlers={"*": seen.append})
        thread = threading.Thread(target=lambda: receiver.capture(limit=None, timeout=PATIENCE, wakeup=True), daemon=True)
        thread.start()
        wait(lambda: seen)
        sent = [send("add", p, 1, priority=p) for p in range(10)]
        assert [r.get(timeout=PATIENCE) for r in sent] == list(range(1, 11))
        wait(lambda: any(e["type"] == "task-succeeded" for e in seen))
    node = the_worker()
    assert raw.sismember("_kombu.binding.steering.pidbox", "::" + node + ".steering.pidbox")
    assert raw.sismember("_kombu.binding.sync", "sync::sync")
    running = send("sleep", 60)
    wait(lambda: running.state in ("STARTED", "PROGRESS"))
    app.control.revoke(running.id, terminate=True)
    fails(running, "TaskRevokedError", "terminated")
    waiting = send("add", 1, 1, countdown=60, priority=7)
    wait(lambda: raw.zcard("logikald.scheduled") == 1)
    assert app.control.inspect(destination=[node], timeout=PATIENCE).scheduled()[node][0]["request"]["delivery_info"]["routing_key"] == "sync"
    # the number of runners follows the load
    limits = lambda: app.control.inspect(destination=[node], timeout=PATIENCE).stats()[node]["pool"]["max-concurrency"]
    long = [send("sleep", 60) for _ in range(5)]
    wait(lambda: limits() == 4)
    control = lambda name, **a: app.control.broadcast(name, arguments=a, reply=True, timeout=PATIENCE, destination=[node])[0][node]
    assert "not supported with autoscale" in control("pool_grow", n=1)["error"]
    assert control("autoscale", max=3, min=1) == {"ok": "autoscale now max=3 min=1"} and limits() == 3
    for most, least in ((5, 1), (1, 2), (3, -1), ("x", 1)):
        assert "ValueError" in control("autoscale", max=most, min=least)["error"], (most, least)
    for r in long:
        app.control.revoke(r.id, terminate=True)


def shutdown():
    app.control.shutdown()
    wait(lambda: raw.zcard("logikald.workers") == 0)


globals()[sys.argv[2]]()
