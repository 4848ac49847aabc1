"""The same client asks a genuine Celery worker and ours the same: compare.py GENUINE-URL OUR-URL [CASE]. Prints a table, one
line a case, and what differs. Ends with 0 when nothing differs but what DIFFERS lists (docs/queue.md says why), and all
of that does."""
import json
import re
import multiprocessing
import sys
import threading
import time
import traceback

import celery
import redis
from celery import Celery, chain, chord, group

T = "tasks.diagnostics."
CASES = {}
# case -> what differs, and why; each line stands in docs/queue.md, too.
STARTED = "Celery 5.2 leaves STARTED behind where no result is wanted; here nothing is stored"
WAITING = "in Celery whoever waits for the last of them waits for ever; here each gets the failure"
DIFFERS = {
    "ignored_result": STARTED,
    "link_ignored": STARTED,
    "chord_header_ignored": STARTED,
    "errback_chain": "a chain as errback ends in an EncodeError in Celery 5.2; here it is sent",
    "chain_of_unknown": WAITING,
    "chain_that_expires_at_its_head": WAITING,
    "chord_in_chord_fails": WAITING,
    "chord_in_chain_fails": WAITING,
    "chain_that_fails_before_a_chord": WAITING,
}


def case(function):
    CASES[function.__name__] = function
    return function


