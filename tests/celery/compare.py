"""The same client asks a genuine Celery worker and ours the same: compare.py GENUINE-URL OUR-URL [CASE]. Prints a table, one
line a case, and what differs. Ends with 0 when nothing differs but what DIFFERS lists (docs/queue.md says why), and all
of that does."""
import inspect
import multiprocessing
import sys
import time
import traceback

import celery

import compare_canvas
import compare_tasks
from compare_world import World

CASES = {name: function for module in (compare_tasks, compare_canvas) for name, function in vars(module).items()
         if inspect.isfunction(function) and function.__module__ == module.__name__}
# case -> what differs, and why; each line stands in docs/queue.md, too.
STARTED = "Celery 5.2 leaves STARTED behind where no result is wanted; here nothing is stored"
WAITING = "in Celery whoever waits for the last of them waits for ever; here each gets the failure"
DIFFERS = {
    "ignored_result": STARTED,
    "link_ignored": STARTED,
    "chord_header_ignored": STARTED,
    "errback_chain": "a chain as errback ends in an EncodeError in Celery 5.2; here it is sent",
    "chain_of_unknown": WAITING,
    "chain_that_expires_at_its_head": WAITING,
    "chord_in_chord_fails": WAITING,
    "chord_in_chain_fails": WAITING,
    "chain_that_fails_before_a_chord": WAITING,
}

ENOUGH_S = 240  # after that nothing is asked again


def world(url, names, pipe):
    w = World(url)
    for name in names:
        began = time.time()
        try:
            answer = w.run(CASES[name])
        except Exception:
            answer = {"error": traceback.format_exc()}
        pipe.send((name, answer, time.time() - began))
    pipe.send(None)


def ask(urls, names):
    context = multiprocessing.get_context("spawn")
    answers = []
    for url in urls:
        ours, theirs = context.Pipe()
        process = context.Process(target=world, args=(url, names, theirs), daemon=True)
        process.start()
        theirs.close()  # one that died is seen
        answers.append((ours, {}))
    for pipe, found in answers:
        while True:
            one = pipe.recv()
            if one is None:
                break
            found[one[0]] = one[1:]
    return [found for _, found in answers]


def differences(genuine, ours):
    for key in sorted(set(genuine) | set(ours)):
        a, b = genuine.get(key), ours.get(key)
        if a == b:
            continue
        if key == "tasks":
            yield from ("genuine only: " + one for one in a if a.count(one) != b.count(one))
            yield from ("ours only:    " + one for one in b if a.count(one) != b.count(one))
        else:
            yield "%s: genuine %s, ours %s" % (key, a, b)


def main():
    names = [n for n in CASES if not sys.argv[3:] or n in sys.argv[3:]]
    # The list of differences is that of 5.2; a newer one is shown beside ours, and only a hang is wrong.
    is_known = celery.__version__.startswith("5.2.")
    began = time.time()
    genuine, ours = ask(sys.argv[1:3], names)

    def is_wrong(name):
        if not is_known:
            return "never quiet" in ours[name][0]
        return any(differences(genuine[name][0], ours[name][0])) != (name in DIFFERS)

    for _ in range(4):  # what comes first on a busy machine is luck
        again = [n for n in names if n not in DIFFERS and is_wrong(n)]
        if not again or time.time() - began > ENOUGH_S:
            break
        print("asked again: %s" % ", ".join(again))
        for found, fresh in zip((genuine, ours), ask(sys.argv[1:3], again)):
            found.update(fresh)
    bad = documented = 0
    for name in names:
        different = list(differences(genuine[name][0], ours[name][0]))
        wrong = is_wrong(name)
        verdict = "equal" if not different else "differs, as documented" if name in DIFFERS else "differs"
        bad, documented = bad + wrong, documented + (bool(different) and name in DIFFERS)
        print("%-36s %5.1f %5.1f s  %s%s" % (name, genuine[name][1], ours[name][1], verdict, ": WRONG" if wrong else ""))
        for line in [DIFFERS[name]] if different and name in DIFFERS else different:
            print("      " + line)
    print("Celery %s: %d cases, %d equal, %d as documented, %d wrong" %
          (celery.__version__, len(names), sum(genuine[n][0] == ours[n][0] for n in names), documented, bad))
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
