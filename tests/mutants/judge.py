"""What the tests say of a tree with one line changed."""
import os
import re
import shutil
import signal
import subprocess
import sys
import time

from lines import ROOT, listed

TREE = os.path.join(ROOT, "build", "mutants")
BUILD = os.path.join(TREE, "build", "asan")
OUT = os.path.join(TREE, "out")
PROCESSES_MOST = 3000  # of this machine: a mutant that only forks is ended
AT_ONCE = 4            # programs: most of them wait
# How the programs begin that try an area: of those that the map does not have, they come last.
NAMES = {
    "sync": ("test_sync", "test_logikal"), "store": ("test_sync", "test_store", "test_feed", "test_web_lists", "test_web_find", "test_parts"),
    "queue": ("test_queue", "test_task", "test_worker", "test_redis"), "gate": ("test_web", "test_oauth"), "api": ("test_web", "test_http"),
    "feed": ("test_feed", "test_webhooks", "test_web_alarms"), "why": ("test_why", "test_check", "test_report"), "schedule": ("test_beat",),
    "supervisor": ("test_supervisor", "test_fault_supervisor", "test_flight"), "parts": ("test_parts", "test_web_parts", "test_sync_real"),
    "web": ("test_web", "test_ui", "test_monitoring", "test_language"), "conf": ("test_conf", "test_fault_conf", "test_mask", "test_json"),
}
SANITIZERS = {"ASAN_OPTIONS": "detect_leaks=1:abort_on_error=0:exitcode=99:detect_stack_use_after_return=0",
              "UBSAN_OPTIONS": "print_stacktrace=1:halt_on_error=1"}


def make(targets, variant="asan"):
    with open(os.path.join(TREE, "make.log"), "a") as log:
        return subprocess.run(["make", f"-j{os.cpu_count()}", f"VARIANT={variant}", *targets], cwd=TREE, stdout=log, stderr=log).returncode


def copy_tree():
    os.makedirs(OUT, exist_ok=True)
    names = set(listed())
    for name in names:
        there, here = os.path.join(ROOT, name), os.path.join(TREE, name)
        os.makedirs(os.path.dirname(here), exist_ok=True)
        if not os.path.exists(here) or open(here, "rb").read() != open(there, "rb").read():
            shutil.copy(there, here)
    for folder, inner, files in os.walk(TREE):
        inner[:] = [i for i in inner if os.path.join(folder, i) not in (os.path.join(TREE, "build"), OUT, os.path.join(TREE, ".git"))]
        for name in files:
            if os.path.relpath(os.path.join(folder, name), TREE) not in names:
                os.unlink(os.path.join(folder, name))
    if not os.path.exists(os.path.join(TREE, ".git")):  # the version of a build asks for it
        subprocess.run(["git", "init", "-q", TREE], check=True)
    if make(["programs"]) != 0:
        sys.exit(f"the tree does not build: see {TREE}/make.log")


def code_of(path):
    """The instructions and constants of an object, without where they stand; for scripts, the text."""
    if path.endswith(".lua"):
        return open(os.path.join(TREE, path)).read()
    sections = (".text", ".rodata", ".rodata.str1.1", ".rodata.str1.8", ".data", ".data.rel.ro.local")
    return subprocess.run(["objdump", "-d", "-s", *(word for s in sections for word in ("-j", s)),
                           os.path.join(TREE, "build", "obj", path[:-2] + ".o")], capture_output=True).stdout


def put(path, number, text):
    name = os.path.join(TREE, path)
    lines = open(name, encoding="utf-8").read().split("\n")
    lines[number - 1] = text
    with open(name, "w", encoding="utf-8") as f:
        f.write("\n".join(lines))


class Program:
    """A test program that runs in a group of its own."""

    def __init__(self, name, takes):
        self.name, self.log, self.begin = name, os.path.join(OUT, name + ".log"), time.time()
        self.limit = 90 + 4 * takes
        with open(self.log, "w") as log:
            self.process = subprocess.Popen([os.path.join(BUILD, "tests", name)], cwd=TREE, stdout=log, stderr=log, start_new_session=True,
                                            env=dict(os.environ, LOGIKALD_BUILD_DIR=BUILD, **SANITIZERS))

    def state(self):
        """"runs", "passed", "failed" or "hung"."""
        status = self.process.poll()
        if status is None and re.search(rb"^\[  FAILED  \]", open(self.log, "rb").read(), re.MULTILINE):
            return "failed"
        if status is None:
            late = time.time() - self.begin > self.limit or len(os.listdir("/proc")) > PROCESSES_MOST
            return "hung" if late else "runs"
        return "failed" if status else "passed"

    def end(self):
        try:
            os.killpg(self.process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        self.process.wait()


def first_unhappy(names, seconds, takes):
    """Runs some at once until one is not happy or the time is over: (state, name or how many passed)."""
    running, names, passed, end = [], list(names), 0, time.time() + seconds
    try:
        while (names and time.time() < end) or running:
            while names and len(running) < AT_ONCE and time.time() < end:
                name = names.pop(0)
                if make([f"build/asan/tests/{name}"]) == 0:
                    running.append(Program(name, takes(name)))
            time.sleep(0.1)
            for p in list(running):
                state = p.state()
                if state in ("failed", "hung"):
                    return state, p.name
                if state == "passed":
                    good.add(p.name)
                    p.end()
                    running.remove(p)
                    passed += 1
        return ("passed" if not names else "cut"), passed
    finally:
        for p in running:
            p.end()


good = set()  # programs that have passed in this run: what fails without a mutant notices nothing


def passes_unchanged(name, path, number, text, known):
    put(path, number, text)
    state = first_unhappy([name], 1, known.takes)[0] if make(["programs"]) == 0 else "no tree"
    (good if state == "passed" else known.bad).add(name)
    return state == "passed"


def is_the_same_code(path, number, text, changed):
    """The optimizer makes the same of both."""
    codes = []
    for line in (text, changed):
        put(path, number, line)
        if not path.endswith(".lua") and make([f"build/obj/{path[:-2]}.o"], "release") != 0:
            return False
        codes.append(code_of(path))
    return codes[0] == codes[1]


def judge(mutant, seconds, known, tests=()):
    """("noticed", by what), ("survived", what was run), or ("not counted", why)."""
    area, path, number, text, _, changed = mutant
    put(path, number, changed)
    try:
        if make(["programs"]) != 0:
            return "not counted", "does not compile"
        names, how = (list(tests), "as asked") if tests else known.programs_for(path, number, NAMES[area])
        end, doubts = time.time() + seconds, ""
        while True:
            state, name = first_unhappy(names, end - time.time(), known.takes)
            if state in ("passed", "cut"):
                if is_the_same_code(path, number, text, changed):
                    return "not counted", "the same code"
                if name == 0:
                    return "not counted", f"not judged: no program ended in its time{doubts}"
                return "survived", f"{name} of {len(names)} programs, {how}{doubts}"
            if state == "failed" and known.takes(name) >= 2 and name in good:  # twice, or the machine did it
                state = first_unhappy([name], 1, known.takes)[0]
            is_sure = state == "failed" and name in good
            if state != "passed" and (is_sure or passes_unchanged(name, path, number, text, known)):
                return "noticed", f"{name}{', which hung' if state == 'hung' else ''}, {how}"
            put(path, number, changed)
            make(["programs"])
            doubts += f"; {name} {'fails without it' if name in known.bad else 'was not happy once'}"
            end = time.time() + seconds
            names = names[names.index(name) + 1:]
    finally:
        put(path, number, text)