class World:
    """One worker's Redis, and a client of it."""

    def __init__(self, url):
        self.app = Celery("client", broker=url, backend=url, set_as_current=True)
        self.app.conf.update(task_default_queue="sync", task_serializer="json", result_serializer="json",
                             accept_content=["json"], result_expires=3600)
        self.app.set_default()
        self.raw = redis.Redis.from_url(url, decode_responses=True)
        self.seen = []
        ready = threading.Event()
        threading.Thread(target=self.listen, args=(ready,), daemon=True).start()
        ready.wait(10)
        self.wait(lambda: any(e["type"] == "worker-heartbeat" for e in self.seen), 20)

    def listen(self, ready):
        with self.app.connection() as connection:
            receiver = self.app.events.Receiver(connection, handlers={"*": self.seen.append})
            ready.set()
            receiver.capture(limit=None, timeout=None, wakeup=True)

    def wait(self, condition, seconds=15):
        end = time.time() + seconds
        while not condition():
            if time.time() > end:
                return False
            time.sleep(0.02)
        return True

    def s(self, name, *args, **options):
        kwargs = options.pop("kwargs", {})
        immutable = options.pop("immutable", False)
        return self.app.signature(name if "." in name else T + name, args=args, kwargs=kwargs, immutable=immutable, **options)

    def si(self, name, *args, **options):
        return self.s(name, *args, immutable=True, **options)

    def send(self, name, *args, **options):
        return self.app.send_task(T + name, args=args, **options)

    # ---- looking ----
    def events_of(self):
        events = {}
        for e in list(self.seen):
            if "uuid" in e and e["type"] != "task-sent":
                events.setdefault(e["uuid"], []).append(e)
        return events

    def is_quiet(self):
        """Nothing waits or runs, and the end of all that was received has been told, or is not told."""
        if self.raw.hlen("unacked") or any(self.raw.llen("sync" + p) for p in ("", "\x06\x163", "\x06\x166", "\x06\x169")):
            return False
        if self.raw.zcard("logikald.scheduled"):
            return False
        last = {"task-succeeded", "task-failed", "task-revoked", "task-rejected"}
        if any(e["type"] == "task-received" for e in self.seen) and not all(
                self.ended(k) for k in self.raw.keys("celery-task-meta-*") if "logikald" not in k):
            return False
        if all(any(e["type"] in last for e in events) for events in self.events_of().values()):
            return True
        return time.time() - max(e["local_received"] for e in self.seen if "uuid" in e) > 1.5

    def ended(self, key):
        """Monitors have heard of the success that is stored there."""
        id = key[len("celery-task-meta-"):]
        return not (self.raw.get(key) or "").startswith('{"status": "SUCCESS"') or any(
            e["type"] == "task-succeeded" and e["uuid"] == id for e in list(self.seen) if "uuid" in e)

    def is_still(self, seconds):
        end = time.time() + seconds
        while time.time() < end:
            if not self.is_quiet():
                return False
            time.sleep(0.02)
        return True

    def run(self, function):
        for key in self.raw.keys("celery-task*"):
            self.raw.delete(key)
        del self.seen[:]
        waited = function(self) or []
        waited = waited if isinstance(waited, list) else [waited]
        for r in waited:
            self.wait_for(r)
        answer = {} if self.wait(lambda: self.is_still(0.06)) else {"never quiet": True}
        answer.update(self.observe())
        for i, r in enumerate(waited):
            answer["result %d" % i] = self.value_of(r)
        if all("SUCCESS" in str(v) for k, v in answer.items() if k.startswith("result")):
            answer["chord keys left"] = sorted(k[-2:] for k in self.raw.keys("celery-taskset-meta-*.?"))
        return answer

    def wait_for(self, r):
        """Until it is ready, or nothing happens any more."""
        if hasattr(r, "results"):
            for one in r.results:
                self.wait_for(one)
        else:
            self.wait(lambda: self.app.AsyncResult(r.id).ready() or self.is_still(0.5))

    def value_of(self, r):
        """As another process asks: by the id alone."""
        if hasattr(r, "results"):
            return [self.value_of(one) for one in r.results]
        one = self.app.AsyncResult(r.id)
        value = one.result if one.state in ("SUCCESS", "PENDING", "STARTED") else repr(one.result)
        if one.state == "STARTED":
            value = None
        return "%s %s" % (one.state, self.plain(value))

    def plain(self, value):
        text = json.dumps(value, sort_keys=True) if not isinstance(value, str) else value
        return re.sub("[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", "ID", text)

    def observe(self):
        events = self.events_of()
        metas = {k[len("celery-task-meta-"):]: json.loads(self.raw.get(k) or "{}") for k in self.raw.keys("celery-task-meta-*")
                 if "logikald" not in k}
        labels = {}
        for id in set(metas) | set(events):
            name = [e.get("name") for e in events.get(id, []) if e.get("name")]
            meta = metas.get(id, {})
            value = meta.get("result")
            if isinstance(value, dict) and "exc_type" in value:
                value = value["exc_type"]
            if meta.get("status") == "STARTED":
                value = None
            labels[id] = "<%s %s %s>" % ((name or ["never ran"])[0].replace(T, ""), meta.get("status", "-"), self.plain(value))
        groups = {}

        def sender(id):
            """Which part of a chord is its last is luck."""
            return "one of a group" if metas.get(id, {}).get("group_id") else label(id)

        def label(id):
            if id is None or id in labels:
                return labels.get(id)
            return groups.setdefault(id, "group")

        def tree(node):
            if node is None or isinstance(node, str):
                return label(node)
            return [tree(one) for one in node]

        lines = []
        for id in set(metas) | set(events):
            meta = metas.get(id, {})
            kinds = [e["type"].replace("task-", "") for e in events.get(id, [])]
            received = [e for e in events.get(id, []) if e["type"] == "task-received"]
            parent, root = sender(meta.get("parent_id")), sender(received[0].get("root_id")) if received else None
            if parent == "one of a group":
                root = "as its part has it"
            line = "%s events=%s parent=%s root=%s" % (labels[id], ",".join(sorted(kinds)), parent, root)
            value = meta.get("result")
            if isinstance(value, dict) and "exc_type" in value:
                line += " exception=%s" % self.plain([value["exc_type"], value["exc_message"], value["exc_module"]])
            line += " children=%s" % json.dumps(sorted(map(json.dumps, map(tree, meta.get("children") or []))))
            line += " group=%s" % bool(meta.get("group_id"))
            if meta.get("status") in ("SUCCESS", "FAILURE", "REVOKED"):
                line += " done=%s" % bool(meta.get("date_done"))
            lines.append(line)
        return {"tasks": sorted(lines)}


# ---- plain tasks ----
@case
def plain(w):
    return [w.send("add", 1, 2), w.send("noop"), w.send("echo", kwargs={"a": [1, None, "ü"]})]


