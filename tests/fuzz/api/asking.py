"""Requests by chance for an operation of /openapi.json, with what is known of each: whether it is good by the schema."""
import json
import re
from urllib.parse import quote, quote_from_bytes

from jsonschema import Draft202012Validator, RefResolver
from values import as_text

JSON = "application/json"
TYPES = [JSON, JSON, JSON, "application/json; charset=utf-8", "APPLICATION/JSON", "text/plain", "application/xml", "multipart/form-data",
         "application/x-www-form-urlencoded", "application/jsonx", "", "\u00e9"]
ACCEPTS = ["*/*", JSON, "application/x-ndjson", "text/csv", "text/html", "image/png", "application/json;q=0", "a/b, text/csv;q=0.5", ";;;,,", "",
           "text/csv;header=absent", "*/*;q=x"]
ODD = {"Range": ["bytes=0-0", "bytes=5-", "bytes=-5", "bytes=9-1", "bytes=0-0,2-3", "bytes=99999999999999999999-", "lines=1-2", "bytes=", ""],
       "If-None-Match": ["*", '"x"', 'W/"x"', "x", '""', ",,,", '"a", W/"b"', '"' + "e" * 3000 + '"'],
       "If-Range": ['"x"', "Sat, 28 Nov 2026 00:00:00 GMT", ""],
       "If-Modified-Since": ["Sat, 28 Nov 2026 00:00:00 GMT", "never"],
       "Accept-Encoding": ["gzip", "gzip;q=0", "br", "identity;q=0", "*", ""],
       "Origin": ["http://evil.example", "null", "http://127.0.0.1"],
       "X-Request-ID": ["abc", "a" * 300, "a b", "\u00e9"],
       "X-Forwarded-For": ["127.0.0.1", "unknown", "::1, 1"],
       "Expect": ["100-continue", "100-continue", "100-Continue", "200-maybe"],
       "Cookie": ["logikald_session=x", "logikald_session=", ";;=", "a=" + "b" * 3000],
       "Prefer": ["return=minimal"], "Accept-Language": ["de", "*;q=2"]}


class Request:
    """has_bad_path: it may lead elsewhere; is_bad: the schema refuses it, so that it must not succeed; why: what is bad."""
    def __init__(self):
        self.method, self.target, self.headers, self.body, self.operation = "GET", "/", {}, None, None
        self.has_bad_path = self.is_bad = self.is_spoilt = False
        self.why = ""

    def told(self):
        body = "" if self.body is None else f" {self.body[:600]!r}"
        return f"{self.method} {self.target[:600]} {self.headers}{body}"


def spoil(request, why):
    request.is_bad, request.is_spoilt, request.why = True, True, why


def is_text_good(schema, text):
    """Whether the schema takes a parameter's text; None where it cannot be told."""
    kind = schema.get("type")
    kind = [k for k in kind if k != "null"][0] if isinstance(kind, list) else kind
    if "enum" in schema:
        return text in schema["enum"]
    if kind == "integer":
        if not text.lstrip("-").isascii() or not text.lstrip("-").isdigit() or text.count("-") > 1:
            return False if text.strip(" +-.0123456789eE") else None
        return schema.get("minimum", -2**53) <= int(text) <= schema.get("maximum", 2**53)
    if kind == "string" and not schema.get("format"):
        return schema.get("minLength", 0) <= len(text) <= schema.get("maxLength", 10**9)
    return None


