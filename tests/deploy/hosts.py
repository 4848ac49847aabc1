"""Hosts of the test's own: each a network namespace on one bridge, with names for the others in its /etc/hosts and a
/dev/shm of its own, as containers have it. Needs root. A host can be cut off: its packets vanish, no connection is told."""
import atexit
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile

from as_root import become_root

PREFIX = "lk"


def call(*words):
    done = subprocess.run(words, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, check=False)
    if done.returncode != 0:
        raise RuntimeError(f"{' '.join(words)}: status {done.returncode}: {done.stderr.strip()}")


def quietly(*words):
    subprocess.run(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False)


def remove_network(pid):
    """What a test of that process id left or has."""
    listed = subprocess.run(["ip", "netns", "list"], stdout=subprocess.PIPE, text=True, check=True).stdout
    for name in re.findall(rf"^({PREFIX}{pid}-\S+)", listed, re.M):
        quietly("ip", "netns", "del", name)
        shutil.rmtree(f"/etc/netns/{name}", ignore_errors=True)
    quietly("ip", "link", "del", f"{PREFIX}{pid}")


def remove_leftovers():
    links = subprocess.run(["ip", "-o", "link", "show", "type", "bridge"], stdout=subprocess.PIPE, text=True, check=True)
    for pid in re.findall(rf" {PREFIX}(\d+): ", links.stdout):
        if not os.path.exists(f"/proc/{pid}"):
            remove_network(pid)


class Program:
    """A running program of a host; its output is in the file .log."""

    def __init__(self, host, command, environment, log):
        self.log, self.command = log, command
        inside = 'mount -t tmpfs tmpfs /dev/shm && exec "$0" "$@"'
        words = ["ip", "netns", "exec", host.namespace, "sh", "-c", inside, *command]
        with open(log, "ab") as out:
            self.process = subprocess.Popen(words, env=environment, stdin=subprocess.DEVNULL, stdout=out, stderr=out,
                                            start_new_session=True)

    def text(self):
        with open(self.log, encoding="utf-8", errors="replace") as f:
            return f.read()

    def is_running(self):
        return self.process.poll() is None

    def kill(self):
        try:
            os.killpg(self.process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        self.process.wait()

    def end(self, seconds):
        """TERM, and its exit status; None when the time was over and it had to be killed."""
        self.process.terminate()
        try:
            return self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.kill()
            return None


class Host:
    def __init__(self, network, name, number):
        self.name, self.address = name, f"{network.net}.{number}"
        self.namespace, self.link = f"{PREFIX}{network.pid}-{name}", f"{PREFIX}{network.pid}v{number}"
        self.network = network
        call("ip", "netns", "add", self.namespace)
        call("ip", "link", "add", self.link, "type", "veth", "peer", "name", "eth0", "netns", self.namespace)
        call("ip", "link", "set", self.link, "master", network.bridge, "up")
        inside = ["ip", "-n", self.namespace]
        call(*inside, "addr", "add", f"{self.address}/24", "dev", "eth0")
        call(*inside, "link", "set", "eth0", "up")
        call(*inside, "link", "set", "lo", "up")

    def start(self, command, environment, log):
        program = Program(self, command, environment, os.path.join(self.network.dir, log))
        self.network.programs.append(program)
        return program

    def run(self, command, environment=None):
        """Exit status of a command that ends by itself within 20 s."""
        return subprocess.run(["ip", "netns", "exec", self.namespace, *command], env=environment, timeout=20,
                              stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False).returncode

    def cut_off(self):
        call("ip", "link", "set", self.link, "nomaster")

    def connect(self):
        call("ip", "link", "set", self.link, "master", self.network.bridge)


class Network:
    """All hosts; the test itself is the .1 of the network. Everything ends with the test."""

    def __init__(self, names):
        become_root("making network namespaces")
        remove_leftovers()
        self.pid, self.programs, self.hosts = os.getpid(), [], {}
        self.net = f"10.{200 + self.pid % 50}.{self.pid // 50 % 250}"
        self.bridge = f"{PREFIX}{self.pid}"
        self.dir = tempfile.mkdtemp(prefix="logikald-hosts-")
        atexit.register(self.remove)
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
        call("ip", "link", "add", self.bridge, "type", "bridge")
        call("ip", "addr", "add", f"{self.net}.1/24", "dev", self.bridge)
        call("ip", "link", "set", self.bridge, "up")
        for number, name in enumerate(names, 2):
            self.hosts[name] = Host(self, name, number)
        self.tell_names()

    def tell_names(self):
        lines = "".join(f"{h.address} {h.name}\n" for h in self.hosts.values())
        for host in self.hosts.values():
            os.makedirs(f"/etc/netns/{host.namespace}", exist_ok=True)
            with open(f"/etc/netns/{host.namespace}/hosts", "w", encoding="utf-8") as f:
                f.write(f"127.0.0.1 localhost\n{lines}")

    def remove(self):
        for program in self.programs:
            program.kill()
        remove_network(self.pid)
        shutil.rmtree(self.dir, ignore_errors=True)
