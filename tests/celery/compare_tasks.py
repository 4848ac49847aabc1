"""What is asked of both workers (compare.py), a function each: single tasks, groups, and what follows a task: links and errbacks.
Each gets a World and returns whose results are waited for."""
import uuid

from celery import chain, chord, group

from compare_world import T


# ---- plain tasks ----
def plain(w):
    return [w.send("add", 1, 2), w.send("noop"), w.send("echo", kwargs={"a": [1, None, "ü"]})]


def failure(w):
    return w.send("fail", "boom")


def failure_with_quotes(w):
    return w.send("fail", "it's \"odd\"\n\\x")


def unknown_task(w):
    return w.app.send_task("tasks.nowhere")


def ignored_result(w):
    w.send("add", 1, 2, ignore_result=True)
    w.send("ignored")


def ignored_result_of_failures(w):
    w.send("fail", "x", ignore_result=True)
    w.app.send_task("tasks.nowhere", ignore_result=True)
    w.send("add", 1, 2, ignore_result=True, expires=-1)


def retries(w):
    return w.send("fail", "again", 1)


def retries_have_their_parent(w):
    return [w.send("add", 1, 2, link=w.si("fail", "again", 1)),
            w.send("fail", "x", link_error=w.s("fail", kwargs={"retries": 1}))]


def expired(w):
    return w.send("add", 1, 2, expires=-1)


def expired_while_waiting(w):
    return w.send("add", 1, 2, countdown=0.8, expires=0.3)


def chain_that_expires_at_its_head(w):
    return (w.s("add", 1, 2).set(expires=-1) | w.s("add", 3)).apply_async()


def countdown(w):
    return w.send("add", 1, 2, countdown=0.4)


def priorities(w):
    return [w.send("add", n, 0, priority=n) for n in (0, 3, 6, 9)]


def revoked_before(w):
    id = str(uuid.uuid4())
    w.app.control.revoke(id, reply=True, timeout=1)
    return w.app.send_task(T + "add", (1, 2), task_id=id)


def hard_limit(w):
    return w.send("sleep", 5, time_limit=1)


def soft_limit(w):
    return w.send("sleep", 5, soft_time_limit=1)


def group_of_tasks(w):
    return group(w.s("add", 1, 1), w.s("add", 2, 2)).apply_async()


def group_with_failure(w):
    return group(w.s("add", 1, 1), w.s("fail", "x")).apply_async()


def group_of_chains(w):
    return group(w.s("add", 1, 1) | w.s("add", 10), w.s("add", 2, 2) | w.s("add", 20)).apply_async()


def group_in_group(w):
    return group(w.s("add", 1, 1), group(w.s("add", 2, 2), w.s("add", 3, 3))).apply_async()


# ---- links ----
def link(w):
    return w.send("add", 1, 2, link=w.s("add", 10))


def link_immutable(w):
    return w.send("add", 1, 2, link=w.si("add", 10, 10))


def link_many(w):
    return w.send("add", 1, 2, link=[w.s("add", 10), w.s("add", 20)])


def link_group(w):
    return w.send("add", 1, 2, link=group(w.s("add", 10), w.s("add", 20)))


def link_group_and_task(w):
    return w.send("add", 1, 2, link=[group(w.s("add", 10), w.s("add", 20)), w.s("add", 30)])


def link_chain(w):
    return w.send("add", 1, 2, link=w.s("add", 10) | w.s("add", 20) | w.s("add", 30))


def link_chord(w):
    return w.send("add", 1, 2, link=chord([w.s("add", 10), w.s("add", 20)], w.s("sum")))


def link_chord_chain(w):
    return w.send("add", 1, 2, link=w.s("add", 1) | group(w.s("add", 10), w.s("add", 20)) | w.s("sum") | w.s("add", 5))


def link_of_link(w):
    inner = w.s("add", 10)
    inner.link(w.s("add", 100))
    return w.send("add", 1, 2, link=inner)


def link_with_options(w):
    return w.send("add", 1, 2, link=w.s("add", 10).set(countdown=0.3, priority=9, task_id="given-id"))


def link_starmap(w):
    return w.send("add", 1, 2, link=w.si("celery.starmap", kwargs={"task": w.s("add"), "it": [[1, 2], [3, 4]]}))


def link_ignored(w):
    return w.send("add", 1, 2, ignore_result=True, link=w.s("add", 10))


# ---- link_error ----
def errback(w):
    return w.send("fail", "x", link_error=w.s("given"))


def errbacks(w):
    return w.send("fail", "x", link_error=[w.s("given", 1), w.s("given", 2)])


def errback_immutable(w):
    return w.send("fail", "x", link_error=w.si("given", "told"))


def errback_after_retries(w):
    return w.send("fail", "x", 1, link_error=w.s("given"))


def errback_of_time_limit(w):
    return w.send("sleep", 5, soft_time_limit=1, link_error=w.s("given"))


def errback_that_fails(w):
    return w.send("fail", "x", link_error=w.s("fail"))


def errback_in_chain(w):
    return chain(w.s("fail", "x"), w.si("add", 1, 2)).apply_async(link_error=w.s("given"))


def errback_chain(w):
    return w.send("fail", "x", link_error=w.s("given") | w.s("given", 2))
