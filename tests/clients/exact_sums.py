#!/usr/bin/env python3
"""Bills of materials beside decimal sums of the files that they are made of.

  exact_sums.py make DIR SEED       writes DIR/1.sqlite ... DIR/4.sqlite, full of numbers that doubles get wrong
  exact_sums.py check DIR URL TOKEN  adds these files up and compares bills and orders of elevations 1 to 4 with it
                                     (how often each is built: DIR/times, a number a line)
Knows nothing of how lists are read or stored: the files are opened by Python's sqlite3, and added up in its decimals."""

import decimal
import json
import os
import random
import re
import sqlite3
import sys
import urllib.request
from decimal import Decimal

decimal.getcontext().prec = 2000
WINDOWS = (1, 2, 3, 4)

# Tables of a list: the columns that are texts (a line is told from another by these), and its figures.
TABLES = {
    "Articles": ("article", ("ArticleCode", "Color", "Units_Unit"), ("Amount", "Units", "PUSize", "Price")),
    "Profiles": ("profile", ("ArticleCode", "Color", "Length_Unit"), ("Amount", "Length_Output", "AngleLeft", "Price")),
    "Glass": ("glass", ("GlassID", "Name"), ("Amount", "Width_Output", "Height_Output", "AreaOffer", "Weight_Output")),
    "LabourTimes": ("labour", ("WhatName", "Name"), ("TotalMinutes",)),
}


def some_number(rnd):
    """A value for a column of numbers: whatever a file may have there."""
    plain = (0.1, 0.2, 0.3, 1e15, 0.01, 2**53 + 1, 2**63 - 1, -(2**60) - 1, 1, 2, 3, 0, -4, -0.1, 1e-7, 1.005, 1200, 900.5,
             0.30000000000000004, 12345678.12345678, 1e22, 123456789012345.67)
    texts = ("0,1", " 12.50 ", "+3", ".5", "5.", "007", "1e3", "-,25", "12345678901234567890,123456789", "9007199254740993",
             "0.1", "1E-7", "-0", "1" * 40 + ".5", "", "  ")
    wrong = ("abc", "1.234,50", "12 kg", "0x10", "inf", "NaN", "1,2,3", b"1", float("inf"), float("-inf"), 1e308, 1e-300,
             "1e-400", "1e999", "1" * 70)
    draw = rnd.random()
    if draw < 0.45:
        return rnd.choice(plain)
    if draw < 0.70:
        return rnd.choice(texts)
    if draw < 0.80:
        return rnd.choice(wrong)
    if draw < 0.88:
        return None
    if draw < 0.94:
        return round(rnd.uniform(-1e6, 1e6), rnd.randrange(8))
    return rnd.randrange(-(2**63), 2**63)


def make(directory, seed):
    rnd = random.Random(seed)
    for window in WINDOWS:
        path = os.path.join(directory, f"{window}.sqlite")
        if os.path.exists(path):
            os.remove(path)
        db = sqlite3.connect(path)
        db.execute("CREATE TABLE Elevations (ElevationID, Name)")
        db.execute("INSERT INTO Elevations VALUES ('{E}', 'W')")
        for table, (_, texts, figures) in TABLES.items():
            db.execute(f"CREATE TABLE {table} ({', '.join(texts + figures)})")
            for _ in range(rnd.randrange(1, 40)):
                row = [rnd.choice(("A", "B", "x")) for _ in texts] + [some_number(rnd) for _ in figures]
                db.execute(f"INSERT INTO {table} VALUES ({', '.join('?' * len(row))})", row)
        db.commit()
        db.close()


# ---- what they add up to ----

NUMBER = re.compile(r" *([+-]?(?:[0-9]+[.,]?[0-9]*|[.,][0-9]+)(?:[eE][+-]?[0-9]+)?) *")
UNREAD = object()


