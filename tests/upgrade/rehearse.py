#!/usr/bin/python3
"""rehearse.py OLD NEW NEXT SIMULATOR: folders with the programs of the last release, of this tree, and of this tree under
another version. One Redis, one PostgreSQL, one simulator; requests at a steady pace, tasks whose effects are counted; and
meanwhile what docs/upgrading.md says: from OLD to NEW by files and `ctl reload --exec`, to NEXT and back in the same way,
OLD and NEW beside each other, and back to OLD. No request may fail and no task may be lost. Prints what was seen."""
import glob
import http.client
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time

import redis
from celery import Celery

OLD, NEW, NEXT, SIM = (os.path.abspath(p) for p in sys.argv[1:5])
SECRET = "rehearsal-of-an-upgrade-0123456789"
work = tempfile.mkdtemp(prefix="logikald-upgrade-")
os.chmod(work, 0o755)
started = []
began = time.monotonic()


def say(text):
    print(f"{time.monotonic() - began:6.1f} s  {text}", flush=True)


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def start(words, env=None, user=None, log=None):
    out = open(os.path.join(work, log or "servers.log"), "ab")
    p = subprocess.Popen(words, env=env, user=user, stdin=subprocess.DEVNULL, stdout=out, stderr=out)
    started.append(p)
    return p


def wait(what, condition, seconds=60):
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            raise AssertionError("waited in vain for: " + what)
        time.sleep(0.02)


def listens(port):
    try:
        socket.create_connection(("127.0.0.1", port), 1).close()
        return True
    except OSError:
        return False


