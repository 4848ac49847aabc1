#!/usr/bin/python3
"""Reads an App Platform spec, checks it against app_spec.schema.json and against what the schema cannot say, and prints
it as JSON. As a module: load() and faults()."""
import glob
import json
import os
import re
import sys

import jsonschema
import yaml

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
ONE_INSTANCE = {"apps-s-1vcpu-0.5gb", "apps-s-1vcpu-1gb-fixed"}


def settings():
    """Environment name -> (default, is_secret) of every setting."""
    row = re.compile(r'^S\(\w+, "[^"]*", "([A-Z0-9_]+)", \w+, [^,]+, [^,]+, "([^"]*)", ([01]),')
    with open(os.path.join(ROOT, "conf/settings.def"), encoding="utf-8") as f:
        found = {m[1]: (m[2], m[3] == "1") for m in map(row.match, f) if m}
    assert len(found) > 30, "settings.def could not be read"
    return found


def routes():
    texts = [open(name, encoding="utf-8").read() for name in glob.glob(os.path.join(ROOT, "services/web/gate/routes*.def"))]
    return set(re.findall(r'"(/[^"]*)"', "".join(texts)))


def load(path):
    with open(path, encoding="utf-8") as f:
        return yaml.safe_load(f)


def components(spec):
    return [c for kind in ("services", "workers", "jobs") for c in spec.get(kind, [])]


def environment(spec, component):
    """What the platform gives to a component: key -> entry."""
    return {e["key"]: e for e in spec.get("envs", []) + component.get("envs", [])}


def faults(spec):
    schema = load(os.path.join(HERE, "app_spec.schema.json"))
    validator = jsonschema.Draft7Validator(schema)
    out = ["/".join(map(str, e.absolute_path)) + ": " + e.message for e in validator.iter_errors(spec)]
    if out:
        return out
    names = [c["name"] for c in components(spec)] + [d["name"] for d in spec.get("databases", [])]
    out += [f"{n}: the name is there twice" for n in set(names) if names.count(n) > 1]
    known = settings()
    databases = {d["name"]: d for d in spec.get("databases", [])}
    for d in databases.values():
        if d.get("production") and not d.get("cluster_name"):
            out.append(f"{d['name']}: a managed database needs cluster_name")
    for c in components(spec):
        where = c["name"]
        if c["instance_size_slug"] in ONE_INSTANCE and c.get("instance_count", 1) > 1:
            out.append(f"{where}: {c['instance_size_slug']} allows one instance only")
        if c["run_command"].split()[0] != "logikald":
            out.append(f"{where}: runs {c['run_command']}")
        env = environment(spec, c)
        for key, entry in env.items():
            value = entry.get("value")
            if key not in known:
                out.append(f"{where}: {key} is not a setting")
                continue
            bound = re.fullmatch(r"\$\{([a-z0-9-]+)\.([A-Z_]+)\}", value or "")
            if bound and bound[1] not in databases:
                out.append(f"{where}: {key} names {bound[1]}, which is not there")
            if known[key][1] and not bound and (entry.get("type") != "SECRET" or value):
                out.append(f"{where}: {key} is a secret: type SECRET, no value in the file")
            if not bound and entry.get("type") != "SECRET" and value is None:
                out.append(f"{where}: {key} has no value")
        stop = int(env.get("STOP_TIMEOUT_SECONDS", {}).get("value", known["STOP_TIMEOUT_SECONDS"][0]))
        if c.get("termination", {}).get("grace_period_seconds", 120) <= stop:
            out.append(f"{where}: the grace period is not longer than STOP_TIMEOUT_SECONDS ({stop})")
        for check in ("health_check", "liveness_health_check"):
            if check in c and c[check]["http_path"] not in routes():
                out.append(f"{where}: {check} asks {c[check]['http_path']}, which is no route")
        if "http_port" in c and env.get("PORT", {}).get("value", str(c["http_port"])) != str(c["http_port"]):
            out.append(f"{where}: PORT and http_port differ")
    return out


if __name__ == "__main__":
    document = load(sys.argv[1])
    wrong = faults(document)
    if wrong:
        print("\n".join(wrong), file=sys.stderr)
        sys.exit(1)
    json.dump(document, sys.stdout)
