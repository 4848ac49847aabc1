#!/usr/bin/python3
"""Tasks a second and enqueue-to-result latency: logikald's worker beside Celery's (prefork and solo) on the same
redis-server in the same run. Prints Markdown; writes JSON to the file that BENCH_JSON names.

Throughput: that many no-op messages lie in the queue; the clock runs from the moment they become visible until all are
acknowledged and their results stored. Latency: one task at a time, from LPUSH to the result's PUBLISH."""
import base64
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
import uuid

import redis

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.abspath(os.path.join(HERE, "..", "..", ".."))
BODY = base64.b64encode(b'[[], {}, {"callbacks": null, "errbacks": null, "chain": null, "chord": null}]').decode()
COUNT = {"logikald": int(os.environ.get("QUEUE_BENCH_TASKS", "100000")), "prefork": 5000, "solo": 5000}
SAMPLES = 1000


def message(task_id):
    return json.dumps({
        "body": BODY, "content-encoding": "utf-8", "content-type": "application/json",
        "headers": {"lang": "py", "task": "tasks.diagnostics.noop", "id": task_id, "shadow": None, "eta": None, "expires": None,
                    "group": None, "group_index": None, "retries": 0, "timelimit": [None, None], "root_id": task_id,
                    "parent_id": None, "argsrepr": "()", "kwargsrepr": "{}", "origin": "bench@host", "ignore_result": False},
        "properties": {"correlation_id": task_id, "reply_to": str(uuid.uuid4()), "delivery_mode": 2,
                       "delivery_info": {"exchange": "", "routing_key": "sync"}, "priority": 0,
                       "body_encoding": "base64", "delivery_tag": str(uuid.uuid4())}})


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


def start(kind, url, log):
    env = dict(os.environ, REDIS_URL=url, DIAGNOSTIC_TASKS="true", WORKER_CONCURRENCY="2", WORKER_QUEUES="sync",
               LOG_LEVEL="warning", PYTHONPATH=HERE)
    if kind == "logikald":
        argv = [os.path.join(ROOT, "build", "logikald-roles"), "worker"]
    else:
        argv = ["/usr/bin/python3", "-m", "celery", "-A", "peer", "worker", "-P", kind, "-c", "2", "-Q", "sync", "-l", "ERROR",
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


def measure(kind, r, url, log, redis_pid):
    r.flushall()
    worker = start(kind, url, log)
    try:
        for _ in range(20):
            one_task(r)
        latency = sorted(one_task(r) for _ in range(SAMPLES))
        texts = [message(str(uuid.uuid4())) for _ in range(COUNT[kind])]
        for i in range(0, len(texts), 500):
            r.lpush("held", *texts[i:i + 500])
        before = r.info("commandstats")
        cpu = cpu_seconds([worker.pid] + children(worker.pid)), cpu_seconds([redis_pid])
        begin = time.perf_counter()
        r.rename("held", "sync")
        wait(lambda: r.llen("sync") == 0 and r.hlen("unacked") == 0, 300, kind)
        seconds = time.perf_counter() - begin
        used = cpu_seconds([worker.pid] + children(worker.pid)) - cpu[0], cpu_seconds([redis_pid]) - cpu[1]
        after = r.info("commandstats")
        calls = sum(v["calls"] - before.get(k, {"calls": 0})["calls"] for k, v in after.items()
                    if k in ("cmdstat_evalsha", "cmdstat_eval", "cmdstat_exec", "cmdstat_brpop", "cmdstat_blmove", "cmdstat_lpush"))
        return {"tasks": COUNT[kind], "per_second": COUNT[kind] / seconds, "p50_ms": latency[len(latency) // 2],
                "p99_ms": latency[len(latency) * 99 // 100], "round_trips_per_task": calls / COUNT[kind],
                "worker_cpu_us": used[0] / COUNT[kind] * 1e6, "redis_cpu_us": used[1] / COUNT[kind] * 1e6}
    finally:
        os.killpg(worker.pid, signal.SIGTERM)
        try:
            worker.wait(20)
        except subprocess.TimeoutExpired:
            os.killpg(worker.pid, signal.SIGKILL)
            worker.wait()


def main():
    with tempfile.TemporaryDirectory() as d, open(os.path.join(d, "log"), "w+") as log:
        path = os.path.join(d, "r.sock")
        server = subprocess.Popen(["redis-server", "--port", "0", "--unixsocket", path, "--save", "", "--dir", d], stdout=log)
        try:
            r = redis.Redis(unix_socket_path=path)
            wait(lambda: is_up(r), 10, "redis-server")
            results = {}
            for kind, url in (("logikald", "unix://" + path), ("prefork", "redis+socket://" + path), ("solo", "redis+socket://" + path)):
                try:
                    results[kind] = measure(kind, r, url, log, server.pid)
                except SystemExit:
                    log.seek(0)
                    sys.stderr.write(log.read())
                    raise
        finally:
            server.terminate()
            server.wait()
    print("| worker | tasks/s | p50 ms | p99 ms | Redis round trips a task | CPU us a task (worker) | (Redis) |")
    print("|---|---|---|---|---|---|---|")
    names = {"logikald": "logikald, 2 runners", "prefork": "Celery prefork, 2 processes", "solo": "Celery solo"}
    for kind, m in results.items():
        print("| %s | %.0f | %.2f | %.2f | %.2f | %.0f | %.0f |" % (names[kind], m["per_second"], m["p50_ms"], m["p99_ms"],
                                                               m["round_trips_per_task"], m["worker_cpu_us"], m["redis_cpu_us"]))
    ours = results["logikald"]["per_second"]
    print("\n%.1f times prefork, %.1f times solo." % (ours / results["prefork"]["per_second"], ours / results["solo"]["per_second"]))
    if os.environ.get("BENCH_JSON"):
        with open(os.environ["BENCH_JSON"], "w") as f:
            json.dump(results, f, indent=1)


main()
