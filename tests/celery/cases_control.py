"""Cases of cases.py in which a worker is watched and steered: events, inspection, remote control, revoking."""
import json
import threading
import time

from client import PATIENCE, TASK, URL, app, fails, push, raw, send, the_worker, value_of, wait


def heard():
    """The events of all, as they come, from now on; a worker's heartbeat is among them."""
    seen = []

    def listen():
        with app.connection() as connection:
            receiver = app.events.Receiver(connection, handlers={"*": seen.append})
            try:
                receiver.capture(limit=None, timeout=PATIENCE, wakeup=True)
            except Exception:
                pass

    threading.Thread(target=listen, daemon=True).start()
    wait(lambda: any(e["type"] == "worker-heartbeat" for e in list(seen)))
    return seen


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
    wait(lambda: blockers[1].state in ("STARTED", "PROGRESS", "SUCCESS"))
    app.control.revoke(blockers[1].id, reply=True)  # what runs is not ended by it, unless that is asked for
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
    seen = heard()
    types = lambda: {e["type"] for e in seen}
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
    seen = heard()
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
