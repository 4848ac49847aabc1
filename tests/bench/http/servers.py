"""What the HTTP benches share: a PostgreSQL and `logikald web` of their own with a seeded store, and wrk with the processor
time that the measured process used meanwhile."""
import glob
import json
import os
import pwd
import re
import socket
import subprocess
import sys
import time
import urllib.request

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))
BUILD = os.environ.get("LOGIKALD_BUILD_DIR", ROOT + "/build")
ROLES = os.path.join(BUILD, "logikald-roles")
SECONDS = int(os.environ.get("SECONDS_PER_FIGURE", "5"))
TICKS = os.sysconf("SC_CLK_TCK")
PROJECTS, ELEVATIONS = "/api/v1/projects/cached", "/api/v1/elevations/cached"
SEED = """
INSERT INTO directories (logikal_id, name) SELECT 'd' || i, 'Directory ' || i FROM generate_series(1, 5) i;
INSERT INTO projects (logikal_id, name, directory_id, status, last_sync_date, last_update_date)
  SELECT 'p' || i, 'Project ' || i, 1 + i % 5, 'active', now(), now() - interval '1 day' FROM generate_series(1, 100) i;
INSERT INTO phases (logikal_id, name, project_id, sync_status) SELECT 'h' || id, 'Phase', id, 'synced' FROM projects;
INSERT INTO elevations (logikal_id, name, description, phase_id, sync_status, last_sync_date, width, height)
  SELECT 'e' || i, 'Elevation ' || i, 'A window with two sashes', 1 + i % 100, 'synced', now(), 1200, 900
  FROM generate_series(1, 2000) i;
ANALYZE;
"""
started = []


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def start_postgres(folder):
    bin_dir = sorted(glob.glob("/usr/lib/postgresql/*/bin"), key=lambda p: int(p.split("/")[4]))[-1]
    user = {}
    if os.geteuid() == 0:
        who = pwd.getpwnam("postgres")
        os.chown(folder, who.pw_uid, who.pw_gid)
        user = {"user": who.pw_uid, "group": who.pw_gid, "extra_groups": []}
    data, port = folder + "/pg", free_port()
    subprocess.run([bin_dir + "/initdb", "-D", data, "-A", "trust", "-U", "bench", "-E", "UTF8", "--locale=C.UTF-8"], check=True, cwd=folder,
                   stdout=subprocess.DEVNULL, **user)
    postgres = subprocess.Popen([bin_dir + "/postgres", "-D", data, "-p", str(port), "-k", folder, "-h", "127.0.0.1"],
                                cwd=folder, stderr=subprocess.DEVNULL, **user)
    started.append(postgres)
    url = f"postgresql://bench@127.0.0.1:{port}/postgres"
    wait(lambda: subprocess.run(["psql", url, "-c", "SELECT 1"], capture_output=True).returncode == 0, "PostgreSQL")
    return postgres.pid, url


def wait(is_there, what):
    for _ in range(300):
        if is_there():
            return
        time.sleep(0.1)
    sys.exit(f"{what} does not answer")


def answers(url, timeout=1):
    try:
        return urllib.request.urlopen(url, timeout=timeout).status == 200
    except OSError:
        return False


def post(url, body, token=None):
    request = urllib.request.Request(url, json.dumps(body).encode(), {"Content-Type": "application/json"})
    if token:
        request.add_header("Authorization", "Bearer " + token)
    return json.load(urllib.request.urlopen(request, timeout=20))


def cpu_seconds(pid):
    fields = open(f"/proc/{pid}/stat").read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def cpu_seconds_of_all(parent):
    """Of a process, its children that live, and those that it has waited for."""
    fields = open(f"/proc/{parent}/stat").read().rsplit(")", 1)[1].split()
    total = sum(int(n) for n in fields[11:15]) / TICKS
    for pid in open(f"/proc/{parent}/task/{parent}/children").read().split():
        try:
            total += cpu_seconds(pid)
        except OSError:
            pass
    return total


def measure(postgres, pid, url, clients, *headers, script=None):
    """wrk for SECONDS, with a script of its own or without; pid is the process that serves, postgres the server whose time counts as well."""
    command = ["wrk", "-t1", f"-c{clients}", f"-d{SECONDS}s", "--timeout", "10s", "--latency"]
    for header in headers:
        command += ["-H", header]
    command += ["-s", script] if script else []
    before, before_store = cpu_seconds(pid), cpu_seconds_of_all(postgres)
    text = subprocess.run(command + [url], capture_output=True, text=True).stdout
    used, used_store = cpu_seconds(pid) - before, cpu_seconds_of_all(postgres) - before_store
    unit = {"us": 0.001, "ms": 1, "s": 1000, "m": 60000}
    found = dict(re.findall(r"^\s+(50|99)%\s+([\d.]+\w+)$", text, re.M))
    ms = {k: float(re.match(r"[\d.]+", v)[0]) * unit[re.search(r"[a-z]+$", v)[0]] for k, v in found.items()}
    requests = int((re.search(r"(\d+) requests in", text) or [0, 0])[1])
    failed = sum(int(n) for n in re.findall(r"(?:timeout|connect|read|write) (\d+)", text))
    failed += int((re.search(r"Non-2xx or 3xx responses: (\d+)", text) or [0, 0])[1])
    return {"per_second": requests / SECONDS, "per_core": requests / used if used else 0,
            "us": (used + used_store) / requests * 1e6 if requests else 0, "p50_ms": ms.get("50", 0),
            "p99_ms": ms.get("99", 0), "failed": failed}


def start_ours(url, folder):
    port = free_port()
    env = dict(os.environ, DATABASE_URL=url, HOST="127.0.0.1", PORT=str(port), ADMIN_PASSWORD="bench-bench-bench",
               JWT_SECRET_KEY="bench-" * 8, RATE_LIMIT_PER_MINUTE="0", RATE_LIMIT_PER_HOUR="0", LOG_LEVEL="warning",
               HTTP_MAX_CONNECTIONS_PER_ADDRESS="2048",  # all of wrk is one
               LOGIKALD_RUN_DIR=folder + "/run")
    subprocess.run([ROLES, "migrate"], env=env, check=True, stderr=subprocess.DEVNULL)
    subprocess.run(["psql", "-q", url, "-c", SEED], check=True, stdout=subprocess.DEVNULL)
    web = subprocess.Popen([ROLES, "web"], env=env)
    started.append(web)
    base = f"http://127.0.0.1:{port}"
    wait(lambda: answers(base + "/api/v1/health/ready"), "logikald web")
    admin = post(base + "/api/v1/admin/login", {"username": "admin", "password": "bench-bench-bench"})["access_token"]
    client = post(base + "/api/v1/client-auth/register",
                  {"client_id": "bench", "name": "Bench", "permissions": ["projects:read", "elevations:read"],
                   "rate_limit_per_hour": 10000000}, admin)
    token = post(base + "/api/v1/client-auth/login",
                 {"client_id": "bench", "client_secret": client["client_secret"]})["access_token"]
    return web.pid, base, token


def stop(process):
    process.terminate()
    try:
        process.wait(5)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
