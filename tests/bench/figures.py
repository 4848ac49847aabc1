"""The figures of the report, one row each: what is measured, where it stands in the benches' JSON, which peers of the same
run it is compared with, and the target (design figures; docs/benchmarks.md says what they hang on).

A path is a list of member names; a dict among them picks the element of a list with these members. A list of numbers
counts as so many samples. Several rounds of a bench are put together."""
HTTP = "list of 100 projects"


def http(path, clients, server, figure):
    return ["rows", {"path": path, "clients": clients}, server, figure]


NEVER_KEPT = "the list, never kept (each request asks PostgreSQL)"


def floors(what, figure):
    return ["rows", {"what": what}, "logikald", figure]


def field(sessions, sideways, figure):
    return ["field_case", {"sessions": sessions, "sideways": sideways}, figure]


def one_by_one(ms, figure):
    return ["durations", "rows", {"ms": ms}, "one_by_one", figure]


def bulk(ms, figure):
    return ["durations", "rows", {"ms": ms}, "bulk", figure]


def celery(ms, figure):
    return ["durations", "rows", {"ms": ms}, "celery", figure]


def at_most(limit):
    return lambda ours, peers: ours <= limit


def at_least(limit):
    return lambda ours, peers: ours >= limit


def times(factor, *names):
    """At least that many times better than each of these peers (all when none is named)."""
    def is_met(ours, peers):
        ratios = [p["ratio"] for p in peers if not names or p["name"] in names]
        return min(ratios) >= factor if ratios else None
    return is_met


def row(bench, what, unit, better, path, peers=(), target="", is_met=None):
    return {"bench": bench, "what": what, "unit": unit, "better": better, "path": path, "peers": peers, "target": target,
            "is_met": is_met}


PROJECTS, ELEVATIONS = "/api/v1/projects/cached", "/api/v1/elevations/cached"
SLEEPERS = "2 processes that only sleep"
SUPERVISORS = ("supervisord", "s6-supervise", "runsv")

