"""Values by chance, made from JSON Schema: good ones, and bad ones of every kind that comes to mind."""
import datetime
import json
import re

WORDS = ["", "a", "A-100", "Wohnhaus Müller", "ß\u200b\u202e", "%", "_", "'; DROP TABLE projects; --", "\"", "\\", "$1", "{}", "[]",
         "null", "true", "0", "-1", "1e9", "NaN", "\u00e9\u0301", "\U0001f6aa" * 3, "../../etc/passwd", "<b>&", "a,b", "a\nb", "\t", "\x7f",
         "projects:read", "sync", "cleanup-old-tasks", "phase", "elevation", "project", "directory", "start", "now", "Articles", "Glass"]
# Nothing here leads out of this machine: what the API is told to call is asked of the loopback alone.
URLS = ["http://127.0.0.1:9/x", "http://127.0.0.1:9/\u00e9", "https://[::1]:9/", "ftp://127.0.0.1/", "http://", "http:///x",
        "http://127.0.0.1:99999/", "http://127.0.0.1:9/" + "a" * 2000, "javascript:1", "//127.0.0.1/"]
TIMES = ["2020-01-01T00:00:00Z", "2026-11-28T12:00:00+01:00", "2026-11-28T12:00:00.123456Z", "9999-12-31T23:59:59Z",
         "0001-01-01T00:00:00Z", "2024-02-29T23:59:59-12:00"]
BAD_TIMES = ["", "now", "yesterday", "infinity", "epoch", "2026-13-01T00:00:00Z", "2026-02-30T00:00:00Z", "2026-11-28 12:00", "12:00",
             "294277-01-01T00:00:00Z", "-4713-01-01T00:00:00Z", "2026-11-28T25:00:00Z", "1e400", "allballs", "2026-11-28T12:00:00Z; x",
             "2026-11-28T12:00:00+99:99", "\u0662\u0660\u0662\u0666-01-01T00:00:00Z"]
NUMBERS = [0, 1, -1, 2, 100, 255, 256, 1000, 32767, 65536, 2**31 - 1, 2**31, -2**31 - 1, 2**53, 2**53 + 1, 2**63 - 1, 2**63, -2**63 - 1,
           10**30, 0.5, -0.0, 1e-300, 1e300]
KNOWN_MAX = 100  # of a name


class Known:
    """What there is to be asked for: texts that answers held, by the names of their members."""
    def __init__(self, random, pairs):
        self.random, self.of, self.all = random, {}, []
        for pair in pairs:
            self.add(*pair.split("=", 1))

    def add(self, name, text):
        for known in (self.of.setdefault(name, []), self.all):
            if text not in known:
                known.append(text)
            if len(known) > KNOWN_MAX:
                del known[self.random.randrange(len(known))]

    def text(self, name):
        return self.random.choice(self.of[name] if name in self.of and self.random.random() < 0.8 else self.all)

    def learn(self, raw):
        found = re.findall(rb'"(\w+)":\s*"([^"\\]{1,64})"', raw[:20000])
        for name, text in self.random.sample(found, min(5, len(found))):
            self.add(name.decode("ascii"), text.decode("utf-8"))


