"""A genuine Celery client of our worker, for the cases of cases.py: what it sends with, waits with and looks with. The first argument of
the program is Redis's URL."""
import base64
import json
import sys
import time

import redis
from celery import Celery
from celery.exceptions import TimeoutError

URL = sys.argv[1]
TASK = "tasks.diagnostics."
app = Celery("client", broker=URL, backend=URL)
app.conf.update(task_default_queue="sync", task_serializer="json", result_serializer="json", accept_content=["json"],
                result_expires=3600, task_send_sent_event=True)
raw = redis.Redis.from_url(URL)
PATIENCE = 90  # seconds, for what is there at once unless the machine is very busy


def send(name, *args, **options):
    return app.send_task(TASK + name, args=args, **options)


def wait(condition, seconds=PATIENCE):
    end = time.time() + seconds
    while not condition():
        assert time.time() < end, "waited in vain"
        time.sleep(0.05)


def value_of(task_id, seconds=PATIENCE):
    """What a task that runs already returns. A result that comes between Celery's look for it and its subscription is one that
    Celery waits for in vain, so it is asked when there is one."""
    wait(lambda: raw.exists("celery-task-meta-" + task_id) and app.AsyncResult(task_id).ready(), seconds)
    return app.AsyncResult(task_id).get(timeout=PATIENCE)


def end_of(result):
    """The same of a result whose tasks Celery does not yet listen to when they are sent: of chains and groups."""
    wait(result.ready)
    return result.get(timeout=PATIENCE)


def the_worker():
    """Its name, as soon as it answers."""
    return list(app.control.broadcast("ping", reply=True, timeout=PATIENCE, limit=1)[0])[0]


def fails(result, kind, text=None):
    try:
        value = result.get(timeout=PATIENCE)
    except TimeoutError:
        raise
    except Exception as e:
        assert type(e).__name__ == kind, (type(e), e)
        assert text is None or text in str(e), e
        return
    raise AssertionError("it did not fail but returned %r" % (value,))


def push(text=None, body_text="[[], {}, {}]", id="m-1", task=TASK + "noop", headers=None, **envelope):
    message = {"body": base64.b64encode(body_text.encode()).decode(), "content-encoding": "utf-8",
               "content-type": "application/json", "headers": headers or {"task": task, "id": id, "lang": "py"},
               "properties": {"correlation_id": id, "delivery_mode": 2, "priority": 0, "body_encoding": "base64",
                              "delivery_info": {"exchange": "", "routing_key": "sync"}, "delivery_tag": "tag-" + id}}
    message.update(envelope)
    raw.lpush("sync", text if text is not None else json.dumps(message))