def figure(value):
    """A Decimal, None (there is none), or UNREAD."""
    if value is None or (isinstance(value, str) and not value.strip(" ")):
        return None
    if isinstance(value, bytes):
        return UNREAD
    if isinstance(value, str):
        match = NUMBER.fullmatch(value) if len(value) < 64 else None
        if not match:
            return UNREAD
        number = Decimal(match.group(1).replace(",", "."))
    else:
        number = Decimal(repr(value))
    if not number.is_finite() or (number != 0 and not Decimal("1e-60") <= abs(number) <= Decimal("1e60")):
        return UNREAD
    return number


def add(a, b):
    return b if a is None else a if b is None else a + b


def times(a, b):
    return None if a is None or b is None else a * b


class Line:
    """A line of a file as a bill takes it."""

    def __init__(self, kind, texts, figures, built):
        read = {name: figure(value) for name, value in figures.items()}
        self.unread = any(value is UNREAD for value in read.values())
        known = {name: None if value is UNREAD else value for name, value in read.items()}
        amount = known.get("Amount")
        if kind == "glass" and read["Amount"] is None:
            amount = Decimal(1)
        self.kind = kind
        self.n = built if kind == "labour" else times(amount, built)
        self.length, self.price = known.get("Length_Output"), known.get("Price")
        self.angle, self.width, self.height = known.get("AngleLeft"), known.get("Width_Output"), known.get("Height_Output")
        self.units, self.minutes = times(known.get("Units"), built), times(known.get("TotalMinutes"), built)
        self.area, self.weight = times(known.get("AreaOffer"), self.n), times(known.get("Weight_Output"), self.n)
        self.pack = known.get("PUSize")
        self.key = (kind, *texts, self.pack if kind == "article" else None, self.width, self.height)


def lines_of(directory, window, built):
    db = sqlite3.connect(os.path.join(directory, f"{window}.sqlite"))
    for table, (kind, texts, figures) in TABLES.items():
        for row in db.execute(f"SELECT {', '.join(texts + figures)} FROM {table}"):
            yield Line(kind, row[: len(texts)], dict(zip(figures, row[len(texts) :])), built)
    db.close()


def group(lines):
    """By key: what a bill has to tell."""
    groups = {}
    for line in lines:
        g = groups.setdefault(line.key, {"prices": set(), "cuts": {}, "line_count": 0, "lines_without_amount": 0,
                                         "lines_unread": 0})
        for name, value in (("amount", line.n if line.kind != "labour" else None), ("units", line.units),
                            ("length", times(line.length, line.n)), ("area", line.area), ("weight", line.weight),
                            ("minutes", line.minutes)):
            g[name] = add(g.get(name), value)
        if line.price is not None:
            g["prices"].add(line.price)
        if line.kind == "profile":
            cut = (line.length, line.angle, line.price)
            g["cuts"][cut] = add(g["cuts"].get(cut), line.n)
        g["line_count"] += 1
        g["lines_without_amount"] += line.n is None
        g["lines_unread"] += line.unread
    return groups


# ---- what is told ----

def ask(url, token, path):
    request = urllib.request.Request(url + "/api/v1" + path, headers={"Authorization": "Bearer " + token})
    with urllib.request.urlopen(request, timeout=120) as reply:
        return json.loads(reply.read(), parse_float=Decimal, parse_int=Decimal)


MEMBERS = {"articles": ("article", "code", "colour", "unit"), "profiles": ("profile", "code", "colour", "length_unit"),
           "panes": ("glass", "code", "name"), "labour": ("labour", "what", "name")}


def told(bill):
    groups = {}
    for member, (kind, *texts) in MEMBERS.items():
        for line in bill[member]:
            key = (kind, *(line.get(name) for name in texts), line.get("pack_size"), line.get("width"), line.get("height"))
            if key in groups:
                raise SystemExit(f"{key} is told twice")
            groups[key] = line
    return groups