class Values:
    def __init__(self, random, document, known):
        self.random, self.document, self.known = random, document, known

    def resolve(self, schema):
        while "$ref" in schema:
            at = self.document
            for word in schema["$ref"][2:].split("/"):
                at = at[word]
            schema = at
        return schema

    def text(self, schema=None, name=""):
        r, schema = self.random, schema or {}
        least, most = schema.get("minLength", 0), min(schema.get("maxLength", 300), 5000)
        out = r.choice([r.choice(WORDS), self.known.text(name), self.known.text(name), "".join(chr(r.choice((r.randint(1, 127), r.randint(128, 0x2fff))))
                                                                     for _ in range(r.randint(0, 20)))])
        if r.random() < 0.1:
            out = "x" * most
        return (out + "a" * least if len(out) < least else out)[:most]

    def integer(self, schema):
        least, most = schema.get("minimum", -2**31), schema.get("maximum", 2**31 - 1)
        near = [n for n in (least, least + 1, most - 1, most, 0, 1, 2, 3, 5) if least <= n <= most]
        return int(self.random.choice(near) if self.random.random() < 0.9 else self.random.randint(int(least), int(most)))

    def good(self, schema, name="", depth=0):
        """A value that the schema takes."""
        r, schema = self.random, self.resolve(schema)
        if "anyOf" in schema:
            return self.good(r.choice(schema["anyOf"]), name, depth)
        if "enum" in schema:
            return r.choice(schema["enum"])
        kind = schema.get("type", "string")
        if isinstance(kind, list):
            kind = r.choice([k for k in kind if k != "null"] * 5 + ["null"])
        if kind == "object":
            return self.members(schema, depth)
        if kind == "array":
            least, most = schema.get("minItems", 0), min(schema.get("maxItems", 4), 4)
            return [self.good(schema["items"], name, depth + 1) for _ in range(r.randint(least, max(least, most)))]
        if kind == "string" and name.endswith("url"):
            return r.choice(URLS)
        if kind == "string" and schema.get("format") == "date-time":
            return r.choice(TIMES)
        return {"string": lambda: self.text(schema, name), "integer": lambda: self.integer(schema), "null": lambda: None,
                "number": lambda: r.choice([0, 1, 2.5, 1e6]), "boolean": lambda: r.random() < 0.5}[kind]()

    def members(self, schema, depth):
        out, needed = {}, schema.get("required", [])
        for name, member in schema.get("properties", {}).items():
            if name in needed or self.random.random() < 0.5:
                out[name] = self.good(member, name, depth + 1)
        return out

    def bad(self):
        """Any value at all."""
        r = self.random
        return r.choice([lambda: None, lambda: r.random() < 0.5, lambda: r.choice(NUMBERS), lambda: r.choice(WORDS),
                         lambda: r.choice(BAD_TIMES), lambda: [], lambda: {}, lambda: "x" * r.choice((256, 1025, 4001, 100000)),
                         lambda: [r.choice(NUMBERS)] * r.choice((1, 17, 501)), lambda: {"a": {"b": [None]}}, lambda: "a\x00b",
                         lambda: {r.choice(WORDS): 1}, lambda: [[[[]]]], lambda: {str(i): i for i in range(70)}])()

    def spoil(self, value):
        """The same with something in it another, missing, or too much."""
        r = self.random
        if isinstance(value, dict) and value and r.random() < 0.8:
            name = r.choice(sorted(value))
            return {k: self.spoil(v) if k == name else v for k, v in value.items() if k != name or r.random() < 0.75}
        if isinstance(value, dict) and r.random() < 0.5:
            return {**value, r.choice(WORDS + ["dry_run", "__proto__", "id"]): self.bad()}
        if isinstance(value, list) and value and r.random() < 0.7:
            return value[:-1] + [self.spoil(value[-1])] * r.choice((1, 1, 2, 600))
        return self.bad()

    def bad_text(self):
        """What a parameter of a query or path might be instead."""
        r = self.random
        return r.choice([lambda: r.choice(WORDS), lambda: r.choice(BAD_TIMES), lambda: str(r.choice(NUMBERS)), lambda: "9" * r.choice((20, 400)),
                         lambda: "x" * r.choice((256, 1025, 4001)), lambda: "a\x00b", lambda: "+1", lambda: " 1", lambda: "1 ", lambda: "0x10",
                         lambda: "1.0", lambda: "\u0661", lambda: "-0", lambda: "00000000000000000000001"])()

    def spoil_json(self, text):
        """Bytes that are not quite that JSON."""
        r, raw = self.random, text.encode("utf-8", "surrogatepass")
        return r.choice([lambda: raw[:r.randint(0, len(raw))], lambda: raw + b"x", lambda: b"\xef\xbb\xbf" + raw, lambda: raw.replace(b"a", b"\xff"),
                         lambda: b"[" * 100 + b"]" * 100, lambda: raw.replace(b'"', b"'"), lambda: b"", lambda: b"\x00" + raw,
                         lambda: raw[:-1] + b"," + raw[1:] if raw[:1] == b"{" and len(raw) > 2 else raw, lambda: raw.replace(b":", b":\\u0000"),
                         lambda: b'{"a":' + b"9" * 500 + b"}", lambda: raw + b" " * 70000, lambda: b"<a/>", lambda: raw.replace(b"1", b"1e999")])()


def as_text(value):
    """A value as a query has it."""
    return value if isinstance(value, str) else json.dumps(value)


def is_time(text):
    try:
        datetime.datetime.fromisoformat(text.replace("Z", "+00:00"))
        return "T" in text
    except ValueError:
        return False