class Requests:
    def __init__(self, random, document, values, tokens):
        self.random, self.document, self.values, self.tokens = random, document, values, tokens
        self.resolver = RefResolver.from_schema(document)
        self.etags = {}

    def make(self, path, method, operation):
        request = Request()
        request.operation, request.method = operation, method.upper()
        parameters = operation.get("parameters", [])
        target = self.fill(request, path, [p for p in parameters if p["in"] == "path"])
        query = self.query(request, [p for p in parameters if p["in"] == "query"])
        request.target = target + ("?" + query if query else "")
        self.add_body(request, operation)
        self.add_headers(request)
        if request.method == "GET" and self.random.random() < 0.05 and request.body is None:
            request.method = "HEAD"
        return request

    def fill(self, request, path, parameters):
        r = self.random
        for p in parameters:
            is_number, text = p["schema"].get("type") == "integer", None
            if r.random() < 0.15:
                text = self.values.bad_text()
            elif is_number:
                text = str(r.choice((1, 1, 2, 3, 5, 99999, 0)))
            else:
                text = self.values.known.text(p["name"]) if r.random() < 0.9 else self.values.text()
            if "/" in text or text in ("", ".", "..") or not (text.isascii() and text.isdigit() and len(text) < 10 or not is_number):
                request.has_bad_path = True
            if "\x00" in text or "x" * 250 in text:
                request.has_bad_path = True
            path = path.replace("{" + p["name"] + "}", quote(text, safe="") if r.random() < 0.98 else "%zz" + quote(text, safe=""))
            request.has_bad_path |= "%zz" in path
        request.has_bad_path |= bool(parameters) and self.is_of_another(path, len(parameters))
        return path

    def is_of_another(self, path, count):
        """Whether a path with fewer parameters is meant: a name that was drawn may be a word of it."""
        return any(p.count("{") < count and re.fullmatch(re.sub(r"\\{\w+\\}", "[^/]+", re.escape(p)), path) for p in self.document["paths"])

    def query(self, request, parameters):
        r, pairs = self.random, []
        for p in parameters:
            if not p["required"] and r.random() < 0.6:
                continue
            if p["required"] and r.random() < 0.03:
                spoil(request, f"{p['name']} is missing")
                continue
            text = as_text(self.values.good(p["schema"], p["name"])) if r.random() < 0.85 else self.values.bad_text()
            if p["name"] == "wait" and text != "false":
                text = r.choice(("0", "1", "false")) if p["schema"].get("type") == "boolean" or "boolean" in p["schema"].get("type", []) \
                    else r.choice(("0", "1", "56", "-1", "x"))
            if is_text_good(p["schema"], text) is False or "\x00" in text:
                spoil(request, f"{p['name']} is {text[:60]!r}")
            pairs.append((p["name"], text))
        if r.random() < 0.05:
            pairs.append(("unknown", self.values.bad_text()))
        if r.random() < 0.03 and pairs:
            pairs.append((pairs[-1][0], self.values.bad_text()))
            request.is_spoilt = True
        text = "&".join(quote(n) + "=" + quote(v, safe="") for n, v in pairs)
        if r.random() < 0.02:
            request.is_spoilt = True
            text += r.choice(("&%zz=1", "&&", "&=", "&a", "&" + quote_from_bytes(b"\xff\xfe") + "=1", "&x=%00"))
        return text

    def add_body(self, request, operation):
        r, body = self.random, operation.get("requestBody")
        if not body:
            if r.random() < 0.03:
                request.body, request.headers["Content-Type"], request.is_spoilt = b"{}", JSON, True
            return
        (kind, content), = body["content"].items()
        value = self.values.good(content["schema"])
        if kind != JSON:
            request.body = "&".join(quote(k) + "=" + quote(as_text(v), safe="") for k, v in value.items()).encode("ascii")
            request.headers["Content-Type"], request.is_spoilt = kind, True
            return
        request.headers["Content-Type"] = JSON
        if r.random() < 0.35:
            value, request.is_spoilt = self.values.spoil(value), True
        text = json.dumps(value, ensure_ascii=r.random() < 0.5)
        request.body = text.encode("utf-8", "surrogatepass")
        if not Draft202012Validator(content["schema"], resolver=self.resolver).is_valid(value):
            spoil(request, "the body")
        if r.random() < 0.08:
            request.body, request.is_spoilt, request.is_bad = self.values.spoil_json(text), True, False
        if r.random() < 0.05:
            request.headers["Content-Type"], request.is_spoilt = r.choice(TYPES), True
        if r.random() < 0.02:
            request.body, request.is_bad, request.is_spoilt = None, body["required"], True
            request.why = "there is no body"

    def add_headers(self, request):
        r = self.random
        token = r.choice(self.tokens * 4 + [self.tokens[0]] * 16 + [None, "not.a.token", "\u00e9"])
        if token:
            request.headers["Authorization"] = "Bearer " + token
        if r.random() < 0.3:
            request.headers["Accept"] = r.choice(ACCEPTS)
        for name in r.sample(sorted(ODD), r.choice((0, 0, 0, 1, 1, 2, 3))):
            request.headers[name] = r.choice(ODD[name])
        if r.random() < 0.3 and request.target in self.etags:
            request.headers["If-None-Match"] = self.etags[request.target]
        if r.random() < 0.01:
            request.headers["X-Long"] = "h" * r.choice((1000, 9000, 70000))
