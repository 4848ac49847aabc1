#!/usr/bin/python3
"""second_shell.py HOME RUN-DIR: types what the documents show (rows shell and follow of commands.txt) into a shell that knows nothing
of the system that runs there but the run directory, in HOME, where `logikald` is on the PATH. Each must end as its row says."""
import os
import subprocess
import sys

from commands import commands, row_of, table

home, run_dir = sys.argv[1:3]
env = {"PATH": home + "/build:" + os.environ["PATH"], "HOME": home, "LOGIKALD_RUN_DIR": run_dir}
rows, bad, typed = table(), 0, set()


def show(command, output, fault):
    global bad
    bad += 1
    print(f"$ {command}\n{output.strip()}\n  {fault}")


for document, command in commands():
    row = row_of(document, command, rows)
    if not row or row[2] not in ("shell", "follow"):
        continue
    spelled = row[3] if len(row) > 3 else command
    if spelled in typed:
        continue
    typed.add(spelled)
    p = subprocess.Popen(["sh", "-c", "exec " + spelled], env=env, cwd=home, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                         text=True)
    try:
        output = p.communicate(timeout=3 if row[2] == "follow" else 120)[0]
    except subprocess.TimeoutExpired:
        p.kill()
        output = p.communicate()[0]
        if row[2] != "follow":
            show(spelled, output, "it does not end")
        continue
    wanted = int(row[4]) if len(row) > 4 else 0
    if row[2] == "follow":
        show(spelled, output, f"it ended with {p.returncode}, and should go on")
    elif p.returncode != wanted:
        show(spelled, output, f"it ended with {p.returncode}, not {wanted}")
    elif not output.strip() and "replay" not in spelled:
        show(spelled, output, "it says nothing")
print(f"{len(typed)} commands typed, {bad} bad")
sys.exit(1 if bad or len(typed) < 15 else 0)