@case
def failure(w):
    return w.send("fail", "boom")


@case
def failure_with_quotes(w):
    return w.send("fail", "it's \"odd\"\n\\x")


@case
def unknown_task(w):
    return w.app.send_task("tasks.nowhere")


@case
def ignored_result(w):
    w.send("add", 1, 2, ignore_result=True)
    w.send("ignored")


@case
def retries(w):
    return w.send("fail", "again", 1)


@case
def expired(w):
    return w.send("add", 1, 2, expires=-1)


@case
def expired_while_waiting(w):
    return w.send("add", 1, 2, countdown=0.8, expires=0.3)


@case
def chain_that_expires_at_its_head(w):
    return (w.s("add", 1, 2).set(expires=-1) | w.s("add", 3)).apply_async()


@case
def countdown(w):
    return w.send("add", 1, 2, countdown=0.4)


@case
def priorities(w):
    return [w.send("add", n, 0, priority=n) for n in (0, 3, 6, 9)]


@case
def revoked_before(w):
    import uuid
    id = str(uuid.uuid4())
    w.app.control.revoke(id, reply=True, timeout=1)
    return w.app.send_task(T + "add", (1, 2), task_id=id)


@case
def hard_limit(w):
    return w.send("sleep", 5, time_limit=1)


@case
def soft_limit(w):
    return w.send("sleep", 5, soft_time_limit=1)


@case
def group_of_tasks(w):
    return group(w.s("add", 1, 1), w.s("add", 2, 2)).apply_async()


@case
def group_with_failure(w):
    return group(w.s("add", 1, 1), w.s("fail", "x")).apply_async()


@case
def group_of_chains(w):
    return group(w.s("add", 1, 1) | w.s("add", 10), w.s("add", 2, 2) | w.s("add", 20)).apply_async()


@case
def group_in_group(w):
    return group(w.s("add", 1, 1), group(w.s("add", 2, 2), w.s("add", 3, 3))).apply_async()


# ---- links ----
@case
def link(w):
    return w.send("add", 1, 2, link=w.s("add", 10))


@case
def link_immutable(w):
    return w.send("add", 1, 2, link=w.si("add", 10, 10))


@case
def link_many(w):
    return w.send("add", 1, 2, link=[w.s("add", 10), w.s("add", 20)])


@case
def link_group(w):
    return w.send("add", 1, 2, link=group(w.s("add", 10), w.s("add", 20)))


@case
def link_group_and_task(w):
    return w.send("add", 1, 2, link=[group(w.s("add", 10), w.s("add", 20)), w.s("add", 30)])


@case
def link_chain(w):
    return w.send("add", 1, 2, link=w.s("add", 10) | w.s("add", 20) | w.s("add", 30))


@case
def link_chord(w):
    return w.send("add", 1, 2, link=chord([w.s("add", 10), w.s("add", 20)], w.s("sum")))


@case
def link_chord_chain(w):
    return w.send("add", 1, 2, link=w.s("add", 1) | group(w.s("add", 10), w.s("add", 20)) | w.s("sum") | w.s("add", 5))


@case
def link_of_link(w):
    inner = w.s("add", 10)
    inner.link(w.s("add", 100))
    return w.send("add", 1, 2, link=inner)


@case
def link_with_options(w):
    return w.send("add", 1, 2, link=w.s("add", 10).set(countdown=0.3, priority=9, task_id="given-id"))


@case
def link_starmap(w):
    return w.send("add", 1, 2, link=w.si("celery.starmap", kwargs={"task": w.s("add"), "it": [[1, 2], [3, 4]]}))


@case
def link_ignored(w):
    return w.send("add", 1, 2, ignore_result=True, link=w.s("add", 10))


# ---- link_error ----
@case
def errback(w):
    return w.send("fail", "x", link_error=w.s("given"))


@case
def errbacks(w):
    return w.send("fail", "x", link_error=[w.s("given", 1), w.s("given", 2)])


@case
def errback_immutable(w):
    return w.send("fail", "x", link_error=w.si("given", "told"))


@case
def errback_after_retries(w):
    return w.send("fail", "x", 1, link_error=w.s("given"))


