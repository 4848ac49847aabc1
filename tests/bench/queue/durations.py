"""Tasks of 0, 1, 10 and 100 ms, one by one (a client puts a task, waits for its result, puts the next one) and in bulk,
by logikald and by Celery with the settings that suit each kind best, with one client in C for all of them; and what that
client gets out of three Redis round trips on the same server, the floor of one by one.

In bulk the most that there can be is concurrency / duration; share is what was reached of it. No sleep ends at its time:
beside it stands the share of as many processes that only sleep for so long, again and again."""
import json
import os
import subprocess
import tempfile

BUILD = os.environ.get("LOGIKALD_BUILD_DIR", "build")
CLIENT = os.path.join(BUILD, "bench-client")
CONCURRENCY = 2
MS = (0, 1, 10, 100)
PATTERN = "be4c0000-0000-4000-8000-000000000000"  # the client numbers it
QUICK = 4 if os.environ.get("QUEUE_BENCH_QUICK") else 1
ONE_BY_ONE = {0: 1000, 1: 500, 10: 150, 100: 20}
IN_BULK_S = 3
# name of the settings: Celery's pool, tasks fetched ahead by each process; acks are early, which is its faster way
CELERY = {"prefork, 4 ahead": ("prefork", 4), "prefork, 128 ahead": ("prefork", 128), "threads, 128 ahead": ("threads", 128)}


def client(path, *words):
    asked = subprocess.run([CLIENT, path, *map(str, words)], capture_output=True, text=True)
    if asked.returncode:
        raise SystemExit("bench-client: " + asked.stderr)
    return json.loads(asked.stdout)


class Durations:
    """make_message(id, task, kwargs, tag) and throughput(r, count, text_of) are lent by bench.py."""

    def __init__(self, r, path, make_message, throughput):
        self.r, self.path, self.make_message, self.throughput = r, path, make_message, throughput

    def message(self, task_id, ms, tag=None):
        if ms == 0:
            return self.make_message(task_id, tag=tag)
        return self.make_message(task_id, "tasks.diagnostics.sleep", {"seconds": ms / 1000}, tag)

    def one_by_one(self, ms):
        with tempfile.NamedTemporaryFile("w", suffix=".json") as body:
            body.write(self.message(PATTERN, ms, PATTERN))
            body.flush()
            samples = max(10, ONE_BY_ONE[ms] // QUICK)
            return client(self.path, "tasks", samples, body.name, "sync", PATTERN)

    def floor(self):
        with tempfile.NamedTemporaryFile("w", suffix=".json") as body:
            body.write(self.message(PATTERN, 0))
            body.flush()
            return client(self.path, "floor", 5000 // QUICK, body.name)

    def sleepers(self):
        """By milliseconds, what is reached of concurrency / duration by processes that do nothing else."""
        shares = {}
        for ms in MS[1:]:
            count = int(1000 / ms * IN_BULK_S / QUICK)
            started = [subprocess.Popen([CLIENT, "-", "sleep", str(count), str(ms)], stdout=subprocess.PIPE, text=True)
                       for _ in range(CONCURRENCY)]
            told = [json.loads(p.communicate()[0]) for p in started]
            shares[ms] = sum(t["per_second"] for t in told) * ms / 1000 / CONCURRENCY
        return shares

    def in_bulk(self, ms, no_ops):
        most = CONCURRENCY * 1000 / ms if ms else None
        count = int(most * IN_BULK_S / QUICK) if most else no_ops // QUICK
        done, seconds = self.throughput(self.r, count, lambda task_id: self.message(task_id, ms))
        return {"per_second": done / seconds, "share": done / seconds / most if most else None}

    def measure(self, no_ops):
        """Of the worker that runs."""
        return {str(ms): {"one_by_one": self.one_by_one(ms), "bulk": self.in_bulk(ms, no_ops)} for ms in MS}


def best_of(measured, ms, way, figure, least=False):
    """(settings, value) of Celery's best, or (None, None)."""
    found = [(name, m[str(ms)][way][figure]) for name, m in measured.items()]
    return (min if least else max)(found, key=lambda pair: pair[1]) if found else (None, None)


def gather(ours, celery, floor, sleepers):
    """What the report looks up: each kind by its milliseconds, with Celery's best beside it and by which settings."""
    rows = []
    for ms in MS:
        one, bulk = ours[str(ms)]["one_by_one"], ours[str(ms)]["bulk"]
        row = {"ms": ms, "one_by_one": dict(one, p99_of_p50=one["p99_ms"] / one["p50_ms"], of_floor=one["per_second"] / floor["per_second"]),
               "bulk": dict(bulk, sleepers_share=sleepers.get(ms)), "celery": {}}
        for way, figure, least in (("one_by_one", "per_second", False), ("one_by_one", "p50_ms", True),
                                   ("one_by_one", "p99_ms", True), ("bulk", "per_second", False), ("bulk", "share", False)):
            if figure == "share" and not ms:
                continue
            name, value = best_of(celery, ms, way, figure, least)
            if name:
                row["celery"][way + "_" + figure] = value
                row["celery"][way + "_" + figure + "_by"] = name
        rows.append(row)
    return {"floor": floor, "rows": rows}


def show(found):
    floor = found["floor"]
    print(f"Three Redis round trips by the same client: {floor['per_second']:.0f}/s, p50 {floor['p50_ms']:.3f} ms, p99 {floor['p99_ms']:.3f} ms.\n")
    print("| a task of | one by one: /s | of the floor | p50 ms | p99 ms | Celery's best /s (by) | p50 ms | in bulk: /s | of the most | of those that only sleep: of the most | Celery's best /s (by) |")
    print("|---|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|")
    for r in found["rows"]:
        one, bulk, c = r["one_by_one"], r["bulk"], r["celery"]
        share = f"{bulk['share']:.3f} | {bulk['sleepers_share']:.3f}" if bulk["share"] else "- | -"
        beside = (f"{c['one_by_one_per_second']:.0f} ({c['one_by_one_per_second_by']}) | {c['one_by_one_p50_ms']:.2f}" if c else "not installed | -",
                  f"{c['bulk_per_second']:.0f} ({c['bulk_per_second_by']})" if c else "not installed")
        print(f"| {r['ms']} ms | {one['per_second']:.0f} | {one['of_floor']:.2f} | {one['p50_ms']:.3f} | {one['p99_ms']:.3f} | {beside[0]} |"
              f" {bulk['per_second']:.0f} | {share} | {beside[1]} |")
