"""The commands that the documents show in blocks: (document, command) each, as they stand, continuation lines joined and
comments cut. What is no command of a shell (answers, Python, JSON, pictures) is left out."""
import glob
import re

FENCE = re.compile(r"^ *```(\w*)\n(.*?)^ *```", re.S | re.M)
INDENTED = re.compile(r"(?:^\n|\A)((?:    [^\n]+\n)+)", re.M)
WORDS = ("logikald", "make", "curl", "kubectl", "docker", "doctl", "psql", "pg_dump", "pg_restore", "createdb", "cp", "apt-get",
         "systemctl", "editor", "npx", "build/logikal-sim", "build/logikald", "build/fuzz/fuzz/fuzz_parts", "podman", "fly", "git",
         "openssl", "python3", "scripts/release", "install", "tests/fresh-root")


def documents():
    return ["README.md", "CONTRIBUTING.md", "SECURITY.md"] + sorted(glob.glob("docs/*.md"))


def command_of(line):
    """The line without its comment and without a second column of explanations, or None."""
    line = re.split(r"\s+#\s|\s{3,}(?=\S)", line.strip())[0].strip()
    assigned = re.match(r"[A-Z]+=\$\((\S+)", line)
    first = assigned.group(1) if assigned else line.split(" ")[0]
    if first in WORDS:
        return line
    return None


def blocks(text):
    for match in FENCE.finditer(text):
        if match.group(1) in ("", "sh", "text"):
            yield match.group(2)
    for match in INDENTED.finditer(FENCE.sub("", text)):
        yield match.group(1)


def commands():
    for document in documents():
        for block in blocks(open(document).read()):
            for line in re.sub(r"\\\n\s*", " ", block).splitlines():
                command = command_of(line)
                if command:
                    yield document, re.sub(r" +", " ", command)


def table():
    """Rows of commands.txt: document, beginning of the command, how it is proved (a word), and what that takes."""
    rows = []
    for line in open("tests/documents/commands.txt"):
        if line.strip() and not line.startswith("#"):
            rows.append([cell.strip() for cell in line.rstrip("\n").split("\t") if cell.strip()])
    return rows


def row_of(document, command, rows):
    """The row with the longest beginning."""
    fitting = [r for r in rows if r[0] in (document, "*") and command.startswith(r[1])]
    return max(fitting, key=lambda r: (len(r[1]), r[0] != "*"), default=None)


if __name__ == "__main__":
    for found in commands():
        print(*found, sep="\t")
