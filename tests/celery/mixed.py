"""Parts of the same chords on a genuine worker and on ours: mixed.py REDIS-URL. Whoever ends the last part sends the body."""
import sys
import time

import redis
from celery import Celery, chord, group

URL = sys.argv[1]
T = "tasks.diagnostics."
app = Celery("client", broker=URL, backend=URL)
app.conf.update(task_default_queue="sync", result_expires=3600)
app.set_default()
raw = redis.Redis.from_url(URL, decode_responses=True)


def s(name, *args, **options):
    return app.signature(T + name, args=args, **options)


def outcome(r, seconds=60):
    one, end = app.AsyncResult(r.id), time.time() + seconds
    while not one.ready():
        assert time.time() < end, "%s is %s" % (r.id, one.state)
        time.sleep(0.02)
    return one.result if one.state == "SUCCESS" else "%s: %s" % (type(one.result).__name__, one.result)


def totals():
    """Of both workers; on a busy machine one may answer too late, and is asked again."""
    end = time.time() + 90
    while True:
        answers = app.control.inspect(timeout=3).stats() or {}
        if len(answers) == 2:
            return {node: sum(stats["total"].values()) for node, stats in answers.items()}
        assert time.time() < end, "two workers are wanted: %s" % sorted(answers)


before = totals()
ordered = [(chord([s("sleep", n / 100) for n in range(8)])(s("given", i)), i) for i in range(10)]
nested = [chord([chord([s("add", 1, n), s("add", 2, n)], s("sum")), s("add", 5, n) | s("add", 1)])(s("given")) for n in range(8)]
shaped = [chord([s("add", 1, n) | group(s("add", 10), s("add", 20)), s("add", 2, n)])(s("given")) for n in range(8)]
failed = [chord([s("add", 1, n), s("fail", "boom %d" % n), s("sleep", 0.02)])(s("sum")) for n in range(8)]
chains = [(s("add", 1, n) | group(s("add", 1), s("add", 2), s("add", 3)) | s("sum") | s("add", 100)).apply_async() for n in range(8)]
for r, i in ordered:
    assert outcome(r) == [[n / 100 for n in range(8)], i], outcome(r)
for n, r in enumerate(nested):
    assert outcome(r) == [[3 + 2 * n, 6 + n]], outcome(r)
for n, r in enumerate(shaped):
    assert outcome(r) == [[[11 + n, 21 + n], 2 + n]], outcome(r)
for n, r in enumerate(failed):
    assert outcome(r).startswith("ChordError: Dependency") and "boom %d" % n in outcome(r), outcome(r)
for n, r in enumerate(chains):
    assert outcome(r) == 3 * (1 + n) + 6 + 100, outcome(r)
did = {node: count - before.get(node, 0) for node, count in totals().items()}
print("tasks done by each: %s" % did)
assert len(did) == 2 and min(did.values()) >= 3, did
