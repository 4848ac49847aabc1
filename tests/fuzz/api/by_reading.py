#!/usr/bin/python3
"""Holds the statuses that stand in the code against those that /openapi.json of a running web declares.

  by_reading.py URL

Which functions an operation's handler reaches is read from the sources: each word in a function's body that is the name of
another function or table is taken for a call of it. What an operation may answer so is more than it does; it must be
declared all the same, or stand in NOT_OF with the reason. Statuses that come of an error's code (reply_err) are not seen."""
import collections
import glob
import json
import os
import re
import sys
import urllib.request

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "..", "services", "web")
WITH_STATUS = re.compile(r"\breply_(?:detail|fault|bytes|json|cjson_take|empty|shared|stream_begin|stream_begin_gzip)\(\s*\w+,([^;]*?)[,)]")
STATUS = re.compile(r"\b[2345]\d\d\b")
IMPLIED = ((r"\breply_redirect\(", "303"), (r"\breply_invalid\(", "422"), (r"\breply_unchanged(?:_weak)?\(", "304"),
           (r"\breply_unavailable\(", "503"), (r'\breq_json\([^;]*,\s*"[^"]*"\);', "404"), (r"not_found = \"", "404"))
# How to answer at all, and what answers 404 by a text that the handler gives or does not give.
STOPS = {"then_json", "then_document", "then_page"}
NOT_OF = {("refuse_nobody", "303"): "of pages alone, which declare it"}


def without_comments(text):
    return re.sub(r"/\*.*?\*/", "", text, flags=re.S)


def parts_of(text):
    """Functions and tables at the left margin: (name, whether others see it, what it holds)."""
    for found in re.finditer(r"^[A-Za-z_][^\n;{}#]*(?:\n[ \t]+[^\n;{}#]*)*\n?\{(?:[^\n]*\};|.*?^\})", text, flags=re.S | re.M):
        head, body = found.group(0).split("{", 1)
        name = re.search(r"(\w+)\s*(?:\[[^\]]*\]\s*)*=", head) or re.search(r"(\w+)\s*\(", head)
        if name:
            yield name.group(1), not re.search(r"\bstatic\b", head), body


class Code:
    def __init__(self):
        self.bodies, self.places = {}, collections.defaultdict(list)
        for path in glob.glob(os.path.join(ROOT, "**", "*.c"), recursive=True):
            with open(path, encoding="utf-8") as file:
                for name, is_seen, body in parts_of(without_comments(file.read())):
                    self.bodies[path, name] = body
                    if is_seen:
                        self.places[name].append((path, name))

    def called_by(self, place):
        for word in set(re.findall(r"\b[a-z_]\w+\b", self.bodies[place])) - STOPS:
            if (place[0], word) in self.bodies:
                yield place[0], word
            elif not word.startswith(("web_", "reply_")):
                yield from self.places.get(word, [])

    def statuses_in(self, place):
        body = self.bodies[place]
        chosen = re.findall(r"\bint status = ([^;]*);", body)
        for expression in WITH_STATUS.findall(body) + chosen:
            yield from STATUS.findall(expression)
        for pattern, status in IMPLIED:
            if re.search(pattern, body):
                yield status

    def reached_by(self, handler):
        """{status: the function that answers it}"""
        seen, to_see, found = set(), list(self.places[handler]), {}
        while to_see:
            place = to_see.pop()
            if place in seen:
                continue
            seen.add(place)
            for status in self.statuses_in(place):
                if (place[1], status) not in NOT_OF:
                    found.setdefault(status, f"{place[1]} ({os.path.relpath(place[0], ROOT)})")
            to_see.extend(self.called_by(place))
        return found


def handlers():
    """{operation: its handler}"""
    out = {}
    for name in glob.glob(os.path.join(ROOT, "gate", "routes*.def")):
        with open(name, encoding="utf-8") as file:
            text = file.read()
        for found in re.finditer(r'^R\(\w+,\s*"[^"]*",\s*\w+,\s*\w+,\s*(\w+),', text, flags=re.M):
            out[found.group(1)] = "web_" + found.group(1)
        for found in re.finditer(r'^RS\(\w+,\s*"[^"]*",\s*\w+,\s*\w+,\s*(\w+),\s*(\w+),', text, flags=re.M):
            out[found.group(1)] = "web_" + found.group(2)
    return out


def main():
    with urllib.request.urlopen(sys.argv[1] + "/openapi.json", timeout=60) as answer:
        document = json.load(answer)
    code, of, faults, looked_at, met = Code(), handlers(), [], 0, collections.Counter()
    for item in document["paths"].values():
        for operation in item.values():
            name = re.sub(r"_\d+$", "", operation["operationId"])
            reached = code.reached_by(of[name]) if name in of else {}
            looked_at += bool(reached)
            met.update(reached.keys())
            faults += [f"{name} may answer {status}, which it does not declare: {where}"
                       for status, where in sorted(reached.items()) if status not in operation["responses"]]
    print("\n".join(faults))
    print(f"{looked_at} operations read, {dict(sorted(met.items()))}, {len(faults)} statuses are not declared")
    return 1 if faults or looked_at < 150 or met["404"] < 40 or met["409"] < 10 else 0


if __name__ == "__main__":
    sys.exit(main())