@case
def errback_of_time_limit(w):
    return w.send("sleep", 5, soft_time_limit=1, link_error=w.s("given"))


@case
def errback_that_fails(w):
    return w.send("fail", "x", link_error=w.s("fail"))


@case
def errback_in_chain(w):
    return chain(w.s("fail", "x"), w.si("add", 1, 2)).apply_async(link_error=w.s("given"))


@case
def errback_chain(w):
    return w.send("fail", "x", link_error=w.s("given") | w.s("given", 2))


# ---- chains ----
@case
def chain_of_three(w):
    return (w.s("add", 1, 2) | w.s("add", 10) | w.s("add", 100)).apply_async()


@case
def chain_fails_first(w):
    return (w.s("fail", "x") | w.si("add", 1, 2) | w.s("add", 3)).apply_async()


@case
def chain_fails_in_the_middle(w):
    return (w.s("add", 1, 2) | w.si("fail", "x") | w.s("add", 3)).apply_async()


@case
def chain_of_unknown(w):
    return (w.s("add", 1, 2) | w.s("tasks.nowhere") | w.s("add", 3)).apply_async()


@case
def chain_ends_in_group(w):
    return (w.s("add", 1, 1) | group(w.s("add", 1), w.s("add", 2))).apply_async()


@case
def chain_with_group(w):
    return (w.s("add", 1, 1) | group(w.s("add", 1), w.s("add", 2)) | w.s("sum")).apply_async()


@case
def chain_with_group_and_more(w):
    return (w.s("add", 1, 1) | group(w.s("add", 1), w.s("add", 2)) | w.s("sum") | w.s("add", 100)).apply_async()


@case
def chain_of_groups(w):
    return (group(w.s("add", 1, 1), w.s("add", 2, 2)) | w.s("sum") | group(w.s("add", 1), w.s("add", 2)) |
            w.s("sum")).apply_async()


@case
def chain_group_group(w):
    return (group(w.s("add", 1, 1), w.s("add", 2, 2)) | group(w.s("given", 1), w.s("given", 2)) | w.s("given")).apply_async()


@case
def chain_retries(w):
    return (w.s("fail", "x", 1) | w.s("add", 1)).apply_async()


@case
def chain_expires(w):
    return (w.s("add", 1, 2) | w.s("add", 3).set(expires=-1)).apply_async()


@case
def chain_with_priority(w):
    return (w.s("add", 1, 2).set(priority=9) | w.s("add", 3).set(priority=9)).apply_async()


@case
def chain_with_starmap(w):
    return (w.s("noop") | w.si("celery.starmap", kwargs={"task": w.s("add"), "it": [[1, 2], [3, 4]]}) | w.s("sum")).apply_async()


# ---- chords ----
@case
def chord_of_tasks(w):
    return chord([w.s("add", i, i) for i in range(5)])(w.s("sum"))


@case
def chord_keeps_order(w):
    return chord([w.s("sleep", 0.3), w.s("add", 1, 0), w.s("sleep", 0.1), w.s("add", 2, 0)])(w.s("given"))


@case
def chord_of_one(w):
    return chord([w.s("add", 1, 1)])(w.s("sum"))


@case
def chord_without_header(w):
    return chord([])(w.s("sum"))


@case
def chord_with_immutable_body(w):
    return chord([w.s("add", 1, 1), w.s("add", 2, 2)])(w.si("add", 5, 5))


@case
def chord_with_arguments_in_body(w):
    return chord([w.s("add", 1, 1), w.s("add", 2, 2)])(w.s("given", "more", 1.5))


@case
def chord_odd_results(w):
    return chord([w.s("given", 2**60 + 1, 0.1 + 0.2, "a\x00b\\\"/ü\ud83d"), w.s("echo", kwargs={"n": None}), w.s("noop"),
                  w.s("given")])(w.s("given"))


@case
def chord_body_chain(w):
    return chord([w.s("add", 1, 1), w.s("add", 2, 2)])(w.s("sum") | w.s("add", 10))


@case
def chord_body_group(w):
    return chord([w.s("add", 1, 1), w.s("add", 2, 2)])(group(w.s("sum"), w.s("given")))