def compare_bill(bill, lines, where):
    wanted, got = group(lines), told(bill)
    if wanted.keys() != got.keys():
        raise SystemExit(f"{where}: groups {sorted(map(str, wanted.keys() ^ got.keys()))}")
    for key, w in wanted.items():
        g = got[key]
        prices = set(g.get("prices", [])) | ({g["price"]} if "price" in g else set())
        cuts = {(c.get("length"), c.get("angle_left"), c.get("price")): c.get("amount") for c in g.get("cuts", [])}
        for name, a, b in [("prices", w["prices"], prices), ("cuts", w["cuts"], cuts)] + [
                (name, w.get(name), g.get(name)) for name in ("amount", "units", "length", "area", "weight", "minutes",
                                                              "line_count", "lines_without_amount", "lines_unread")]:
            if a != b:
                raise SystemExit(f"{where}: {name} of {key} is {b} instead of {a}")
    minutes = sum((w["minutes"] or 0 for w in wanted.values()), Decimal(0))
    if bill["labour_minutes"] != minutes:
        raise SystemExit(f"{where}: labour_minutes {bill['labour_minutes']} instead of {minutes}")
    return len(wanted)


def compare_orders(url, token, lines, project):
    orders = {name: ask(url, token, f"/projects/{project}/{name}?limit=2500")["data"]
              for name in ("glass-order", "cutting-list", "stock-list")}

    def sums(kind, key, of):
        out = {}
        for line in lines:
            if line.kind == kind:
                out[key(line)] = add(out.get(key(line)), of(line))
        return out

    def same(what, wanted, got):
        if wanted != got:
            raise SystemExit(f"{what}: {wanted.items() ^ got.items()}")

    glass = {(r["code"], r["name"], r["width"], r["height"]): r for r in orders["glass-order"]}
    pane = lambda l: (l.key[1], l.key[2], l.width, l.height)
    for member, of in (("amount", lambda l: l.n), ("area", lambda l: l.area), ("weight", lambda l: l.weight)):
        same(f"glass-order {member}", sums("glass", pane, of), {k: r[member] for k, r in glass.items()})
    cut = lambda l: (l.key[1], l.key[2], l.length, l.key[3], l.angle)
    cuts = {(r["code"], r["colour"], r["length"], r["length_unit"], r["angle_left"]): r for r in orders["cutting-list"]}
    same("cutting-list amount", sums("profile", cut, lambda l: l.n), {k: r["amount"] for k, r in cuts.items()})
    same("cutting-list total_length", sums("profile", cut, lambda l: times(l.length, l.n)),
         {k: r["total_length"] for k, r in cuts.items()})
    for r in orders["stock-list"]:
        packs = None
        if r["pack_size"] is not None and r["pack_size"] > 0 and r["amount"] is not None:
            whole, rest = divmod(r["amount"], r["pack_size"])  # towards zero
            packs = whole + (rest > 0)
        if packs != r["packs"]:
            raise SystemExit(f"stock-list: {r['amount']} in packs of {r['pack_size']} are {packs}, not {r['packs']}")
    return sum(len(rows) for rows in orders.values())


def check(directory, url, token):
    with open(os.path.join(directory, "times"), encoding="ascii") as file:
        built = [Decimal(line.strip()) for line in file]
    compared, everything = 0, []
    for window in WINDOWS:
        lines = list(lines_of(directory, window, built[window - 1]))
        everything += lines
        bill = ask(url, token, f"/elevations/{window}/bom")
        compared += compare_bill(bill, lines, f"elevation {window}")
        if any(line.unread for line in lines) and "problem" not in bill["elevations"][0]:
            raise SystemExit(f"elevation {window}: nothing tells that figures of it could not be read")
    compared += compare_bill(ask(url, token, "/projects/1/bom"), everything, "project")
    compared += compare_orders(url, token, everything, 1)
    print(f"{compared} groups and lines are exact")


if __name__ == "__main__":
    if sys.argv[1] == "make":
        make(sys.argv[2], int(sys.argv[3]))
    else:
        check(*sys.argv[2:5])
