#!/usr/bin/python3
"""Which test programs run a line. The map is made once, by each program for itself on the build that counts lines
(`make mutants-map`), and stays true for each file until its text changes."""
import concurrent.futures
import gzip
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time

sys.dont_write_bytecode = True
import uses  # noqa: E402
from lines import ROOT, listed  # noqa: E402

MAP = os.path.join(ROOT, "build", "mutants-map.json")
BUILD = os.path.join(ROOT, "build", "coverage")
SCRIPTS = "test_queue_scripts"  # has cases of each script
LONGEST = 300  # seconds; what takes longer is not in the map


def programs():
    return sorted(os.path.basename(p)[:-2] for p in listed("tests/unit", "tests/integration") if "/test_" in p and p.endswith(".c"))


def of_the_release():
    """Those that measure the release programs, which a mutant's tree does not build."""
    words = ["git", "-C", ROOT, "grep", "-il", "the release program", "--", "tests/unit", "tests/integration"]
    return {os.path.basename(p)[:-2] for p in subprocess.run(words, capture_output=True, text=True).stdout.split()}


def blob_of(path):
    """The file as git names it, and keeps it even when it has changed."""
    words = ["git", "-C", ROOT, "hash-object", "-w", path]
    return subprocess.run(words, capture_output=True, text=True, cwd=ROOT).stdout.strip()