@case
def chord_body_fails(w):
    return chord([w.s("add", 1, 1), w.s("add", 2, 2)])(w.si("fail", "x"))


@case
def chord_header_fails(w):
    return chord([w.s("add", 1, 1), w.s("fail", "boom")])(w.s("sum"))


@case
def chord_header_fails_with_errback(w):
    return chord([w.s("add", 1, 1), w.s("fail", "boom")])(w.s("sum").on_error(w.s("given")))


@case
def chord_header_errbacks(w):
    return chord([w.s("add", 1, 1), w.s("fail", "boom").on_error(w.s("given"))])(w.s("sum"))


@case
def chord_header_retries(w):
    return chord([w.s("add", 1, 1), w.s("fail", "boom", 1)])(w.s("sum"))


@case
def chord_header_expires(w):
    return chord([w.s("add", 1, 1), w.s("add", 2, 2).set(expires=-1)])(w.s("sum"))


@case
def chord_header_revoked(w):
    import uuid
    id = str(uuid.uuid4())
    w.app.control.revoke(id, reply=True, timeout=1)
    return chord([w.s("add", 1, 1), w.s("add", 2, 2).set(task_id=id)])(w.s("sum"))


@case
def chord_header_time_limit(w):
    return chord([w.s("add", 1, 1), w.s("sleep", 5).set(soft_time_limit=1)])(w.s("sum"))


@case
def chord_header_eta(w):
    return chord([w.s("add", 1, 1), w.s("add", 2, 2).set(countdown=0.4)])(w.s("sum"))


@case
def chord_header_ignored(w):
    return chord([w.s("add", 1, 1), w.s("add", 2, 2).set(ignore_result=True)])(w.s("sum"))


@case
def chord_header_with_links(w):
    return chord([w.s("add", 1, 1).set(link=[w.s("add", 50)]), w.s("add", 2, 2)])(w.s("sum"))


@case
def chord_body_with_links(w):
    return chord([w.s("add", 1, 1), w.s("add", 2, 2)])(w.s("sum").set(link=[w.s("add", 50)]))


@case
def chord_of_chains(w):
    return chord([w.s("add", 1, 1) | w.s("add", 10), w.s("sleep", 0.3) | w.s("add", 20)])(w.s("given"))


@case
def chord_of_chains_that_fail(w):
    return chord([w.s("fail", "x") | w.s("add", 10), w.s("add", 2, 2)])(w.s("given"))


@case
def chord_of_chains_with_group_behind(w):
    return chord([w.s("add", 1, 1) | group(w.s("add", 10), w.s("add", 20)), w.s("sleep", 0.3)])(w.s("given"))


@case
def chord_of_groups(w):
    return chord([group(w.s("add", 1, 1), w.s("add", 2, 2)), w.s("add", 3, 3)])(w.s("given"))


@case
def chord_in_chord(w):
    return chord([chord([w.s("add", 1, 1), w.s("add", 2, 2)], w.s("sum")), w.s("add", 5, 5)])(w.s("given"))


@case
def chord_in_chord_in_chord(w):
    inner = chord([chord([w.s("add", 1, 1), w.s("add", 2, 2)], w.s("sum")), w.s("add", 5, 5)], w.s("sum"))
    return chord([inner, w.s("add", 7, 7)])(w.s("given"))


@case
def chord_in_chord_fails(w):
    return chord([chord([w.s("add", 1, 1), w.s("fail", "in")], w.s("sum")), w.s("add", 5, 5)])(w.s("given"))


@case
def chord_in_body(w):
    return chord([w.s("add", 1, 1), w.s("add", 2, 2)])(chord([w.s("given", 1), w.s("given", 2)], w.s("given")))


@case
def chord_of_starmaps(w):
    return chord([w.si("celery.starmap", kwargs={"task": w.s("add"), "it": [[n, 1], [n, 2]]}) for n in (1, 2)])(w.s("given"))


@case
def chord_mixed_queues(w):
    return chord([w.s("add", 1, 1).set(priority=9), w.s("add", 2, 2).set(priority=3)])(w.s("sum").set(priority=6))


