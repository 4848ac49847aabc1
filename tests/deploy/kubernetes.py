#!/usr/bin/python3
"""Checks deploy/kubernetes against kubernetes.schema.json, and against what no schema can say: that selectors meet labels, that names are
settings, that probes ask routes, that the grace period is long enough. As a module: documents() and faults()."""
import glob
import json
import os
import sys

import jsonschema
import yaml

import spec

PLACE = os.path.join(spec.ROOT, "deploy/kubernetes")
NAME = "app.kubernetes.io/name"


def documents(place=PLACE):
    """(file, document) of each."""
    found = []
    for path in sorted(glob.glob(os.path.join(place, "*.yaml"))):
        with open(path, encoding="utf-8") as f:
            found += [(os.path.basename(path), d) for d in yaml.safe_load_all(f) if d]
    return found


def literals(docs):
    kustomization = [d for _, d in docs if d["kind"] == "Kustomization"][0]
    return dict(line.split("=", 1) for line in kustomization["configMapGenerator"][0]["literals"])


def schema_faults(docs):
    with open(os.path.join(spec.HERE, "kubernetes.schema.json"), encoding="utf-8") as f:
        schema = json.load(f)
    for file, d in docs:
        kind = d.get("kind")
        if kind not in schema["definitions"]:
            yield f"{file}: {kind} is no kind that is known here"
            continue
        validator = jsonschema.Draft7Validator({"$ref": f"#/definitions/{kind}", "definitions": schema["definitions"]})
        for e in validator.iter_errors(d):
            yield f"{file}: {kind}: {'/'.join(map(str, e.absolute_path))}: {e.message}"


def container_faults(where, container, config):
    known = spec.settings()
    given = {e["name"]: e for e in container.get("env", [])}
    if container["command"][0] != "logikald" or container["image"] != "logikald":
        yield f"{where}: runs {container['command']} of {container['image']}"
    security = container["securityContext"]
    if security["allowPrivilegeEscalation"] or not security["readOnlyRootFilesystem"] or security["capabilities"] != {"drop": ["ALL"]}:
        yield f"{where}: has more rights than it needs"
    for name, entry in given.items():
        if name not in known:
            yield f"{where}: {name} is not a setting"
            continue
        is_secret = known[name][1] or "secretKeyRef" in entry.get("valueFrom", {})
        if known[name][1] and "secretKeyRef" not in entry.get("valueFrom", {}):
            yield f"{where}: {name} is a secret: from the Secret, not in the file"
        if is_secret and name in config:
            yield f"{where}: {name} is a secret and stands in the ConfigMap"
        for kind in ("secretKeyRef", "configMapKeyRef"):
            ref = entry.get("valueFrom", {}).get(kind)
            if ref and (ref["key"] != name or ref["name"] != "logikald"):
                yield f"{where}: {name} is taken from {ref['name']}/{ref['key']}"
            if ref and kind == "configMapKeyRef" and name not in config:
                yield f"{where}: {name} is not in the ConfigMap"
    ports = {p.get("name"): p["containerPort"] for p in container.get("ports", [])}
    for probe in ("startupProbe", "readinessProbe", "livenessProbe"):
        get = container.get(probe, {}).get("httpGet")
        if get and (get["path"] not in spec.routes() or get["port"] not in list(ports) + list(ports.values())):
            yield f"{where}: {probe} asks {get['path']} on {get['port']}, which is not there"


def faults(docs):
    out = list(schema_faults(docs))
    if out:
        return out
    config = literals(docs)
    out += [f"kustomization.yaml: {name} is not a setting" for name in config if name not in spec.settings()]
    kustomization = [d for _, d in docs if d["kind"] == "Kustomization"][0]
    common = kustomization["labels"][0]["pairs"] if kustomization["labels"][0].get("includeTemplates") else {}
    out += [f"kustomization.yaml: there is no {r}" for r in kustomization["resources"] if r not in [f for f, _ in docs]]
    deployments = {d["metadata"]["name"]: d["spec"] for _, d in docs if d["kind"] == "Deployment"}
    labels = {n: {**common, **s["template"]["metadata"]["labels"]} for n, s in deployments.items()}

    def meets(selector):
        return [n for n, l in labels.items() if selector.items() <= l.items()]

    for file, d in docs:
        where = f"{file}: {d['kind']} {d.get('metadata', {}).get('name', '')}"
        s = d.get("spec", {})
        selector = s.get("podSelector", s.get("selector", {}))
        selector = selector.get("matchLabels", selector)
        if selector and not meets(selector):
            out.append(f"{where}: its selector {selector} meets no pod")
        target = s.get("scaleTargetRef", {}).get("name")
        if target and target not in deployments:
            out.append(f"{where}: there is no deployment {target}")
    stop = int(config.get("STOP_TIMEOUT_SECONDS", spec.settings()["STOP_TIMEOUT_SECONDS"][0]))
    grace = int(config.get("WORKER_GRACE_SECONDS", spec.settings()["WORKER_GRACE_SECONDS"][0]))
    for name, s in deployments.items():
        pod = s["template"]["spec"]
        if not labels[name].items() >= s["selector"]["matchLabels"].items() or meets(s["selector"]["matchLabels"]) != [name]:
            out.append(f"{name}: its selector meets other pods than its own")
        if pod["terminationGracePeriodSeconds"] <= max(grace, stop if name != "logikald-beat" else 0):
            out.append(f"{name}: the grace period is not longer than STOP_TIMEOUT_SECONDS and WORKER_GRACE_SECONDS")
        if "prometheus.io/scrape" in s["template"]["metadata"].get("annotations", {}):
            out.append(f"{name}: /metrics asks for a token, which annotations cannot carry: every scrape would be refused")
        given = [e["name"] for c in pod["containers"] for e in c.get("env", [])]
        if any(c.get("ports") for c in pod["containers"]) and "METRICS_TOKEN" not in given:
            out.append(f"{name}: is given no METRICS_TOKEN, so nothing can read its /metrics")
        if not pod["securityContext"]["runAsNonRoot"]:
            out.append(f"{name}: runs as root")
        for c in pod.get("initContainers", []) + pod["containers"]:
            out += container_faults(f"{name}/{c['name']}", c, config)
    for _, d in docs:
        if d["kind"] == "ScaledObject":
            triggers = {t["name"] for t in d["spec"]["triggers"]}
            formula = d["spec"]["advanced"]["scalingModifiers"]["formula"]
            if {w for w in formula.replace("+", " ").split()} != triggers:
                out.append(f"keda.yaml: the formula {formula} and the triggers {sorted(triggers)} differ")
    return out


if __name__ == "__main__":
    wrong = faults(documents())
    print("\n".join(wrong) or "deploy/kubernetes is right")
    sys.exit(1 if wrong else 0)
