"""The same no-op task for Celery: with Celery's own settings, or, with PEER_AS_REPLACED, those of the system that logikald
replaces."""
import os
import time

from celery import Celery

app = Celery("peer", broker=os.environ["REDIS_URL"], backend=os.environ["REDIS_URL"])
app.conf.update(task_default_queue="sync", task_serializer="json", result_serializer="json", accept_content=["json"],
                result_expires=3600)
if os.environ.get("PEER_AHEAD"):
    app.conf.update(worker_prefetch_multiplier=int(os.environ["PEER_AHEAD"]))
if os.environ.get("PEER_AS_REPLACED"):
    app.conf.update(task_track_started=True, task_acks_late=True, worker_prefetch_multiplier=1)


@app.task(name="tasks.diagnostics.noop")
def noop():
    return None


@app.task(name="tasks.diagnostics.sleep")
def sleep(seconds):
    time.sleep(seconds)
    return seconds