@case
def chord_in_chain_fails(w):
    return (w.s("add", 1, 1) | group(w.s("add", 1), w.si("fail", "x")) | w.s("sum") | w.s("add", 100)).apply_async()


@case
def chain_that_fails_before_a_chord(w):
    return (w.s("fail", "x") | group(w.s("add", 1), w.s("add", 2)) | w.s("sum")).apply_async()


@case
def chunks(w):
    from celery.canvas import chunks as chunks_of
    return chunks_of(w.s("add"), [(1, 1), (2, 2), (3, 3)], 2, app=w.app).apply_async()


@case
def chunks_in_link(w):
    from celery.canvas import chunks as chunks_of
    return w.send("add", 1, 2, link=chunks_of(w.s("add"), [(1, 1), (2, 2), (3, 3)], 2, app=w.app))


@case
def map_and_starmap(w):
    return [w.app.send_task("celery.map", kwargs={"task": w.s("given"), "it": [1, [2]]}),
            w.app.send_task("celery.starmap", kwargs={"task": w.s("add"), "it": [[1, 2], [3, 4]]})]


@case
def starmap_fails(w):
    return w.app.send_task("celery.starmap", kwargs={"task": w.s("add"), "it": [[1, 2], ["a", 4]]})


@case
def headers_of_signatures(w):
    return w.send("add", 1, 2, link=w.s("given").set(headers={"tenant": "a"}))


# ---- the table ----
def world(url, names, pipe):
    w = World(url)
    for name in names:
        began = time.time()
        try:
            answer = w.run(CASES[name])
        except Exception:
            answer = {"error": traceback.format_exc()}
        pipe.send((name, answer, time.time() - began))
    pipe.send(None)


def ask(urls, names):
    context = multiprocessing.get_context("spawn")
    answers = []
    for url in urls:
        ours, theirs = context.Pipe()
        process = context.Process(target=world, args=(url, names, theirs), daemon=True)
        process.start()
        answers.append((ours, {}))
    for pipe, found in answers:
        while True:
            one = pipe.recv()
            if one is None:
                break
            found[one[0]] = one[1:]
    return [found for _, found in answers]


def differences(genuine, ours):
    for key in sorted(set(genuine) | set(ours)):
        a, b = genuine.get(key), ours.get(key)
        if a == b:
            continue
        if key == "tasks":
            yield from ("genuine only: " + one for one in a if a.count(one) != b.count(one))
            yield from ("ours only:    " + one for one in b if a.count(one) != b.count(one))
        else:
            yield "%s: genuine %s, ours %s" % (key, a, b)


def main():
    names = [n for n in CASES if not sys.argv[3:] or n in sys.argv[3:]]
    # The list of differences is that of 5.2; a newer one is shown beside ours, and only a hang is wrong.
    is_known = celery.__version__.startswith("5.2.")
    genuine, ours = ask(sys.argv[1:3], names)
    for _ in range(4):  # what comes first on a busy machine is luck
        again = [n for n in names if n not in DIFFERS and list(differences(genuine[n][0], ours[n][0]))]
        if not again:
            break
        print("asked again: %s" % ", ".join(again))
        for found, fresh in zip((genuine, ours), ask(sys.argv[1:3], again)):
            found.update(fresh)
    bad = documented = 0
    for name in names:
        different = list(differences(genuine[name][0], ours[name][0]))
        is_wrong = bool(different) != (name in DIFFERS) if is_known else "never quiet" in ours[name][0]
        verdict = "equal" if not different else "differs, as documented" if name in DIFFERS else "differs"
        bad, documented = bad + is_wrong, documented + (bool(different) and name in DIFFERS)
        print("%-36s %5.1f %5.1f s  %s%s" % (name, genuine[name][1], ours[name][1], verdict, ": WRONG" if is_wrong else ""))
        for line in [DIFFERS[name]] if different and name in DIFFERS else different:
            print("      " + line)
    print("Celery %s: %d cases, %d equal, %d as documented, %d wrong" %
          (celery.__version__, len(names), sum(genuine[n][0] == ours[n][0] for n in names), documented, bad))
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
