"""What is asked of both workers (compare.py), a function each: chains, chords, chunks and maps. Each gets a World and returns whose
results are waited for."""
import uuid

from celery import chord, group
from celery.canvas import chunks as chunks_of


# ---- chains ----
def chain_of_three(w):
    return (w.s("add", 1, 2) | w.s("add", 10) | w.s("add", 100)).apply_async()


def chain_fails_first(w):
    return (w.s("fail", "x") | w.si("add", 1, 2) | w.s("add", 3)).apply_async()


def chain_fails_in_the_middle(w):
    return (w.s("add", 1, 2) | w.si("fail", "x") | w.s("add", 3)).apply_async()


def chain_fails_where_no_result_is_wanted(w):
    return (w.s("fail", "x").set(ignore_result=True) | w.si("add", 1, 2)).apply_async()


def chain_of_unknown(w):
    return (w.s("add", 1, 2) | w.s("tasks.nowhere") | w.s("add", 3)).apply_async()


def chain_ends_in_group(w):
    return (w.s("add", 1, 1) | group(w.s("add", 1), w.s("add", 2))).apply_async()


def chain_with_group(w):
    return (w.s("add", 1, 1) | group(w.s("add", 1), w.s("add", 2)) | w.s("sum")).apply_async()


def chain_with_group_and_more(w):
    return (w.s("add", 1, 1) | group(w.s("add", 1), w.s("add", 2)) | w.s("sum") | w.s("add", 100)).apply_async()


def chain_of_groups(w):
    return (group(w.s("add", 1, 1), w.s("add", 2, 2)) | w.s("sum") | group(w.s("add", 1), w.s("add", 2)) |
            w.s("sum")).apply_async()


def chain_group_group(w):
    return (group(w.s("add", 1, 1), w.s("add", 2, 2)) | group(w.s("given", 1), w.s("given", 2)) | w.s("given")).apply_async()


def chain_retries(w):
    return (w.s("fail", "x", 1) | w.s("add", 1)).apply_async()


def chain_retries_behind_its_head(w):
    return (w.s("add", 1, 2) | w.si("fail", "x", 1) | w.s("add", 1)).apply_async()


def chain_expires(w):
    return (w.s("add", 1, 2) | w.s("add", 3).set(expires=-1)).apply_async()


def chain_with_priority(w):
    return (w.s("add", 1, 2).set(priority=9) | w.s("add", 3).set(priority=9)).apply_async()


def chain_with_starmap(w):
    return (w.s("noop") | w.si("celery.starmap", kwargs={"task": w.s("add"), "it": [[1, 2], [3, 4]]}) | w.s("sum")).apply_async()


# Chains within chains as messages hold them: Python makes one chain of those that it is given as objects.
def of(kind, *tasks, **more):
    return dict({"task": "celery." + kind, "args": [], "kwargs": {"tasks": [dict(t) for t in tasks]}, "options": {},
                 "subtask_type": kind, "immutable": False}, **more)


def chain_within_a_chain(w):
    inner = of("chain", *(w.s("given", n) for n in range(1, 5)))
    return w.send("noop", link=of("chain", w.s("noop"), inner, w.s("given", 5)))


def chain_within_the_chain_of_a_body(w):
    inner = of("chain", *(w.s("given", n) for n in range(1, 4)))
    return chord([w.s("echo")], of("chain", w.s("noop"), inner, w.s("given", 5))).apply_async()


def chain_behind_a_body_that_ends_in_a_chord(w):
    inner = dict(chord([chord([w.s("given", 4)], w.s("echo"))], w.s("given", 2)))
    body = of("chain", w.s("noop"), w.s("noop"), inner)
    return w.app.signature(of("chain", chord([w.s("echo")], body), w.s("given", 2))).apply_async()


def chain_with_arguments_of_its_own(w):
    return w.send("add", 1, 2, link=of("chain", w.s("given", 1), w.s("given", 2), args=[7, 8]))


def chord_with_arguments_of_its_own(w):
    return w.send("add", 1, 2, link=dict(chord([w.s("given", 1, 9), w.s("given")], w.s("given")), args=[7, 8]))


# ---- chords ----
def chord_of_tasks(w):
    return chord([w.s("add", i, i) for i in range(5)])(w.s("sum"))


def chord_keeps_order(w):
    return chord([w.s("sleep", 0.3), w.s("add", 1, 0), w.s("sleep", 0.1), w.s("add", 2, 0)])(w.s("given"))


def chord_of_one(w):
    return chord([w.s("add", 1, 1)])(w.s("sum"))


def chord_without_header(w):
    return chord([])(w.s("sum"))


def chord_with_immutable_body(w):
    return chord([w.s("add", 1, 1), w.s("add", 2, 2)])(w.si("add", 5, 5))


def chord_with_arguments_in_body(w):
    return chord([w.s("add", 1, 1), w.s("add", 2, 2)])(w.s("given", "more", 1.5))


def chord_odd_results(w):
    return chord([w.s("given", 2**60 + 1, 0.1 + 0.2, "a\x00b\\\"/ü\ud83d"), w.s("echo", kwargs={"n": None}), w.s("noop"),
                  w.s("given")])(w.s("given"))


def chord_body_chain(w):
    return chord([w.s("add", 1, 1), w.s("add", 2, 2)])(w.s("sum") | w.s("add", 10))


