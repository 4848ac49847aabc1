"""The tasks of services/tasks/diagnostics.c for a genuine Celery worker, so that both can be asked the same:
celery -A genuine worker. REDIS_URL tells where."""
import os
import time

from celery import Celery

app = Celery("genuine", broker=os.environ["REDIS_URL"], backend=os.environ["REDIS_URL"])
app.conf.update(task_default_queue="sync", task_serializer="json", result_serializer="json", accept_content=["json"],
                result_expires=3600, task_acks_late=True, task_track_started=True, worker_prefetch_multiplier=1,
                task_send_sent_event=False, worker_send_task_events=True, worker_hijack_root_logger=False)
NAME = "tasks.diagnostics."


@app.task(name=NAME + "noop")
def noop(*args, **kwargs):
    return None


@app.task(name=NAME + "ignored", ignore_result=True)
def ignored(*args, **kwargs):
    return None


@app.task(name=NAME + "add")
def add(a, b):
    if not isinstance(a, (int, float)) or not isinstance(b, (int, float)):
        raise TypeError("add() takes two numbers, a and b")
    return a + b


@app.task(name=NAME + "sum")
def sum_(numbers):
    if not isinstance(numbers, list) or not all(isinstance(n, (int, float)) for n in numbers):
        raise TypeError("sum() takes a list of numbers")
    return sum(numbers)


# Bound, so that as an errback it is sent and not called in the place of its sender.
@app.task(name=NAME + "given", bind=True)
def given(self, *args, **kwargs):
    return list(args)


@app.task(name=NAME + "echo")
def echo(*args, **kwargs):
    return kwargs


@app.task(name=NAME + "sleep")
def sleep(seconds):
    time.sleep(seconds)
    return seconds


@app.task(name=NAME + "fail", bind=True)
def fail(self, message="failed as asked", retries=0):
    if self.request.retries < retries:
        raise self.retry(exc=ValueError(message), countdown=1, max_retries=retries)
    raise ValueError(message)
