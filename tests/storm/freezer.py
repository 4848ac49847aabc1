"""Freezing processes by the freezer of a control group, of either version, where that is allowed."""
import os
import time


def mounts():
    """Where control groups with a freezer are mounted, by version."""
    found = {}
    with open("/proc/self/mounts") as f:
        for _, place, kind, options, *_ in map(str.split, f):
            if kind == "cgroup2":
                found["v2"] = place
            elif kind == "cgroup" and "freezer" in options.split(","):
                found["v1"] = place
    return found


def group_of(version, name, pids, made):
    """The file that freezes a control group of that name with these processes in it, whose directory is added to those that
    were made; None where that is not allowed."""
    place = mounts().get(version)
    if not place:
        return None
    path = os.path.join(place, name)
    try:
        os.makedirs(path, exist_ok=True)
        made.add(path)
        switch = os.path.join(path, "cgroup.freeze" if version == "v2" else "freezer.state")
        if not os.path.exists(switch):
            return None
        for pid in pids:
            try:
                with open(path + "/cgroup.procs", "w") as f:
                    f.write(str(pid))
            except ProcessLookupError:
                pass
        return switch
    except OSError:
        return None


def freeze(switch, seconds):
    words = ("1", "0") if switch.endswith("cgroup.freeze") else ("FROZEN", "THAWED")
    try:
        with open(switch, "w") as f:
            f.write(words[0])
        time.sleep(seconds)
    finally:
        with open(switch, "w") as f:
            f.write(words[1])
