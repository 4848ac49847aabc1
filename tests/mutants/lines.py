"""Which lines of the product may be changed, and how: one operator, number, call or word of SQL at a time."""
import os
import random
import re
import subprocess

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

# area: where its lines are
AREAS = {
    "sync": ["services/sync/", "services/logikal/"],
    "store": ["services/store/"],
    "queue": ["ipc/", "services/worker/", "services/runner/", "services/tasks/"],
    "gate": ["services/web/gate/"],
    "api": ["services/web/api/"],
    "feed": ["services/feed/", "services/alert/"],
    "why": ["services/why/", "services/check/", "services/report/"],
    "schedule": ["services/beat/", "services/schedule/"],
    "supervisor": ["supervisor/"],
    "parts": ["services/parts/", "services/archive/"],
    "web": ["services/web/cache/", "services/web/http/", "services/web/jobs/", "services/web/ui/", "services/web/watch/", "services/web/main.c"],
    "conf": ["conf/"],
}
# What stands for what, in C between blanks, so that neither pointers nor includes are taken for operators.
OPERATORS = [(r" == ", " != "), (r" != ", " == "), (r" < ", " <= "), (r" <= ", " < "), (r" > ", " >= "), (r" >= ", " > "),
             (r" && ", " || "), (r" \|\| ", " && "), (r" \+ ", " - "), (r" - ", " + "), (r" \+= ", " -= "), (r" -= ", " += "),
             (r"\btrue\b", "false"), (r"\bfalse\b", "true"), (r"\breturn 0;", "return -1;"), (r"\breturn -1;", "return 0;"),
             (r"\+\+", "--"), (r"\bif \((?=[^;]*$)", "if (!("), (r"\bbreak;", ";"), (r"\bcontinue;", ";")]
NUMBER = re.compile(r"(?<![\w.\"%])([1-9]\d{0,4})(?![\w.\"])")
CALL = re.compile(r"^(\s+)([a-z_]+\([^;{}]*\);)$")
QUERY = [(" AND ", " OR "), (" OR ", " AND "), (" < ", " >= "), (" > ", " <= "), (" <= ", " > "), (" >= ", " < "), ("NOT ", ""),
         (" = ", " <> "), (" DESC", " ASC"), (" IS NULL", " IS NOT NULL"), (" IS NOT NULL", " IS NULL")]
# Words for people who read logs, and what only gives back memory and descriptors.
LEFT_ALONE = re.compile(r"^\s*(#|//|/\*|\*|--)|log_|LOG_|assert|NOLINT|abort\(|free\(|close\(|\berrx?\(")


def listed(*folders):
    return subprocess.run(["git", "-C", ROOT, "ls-files", *folders], capture_output=True, text=True).stdout.split()


def lines_of(area):
    for path in sorted(listed(*AREAS[area])):
        if path.endswith((".c", ".lua")):
            inside = False
            for number, text in enumerate(open(os.path.join(ROOT, path), encoding="utf-8"), 1):
                starts, ends = "/*" in text, "*/" in text
                if not inside and not starts and not LEFT_ALONE.search(text):
                    yield path, number, text.rstrip("\n")
                inside = (inside or starts) and not ends


def closing(text, at):
    """The position of the parenthesis that ends what was opened before `at`; -1: not on this line."""
    depth = 1
    for i in range(at, len(text)):
        depth += (text[i] == "(") - (text[i] == ")")
        if depth == 0:
            return i
    return -1


def variants(path, text):
    """Each way to change this line, as (what, new text); the second of a kind is "1 -> 2 #2"."""
    seen, named = {}, []
    for what, changed in unnamed_variants(path, text):
        seen[what] = seen.get(what, 0) + 1
        named.append((what if seen[what] == 1 else f"{what} #{seen[what]}", changed))
    return named


def unnamed_variants(path, text):
    found = []
    if text.lstrip().startswith('"'):
        for old, new in QUERY:
            found += [(f"{old.strip()} -> {new.strip()}", text[:m.start()] + new + text[m.end():]) for m in re.finditer(re.escape(old), text)]
        return found
    for old, new in OPERATORS:
        for m in re.finditer(old, text):
            changed = text[:m.start()] + new + text[m.end():]
            if new == "if (!(":
                end = closing(text, m.end())
                if end < 0 or path.endswith(".lua"):
                    continue
                changed = text[:m.start()] + new + text[m.end():end] + ")" + text[end:]
            if path.endswith(".lua"):
                changed = changed.replace(" != ", " ~= ")
            found.append((f"{m.group().strip()} -> {new.strip()}", changed))
    for m in NUMBER.finditer(text):
        found.append((f"{m.group()} -> {int(m.group()) + 1}", text[:m.start()] + str(int(m.group()) + 1) + text[m.end():]))
    m = CALL.match(text)
    if m and not path.endswith(".lua") and not m.group(2).startswith(("return", "if", "while", "sizeof")):
        found.append((f"without {m.group(2)}", m.group(1) + ";"))
    return found


def plan(seed, areas):
    """A row of mutants, each line of the areas as likely as any other: (area, path, line, text, what, new text)."""
    chance, lines = random.Random(seed), [(area, *line) for area in areas for line in lines_of(area)]
    chance.shuffle(lines)
    for area, path, number, text in lines:
        ways = variants(path, text)
        if ways:
            yield area, path, number, text, *chance.choice(ways)


def equivalent():
    """{(path, text, what): why nobody can notice}, as tests/mutants/equivalent has it, judged by a reader."""
    rows = {}
    for row in open(os.path.join(ROOT, "tests", "mutants", "equivalent"), encoding="utf-8"):
        if row.strip() and not row.startswith("#"):
            path, text, what, why = row.rstrip("\n").split("\t")
            rows[(path, text, what)] = why
    return rows


def gone(rows):
    """Those of `equivalent` whose line has changed since, or has another place."""
    def is_there(path, text, what):
        name = os.path.join(ROOT, path)
        return os.path.exists(name) and any(line.strip() == text and what in (w for w, _ in variants(path, line)) for line in open(name, encoding="utf-8"))
    return [row for row in rows if not is_there(*row)]
