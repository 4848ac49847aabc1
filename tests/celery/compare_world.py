"""One worker's Redis and a client of it: what is asked there, and everything that can be seen of what became of it."""
import json
import re
import threading
import time

import redis
from celery import Celery

T = "tasks.diagnostics."


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
