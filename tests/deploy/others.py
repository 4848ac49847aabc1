#!/usr/bin/python3
"""Checks deploy/fly.toml, deploy/render.yaml and deploy/quadlet: every key is one that the platform knows (what is not listed here is
refused), every variable is a setting, secrets stand nowhere, probes ask routes, stop deadlines are long enough."""
import os
import re
import sys
import tomllib

import jsonschema

import spec

TEXT, NUMBER, FLAG = {"type": "string"}, {"type": "integer", "minimum": 0}, {"type": "boolean"}


def thing(properties, required=()):
    return {"type": "object", "additionalProperties": False, "properties": properties, "required": list(required)}


def many(item):
    return {"type": "array", "items": item, "minItems": 1}


SPAN = {"type": "string", "pattern": "^[0-9]+(ms|s|m)$"}
FLY = thing({
    "app": TEXT, "primary_region": {"type": "string", "pattern": "^[a-z]{3}$"}, "kill_signal": {"enum": ["SIGTERM", "SIGINT"]},
    "kill_timeout": {"type": "integer", "minimum": 1, "maximum": 300}, "build": thing({"image": TEXT, "dockerfile": TEXT}),
    "deploy": thing({"release_command": TEXT, "strategy": {"enum": ["rolling", "canary", "bluegreen", "immediate"]}}),
    "processes": {"type": "object", "additionalProperties": TEXT}, "env": {"type": "object", "additionalProperties": TEXT},
    "http_service": thing({
        "internal_port": NUMBER, "force_https": FLAG, "auto_stop_machines": {"enum": ["off", "stop", "suspend"]},
        "auto_start_machines": FLAG, "min_machines_running": NUMBER, "processes": many(TEXT),
        "checks": many(thing({"method": {"enum": ["GET"]}, "path": TEXT, "grace_period": SPAN, "interval": SPAN, "timeout": SPAN},
                             ["path"]))}, ["internal_port"]),
    "vm": many(thing({"size": TEXT, "memory": {"type": "string", "pattern": "^[0-9]+(mb|gb)$"}, "processes": many(TEXT)}))},
    ["app", "primary_region", "http_service"])
REGION = {"enum": ["oregon", "ohio", "virginia", "frankfurt", "singapore"]}
ENTRY = {**thing({
    "key": TEXT, "value": TEXT, "generateValue": {"const": True}, "sync": {"const": False},
    "fromDatabase": thing({"name": TEXT, "property": {"enum": ["connectionString", "host", "port", "user", "password", "database"]}},
                          ["name", "property"]),
    "fromService": thing({"type": TEXT, "name": TEXT, "property": {"enum": ["connectionString", "host", "port", "hostport"]}},
                         ["type", "name", "property"])}, ["key"]),
    "oneOf": [{"required": [w]} for w in ("value", "generateValue", "sync", "fromDatabase", "fromService")]}
RENDER = thing({
    "databases": many(thing({"name": TEXT, "plan": TEXT, "region": REGION, "postgresMajorVersion": {"enum": ["13", "14", "15", "16", "17"]},
                             "databaseName": TEXT, "user": TEXT, "ipAllowList": {"type": "array"}}, ["name"])),
    "services": many(thing({
        "type": {"enum": ["web", "worker", "keyvalue"]}, "name": TEXT, "runtime": {"enum": ["docker", "image"]}, "plan": TEXT,
        "region": REGION, "dockerfilePath": TEXT, "dockerCommand": TEXT, "preDeployCommand": TEXT, "healthCheckPath": TEXT,
        "maxShutdownDelaySeconds": {"type": "integer", "minimum": 1, "maximum": 300}, "numInstances": NUMBER, "envVars": many(ENTRY),
        "maxmemoryPolicy": {"const": "noeviction"}, "ipAllowList": {"type": "array"}}, ["type", "name"]))}, ["services"])