FIGURES = [
    row("memory", "idle: supervisor, web, worker with 2 runners, beat (PSS)", "MiB", "less", ["idle_mib"],
        [("Python stack: Celery, its beat, FastAPI + uvicorn", ["peer_idle_mib"])], "under 14 MiB", at_most(14)),
    row("memory", "the same beside the Python stack", "MiB", "less", ["idle_mib"],
        [("Python stack", ["peer_idle_mib"])], "1/12", times(12)),
    row("memory-small", "peak in a full sync of 5 000 elevations (PSS)", "MiB", "less", ["sync_peak_mib"]),
    row("memory-large", "peak in a full sync of 20 000 elevations (PSS)", "MiB", "less", ["sync_peak_mib"], (),
        "under 64 MiB, and flat", at_most(64)),
    row("supervisor", "supervisor with its guardian (PSS)", "kB", "less", ["logikald", "pss_kb"],
        [(name, [name, "pss_kb"]) for name in SUPERVISORS], "under 2 000 kB", at_most(2000)),
    row("supervisor", "kill -9 of a child to its replacement running", "ms", "less", ["logikald", "restarts_ms"],
        [(name, [name, "restarts_ms"]) for name in SUPERVISORS], "under 5 ms", at_most(5)),
    row("supervisor", "kill -9 of web to the replacement ready", "ms", "less", ["web", "readies_ms"], (), "under 20 ms",
        at_most(20)),
    row("supervisor", "start of the supervisor to the first answer", "ms", "less", ["web", "first_answer_ms"], (),
        "under 150 ms", at_most(150)),
    row("feed", "commit of a sync to its webhook, p50", "ms", "less", ["commit_to_post_p50_ms"], (), "under 50 ms", at_most(50)),
    row("feed", "the same, p99", "ms", "less", ["commit_to_post_p99_ms"], (), "under 500 ms", at_most(500)),
    row("feed", "changes read, pages of 10 000", "/s", "more", ["changes_read_per_s"]),
    row("journal", "elevations stored with the journal of changes", "/s", "more", ["rows_per_second_with_journal"],
        [("the same without it", ["rows_per_second_without_journal"])]),
    row("queue", "tasks", "/s", "more", ["logikald", "per_second"],
        [("Celery prefork", ["prefork", "per_second"]), ("Celery solo", ["solo", "per_second"]),
         ("Celery prefork as in the replaced system", ["replaced", "per_second"]),
         ("redis-benchmark LPUSH, 50 clients", ["redis_benchmark", "per_second"])],
        "20x Celery", times(20, "Celery prefork", "Celery solo")),
    row("queue", "enqueue to result, p50", "ms", "less", ["logikald", "p50_ms"],
        [("Celery prefork", ["prefork", "p50_ms"]), ("Celery solo", ["solo", "p50_ms"]),
         ("redis-benchmark LPUSH, 1 client", ["redis_benchmark", "p50_ms"])]),
    row("queue", "enqueue to result, p99", "ms", "less", ["logikald", "p99_ms"],
        [("Celery prefork", ["prefork", "p99_ms"]), ("Celery solo", ["solo", "p99_ms"]),
         ("redis-benchmark LPUSH, 1 client", ["redis_benchmark", "p99_ms"])], "under 1 ms", at_most(1)),
    row("queue", "Redis round trips a task", "", "less", ["logikald", "round_trips_per_task"],
        [("Celery prefork", ["prefork", "round_trips_per_task"])], "at most 3", at_most(3)),
    row("tasks", "tasks of 0 ms one by one, a client in C that waits for each", "/s", "more", one_by_one(0, "per_second"),
        [("three Redis round trips of that client", ["durations", "floor", "per_second"]),
         ("Celery's best", celery(0, "one_by_one_per_second"))],
        "0.7 of the round trips", times(0.7, "three Redis round trips of that client")),
    row("tasks", "the same, p50", "ms", "less", one_by_one(0, "p50_ms"),
        [("three Redis round trips of that client", ["durations", "floor", "p50_ms"]),
         ("Celery's best", celery(0, "one_by_one_p50_ms"))]),
    row("tasks", "the same, p99 beside its p50", "times", "less", one_by_one(0, "p99_of_p50"), (), "under 3", at_most(3)),
    *(row("tasks", f"tasks of {ms} ms one by one", "/s", "more", one_by_one(ms, "per_second"),
          [("Celery's best", celery(ms, "one_by_one_per_second"))]) for ms in (1, 10, 100)),
    row("tasks", "tasks of 0 ms in bulk", "/s", "more", bulk(0, "per_second"), [("Celery's best", celery(0, "bulk_per_second"))]),
    *(row("tasks", f"tasks of {ms} ms in bulk, of what 2 runners can", "", "more", bulk(ms, "share"),
          [(SLEEPERS, bulk(ms, "sleepers_share")), ("Celery's best", celery(ms, "bulk_share"))],
          "0.98 of those that only sleep" if ms == 10 else "", times(0.98, SLEEPERS) if ms == 10 else None)
      for ms in (1, 10, 100)),
    *(row("sync", f"forced sync of the field case, {n} session{'s' if n > 1 else ''}{', sideways' if sideways else ''}", "s",
          "less", field(n, sideways, "cold_s"), [("critical path", field(n, sideways, "critical_path_s"))],
          "1.2x of the path", times(1 / 1.2)) for sideways in (False, True) for n in (1, 4, 8)),
    row("sync", "the same unchanged, 4 sessions", "s", "less", field(4, False, "unchanged_s"), (), "under 0.7 s", at_most(0.7)),
    row("sync-stores", "rows stored", "/s", "more", ["rows_per_second"], [("psql COPY", ["copy_rows_per_second"])],
        "half of COPY", times(0.5)),
    row("sync-stores", "parts lists read", "/s", "more", ["parts_read_per_second"],
        [("Python's sqlite3", ["python_parts_per_second"])], "20x", times(20)),
    row("sync-stores", "parts lists taken, read and stored", "/s", "more", ["parts_parsed_per_second"],
        [("Python's sqlite3 and psycopg2", ["python_parts_stored_per_second"])], "20x", times(20)),
    row("parts", "real parts lists (1.07 MB) read again and stored, a core of everybody's", "/s", "more",
        ["real_files_read_per_core"], [("Python's sqlite3, not stored", ["python_real_files_read_per_core"]),
                                       ("psql \\copy of the same bytes", ["copy_real_files_per_core"])],
        "3x of 192/s", lambda ours, peers: ours >= 576),
    row("parts", "the same, a core of the runner's", "/s", "more", ["real_files_read_per_own_core"],
        [("Python's sqlite3, not stored", ["python_real_files_read_per_core"])], "576/s", lambda ours, peers: ours >= 576),
    row("parts", "bytes kept of a real parts list and its lines", "of the file", "less", ["real_files_bytes_kept"],
        [("psql \\copy of the same bytes", ["copy_bytes_kept"])], "0.33", at_most(0.33)),
    row("parts", "sync of real parts lists beside small ones, a tenth of the field's delays", "times", "less",
        ["real_to_small_files"], (), "1.1", at_most(1.1)),
    row("parts", "processor time of fetching, storing and reading one", "ms", "less", ["real_sync_cpu_ms"]),
    row("parts", "the same, PostgreSQL's", "ms", "less", ["real_sync_postgres_ms"]),
    row("parts", "elevations a GB of database", "", "more", ["real_elevations_per_gb"]),
    row("parts", "elevations added up to a bill of materials, a core", "/s", "more", ["bill_elevations_per_core"]),
    row("http", "/health, 16 clients, a core", "/s", "more", http("/health", 16, "logikald", "per_core"),
        [("FastAPI + uvicorn", http("/health", 16, "fastapi", "per_core"))]),
    row("http", HTTP + ", 16 clients, a core", "/s", "more", http(PROJECTS, 16, "logikald", "per_core"),
        [("FastAPI + uvicorn", http(PROJECTS, 16, "fastapi", "per_core"))], "30x", times(30)),
    row("http", HTTP + ", 16 clients, p99", "ms", "less", http(PROJECTS, 16, "logikald", "p99_ms"),
        [("FastAPI + uvicorn", http(PROJECTS, 16, "fastapi", "p99_ms"))], "under 5 ms", at_most(5)),
    row("http", HTTP + ", 1 000 clients", "/s", "more", http(PROJECTS, 1000, "logikald", "per_second"),
        [("FastAPI + uvicorn", http(PROJECTS, 1000, "fastapi", "per_second"))]),
    row("http", "failed requests of 1 000 clients", "", "less", http(PROJECTS, 1000, "logikald", "failed"), (), "0",
        at_most(0)),
    row("http", "list of 2 000 elevations, 16 clients, a core", "/s", "more", http(ELEVATIONS, 16, "logikald", "per_core"),
        [("FastAPI + uvicorn, 1 client", http(ELEVATIONS, 1, "fastapi", "per_core"))], "100x", times(100)),
    row("floors", "/health, a core, beside a bare evhttp server", "", "more", ["ratios", "health_of_floor"], (), "0.9", at_least(0.9)),
    row("floors", "304 of the list, a core, beside /health", "", "more", ["ratios", "unchanged_of_health"], (), "0.75",
        at_least(0.75)),
    row("floors", HTTP + ", a core, beside h2o's", "", "more", ["ratios", "list_of_h2o"], (), "0.5", at_least(0.5)),
    row("floors", "the same beside nginx's", "", "more", ["ratios", "list_of_nginx"]),
    row("floors", "the same beside FastAPI's that keeps its answer", "times", "more", ["ratios", "list_of_fastapi"]),
    row("floors", "the same with 1 000 clients, a core, beside 16", "", "more", ["ratios", "list_of_1000"]),
    row("floors", HTTP + ", never kept (each request asks PostgreSQL), a core of web's", "/s", "more", floors(NEVER_KEPT, "per_core")),
    row("floors", "the same, processor time with PostgreSQL's", "us", "less", floors(NEVER_KEPT, "us")),
    row("floors", "kept, changing 30 times a second, beside unchanged", "", "more", ["ratios", "changing_of_kept"], (), "0.9",
        at_least(0.9)),
    row("floors", "a change until a client that asks again sees it, p50", "ms", "less", ["seen_ms"]),
]


def find(document, path):
    """The samples at a path of one round's JSON; [] when there is none."""
    at = document
    for step in path:
        if isinstance(step, dict):
            at = next((e for e in at or [] if all(e.get(k) == v for k, v in step.items())), None)
        else:
            at = at.get(step) if isinstance(at, dict) else None
        if at is None:
            return []
    return [float(v) for v in at] if isinstance(at, list) else [float(at)]
