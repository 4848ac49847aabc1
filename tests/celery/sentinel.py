"""A genuine Celery client whose broker and results are behind Sentinels, as our worker's are:
sentinel.py URL MASTER-NAME PASSWORD-OF-THE-SENTINELS. Ends with status 0 when tasks come back."""
import sys
import time

from celery import Celery

url, master, password = sys.argv[1:4]
options = {"master_name": master, "sentinel_kwargs": {"password": password}}
app = Celery("client", broker=url, backend=url)
app.conf.update(task_default_queue="sync", broker_transport_options=options, result_backend_transport_options=options,
                task_serializer="json", result_serializer="json", accept_content=["json"])
sent = [app.send_task("tasks.diagnostics.add", args=(i, 1)) for i in range(20)]
for i, result in enumerate(sent):
    end = time.time() + 30
    while result.state != "SUCCESS":
        assert time.time() < end, (i, result.state)
        time.sleep(0.02)
    assert result.get() == i + 1
