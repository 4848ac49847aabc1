"""Judges an answer by what /openapi.json says of its operation."""
import gzip
import json

from jsonschema import Draft202012Validator, RefResolver
from values import is_time

BODYLESS = (204, 304)
LARGE = 300_000  # bytes of JSON that are not looked through


def matches(declared, given):
    if declared == "*/*" or declared == given:
        return True
    return declared.endswith("/*") and given.startswith(declared[:-1])


class Answers:
    def __init__(self, document):
        self.document, self.resolver = document, RefResolver.from_schema(document)

    def resolve(self, schema):
        return self.resolver.resolve(schema["$ref"])[1] if "$ref" in schema else schema

    def times(self, schema, value, where):
        """What is said to be a time is one (jsonschema leaves formats alone)."""
        schema = self.resolve(schema)
        for each in schema.get("anyOf", []):
            yield from self.times(each, value, where)
        if schema.get("format") == "date-time" and isinstance(value, str) and not is_time(value):
            yield f"{where} is no time: {value[:60]!r}"
        if isinstance(value, dict):
            for name, inner in schema.get("properties", {}).items():
                if name in value:
                    yield from self.times(inner, value[name], f"{where}.{name}")
        if isinstance(value, list) and "items" in schema:
            for each in value[:50]:
                yield from self.times(schema["items"], each, where + "[]")

    def judge_json(self, schema, raw):
        try:
            value = json.loads(raw.decode("utf-8"), parse_constant=lambda word: exec("raise ValueError(word)"))
        except ValueError as error:
            return f"is no JSON: {error}: {raw[:200]!r}"
        if len(raw) > LARGE:
            return None
        for error in Draft202012Validator(schema, resolver=self.resolver).iter_errors(value):
            return f"does not fit its schema: {'.'.join(map(str, error.absolute_path))}: {error.message[:300]}"
        return next(self.times(schema, value, ""), None)

    def judge(self, request, status, headers, raw):
        """None, or what is wrong with it."""
        if status >= 500 and status != 503 and status != 502:
            return f"{status}: {raw[:500]!r}"
        if not headers.get("x-request-id"):
            return f"{status} without X-Request-ID"
        if request.has_bad_path and status != 500:
            return None  # it may be another operation's
        if request.is_bad and 200 <= status < 300:
            return f"{status}, though {request.why}"
        response = request.operation["responses"].get(str(status))
        if response is None:
            return f"{status} is not declared: {raw[:300]!r}"
        if request.method == "HEAD" or status in BODYLESS:
            return f"{status} has a body" if raw else None
        if headers.get("content-encoding") == "gzip":
            raw = gzip.decompress(raw)
        return self.judge_content(self.resolve(response), status, headers.get("content-type", ""), raw)

    def judge_content(self, response, status, given, raw):
        content, kind = response.get("content", {}), given.split(";")[0]
        declared = next((d for d in content if matches(d, kind)), None)
        if status in (206, 303):
            return None
        if declared is None:
            return f"{status} is {given!r}, and not {list(content)}: {raw[:200]!r}"
        if kind == "application/json" and declared == kind:
            wrong = self.judge_json(content[declared]["schema"], raw)
            return wrong and f"{status} {wrong}"
        if kind == "application/x-ndjson":
            for line in raw.splitlines():
                wrong = self.judge_json({}, line)
                if wrong:
                    return f"a line {wrong}"
        if kind.startswith("text/"):
            try:
                raw.decode("utf-8")
            except UnicodeDecodeError as error:
                return f"{status} is no UTF-8: {error}"
        return None
