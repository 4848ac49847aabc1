#!/usr/bin/python3
"""send.py REDIS_URL COUNT PREFIX DELAY_MS: sends COUNT tasks that count their effect under PREFIX:N, as a Python service
does it, waits for all results, and prints the seconds that took. Fails when one is missing within 60 s."""
import sys
import time

from celery import Celery

url, count, prefix, delay_ms = sys.argv[1], int(sys.argv[2]), sys.argv[3], int(sys.argv[4])
app = Celery(broker=url, backend=url)
begin = time.monotonic()
sent = [app.send_task("tasks.diagnostics.effect", args=[f"{prefix}:{n}", delay_ms], queue="sync") for n in range(count)]
print("sent", flush=True)
for result in sent:
    result.get(timeout=max(1, begin + 60 - time.monotonic()), interval=0.02)
print(f"{time.monotonic() - begin:.2f}")
