#!/usr/bin/env python3
"""hmac_check.py LOG SECRET...: the same with nothing but Python's hmac: each request has a signature of each secret.
HMAC_CLOCK_SECONDS: by how much the sender's clock may be wrong (60)."""
import base64
import hashlib
import hmac
import json
import os
import sys

count = 0
skew = int(os.environ.get("HMAC_CLOCK_SECONDS", "60"))
for line in open(sys.argv[1]):
    request = json.loads(line)
    headers, raw = request["headers"], base64.b64decode(request["raw"])
    signed = (headers["webhook-id"] + "." + headers["webhook-timestamp"] + ".").encode() + raw
    assert abs(int(headers["webhook-timestamp"]) - request["t"]) < skew
    signatures = headers["webhook-signature"].split(" ")
    for secret in sys.argv[2:]:
        key = base64.b64decode(secret.removeprefix("whsec_"), validate=True)
        assert len(key) >= 24
        expected = "v1," + base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
        assert expected in signatures, (expected, signatures)
    count += 1
assert count, "nothing was received"
print(count)