def lines_run(counts):
    """{path: (lines that ran, all lines with code)} of what a program left below the folder."""
    objects = os.path.join(counts + BUILD, "obj")
    found, names = {}, []
    for folder, _, files in os.walk(objects):
        inner = os.path.relpath(folder, objects)
        if inner.split("/")[0] in ("conf", "ipc", "services", "supervisor"):
            for name in (f[:-5] for f in files if f.endswith(".gcda")):
                os.symlink(os.path.join(BUILD, "obj", inner, name + ".gcno"), os.path.join(folder, name + ".gcno"))
                names.append(os.path.join(folder, name + ".gcda"))
    if not names:
        return found
    work = os.path.join(counts, "gcov")
    os.mkdir(work)
    subprocess.run(["gcov", "--json-format", "--preserve-paths", *names], cwd=work, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    for name in os.listdir(work):
        with gzip.open(os.path.join(work, name)) as f:
            for file in json.load(f)["files"]:
                if not file["file"].startswith(("/", "tests")):
                    ran, code = found.setdefault(file["file"], (set(), set()))
                    code.update(line["line_number"] for line in file["lines"])
                    ran.update(line["line_number"] for line in file["lines"] if line["count"])
    return found


def measure(name):
    """(name, seconds, whether it passed, {path: ...})"""
    counts = tempfile.mkdtemp(prefix="mutants-map.")
    begin, good = time.time(), False
    process = subprocess.Popen([os.path.join(BUILD, "tests", name)], cwd=ROOT, start_new_session=True, stdout=subprocess.DEVNULL,
                               stderr=subprocess.DEVNULL, env=dict(os.environ, GCOV_PREFIX=counts, LOGIKALD_BUILD_DIR=BUILD))
    try:
        good = process.wait(LONGEST) == 0
    except subprocess.TimeoutExpired:
        pass
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        pass
    process.wait()
    seconds = time.time() - begin
    try:
        return name, seconds, good, lines_run(counts)
    finally:
        shutil.rmtree(counts, ignore_errors=True)


def make_map(only=None):
    """Measures all programs, or those named, whose rows are then put into the map that is there."""
    known = {"programs": {}, "files": {}}
    if only and os.path.exists(MAP):
        known = json.load(open(MAP))
    with concurrent.futures.ThreadPoolExecutor(int(os.environ.get("AT_ONCE", 2 * os.cpu_count()))) as pool:
        for name, seconds, good, found in pool.map(measure, only or programs()):
            known["programs"][name] = {"seconds": round(seconds, 1), "passed": good}
            for path, (ran, code) in found.items():
                file = known["files"].setdefault(path, {"blob": blob_of(path), "code": [], "ran": {}})
                file["code"] = sorted(code.union(file["code"]))
                file["ran"][name] = sorted(ran)
            print(f"{name}: {seconds:.1f} s, {sum(len(ran) for ran, _ in found.values())} lines{'' if good else ', FAILED'}", flush=True)
            with open(MAP + ".new", "w", encoding="utf-8") as f:
                json.dump(known, f)
            os.replace(MAP + ".new", MAP)  # make mutants may be at work


class Map:
    def __init__(self):
        rows = (line.split() for line in open(os.path.join(ROOT, "tests", "times")))
        self.seconds = {row[0]: float(row[1]) for row in rows if len(row) == 3 and not row[0].startswith("#")}
        known = json.load(open(MAP)) if os.path.exists(MAP) else {"programs": {}, "files": {}}
        for name, p in known["programs"].items():  # the quickest that was seen: the map may be made on a busy machine
            self.seconds[name] = min(p["seconds"], self.seconds.get(name, p["seconds"]))
        self.files, self.there, self.bad = known["files"], set(programs()), of_the_release()
        self.runs = {}  # lines in all
        for file in self.files.values():
            for name, ran in file["ran"].items():
                self.runs[name] = self.runs.get(name, 0) + len(ran)
        self.measured = {name for name, count in self.runs.items() if count and known["programs"][name]["passed"]}

    def takes(self, name):
        return self.seconds.get(name, 5)

    def file_of(self, path):
        """What the map has of the file, under this path or where it was before."""
        name = "/" + os.path.basename(path)
        moved = [p for p in self.files if p.endswith(name)]
        return self.files.get(path) or (self.files[moved[0]] if len(moved) == 1 else None)

    def line_then(self, file, path, number):
        """The line's number in the text that was measured; None: it is new."""
        now = open(os.path.join(ROOT, path), encoding="utf-8").read().split("\n")
        then = subprocess.run(["git", "-C", ROOT, "cat-file", "blob", file["blob"]], capture_output=True, text=True).stdout.split("\n")
        if now == then:
            return number
        near = [n for n, text in enumerate(then, 1) if text == now[number - 1]]
        return min(near, key=lambda n: abs(n - number), default=None)

    def by_line(self, path, number):
        """Programs that run the line: (names, how sure that is)."""
        file = self.file_of(path)
        then = self.line_then(file, path, number) if file else None
        if not file:
            return [], "by name"
        line = max((n for n in file["code"] if n <= (then or 0)), default=0)
        chosen = [n for n, lines in file["ran"].items() if line in lines]
        if chosen and then - line <= 12:
            return chosen, "by line"
        return [n for n, lines in file["ran"].items() if lines], "by file"

    def programs_for(self, path, number, names):
        """(names, in the order in which they are tried; how they were found). Last come those of the file's name and,
        of those that the map does not have, those of the area's names."""
        file, room = self.file_of(path), os.path.basename(path).split(".")[0]
        ran, chosen, how = file["ran"] if file else {}, set(), "by name"
        for place in uses.of_line(path, number):
            found, how = self.by_line(*place)
            chosen.update(found)
        if path.endswith(".lua"):
            chosen.add(SCRIPTS)
        named = {n for n in self.there if room in n} - chosen
        unknown = {n for n in self.there - self.measured if n.startswith(names)} - chosen - named
        return self.sorted(chosen, ran) + self.sorted(named, ran) + self.sorted(unknown, ran), how

    def sorted(self, names, ran):
        """First who takes little time, and runs little else than this file."""
        names = set(names) & self.there - self.bad
        return sorted(names, key=lambda n: ((self.takes(n) + 2) * (500 + self.runs.get(n, 0)) / (1 + len(ran.get(n, ()))), n))


if __name__ == "__main__":
    make_map(sys.argv[1:])
