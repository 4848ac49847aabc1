"""Mirrors all elevations with their pictures and parts lists as an ERP would, and counts its calls.

mirror.py BASE_URL TOKEN: prints one line of JSON with what it has got, and what it was told of the limits."""

import hashlib
import io
import json
import sys
import urllib.request
import zipfile

base, token = sys.argv[1], sys.argv[2]
calls, least_left = 0, None


def ask(path, body=None):
    global calls, least_left
    calls += 1
    headers = {"Authorization": "Bearer " + token}
    if body is not None:
        headers["Content-Type"] = "application/json"
    request = urllib.request.Request(base + path, json.dumps(body).encode() if body is not None else None, headers)
    with urllib.request.urlopen(request, timeout=120) as reply:
        left = reply.headers.get("X-RateLimit-Remaining")
        if left is not None:
            least_left = min(int(left), least_left if least_left is not None else int(left))
        return reply.read()


def batches(ids):
    return [ids[i:i + 500] for i in range(0, len(ids), 500)]


for kind in "directories", "projects", "phases":
    json.loads(ask("/api/v1/%s/cached" % kind))
elevations = json.loads(ask("/api/v1/elevations/cached"))["data"]
ids = [e["id"] for e in elevations]
pictures, missing, parts, amounts = {}, {}, {}, 0
for some in batches(ids):
    archive = zipfile.ZipFile(io.BytesIO(ask("/api/v1/elevations/thumbnails:batchGet", {"elevation_ids": some})))
    assert archive.testzip() is None
    index = json.loads(archive.read("index.json"))["thumbnails"]
    assert [e["elevation_id"] for e in index] == some
    assert sorted(archive.namelist()) == sorted([e["file"] for e in index if "file" in e] + ["index.json"])
    for e in index:
        if e["state"] == "stored":
            bytes_ = archive.read(e["file"])
            assert hashlib.sha256(bytes_).hexdigest() == e["sha256"] and len(bytes_) == e["size"], e
            pictures[e["elevation_id"]] = bytes_
        else:
            missing[e["elevation_id"]] = e
    for line in ask("/api/v1/elevations/parts:batchGet", {"elevation_ids": some}).decode().splitlines():
        e = json.loads(line)
        parts[e["elevation_id"]] = e
        amounts += sum(a.get("amount") or 0 for a in (e.get("lines") or {}).get("article", []))
digest = hashlib.sha256(b"".join(pictures[i] for i in sorted(pictures)))
print(json.dumps({"calls": calls, "elevations": len(ids), "pictures": len(pictures), "digest": digest.hexdigest(),
                  "missing": [missing[i]["state"] for i in sorted(missing)],
                  "read": sum(e["state"] == "read" for e in parts.values()), "amounts": amounts, "left": least_left}))
