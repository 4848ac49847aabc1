#!/usr/bin/env python3
"""The supervisor in a storm: random commands, signals, exec reloads with good, bad, hanging and newer program files, kills,
freezes, full disks and cleaned run directories. It must never hang, never end unasked, and every child must come to the
state that was last asked for. The same seed gives the same sequence of actions.

    tests/storm/storm.py --seconds 1800 --seed 1 --build build
"""
import argparse
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time

sys.dont_write_bytecode = True
import freezer
from programs import PROGRAMS, program

ANSWER_S = 25  # for one `ctl`, on a loaded machine
SETTLE_S = 90  # for everything to come to rest
TIMES = {"STOP_TIMEOUT_SECONDS": "3", "START_TIMEOUT_SECONDS": "20", "RESTART_BACKOFF_BASE_MS": "20",
         "RESTART_BACKOFF_CAP_MS": "400", "RESTART_STABLE_SECONDS": "1", "WATCHDOG_SECONDS": "4", "HOST": "127.0.0.1",
         "ESSENTIAL_TIMEOUT_SECONDS": "600", "WORKERS": "2", "PORT": "0"}


class Broken(Exception):
    pass


class Storm:
    def __init__(self, args):
        self.rng = random.Random(args.seed)
        self.args = args
        self.dir = tempfile.mkdtemp(prefix="storm-")
        self.run_dir = os.path.join(self.dir, "run")
        self.config = os.path.join(self.dir, "logikald.cfg")
        self.log = open(os.path.join(self.dir, "log"), "ab")
        self.releases = 0
        self.variant = {name: 1 for name in PROGRAMS}
        self.enabled = set(PROGRAMS)
        self.held = {"manual"}  # what ctl was asked last, by name
        self.in_force = set(PROGRAMS)
        self.is_doubtful = False  # a command got no answer: it is asked again before anything is checked
        self.disk = None
        self.groups = set()  # control groups that were made for freezing
        self.counts = {}
        self.steps = 0

    # ---- set-up ----
    def release(self):
        """A new release, in place by one rename of a link."""
        self.releases += 1
        place = os.path.join(self.dir, "r%d" % self.releases)
        os.mkdir(place)
        for name in ("logikald", "logikald-roles", "logikald-beat"):
            shutil.copy2(os.path.join(self.args.build, name), place)
        link = os.path.join(self.dir, "new")
        os.symlink("r%d" % self.releases, link)
        os.rename(link, os.path.join(self.dir, "current"))
        if self.releases > 2:
            shutil.rmtree(os.path.join(self.dir, "r%d" % (self.releases - 2)), ignore_errors=True)

    def write_config(self, text=None):
        if text is None:
            items = [program(name, self.variant[name]) for name in sorted(self.enabled)]
            text = "supervisor: { run_dir = \"%s\"; };\nprograms = ( %s );\n" % (self.run_dir, ",\n".join(items))
        with open(self.config + ".new", "w") as f:
            f.write(text)
        os.rename(self.config + ".new", self.config)

    def start(self):
        self.release()
        self.write_config()
        self.mount()
        env = {"PATH": os.environ["PATH"], "STORM_DIR": self.dir, **TIMES}
        for name in ("ASAN_OPTIONS", "UBSAN_OPTIONS"):
            if name in os.environ:
                env[name] = os.environ[name]
        self.proc = subprocess.Popen([os.path.join(self.dir, "current/logikald"), "--config", self.config], env=env,
                                     cwd=self.dir, stdout=self.log, stderr=self.log, stdin=subprocess.DEVNULL,
                                     start_new_session=True)
        self.env = {"PATH": os.environ["PATH"], "LOGIKALD_RUN_DIR": self.run_dir}
        self.settle()

    def mount(self):
        """The run directory on a small disk of its own, where that is allowed."""
        os.mkdir(self.run_dir, 0o700)
        if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=512k,mode=700", "none", self.run_dir],
                          stderr=subprocess.DEVNULL, check=False).returncode == 0:
            self.disk = os.path.join(self.run_dir, "fill")

    # ---- talking ----
    def ctl(self, *words):
        self.alive()
        try:
            done = subprocess.run([os.path.join(self.args.build, "logikald"), "ctl", *words], env=self.env, timeout=ANSWER_S,
                                  stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False)
        except subprocess.TimeoutExpired:
            raise Broken("ctl %s got no answer within %d s" % (" ".join(words), ANSWER_S)) from None
        return done.returncode, done.stdout.decode(errors="replace"), done.stderr.decode(errors="replace")

    def alive(self):
        if self.proc.poll() is not None:
            raise Broken("the supervisor has ended unasked, status %s" % self.proc.returncode)

    def status(self):
        rc, out, _ = self.ctl("status", "--json")
        return json.loads(out) if rc == 0 else None

    def children(self):
        status = self.status()
        return [c for c in status["children"] if c["pid"]] if status else []

    def names(self):
        return sorted(self.in_force) + ["web", "web.0", "web.1"]

    def covers(self, word):
        if word == "all":
            return set(self.in_force) | {"web.0", "web.1"}
        return {"web.0", "web.1"} if word == "web" else {word}

    # ---- actions ----
    def do_command(self):
        verb = self.rng.choice(["start", "stop", "restart", "stop", "start"])
        word = self.rng.choice(self.names() + ["all"])
        rc, _, _ = self.ctl(verb, "--no-wait", word)
        if rc == 0:
            self.held = self.held | self.covers(word) if verb == "stop" else self.held - self.covers(word)
        else:
            self.is_doubtful = True
        return "%s %s: %d" % (verb, word, rc)

    def do_signal(self):
        sig = self.rng.choice([signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2, signal.SIGCHLD, signal.SIGHUP])
        for _ in range(self.rng.choice([1, 1, 5])):
            self.proc.send_signal(sig)
        self.is_doubtful = True
        return sig.name

    def do_reload(self):
        kind = self.rng.choice(["good", "good", "good", "garbage", "half", "unknown", "gone"])
        name = self.rng.choice(sorted(PROGRAMS))
        change = self.rng.choice(["toggle", "vary"])
        if kind == "good":
            if change == "toggle" and name not in ("steady", "oneshot"):
                self.enabled ^= {name}
            else:
                self.variant[name] = self.variant[name] % 8 + 1
            self.write_config()
        elif kind == "gone":
            os.unlink(self.config)
        else:
            with open(self.config) as f:
                text = f.read()
            self.write_config({"garbage": text + "garbage\n", "half": text[:len(text) // 2],
                               "unknown": "nonsense = 1;\n" + text}[kind])
        rc, _, _ = self.ctl("reload")
        if kind != "good" and rc == 0:
            raise Broken("a %s file was accepted" % kind)
        if kind == "good" and rc == 0:
            self.accepted()
        else:
            self.is_doubtful = True
        if kind != "good":
            self.write_config()
        return "%s %s %s: %d" % (kind, change, name, rc)

    def accepted(self):
        for name in set(PROGRAMS) - self.enabled:
            self.held.discard(name)
        if "manual" in self.enabled - self.in_force:
            self.held.add("manual")
        self.in_force = set(self.enabled)

    def do_exec(self):
        kind = self.rng.choice(["same", "newer", "newer", "broken", "empty", "gone", "hangs"])
        if kind == "hangs" and self.rng.random() < 0.6:
            kind = "same"
        place = os.path.join(self.dir, "current", "logikald")
        aside = place + ".aside"
        if kind == "newer":
            self.release()
        elif kind != "same":
            os.rename(place, aside)
            text = {"broken": "#!/bin/sh\nexit 1\n", "empty": "", "hangs": "#!/bin/sh\nexec sleep 99\n"}.get(kind)
            if text is not None:
                with open(place, "w") as f:
                    f.write(text)
                os.chmod(place, 0o755)
        rc, _, _ = self.ctl("reload", "--exec")
        if kind not in ("same", "newer"):
            if rc == 0:
                raise Broken("a program file that is %s was executed" % kind)
            os.rename(aside, place)
        self.is_doubtful = True
        return "%s: %d" % (kind, rc)

    def do_kill(self):
        children = self.children()
        if not children:
            return "nobody"
        child = self.rng.choice(sorted(children, key=lambda c: c["name"]))
        sig = self.rng.choice([signal.SIGKILL, signal.SIGKILL, signal.SIGTERM, signal.SIGSEGV, signal.SIGSTOP])
        try:
            os.kill(child["pid"], sig)
            if sig == signal.SIGSTOP and not child["name"].startswith("web"):
                os.kill(child["pid"], signal.SIGCONT)
        except ProcessLookupError:
            pass
        return "%s %s" % (child["name"], sig.name)

    def do_guardian(self):
        for pid in self.bearers(everybody=True):
            try:
                with open("/proc/%d/comm" % pid) as f:
                    if f.read().strip() == "logikald-guard":
                        os.kill(pid, signal.SIGKILL)
            except (OSError, ValueError):
                pass
        return ""

    def do_freeze(self):
        """All of them by SIGSTOP, or by the freezer of a control group (either version) where that is allowed."""
        seconds, how = self.rng.uniform(0.2, 6), self.rng.choice(["signal", "v2", "v1"])
        group = freezer.group_of(how, os.path.basename(self.dir), [self.proc.pid] + self.bearers(everybody=True), self.groups)
        if group:
            freezer.freeze(group, seconds)
            self.counts["freeze by cgroup " + how] = self.counts.get("freeze by cgroup " + how, 0) + 1
            return "cgroup %s %.1f s" % (how, seconds)
        pids = [self.proc.pid] + [c["pid"] for c in self.children()]
        for pid in pids:
            self.quietly(pid, signal.SIGSTOP)
        time.sleep(seconds)
        for pid in self.rng.sample(pids, len(pids)):
            self.quietly(pid, signal.SIGCONT)
        return "%.1f s" % seconds

    @staticmethod
    def quietly(pid, sig):
        try:
            os.kill(pid, sig)
        except ProcessLookupError:
            pass

    def do_clean(self):
        kind = self.rng.choice(["socket", "lock", "files", "all"])
        for name in os.listdir(self.run_dir) if os.path.isdir(self.run_dir) else []:
            wanted = {"socket": name == "control.sock", "lock": name.endswith(".lock"), "files": "." in name, "all": True}
            if wanted[kind]:
                try:
                    os.unlink(os.path.join(self.run_dir, name))
                except OSError:
                    pass
        if kind == "all" and not self.disk:
            shutil.rmtree(self.run_dir, ignore_errors=True)
        return kind

    def do_disk(self):
        if not self.disk:
            return "not here"
        try:
            with open(self.disk, "wb") as f:
                while True:
                    f.write(b"x" * 4096)
                    f.flush()
        except OSError:
            pass
        rc, _, _ = self.ctl("set", "log.level", self.rng.choice(["debug", "info"]))
        os.unlink(self.disk)
        self.is_doubtful = True
        return "full; set: %d" % rc

    def do_set(self):
        words = self.rng.choice([["log.level", "debug"], ["log.level"], ["log.level", "loud"], ["nonsense", "1"],
                                 ["sync.background_enabled", "false"]])
        rc, _, _ = self.ctl("set", *words)
        return "%s: %d" % (" ".join(words), rc)

    def do_tail(self):
        rc, _, _ = self.ctl("tail", self.rng.choice(self.names()), "-n", str(self.rng.randint(0, 50)))
        return str(rc)

    # ---- judging ----
    def bearers(self, everybody=False):
        """Processes with our directory in their environment."""
        found = []
        for pid in filter(str.isdigit, os.listdir("/proc")):
            try:
                with open("/proc/%s/environ" % pid, "rb") as f:
                    if ("STORM_DIR=" + self.dir).encode() not in f.read():
                        continue
                with open("/proc/%s/stat" % pid) as f:
                    if f.read().rsplit(")", 1)[1].split()[0] != "Z" and (everybody or int(pid) != self.proc.pid):
                        found.append(int(pid))
            except (OSError, IndexError):
                pass
        return found

    def wrong(self):
        """What is not as it was asked for; "" = all is well."""
        status = self.status()
        if not status:
            return "no answer"
        seen = {}
        for child in status["children"]:
            if child["draining"] if "draining" in child else child.get("is_draining"):
                return "%s is still draining" % child["name"]
            seen[child["name"]] = child
        expected = set(self.in_force) | {"web.0", "web.1"}
        if set(seen) != expected:
            return "children %s instead of %s" % (sorted(seen), sorted(expected))
        for name in sorted(expected):
            state = seen[name]["state"]
            if name in self.held:
                good = state == "down"
            elif name == "flappy":
                good = state in ("ready", "waiting", "backoff", "crash-loop", "starting")
            elif name == "oneshot":
                good = state == "done"
            elif name == "after" and {"steady", "oneshot"} & self.held:
                good = state in ("waiting", "ready")
            else:
                good = state == "ready"
            if not good:
                return "%s is %s, asked to be %s" % (name, state, "down" if name in self.held else "up")
        return ""

    def settle(self):
        """Everything that was spoilt is good again: now every child has to come to the state that was last asked for."""
        deadline, why = time.monotonic() + SETTLE_S, "nothing was asked"
        self.write_config()
        while time.monotonic() < deadline:
            if self.is_doubtful and self.ctl("reload")[0] == 0:
                self.accepted()
                rcs = [self.ctl("stop", "--no-wait", *sorted(self.held))[0]] if self.held else []
                up = sorted((self.in_force | {"web.0", "web.1"}) - self.held)
                rcs += [self.ctl("start", "--no-wait", *up)[0]] if up else []
                self.is_doubtful = any(rcs)
            if not self.is_doubtful:
                why = self.wrong()
                if not why:
                    return
            time.sleep(0.2)
        raise Broken("not at rest after %d s: %s" % (SETTLE_S, why))

    def step(self):
        kinds = {"command": 8, "signal": 2, "reload": 4, "exec": 2, "kill": 5, "guardian": 1, "freeze": 1, "clean": 2,
                 "disk": 1, "set": 1, "tail": 1}
        kind = self.rng.choices(list(kinds), weights=list(kinds.values()))[0]
        self.steps += 1
        said = getattr(self, "do_" + kind)()
        self.counts[kind] = self.counts.get(kind, 0) + 1
        self.log.write(("---- %d %s %s\n" % (self.steps, kind, said)).encode())
        self.log.flush()

    def end(self):
        self.proc.send_signal(signal.SIGTERM)
        try:
            status = self.proc.wait(60)
        except subprocess.TimeoutExpired:
            raise Broken("it does not end within 60 s of TERM") from None
        if status != 0:
            raise Broken("it ended with status %d when it was asked to" % status)
        deadline = time.monotonic() + 10
        while self.bearers() and time.monotonic() < deadline:
            time.sleep(0.1)
        if self.bearers():
            raise Broken("left behind: %s" % self.bearers())

    def clean_up(self):
        if self.proc.poll() is None:
            self.proc.kill()
            self.proc.wait()
        for pid in self.bearers():
            self.quietly(pid, signal.SIGKILL)
        if self.disk:
            subprocess.run(["umount", self.run_dir], check=False)
        for group in self.groups:
            try:
                os.rmdir(group)
            except OSError:
                pass

    def run(self):
        until = time.monotonic() + self.args.seconds
        try:
            self.start()
            while time.monotonic() < until:
                for _ in range(self.rng.randint(3, 12)):
                    self.step()
                    time.sleep(self.rng.choice([0, 0, 0.02, 0.3]))
                self.settle()
            self.end()
        except Broken as why:
            print("seed %d, step %d: %s\nlog: %s/log" % (self.args.seed, self.steps, why, self.dir))
            return 1
        finally:
            self.clean_up()
        print("%d steps, seed %d, %d releases: %s" % (self.steps, self.args.seed, self.releases,
                                                      ", ".join("%s %d" % i for i in sorted(self.counts.items()))))
        shutil.rmtree(self.dir, ignore_errors=True)
        return 0


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--seconds", type=float, default=1800)
    parser.add_argument("--seed", type=int, default=int(time.time()))
    parser.add_argument("--build", default="build")
    args = parser.parse_args()
    args.build = os.path.abspath(args.build)
    print("storm: seed %d, %d s" % (args.seed, args.seconds), flush=True)
    sys.exit(Storm(args).run())


if __name__ == "__main__":
    main()