class Servers:
    def __init__(self):
        self.redis_port, self.pg_port, self.sim_port = free_port(), free_port(), free_port()
        bin_dir = sorted(glob.glob("/usr/lib/postgresql/*/bin"), key=lambda p: int(p.split("/")[-2]))[-1]
        user = "nobody" if os.getuid() == 0 else None
        data = os.path.join(work, "pg")
        os.mkdir(data)
        if user:
            shutil.chown(data, user)
        subprocess.run([bin_dir + "/initdb", "-D", data, "-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C.UTF-8",
                        "--no-sync"], check=True, user=user, stdout=subprocess.DEVNULL, cwd=data)
        start([bin_dir + "/postgres", "-D", data, "-p", str(self.pg_port), "-k", data, "-h", "127.0.0.1", "-F"], user=user)
        start(["redis-server", "--port", str(self.redis_port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"])
        start([SIM, "--port", str(self.sim_port), "--projects", "3", "--elevations", "6", "--parts=tiny"])
        self.database = f"postgresql://postgres@127.0.0.1:{self.pg_port}/logikald"
        self.redis = f"redis://127.0.0.1:{self.redis_port}/0"
        wait("PostgreSQL", lambda: listens(self.pg_port))
        wait("a database", lambda: subprocess.run(
            ["psql", "-qh", "127.0.0.1", "-p", str(self.pg_port), "-U", "postgres", "-c", "CREATE DATABASE logikald"],
            stderr=subprocess.DEVNULL).returncode == 0)
        wait("Redis and the simulator", lambda: listens(self.redis_port) and listens(self.sim_port))

    def value(self, sql):
        p = subprocess.run(["psql", "-qAtc", sql, self.database], stdout=subprocess.PIPE, text=True)
        return p.stdout.strip()


class Instance:
    """A supervisor over the program files of one folder, which can be exchanged."""

    def __init__(self, servers, name, programs):
        self.name, self.port, self.folder = name, free_port(), os.path.join(work, name)
        self.run_dir = os.path.join(work, name + ".run")
        os.mkdir(self.folder)
        os.mkdir(self.run_dir, 0o700)
        self.env = {"PATH": os.environ["PATH"], "HOME": work, "PORT": str(self.port), "HOST": "127.0.0.1",
                    "LOGIKALD_RUN_DIR": self.run_dir, "DATABASE_URL": servers.database, "REDIS_URL": servers.redis,
                    "LOGIKAL_API_BASE_URL": f"http://127.0.0.1:{servers.sim_port}/MbioeService.svc/api/v3",
                    "LOGIKAL_AUTH_USERNAME": "demo", "LOGIKAL_AUTH_PASSWORD": "demo", "BACKGROUND_SYNC_ENABLED": "true",
                    "SYNC_INTERVAL_SECONDS": "1", "WORKER_CONCURRENCY": "2", "DIAGNOSTIC_TASKS": "true",
                    "ADMIN_PASSWORD": SECRET, "SECRET_KEY": SECRET, "JWT_SECRET_KEY": SECRET + SECRET,
                    "RATE_LIMIT_PER_MINUTE": "0", "RATE_LIMIT_PER_HOUR": "0", "BEAT_LOCK_TTL_SECONDS": "3"}
        self.install(programs)
        config = os.path.join(work, name + ".cfg")
        open(config, "w").close()
        self.process = start([os.path.join(self.folder, "logikald"), "--config", config], env=self.env, log=name + ".log")

    def install(self, programs):
        for program in ("logikald", "logikald-roles"):
            subprocess.run(["install", os.path.join(programs, program), self.folder], check=True)

    def ctl(self, *words):
        p = subprocess.run([os.path.join(self.folder, "logikald"), "ctl", *words], env=self.env, stdout=subprocess.PIPE,
                           stderr=subprocess.STDOUT, text=True)
        return p.returncode, p.stdout

    def ask(self, path, method="GET", body=None, token=None, timeout=30):
        c = http.client.HTTPConnection("127.0.0.1", self.port, timeout=timeout)
        headers = {"Content-Type": "application/json"} if body else {}
        if token:
            headers["Authorization"] = "Bearer " + token
        c.request(method, path, json.dumps(body) if body else None, headers)
        answer = c.getresponse()
        text = answer.read()
        c.close()
        return answer.status, text

    def is_ready(self):
        try:
            return self.ask("/api/v1/health/ready")[0] == 200
        except OSError:
            return False

    def version(self):
        return json.loads(self.ask("/health")[1]).get("version", "")

    def programs(self):
        """The files that its roles and itself run from. (The guardian waits on as it was made; it executes the file of the
        supervisor when its time comes.)"""
        found = {}
        for line in subprocess.run(["ps", "-eo", "pid=,ppid="], stdout=subprocess.PIPE, text=True).stdout.splitlines():
            pid, parent = map(int, line.split())
            if parent == self.process.pid or pid == self.process.pid:
                try:
                    exe = os.readlink(f"/proc/{pid}/exe")
                except OSError:
                    continue
                if pid == self.process.pid or "/logikald-roles" in exe:
                    found[pid] = exe
        return found

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        assert self.process.wait(60) == 0, "the supervisor ended with %d" % self.process.returncode


class Requests:
    """Two clients: one with a connection for each request, one that keeps its own, as an ERP's library does."""
    PATHS = ["/health", "/api/v1/projects/cached", "/api/v1/elevations/cached?limit=50", "/api/v1/odoo/projects",
             "/api/v1/phases/cached?project_id=1", "/ui/login"]

    def __init__(self, token):
        self.token, self.ports, self.over = token, [], False
        self.answered, self.slowest_ms, self.kept, self.failed = 0, 0.0, 0, []
        self.lock = threading.Lock()
        self.threads = [threading.Thread(target=self.run, args=(keeps,)) for keeps in (False, True)]

    def run(self, keeps):
        connections, n = {}, 0
        while not self.over:
            due = time.monotonic() + 0.02
            for port in list(self.ports):
                self.once(connections, port, self.PATHS[n % len(self.PATHS)], keeps)
            n += 1
            time.sleep(max(0, due - time.monotonic()))

    def once(self, connections, port, path, keeps):
        began_at = time.monotonic()
        for attempt in (1, 2):
            kept = connections.pop(port, None)
            c = kept or http.client.HTTPConnection("127.0.0.1", port, timeout=30)
            try:
                c.request("GET", path, headers={"Authorization": "Bearer " + self.token})
                answer = c.getresponse()
                text = answer.read()
                if keeps and not answer.will_close:
                    connections[port] = c
                else:
                    c.close()
                good = answer.status == 200 and (not path.startswith("/api") or json.loads(text) is not None)
                return self.note(path, began_at, None if good else f"{answer.status} {text[:200]!r}")
            except (http.client.RemoteDisconnected, BrokenPipeError, ConnectionResetError) as e:
                c.close()
                if kept and attempt == 1:  # the server had closed it meanwhile: every client asks again on a new one
                    self.kept += 1
                    continue
                return self.note(path, began_at, repr(e))
            except (OSError, http.client.HTTPException, ValueError) as e:
                return self.note(path, began_at, repr(e))

    def note(self, path, began_at, fault):
        took = (time.monotonic() - began_at) * 1000
        with self.lock:
            self.answered += 1
            self.slowest_ms = max(self.slowest_ms, took)
            if fault:
                self.failed.append(f"{time.monotonic() - began:.1f} s {path}: {fault} after {took:.0f} ms")

    def end(self):
        self.over = True
        for t in self.threads:
            t.join()


class Tasks:
    """Sends tasks as a Celery client does, and counts their effects in the end."""

    def __init__(self, url):
        self.app = Celery("client", broker=url, backend=url)
        self.redis = redis.Redis.from_url(url)
        self.sent, self.over = {}, False
        self.thread = threading.Thread(target=self.run)

    def run(self):
        n = 0
        while not self.over:
            key = f"effect:{n}"
            result = self.app.send_task("tasks.diagnostics.effect", args=[key, 10 + n % 7 * 40], queue="sync")
            self.sent[result.id] = key
            n += 1
            time.sleep(0.05)

    def end(self):
        wait("every task's result", lambda: self.redis.llen("sync") == 0 and self.redis.hlen("unacked") == 0 and
             all(self.redis.exists("celery-task-meta-" + i) for i in self.sent), 120)
        counts = [int(self.redis.get(key) or 0) for key in self.sent.values()]
        failed = [i for i in self.sent if json.loads(self.redis.get("celery-task-meta-" + i))["status"] != "SUCCESS"]
        return len(counts), counts.count(0), sum(c > 1 for c in counts), failed


def rate(requests, text, work_of):
    """What happened to requests while something was done."""
    requests.slowest_ms, before = 0, requests.answered
    began_at = time.monotonic()
    result = work_of()
    say(f"{text}: {time.monotonic() - began_at:.1f} s, {requests.answered - before} requests meanwhile, "
        f"the slowest {requests.slowest_ms:.0f} ms, {len(requests.failed)} failed")
    return result


def exchange(instance, programs, version):
    instance.install(programs)
    before = instance.programs()
    status, text = instance.ctl("reload", "--exec")
    assert status == 0, text
    wait("version " + version, lambda: instance.version().endswith(version), 60)
    wait("every process from the new file", lambda: not any("deleted" in p for p in instance.programs().values()), 60)
    wait("ready", instance.is_ready)
    assert instance.process.pid in before and instance.process.poll() is None, "the supervisor is another one"


def refuse(instance, programs, now):
    """A supervisor that cannot take over is tried, and nothing changes. What failed is put back, as docs/upgrading.md says."""
    version = instance.version()
    instance.install(programs)
    status, text = instance.ctl("reload", "--exec")
    say("it says: " + text.strip().replace("\n", " "))
    instance.install(now)
    assert status != 0, text
    time.sleep(1)
    assert instance.version() == version and instance.is_ready()


def syncs(servers, instance, token):
    """A sync that is asked for there is made."""
    last = "SELECT min(last_sync) FROM object_sync_configs WHERE object_type IN ('project', 'elevation')"
    before = servers.value(last)
    status, text = instance.ask("/api/v1/sync/full?wait=false", "POST", {}, token)
    assert status in (200, 202), text
    wait("a sync", lambda: servers.value(last) > before, 60)


def login(instance):
    admin = json.loads(instance.ask("/api/v1/admin/login", "POST", {"username": "admin", "password": SECRET})[1])["access_token"]
    status, text = instance.ask("/api/v1/client-auth/register", "POST", {
        "client_id": "erp", "name": "erp", "rate_limit_per_hour": 10000000,
        "permissions": ["projects:read", "elevations:read", "sync:write"]}, admin)
    assert status in (200, 201), text
    secret = json.loads(text)["client_secret"]
    return json.loads(instance.ask("/api/v1/client-auth/login", "POST", {"client_id": "erp", "client_secret": secret})[1])["access_token"]


def rehearse():
    servers = Servers()
    one = Instance(servers, "one", OLD)
    wait("the release to be ready", one.is_ready)
    wait("its copy", lambda: (servers.value("SELECT count(*) FROM elevations") or "0") != "0")
    say(f"{one.version()} serves {servers.value('SELECT count(*) FROM elevations')} elevations")
    token = login(one)
    requests, tasks = Requests(token), Tasks(servers.redis)
    requests.ports = [one.port]
    for t in requests.threads + [tasks.thread]:
        t.start()
    try:
        rate(requests, "the release under load", lambda: syncs(servers, one, token))
        rate(requests, "upgraded by reload --exec", lambda: exchange(one, NEW, "+new"))
        rate(requests, "synced", lambda: syncs(servers, one, token))
        rate(requests, "to another version by reload --exec", lambda: exchange(one, NEXT, "+next"))
        rate(requests, "and back", lambda: exchange(one, NEW, "+new"))

        rate(requests, "the release's file refused by reload --exec", lambda: refuse(one, OLD, NEW))

        two = Instance(servers, "two", OLD)
        rate(requests, "the release started beside it on the newer schema", lambda: wait("ready", two.is_ready))
        requests.ports = [one.port, two.port]
        rate(requests, "both beside each other", lambda: (time.sleep(6), syncs(servers, two, token), syncs(servers, one, token)))
        requests.ports = [two.port]
        time.sleep(0.1)
        rate(requests, "back to the release: the newer one stopped", one.stop)
        rate(requests, "synced by the release on the newer schema", lambda: syncs(servers, two, token))

        three = Instance(servers, "three", NEW)
        rate(requests, "the newer one again beside it", lambda: wait("ready", three.is_ready))
        requests.ports = [three.port]
        time.sleep(0.1)
        rate(requests, "the release stopped", two.stop)
        rate(requests, "synced", lambda: syncs(servers, three, token))
    finally:
        requests.end()
        tasks.over = True
        tasks.thread.join()
    sent, lost, doubled, failed = tasks.end()
    three.stop()
    say(f"{requests.answered} requests, {len(requests.failed)} failed, {requests.kept} asked again on a new connection; "
        f"{sent} tasks, {lost} lost, {len(failed)} failed, {doubled} had their effect twice")
    for line in requests.failed[:20] + failed[:5]:
        print(line)
    return not requests.failed and lost == 0 and not failed and doubled == 0


good = False
try:
    good = rehearse()
except AssertionError as e:
    print(e)
finally:
    for p in reversed(started):
        if p.poll() is None:
            p.terminate()
    for p in started:
        try:
            p.wait(20)
        except subprocess.TimeoutExpired:
            p.kill()
    if good or os.environ.get("UPGRADE_KEEP") != "1":
        shutil.rmtree(work, ignore_errors=True)
    else:
        print("logs: " + work)
sys.exit(0 if good else 1)
