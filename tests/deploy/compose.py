"""compose.yaml brought to life without a container engine: every service is a host of its own (hosts.py) that runs the
command and has the environment which the file names, started in the order of depends_on, each when the health checks
that it waits for succeed. Stands in for the images: the programs of this build, Debian's redis-server and PostgreSQL."""
import glob
import os
import re
import shlex
import shutil
import subprocess
import time

import hosts
import spec

BUILD = os.environ.get("LOGIKALD_BUILD_DIR", os.path.join(spec.ROOT, "build"))
KEPT = ("ASAN_OPTIONS", "UBSAN_OPTIONS", "LSAN_OPTIONS")


def wait(condition, seconds, what):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"waited {seconds} s in vain for: {what}"
        time.sleep(0.05)


def image_environment():
    """ENV of the last stage of the Dockerfile, and CMD and health check."""
    with open(os.path.join(spec.ROOT, "Dockerfile"), encoding="utf-8") as f:
        last = f.read().rsplit("\nFROM ", 1)[1]
    return dict(re.findall(r"([A-Z_]+)=(\S+)", re.search(r"^ENV (.*)$", last, re.M)[1]))


def postgres_bin():
    return max(glob.glob("/usr/lib/postgresql/*/bin"), key=lambda p: int(p.split("/")[4]))


class Compose:
    def __init__(self, more_hosts=(), changes=None):
        """more_hosts: (host, service) pairs beside one host a service; changes: variables for every logikald."""
        self.document = spec.load(os.path.join(spec.ROOT, "compose.yaml"))
        self.services, self.changes = self.document["services"], changes or {}
        self.service_of = {name: name for name in self.services} | dict(more_hosts)
        self.network = hosts.Network(list(self.service_of))
        self.running = {}

    def image(self, host):
        service = self.services[self.service_of[host]]
        return service.get("image", "")

    def environment(self, host):
        base = {"PATH": f"{BUILD}:{os.environ['PATH']}", "HOME": "/"} | {k: os.environ[k] for k in KEPT if k in os.environ}
        own = {k: str(v) for k, v in self.services[self.service_of[host]].get("environment", {}).items()}
        if self.image(host) == "logikald:dev":
            return base | image_environment() | own | self.changes
        return base | own

    def command(self, host):
        image, command = self.image(host), self.services[self.service_of[host]].get("command", [])
        if image == "logikald:dev":
            return [os.path.join(BUILD, command[0]), *command[1:]]
        if image.startswith("redis:"):
            return [*command, "--bind", "0.0.0.0", "--protected-mode", "no", "--dir", self.data(host), "--save", ""]
        if image.startswith("postgres:"):
            return self.postgres(host)
        with open(os.path.join(spec.ROOT, "Dockerfile"), encoding="utf-8") as f:
            simulator = re.search(r"^FROM runtime AS simulator.*?^CMD \[(.*?)\]", f.read(), re.M | re.S)[1]
        program, *rest = shlex.split(simulator.replace(",", " "))
        return [os.path.join(BUILD, program), *rest]

    def data(self, host):
        path = os.path.join(self.network.dir, host)
        os.makedirs(path, exist_ok=True)
        return path

    def postgres(self, host):
        """What the image does at its first start: a database of that name for that user, reached by password."""
        data, env = self.data(host), self.services["postgres"]["environment"]
        shutil.chown(data, "postgres")
        os.chmod(self.network.dir, 0o755)
        if not os.path.exists(f"{data}/db"):
            word = os.path.join(data, "word")
            with open(word, "w", encoding="utf-8") as f:
                f.write(env["POSTGRES_PASSWORD"])
            shutil.chown(word, "postgres")
            as_owner = ["setpriv", "--reuid", "postgres", "--regid", "postgres", "--init-groups"]
            subprocess.run([*as_owner, f"{postgres_bin()}/initdb", "-D", f"{data}/db", "-U", env["POSTGRES_USER"], "-N",
                            "--auth-local=trust", "--auth-host=scram-sha-256", f"--pwfile={word}", "--locale=C.UTF-8"],
                           check=True, stdout=subprocess.DEVNULL, cwd=data)
            with open(f"{data}/db/pg_hba.conf", "a", encoding="utf-8") as f:
                f.write("host all all all scram-sha-256\n")
            subprocess.run([*as_owner, f"{postgres_bin()}/postgres", "--single", "-D", f"{data}/db", "postgres"],
                           input=f"CREATE DATABASE {env['POSTGRES_DB']};\n" if env["POSTGRES_DB"] != "postgres" else "",
                           text=True, check=True, stdout=subprocess.DEVNULL, cwd=data)
        return ["setpriv", "--reuid", "postgres", "--regid", "postgres", "--init-groups", f"{postgres_bin()}/postgres", "-D",
                f"{data}/db", "-c", "listen_addresses=*", "-c", f"unix_socket_directories={data}", "-c", "fsync=off"]

    def health(self, host):
        """The command of the health check as a list."""
        test = self.services[self.service_of[host]]["healthcheck"]["test"]
        words = test[1:] if test[0] == "CMD" else ["sh", "-c", test[1]]
        if self.image(host).startswith("postgres:"):  # the image's socket directory is the default one
            words = ["sh", "-c", f"PGHOST={self.data(host)} {test[1]}"]
        return words

    def is_healthy(self, host):
        return self.network.hosts[host].run(self.health(host), self.environment(host)) == 0

    def start(self, host):
        """Starts the host's program when what it depends on is as it shall be."""
        if host in self.running:
            return
        for needed, how in self.services[self.service_of[host]].get("depends_on", {}).items():
            self.start(needed)
            if how["condition"] == "service_healthy":
                wait(lambda n=needed: self.is_healthy(n), 60, f"{needed} to be healthy")
            else:
                program = self.running[needed]
                assert program.process.wait(60) == 0, program.text()
        self.run(host)

    def run(self, host):
        self.running[host] = self.network.hosts[host].start(self.command(host), self.environment(host), f"{host}.log")

    def address(self, host):
        return self.network.hosts[host].address

    def logs(self):
        return "".join(f"--- {name}\n{program.text()[-3000:]}\n" for name, program in self.running.items())