def chord_body_group(w):
    return chord([w.s("add", 1, 1), w.s("add", 2, 2)])(group(w.s("sum"), w.s("given")))


def chord_body_fails(w):
    return chord([w.s("add", 1, 1), w.s("add", 2, 2)])(w.si("fail", "x"))


def chord_header_fails(w):
    return chord([w.s("add", 1, 1), w.s("fail", "boom")])(w.s("sum"))


def chord_header_fails_with_errback(w):
    return chord([w.s("add", 1, 1), w.s("fail", "boom")])(w.s("sum").on_error(w.s("given")))


def chord_header_errbacks(w):
    return chord([w.s("add", 1, 1), w.s("fail", "boom").on_error(w.s("given"))])(w.s("sum"))


def chord_header_retries(w):
    return chord([w.s("add", 1, 1), w.s("fail", "boom", 1)])(w.s("sum"))


def chord_header_expires(w):
    return chord([w.s("add", 1, 1), w.s("add", 2, 2).set(expires=-1)])(w.s("sum"))


def chord_header_revoked(w):
    id = str(uuid.uuid4())
    w.app.control.revoke(id, reply=True, timeout=1)
    return chord([w.s("add", 1, 1), w.s("add", 2, 2).set(task_id=id)])(w.s("sum"))


def chord_header_time_limit(w):
    return chord([w.s("add", 1, 1), w.s("sleep", 5).set(soft_time_limit=1)])(w.s("sum"))


def chord_header_eta(w):
    return chord([w.s("add", 1, 1), w.s("add", 2, 2).set(countdown=0.4)])(w.s("sum"))


def chord_header_ignored(w):
    return chord([w.s("add", 1, 1), w.s("add", 2, 2).set(ignore_result=True)])(w.s("sum"))


def chord_header_fails_ignored(w):
    return chord([w.s("add", 1, 1), w.s("fail", "x").set(ignore_result=True)])(w.s("sum"))


def chord_header_with_links(w):
    return chord([w.s("add", 1, 1).set(link=[w.s("add", 50)]), w.s("add", 2, 2)])(w.s("sum"))


def chord_body_with_links(w):
    return chord([w.s("add", 1, 1), w.s("add", 2, 2)])(w.s("sum").set(link=[w.s("add", 50)]))


def chord_of_chains(w):
    return chord([w.s("add", 1, 1) | w.s("add", 10), w.s("sleep", 0.3) | w.s("add", 20)])(w.s("given"))


def chord_of_chains_that_fail(w):
    return chord([w.s("fail", "x") | w.s("add", 10), w.s("add", 2, 2)])(w.s("given"))


def chord_of_chains_with_group_behind(w):
    return chord([w.s("add", 1, 1) | group(w.s("add", 10), w.s("add", 20)), w.s("sleep", 0.3)])(w.s("given"))


def chord_of_groups(w):
    return chord([group(w.s("add", 1, 1), w.s("add", 2, 2)), w.s("add", 3, 3)])(w.s("given"))


def chord_in_chord(w):
    return chord([chord([w.s("add", 1, 1), w.s("add", 2, 2)], w.s("sum")), w.s("add", 5, 5)])(w.s("given"))


def chord_in_chord_in_chord(w):
    inner = chord([chord([w.s("add", 1, 1), w.s("add", 2, 2)], w.s("sum")), w.s("add", 5, 5)], w.s("sum"))
    return chord([inner, w.s("add", 7, 7)])(w.s("given"))


def chord_in_chord_fails(w):
    return chord([chord([w.s("add", 1, 1), w.s("fail", "in")], w.s("sum")), w.s("add", 5, 5)])(w.s("given"))


def chord_in_body(w):
    return chord([w.s("add", 1, 1), w.s("add", 2, 2)])(chord([w.s("given", 1), w.s("given", 2)], w.s("given")))


def chord_of_starmaps(w):
    return chord([w.si("celery.starmap", kwargs={"task": w.s("add"), "it": [[n, 1], [n, 2]]}) for n in (1, 2)])(w.s("given"))


def chord_mixed_queues(w):
    return chord([w.s("add", 1, 1).set(priority=9), w.s("add", 2, 2).set(priority=3)])(w.s("sum").set(priority=6))


def chord_in_chain_fails(w):
    return (w.s("add", 1, 1) | group(w.s("add", 1), w.si("fail", "x")) | w.s("sum") | w.s("add", 100)).apply_async()


def chain_that_fails_before_a_chord(w):
    return (w.s("fail", "x") | group(w.s("add", 1), w.s("add", 2)) | w.s("sum")).apply_async()


def chunks(w):
    return chunks_of(w.s("add"), [(1, 1), (2, 2), (3, 3)], 2, app=w.app).apply_async()


def chunks_in_link(w):
    return w.send("add", 1, 2, link=chunks_of(w.s("add"), [(1, 1), (2, 2), (3, 3)], 2, app=w.app))


def map_and_starmap(w):
    return [w.app.send_task("celery.map", kwargs={"task": w.s("given"), "it": [1, [2]]}),
            w.app.send_task("celery.starmap", kwargs={"task": w.s("add"), "it": [[1, 2], [3, 4]]})]


def starmap_fails(w):
    return w.app.send_task("celery.starmap", kwargs={"task": w.s("add"), "it": [[1, 2], ["a", 4]]})


def headers_of_signatures(w):
    return w.send("add", 1, 2, link=w.s("given").set(headers={"tenant": "a"}))
