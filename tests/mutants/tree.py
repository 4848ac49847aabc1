"""A copy of the tree in which one line is changed at a time: only that object is compiled, and of the programs only those that are tried are linked."""
import os
import re
import shutil
import subprocess
import sys

from lines import ROOT, listed

ABOVE = os.path.join(ROOT, "build", "mutants")
PROGRAMS = [f"build/asan/{name}" for name in ("logikald", "logikald-roles", "logikald-beat", "logikal-sim")]


def copy_to(folder):
    """The files of ROOT, beside what was built; what has not changed keeps its time."""
    names = set(listed())
    for name in names:
        there, here = os.path.join(ROOT, name), os.path.join(folder, name)
        os.makedirs(os.path.dirname(here), exist_ok=True)
        if not os.path.exists(here) or open(here, "rb").read() != open(there, "rb").read():
            shutil.copy(there, here)
    kept = [os.path.join(folder, name) for name in ("build", "out", ".git", "make.log")]
    for inside, inner, files in os.walk(folder):
        inner[:] = [i for i in inner if os.path.join(inside, i) not in kept]
        for path in (os.path.join(inside, name) for name in files):
            if os.path.relpath(path, folder) not in names and path not in kept:
                os.unlink(path)
    if not os.path.exists(kept[2]):  # the version of a build asks for it
        subprocess.run(["git", "init", "-q", folder], check=True)


def commands(folder, variant, targets):
    """{target: the command that makes it}, as make would run them if nothing were there; a warning is no error: what a
    line left out leaves unused is a mutant like others."""
    said = subprocess.run(["make", "-n", "-B", f"VARIANT={variant}", *targets], cwd=folder, capture_output=True, text=True).stdout
    return {made.group(1): line.replace(" -Werror", "") for line in said.split("\n") for made in [re.search(r" -o (\S+)", line)] if made}


class Tree:
    def __init__(self, number, tests):
        self.folder = os.path.join(ABOVE, str(number))
        self.out, self.build = os.path.join(self.folder, "out"), os.path.join(self.folder, "build", "asan")
        os.makedirs(self.out, exist_ok=True)
        copy_to(self.folder)
        if not self.make("asan", ["programs", "build/asan/shim.so"]):
            sys.exit(f"the tree does not build: see {self.folder}/make.log")
        self.made = commands(self.folder, "asan", ["programs", *(f"build/asan/tests/{t}" for t in tests)])
        self.made_for_release = commands(self.folder, "release", ["programs"])
        self.linked = dict.fromkeys(PROGRAMS)  # program: the changed text that is in it, None where nothing is changed
        self.changed = self.original = self.path = self.object = None

    def run(self, words):
        with open(os.path.join(self.folder, "make.log"), "a") as log:
            return subprocess.run(words, shell=isinstance(words, str), cwd=self.folder, stdout=log, stderr=log).returncode == 0

    def make(self, variant, targets):
        return self.run(["make", f"-j{os.cpu_count()}", f"VARIANT={variant}", *targets])

    def write(self, text):
        with open(os.path.join(self.folder, self.path), "w", encoding="utf-8") as f:
            f.write(text)
        if self.path.endswith(".lua"):
            return self.make("asan", [self.object])
        return self.run(self.made[self.object])

    def put(self, path, number, line):
        """Changes a line; whether that compiles."""
        self.path, self.object = path, f"build/asan/obj/{path[:-2]}.o"
        if path.endswith(".lua"):
            self.object = "build/asan/obj/embedded_lua.o"
        self.original = open(os.path.join(self.folder, path), encoding="utf-8").read()
        lines = self.original.split("\n")
        lines[number - 1] = line
        self.changed = "\n".join(lines)
        return self.write(self.changed)

    def put_back(self):
        self.changed = None
        self.write(self.original)

    def link(self, names):
        """Brings the programs and these tests to what is changed now; whether all could be linked."""
        for target in [*PROGRAMS, *(f"build/asan/tests/{n}" for n in names)]:
            if target not in self.linked:  # its own objects may be missing
                if not self.make("asan", [target]):
                    return False
                self.linked[target] = self.changed
            wanted = self.changed if self.object in self.made[target].split() else None
            if self.linked[target] != wanted and not self.run(self.made[target]):
                return False
            self.linked[target] = wanted
        return True

    def release_code(self, name):
        """The object as it is for the release, without where its lines stand."""
        made = f"build/obj/{self.path[:-2]}.o"
        os.makedirs(os.path.dirname(os.path.join(self.folder, made)), exist_ok=True)
        if not self.run(self.made_for_release[made]) or not self.run(["strip", "-g", "-o", f"out/{name}.o", made]):
            return None
        return open(os.path.join(self.out, f"{name}.o"), "rb").read()

    def is_the_same_code(self):
        """The optimizer makes the same of both."""
        if self.path.endswith(".lua"):
            return False
        changed, name = self.changed, os.path.join(self.folder, self.path)
        codes = []
        for text in (self.original, changed):
            with open(name, "w", encoding="utf-8") as f:
                f.write(text)
            codes.append(self.release_code("code"))
        return codes[0] is not None and codes[0] == codes[1]
