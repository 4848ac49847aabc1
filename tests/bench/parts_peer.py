"""The peers of the bench of real parts lists, as fast as Python goes: nothing checked, files opened as immutable, rows as
tuples, in one process. parts_peer.py read|pack|copy DIRECTORY; read and pack print the seconds of processor."""
import glob
import hashlib
import json
import sqlite3
import sys
import time
import zlib

TABLES = ("Elevations", "Insertions", "Articles", "Profiles", "Glass", "LabourTimes", "CalcDetailItems", "UValue",
          "Suppliers", "CalcItemNames")


def read(path):
    with open(path, "rb") as file:
        content = file.read()
    db = sqlite3.connect(f"file:{path}?immutable=1&mode=ro", uri=True)
    if content[18] == 2:  # in memory, without the write-ahead log's flag
        db.close()
        db = sqlite3.connect(":memory:")
        db.deserialize(content[:18] + b"\1\1" + content[20:])
    db.text_factory = lambda b: b.decode(errors="replace")
    lines = {}
    for table in TABLES:
        cursor = db.execute(f"SELECT * FROM {table}")
        names = [d[0] for d in cursor.description]
        lines[table] = [dict(zip(names, row)) for row in cursor]
    counts = {name: db.execute(f'SELECT count(*) FROM "{name}"').fetchone()[0]
              for name, in db.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()}
    db.close()
    return json.dumps([lines, counts], default=len)


def pack(path):
    with open(path, "rb") as file:
        content = file.read()
    return hashlib.sha256(content).hexdigest(), zlib.compress(content, 1)


what, directory = sys.argv[1:]
names = glob.glob(directory + "/*.db")
started = time.process_time()
if what == "copy":
    with open(directory + "/files.copy", "w", encoding="ascii") as out:
        for i, name in enumerate(names):
            with open(name, "rb") as file:
                out.write(f"{i}\t\\\\x{file.read().hex()}\n")
else:
    for name in names:
        read(name) if what == "read" else pack(name)
print(time.process_time() - started)
