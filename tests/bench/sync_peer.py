"""The peer of the parts list bench: reads every *.db of a directory as a Python service does it, prints the seconds."""
import glob
import sqlite3
import sys
import time

COLUMNS = ("AutoDescription, AutoDescriptionShort, Width_Output, Width_Unit, Height_Output, Height_Unit, Weight_Output,"
           " Weight_Unit, Area_Output, Area_Unit, SystemCode, SystemName, SystemLongName, ColorBase_Long")


def read(path):
    db = sqlite3.connect(path)
    db.row_factory = sqlite3.Row
    if db.execute("PRAGMA integrity_check").fetchone()[0] != "ok":
        raise ValueError(path)
    for table in ("Elevations", "Glass"):
        db.execute(f"PRAGMA table_info({table})").fetchall()
    elevation = dict(db.execute(f"SELECT {COLUMNS} FROM Elevations LIMIT 1").fetchone())
    elevation["glass"] = [dict(row) for row in db.execute("SELECT GlassID, Name FROM Glass")]
    db.close()
    return elevation


started = time.perf_counter()
for name in glob.glob(sys.argv[1] + "/*.db"):
    read(name)
print(time.perf_counter() - started)
