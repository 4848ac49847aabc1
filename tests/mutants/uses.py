"""Texts and tables outside functions are run nowhere: where they are used, is."""
import re
import subprocess

from lines import ROOT

DEFINED = re.compile(r"^(?:(?:static |const |struct |enum |unsigned |char |int |bool |size_t |double |\w+_t |\w+ \*?)*\*?(?:const )?(\w+)(?:\[[^\]]*\])* = |#define (\w+))")
PRODUCT = ("conf", "ipc", "services", "supervisor")


def table_of(text, number):
    """The table, text or macro that the line belongs to; None: it stands in a function."""
    for n in range(number - 1, -1, -1):
        found = DEFINED.match(text[n])
        if found:
            return found.group(1) or found.group(2)
        if not text[n] or text[n][0] in "{}" or (n < number - 1 and text[n].endswith(";")):
            return None
    return None


def found(*words):
    """[(path, line, text)] of the product's lines that git grep finds."""
    said = subprocess.run(["git", "-C", ROOT, "grep", "-n", *words, "--", *(f"{p}/*.[ch]" for p in PRODUCT)], capture_output=True, text=True).stdout
    return [(path, int(line), text) for path, line, text in (row.split(":", 2) for row in said.splitlines())]


def of_line(path, number, depth=3):
    """[(path, line)] of what uses the script or table of this line, also by way of other tables; [(path, number)] for a function's line."""
    if path.endswith(".lua"):
        return [place[:2] for place in found("-F", f'"{path.split("/")[-1][:-4]}"')]
    text = open(f"{ROOT}/{path}", encoding="utf-8").read().split("\n")
    name = table_of(text, number)
    if not name:
        return [(path, number)]
    uses = []
    for other, line, used in found("-w", name) if depth else []:
        other_text = open(f"{ROOT}/{other}", encoding="utf-8").read().split("\n")
        if table_of(other_text, line) != name and not used.startswith("extern"):
            uses += of_line(other, line, depth - 1)
    return uses
