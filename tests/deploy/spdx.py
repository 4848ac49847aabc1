#!/usr/bin/python3
"""Checks bills of materials (files given as arguments) against spdx.schema.json, and against what no schema can say: that each name means one
thing, that relationships join what is there, that nothing stands alone. SPDX_SCHEMA names the full schema of SPDX, where it is.
As a module: faults()."""
import json
import os
import sys

import jsonschema

HERE = os.path.dirname(os.path.abspath(__file__))


def schemas():
    for path in (os.path.join(HERE, "spdx.schema.json"), os.environ.get("SPDX_SCHEMA")):
        if path:
            with open(path, encoding="utf-8") as f:
                yield json.load(f)


def faults(document):
    for schema in schemas():
        for e in jsonschema.Draft7Validator(schema).iter_errors(document):
            yield f"{'/'.join(map(str, e.absolute_path))}: {e.message[:300]}"
    things = [x.get("SPDXID") for part in ("packages", "files") for x in document.get(part, [])]
    for i in sorted({i for i in things if things.count(i) > 1}):
        yield f"{i} stands more than once"
    joined = set()
    for r in document.get("relationships", []):
        ends = (r.get("spdxElementId"), r.get("relatedSpdxElement"))
        joined |= set(ends)
        for end in ends:
            if end not in things and end != document.get("SPDXID"):
                yield f"{' '.join(map(str, r.values()))}: {end} is not there"
    for i in sorted(set(things) - joined):
        yield f"{i} belongs to nothing"
    if sum(r.get("relationshipType") == "DESCRIBES" for r in document.get("relationships", [])) != 1:
        yield "the document describes not one thing"


if __name__ == "__main__":
    bad = 0
    for name in sys.argv[1:]:
        with open(name, encoding="utf-8") as file:
            found = list(faults(json.load(file)))
        print(f"{name}: {len(found)} faults", *found[:20], sep="\n  ")
        bad += len(found)
    sys.exit(1 if bad or len(sys.argv) < 2 else 0)