QUADLET = {
    "Unit": "Description Wants After", "Install": "WantedBy",
    "Container": "Image ContainerName EnvironmentFile Environment PublishPort ReadOnly NoNewPrivileges DropCapability Notify HealthCmd "
                 "HealthInterval HealthRetries PodmanArgs AutoUpdate",
    "Service": "Restart TimeoutStartSec TimeoutStopSec RestartPreventExitStatus"}


def fly():
    with open(os.path.join(spec.ROOT, "deploy/fly.toml"), "rb") as f:
        return tomllib.load(f)


def render():
    return spec.load(os.path.join(spec.ROOT, "deploy/render.yaml"))


def quadlet():
    with open(os.path.join(spec.ROOT, "deploy/quadlet/logikald.container"), encoding="utf-8") as f:
        return f.read()


def invalid(document, schema):
    return ["/".join(map(str, e.absolute_path)) + ": " + e.message for e in jsonschema.Draft7Validator(schema).iter_errors(document)]


def variables(given):
    """given: name -> value, None for what is not in the file."""
    known = spec.settings()
    for name, value in given.items():
        if name not in known:
            yield f"{name} is not a setting"
        elif known[name][1] and value is not None:
            yield f"{name} is a secret and stands in the file"


def stop_of(given):
    return int(given.get("STOP_TIMEOUT_SECONDS") or spec.settings()["STOP_TIMEOUT_SECONDS"][0])


def fly_faults(d):
    out = invalid(d, FLY)
    if out:
        return out
    out += variables(d["env"])
    if d["kill_timeout"] <= stop_of(d["env"]):
        out.append("kill_timeout is not longer than STOP_TIMEOUT_SECONDS")
    if str(d["http_service"]["internal_port"]) != d["env"]["PORT"]:
        out.append("PORT and internal_port differ")
    out += [f"{c['path']} is no route" for c in d["http_service"]["checks"] if c["path"] not in spec.routes()]
    commands = [d["deploy"]["release_command"]] + list(d["processes"].values())
    out += [f"runs {c}" for c in commands if c.split()[0] != "logikald"]
    used = d["http_service"]["processes"] + [p for vm in d["vm"] for p in vm["processes"]]
    return out + [f"there is no process {p}" for p in used if p not in d["processes"]]


def render_faults(d):
    out = invalid(d, RENDER)
    if out:
        return out
    names = {x["name"] for x in d["services"] + d["databases"]}
    for s in d["services"]:
        entries = s.get("envVars", [])
        out += variables({e["key"]: e.get("value") for e in entries})
        for e in entries:
            source = e.get("fromDatabase", e.get("fromService"))
            if source and source["name"] not in names:
                out.append(f"{e['key']} names {source['name']}, which is not there")
        if "healthCheckPath" in s and s["healthCheckPath"] not in spec.routes():
            out.append(f"{s['healthCheckPath']} is no route")
        if "envVars" in s and s.get("maxShutdownDelaySeconds", 30) <= stop_of({e["key"]: e.get("value") for e in entries}):
            out.append("maxShutdownDelaySeconds is not longer than STOP_TIMEOUT_SECONDS")
    return out


def quadlet_faults(text):
    section, out = "", []
    for line in text.splitlines():
        head = re.fullmatch(r"\[(\w+)\]", line)
        if head:
            section = head[1]
        elif line and not line.startswith("#"):
            key, _, value = line.partition("=")
            if key not in QUADLET.get(section, "").split():
                out.append(f"[{section}] {key} is no key that is known here")
            if key == "Environment":
                out += variables(dict(word.split("=", 1) for word in value.split()))
    stop = re.search(r"--stop-timeout=(\d+)", text)
    if not stop or int(stop[1]) <= stop_of({}):
        out.append("--stop-timeout is not longer than STOP_TIMEOUT_SECONDS")
    return out


if __name__ == "__main__":
    wrong = fly_faults(fly()) + render_faults(render()) + quadlet_faults(quadlet())
    print("\n".join(wrong) or "deploy/fly.toml, render.yaml and quadlet are right")
    sys.exit(1 if wrong else 0)
