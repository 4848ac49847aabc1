"""The peer's worker and beat: Celery with one task and one schedule."""
import os

from celery import Celery

app = Celery("tasks", broker=os.environ["REDIS_URL"], backend=os.environ["REDIS_URL"])
app.conf.beat_schedule = {"tick": {"task": "tasks.noop", "schedule": 300.0}}


@app.task(name="tasks.noop")
def noop():
    return None
