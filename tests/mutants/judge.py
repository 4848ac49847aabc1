"""What the tests say of a tree with one line changed."""
import os
import re
import signal
import subprocess
import threading
import time

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
FAILED = re.compile(rb"^\[  FAILED  \] (\w+)", re.MULTILINE)
BEGUN = re.compile(rb"^\[ RUN      \] (\w+)", re.MULTILINE)

stopped = threading.Event()
good, bad = set(), set()  # (program, the one test of it or ""): what passed in this run, without a mutant or with one; what failed without one


class Stopped(Exception):
    pass


class Program:
    """A test program that runs in a group of its own."""

    def __init__(self, tree, name, takes, only=""):
        self.name, self.log, self.begin = name, os.path.join(tree.out, name + ".log"), time.time()
        self.limit = 60 + 4 * takes
        with open(self.log, "w") as log:
            self.process = subprocess.Popen([os.path.join(tree.build, "tests", name)], cwd=tree.folder, stdout=log, stderr=log, start_new_session=True,
                                            env=dict(os.environ, LOGIKALD_BUILD_DIR=tree.build, **({"TEST_FILTER": only} if only else {}), **SANITIZERS))

    def state(self):
        """"runs", "passed", "failed" or "hung"."""
        status = self.process.poll()
        if status is None and FAILED.search(open(self.log, "rb").read()):
            return "failed"
        if status is None:
            late = time.time() - self.begin > self.limit or len(os.listdir("/proc")) > PROCESSES_MOST
            return "hung" if late else "runs"
        return "failed" if status else "passed"

    def failed_test(self):
        """The one that failed, or in which the program has crashed."""
        log = open(self.log, "rb").read()
        found = FAILED.findall(log) or BEGUN.findall(log)[-1:]
        return found[0].decode() if found else ""

    def end(self):
        try:
            os.killpg(self.process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        self.process.wait()


def first_unhappy(tree, names, seconds, known):
    """Runs some at once until one is not happy or the time is over, none that takes longer than what is left:
    (state, name or how many passed, the test)."""
    running, names, passed, left_out, end = [], list(names), 0, 0, time.time() + seconds
    try:
        while (names and time.time() < end) or running:
            while names and len(running) < AT_ONCE and time.time() < end:
                name = names.pop(0)
                left_out += known.takes(name) > max(end - time.time(), 2)
                if known.takes(name) <= max(end - time.time(), 2) and tree.link([name]):
                    running.append(Program(tree, name, known.takes(name)))
            time.sleep(0.1)
            if stopped.is_set():
                raise Stopped
            for p in list(running):
                state = p.state()
                if state in ("failed", "hung"):
                    return state, p.name, p.failed_test()
                if state == "passed":
                    good.add((p.name, ""))
                    p.end()
                    running.remove(p)
                    passed += 1
        return ("passed" if not names and not left_out else "cut"), passed, ""
    finally:
        for p in running:
            p.end()


def run_alone(tree, name, known, only=""):
    """The state in which the program ends, or this one test of it."""
    if not tree.link([name]):
        return "not linked"
    program = Program(tree, name, known.takes(name), only)
    try:
        while program.state() == "runs":
            time.sleep(0.1)
            if stopped.is_set():
                raise Stopped
        return program.state()
    finally:
        program.end()


def passes_unchanged(tree, mutant, name, known, only=""):
    if (name, only) not in good | bad:
        tree.put_back()
        state = run_alone(tree, name, known, only)
        (good if state == "passed" else bad).add((name, only))
        _, path, number, _, _, changed = mutant
        tree.put(path, number, changed)
    return (name, only) in good


def is_real(tree, mutant, state, name, test, known):
    """Not the machine's doing: what fails or hangs does so twice (the one test that failed suffices, where it can stand
    alone), and ends well without the mutant."""
    if state == "failed" and test and run_alone(tree, name, known, test) == "failed" and passes_unchanged(tree, mutant, name, known, test):
        return True
    if run_alone(tree, name, known) == "passed":
        return False
    return passes_unchanged(tree, mutant, name, known)


def judge(tree, mutant, seconds, known, tests=()):
    """("noticed", by what), ("survived", what was run), or ("not counted", why)."""
    area, path, number, _, _, changed = mutant
    try:
        if not tree.put(path, number, changed):
            return "not counted", "does not compile"
        if tree.is_the_same_code():
            return "not counted", "the same code"
        names, how = (list(tests), "as asked") if tests else known.programs_for(path, number, NAMES[area])
        names, doubts = [n for n in names if (n, "") not in bad], ""
        while True:
            state, name, test = first_unhappy(tree, names, seconds, known)
            if state in ("passed", "cut"):
                if name == 0:
                    return "not counted", f"not judged: no program ended in its time{doubts}"
                return "survived", f"{name} of {len(names)} programs, {how}{doubts}"
            if is_real(tree, mutant, state, name, test, known):
                return "noticed", f"{name}{' ' + test if test else ''}{', which hung' if state == 'hung' else ''}, {how}"
            doubts += f"; {name} " + ("fails without it" if (name, "") in bad else "was not happy once")
            names = names[names.index(name) + 1:]
    finally:
        tree.put_back()
