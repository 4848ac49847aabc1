"""The peer of the parts list bench: reads every *.db of a directory as a Python service does it, prints the seconds.
With a second argument (a PostgreSQL URL) it stores what it has read as well: a transaction for each file."""
import glob
import os
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


def store(conn, elevation_id, e):
    with conn.cursor() as cursor:
        cursor.execute("UPDATE elevations SET parse_status = 'in_progress' WHERE id = %s", (elevation_id,))
        conn.commit()
        cursor.execute(
            "UPDATE elevations SET auto_description = %s, auto_description_short = %s, width_out = %s, width_unit = %s,"
            " height_out = %s, height_unit = %s, weight_out = %s, weight_unit = %s, area_output = %s, area_unit = %s,"
            " system_code = %s, system_name = %s, system_long_name = %s, color_base_long = %s, parse_status = 'success',"
            " data_parsed_at = now() WHERE id = %s", [*list(e.values())[:14], elevation_id])
        cursor.execute("DELETE FROM elevation_glass WHERE elevation_id = %s", (elevation_id,))
        for glass in e["glass"]:
            cursor.execute("INSERT INTO elevation_glass (elevation_id, glass_id, name) VALUES (%s, %s, %s)",
                           (elevation_id, glass["GlassID"], glass["Name"]))
    conn.commit()


connection = None
if len(sys.argv) > 2:
    import psycopg2
    connection = psycopg2.connect(sys.argv[2])
started = time.perf_counter()
for name in glob.glob(sys.argv[1] + "/*.db"):
    found = read(name)
    if connection:
        store(connection, int(os.path.basename(name)[:-3]), found)
print(time.perf_counter() - started)
