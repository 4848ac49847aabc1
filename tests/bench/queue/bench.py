#!/usr/bin/python3
"""Tasks a second and enqueue-to-result latency: logikald's worker beside Celery's and beside what redis-benchmark gets
out of the same redis-server in the same run. Prints Markdown; writes JSON to the file that BENCH_JSON names.

Throughput: that many no-op messages lie in the queue; the clock runs from the moment they become visible until all are
acknowledged and their results stored, or WINDOW_S have passed. Latency: one task at a time, from LPUSH to the result's
PUBLISH. Celery runs with its own defaults (prefork, solo) and as the system that logikald replaces had it
(acks_late, prefetch multiplier 1, STARTED stored)."""
import base64
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import uuid

import redis

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
sys.dont_write_bytecode = True
import durations  # noqa: E402

ROOT = os.path.abspath(os.path.join(HERE, "..", "..", ".."))
BUILD = os.environ.get("LOGIKALD_BUILD_DIR", os.path.join(ROOT, "build"))
TASKS = int(os.environ.get("QUEUE_BENCH_TASKS", "100000"))
SAMPLES = int(os.environ.get("QUEUE_BENCH_SAMPLES", "1000"))
WINDOW_S = 10
# key: (name, tasks, Celery's pool, Celery's settings are those of the replaced system)
WORKERS = {"logikald": ("logikald, 2 runners", TASKS, None, False),
           "prefork": ("Celery prefork, 2 processes", TASKS // 10, "prefork", False),
           "solo": ("Celery solo", TASKS // 10, "solo", False),
           "replaced": ("Celery prefork, acks_late, prefetch 1", TASKS // 10, "prefork", True)}


def message(task_id, task="tasks.diagnostics.noop", kwargs=None, tag=None):
    body = json.dumps([[], kwargs or {}, {"callbacks": None, "errbacks": None, "chain": None, "chord": None}]).encode()
    return json.dumps({
        "body": base64.b64encode(body).decode(), "content-encoding": "utf-8", "content-type": "application/json",
        "headers": {"lang": "py", "task": task, "id": task_id, "shadow": None, "eta": None, "expires": None,
                    "group": None, "group_index": None, "retries": 0, "timelimit": [None, None], "root_id": task_id,
                    "parent_id": None, "argsrepr": "()", "kwargsrepr": "{}", "origin": "bench@host", "ignore_result": False},
        "properties": {"correlation_id": task_id, "reply_to": str(uuid.uuid4()), "delivery_mode": 2,
                       "delivery_info": {"exchange": "", "routing_key": "sync"}, "priority": 0,
                       "body_encoding": "base64", "delivery_tag": tag or str(uuid.uuid4())}})


def wait(condition, seconds, what):
    end = time.time() + seconds
    while not condition():
        if time.time() > end:
            sys.exit("waited %d s in vain for %s" % (seconds, what))
        time.sleep(0.005)


def is_up(r):
    try:
        return r.ping()
    except redis.exceptions.ConnectionError:
        return False


def cpu_seconds(pids):
    total = 0
    for pid in pids:
        try:
            fields = open("/proc/%d/stat" % pid).read().rsplit(")", 1)[1].split()
            total += sum(int(fields[i]) for i in (11, 12, 13, 14)) / os.sysconf("SC_CLK_TCK")
        except OSError:
            pass
    return total


def children(pid):
    try:
        return [int(p) for p in open("/proc/%d/task/%d/children" % (pid, pid)).read().split()]
    except OSError:
        return []


def start(pool, url, log, is_replaced=False, ahead=None):
    env = dict(os.environ, REDIS_URL=url, DIAGNOSTIC_TASKS="true", WORKER_CONCURRENCY="2", WORKER_QUEUES="sync",
               LOG_LEVEL="warning", PYTHONPATH=HERE, PEER_AS_REPLACED="1" if is_replaced else "",
               PEER_AHEAD=str(ahead or ""))
    if not pool:
        argv = [os.path.join(BUILD, "logikald-roles"), "worker"]
    else:
        argv = ["/usr/bin/python3", "-m", "celery", "-A", "peer", "worker", "-P", pool, "-c", "2", "-Q", "sync", "-l", "ERROR",
                "--without-gossip", "--without-mingle"]
    return subprocess.Popen(argv, env=env, stdout=log, stderr=log, cwd=HERE, start_new_session=True)


def one_task(r):
    """LPUSH, wait for the result by PUBLISH; milliseconds."""
    task_id = str(uuid.uuid4())
    p = r.pubsub()
    p.subscribe("celery-task-meta-" + task_id)
    p.get_message(timeout=5)
    text = message(task_id)
    begin = time.perf_counter()
    r.lpush("sync", text)
    while True:
        m = p.get_message(timeout=10)
        if m is None:
            sys.exit("no result in 10 s")
        if m["type"] == "message" and b'"SUCCESS"' in m["data"]:
            took = (time.perf_counter() - begin) * 1000
            p.close()
            return took


def is_done(r):
    return r.llen("sync") == 0 and r.hlen("unacked") == 0


def throughput(r, count, text=message):
    """(tasks done, seconds): all of them, or as many as were done in the window."""
    for i in range(0, count, 500):
        r.lpush("held", *(text(str(uuid.uuid4())) for _ in range(min(500, count - i))))
    begin = time.perf_counter()
    r.rename("held", "sync")
    while not is_done(r) and time.perf_counter() - begin < WINDOW_S:
        time.sleep(0.002)
    seconds = time.perf_counter() - begin
    return count - r.llen("sync") - r.hlen("unacked"), seconds


def stop(worker):
    os.killpg(worker.pid, signal.SIGTERM)
    try:
        worker.wait(20)
    except subprocess.TimeoutExpired:
        os.killpg(worker.pid, signal.SIGKILL)
        worker.wait()


def measure(kind, r, url, log, redis_pid):
    _, _, pool, is_replaced = WORKERS[kind]
    r.flushall()
    worker = start(pool, url, log, is_replaced)
    try:
        for _ in range(20):
            one_task(r)
        latency = sorted(one_task(r) for _ in range(SAMPLES))
        before = r.info("commandstats")
        cpu = cpu_seconds([worker.pid] + children(worker.pid)), cpu_seconds([redis_pid])
        done, seconds = throughput(r, WORKERS[kind][1])
        used = cpu_seconds([worker.pid] + children(worker.pid)) - cpu[0], cpu_seconds([redis_pid]) - cpu[1]
        after = r.info("commandstats")
        if not done:
            sys.exit("%s has done nothing in %d s" % (kind, WINDOW_S))
        calls = sum(v["calls"] - before.get(k, {"calls": 0})["calls"] for k, v in after.items()
                    if k in ("cmdstat_evalsha", "cmdstat_eval", "cmdstat_exec", "cmdstat_brpop", "cmdstat_blmove"))
        return {"tasks": done, "per_second": done / seconds, "p50_ms": latency[len(latency) // 2],
                "p99_ms": latency[len(latency) * 99 // 100], "round_trips_per_task": calls / done,
                "worker_cpu_us": used[0] / done * 1e6, "redis_cpu_us": used[1] / done * 1e6}
    finally:
        stop(worker)


def by_duration(r, path, log):
    """Of every kind of task, with every settings of Celery."""
    bench, celery = durations.Durations(r, path, message, throughput), {}

    def of(pool, ahead):
        r.flushall()
        worker = start(pool, ("redis+socket" if pool else "unix") + "://" + path, log, False, ahead)
        try:
            one_task(r)
            return bench.measure(TASKS // 20 if pool else TASKS // 2)
        finally:
            stop(worker)
    ours, floor, sleepers = of(None, None), bench.floor(), bench.sleepers()
    if has_celery():
        celery = {name: of(*settings) for name, settings in durations.CELERY.items()}
    return durations.gather(ours, celery, floor, sleepers)


def plain(r, path, log, redis_pid):
    results = {}
    for kind, (_, _, pool, _) in WORKERS.items():
        if not pool or has_celery():
            results[kind] = measure(kind, r, ("redis+socket" if pool else "unix") + "://" + path, log, redis_pid)
    r.flushall()
    floor = redis_benchmark(path)
    show(results, floor)
    return dict(results, redis_benchmark=floor)


def redis_benchmark(path):
    """LPUSH of 100 bytes: by one client, whose latency is a round trip, and by 50 at once. None without it."""
    def row(*args):
        command = ["redis-benchmark", "-s", path, "--csv", "-t", "lpush", "-d", "100", *args]
        out = subprocess.run(command, capture_output=True, text=True, check=True).stdout
        return dict(zip(*(line.replace('"', "").split(",") for line in out.strip().split("\n")[-2:])))
    if not shutil.which("redis-benchmark"):
        return None
    one, many = row("-c", "1", "-n", "20000"), row("-c", "50", "-n", "100000")
    return {"p50_ms": float(one["p50_latency_ms"]), "p99_ms": float(one["p99_latency_ms"]), "per_second": float(many["rps"])}


def has_celery():
    return subprocess.run(["/usr/bin/python3", "-c", "import celery"], capture_output=True).returncode == 0


def main():
    with tempfile.TemporaryDirectory() as d, open(os.path.join(d, "log"), "w+") as log:
        path = os.path.join(d, "r.sock")
        server = subprocess.Popen(["redis-server", "--port", "0", "--unixsocket", path, "--save", "", "--dir", d], stdout=log)
        try:
            r = redis.Redis(unix_socket_path=path)
            wait(lambda: is_up(r), 10, "redis-server")
            found, only = {}, os.environ.get("ONLY")
            if only != "durations":
                found = plain(r, path, log, server.pid)
            if only != "plain":
                found["durations"] = by_duration(r, path, log)
                durations.show(found["durations"])
        except SystemExit:
            log.seek(0)
            sys.stderr.write(log.read())
            raise
        finally:
            server.terminate()
            server.wait()
    if os.environ.get("BENCH_JSON"):
        with open(os.environ["BENCH_JSON"], "w") as f:
            json.dump(found, f, indent=1)


def show(results, floor):
    print("| worker | tasks/s | p50 ms | p99 ms | Redis round trips a task | CPU us a task (worker) | (Redis) |")
    print("|---|---|---|---|---|---|---|")
    for kind, m in results.items():
        print("| %s | %.0f | %.2f | %.2f | %.2f | %.0f | %.0f |" % (WORKERS[kind][0], m["per_second"], m["p50_ms"], m["p99_ms"],
                                                               m["round_trips_per_task"], m["worker_cpu_us"], m["redis_cpu_us"]))
    if len(results) == 1:
        print("\nCelery is not installed: skipped")
    if floor:
        print("\nredis-benchmark on the same server: LPUSH by one client, p50 %.3f ms, p99 %.3f ms; by 50 clients %.0f a second."
              % (floor["p50_ms"], floor["p99_ms"], floor["per_second"]))
    else:
        print("\nredis-benchmark is not installed: skipped")


main()
