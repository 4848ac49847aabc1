/* See parts_lists.h. */
#include "tests/support/parts/parts_lists.h"

#include <stdio.h>
#include <stdlib.h>

#include "conf/text/buf.h"

#define READ "tasks.sqlite_parser_tasks.batch_parse_elevations"

unsigned char *parts_list_make(const char *tables, const char *rows, sqlite3_int64 *size)
{
    sqlite3 *db;
    char *why = NULL;
    assert_int_equal(sqlite3_open(":memory:", &db), SQLITE_OK);
    if (sqlite3_exec(db, tables, NULL, NULL, &why) != SQLITE_OK ||
        sqlite3_exec(db, rows, NULL, NULL, &why) != SQLITE_OK)
        fail_msg("%s", why);
    unsigned char *bytes = sqlite3_serialize(db, "main", size, 0);
    sqlite3_close(db);
    assert_non_null(bytes);
    return bytes;
}

void parts_list_store(struct web_server *web, int elevation, const unsigned char *bytes, sqlite3_int64 size)
{
    char *sql = malloc((size_t)size * 2 + 500), *p = sql;
    p += sprintf(p,
                 "INSERT INTO elevation_parts_lists AS l (elevation_id, size_bytes, sha256, fetched_at, content)"
                 " SELECT %d, octet_length(c), encode(sha256(c), 'hex'), now(), c FROM (SELECT '\\x",
                 elevation);
    for (sqlite3_int64 i = 0; i < size; i++) p += sprintf(p, "%02x", bytes[i]);
    sprintf(p, "'::bytea AS c) x ON CONFLICT (elevation_id) DO UPDATE SET content = excluded.content, sha256 ="
               " excluded.sha256, size_bytes = excluded.size_bytes, fetched_at = now()");
    pg_exec(&web->pg, sql);
    free(sql);
}

void parts_list_store_rows(struct web_server *web, int elevation, const char *tables, const char *rows)
{
    sqlite3_int64 size;
    unsigned char *bytes = parts_list_make(tables, rows, &size);
    parts_list_store(web, elevation, bytes, size);
    sqlite3_free(bytes);
}

void parts_list_replace(struct pg_server *pg, int elevation, const char *rows)
{
    static const char tables[] =
        "CREATE TABLE Elevations (Name, AutoDescription, AutoDescriptionShort, Width_Output, Width_Unit, Height_Output,"
        " Height_Unit, Weight_Output, Weight_Unit, Area_Output, Area_Unit, SystemCode, SystemName, SystemLongName,"
        " ColorBase_Long); CREATE TABLE Glass (GlassID, Name);";
    struct buf text = {0};
    sqlite3_int64 len = 0;
    unsigned char *bytes = parts_list_make(tables, rows, &len);
    buf_str(&text, "UPDATE elevation_parts_lists SET sha256 = 'replaced', content = '\\x");
    for (sqlite3_int64 i = 0; i < len; i++) buf_printf(&text, "%02x", bytes[i]);
    buf_printf(&text, "' WHERE elevation_id = %d; UPDATE elevations SET parse_status = 'pending' WHERE id = %d",
               elevation, elevation);
    pg_exec(pg, text.data);
    buf_free(&text);
    sqlite3_free(bytes);
}

int parts_list_try(struct web_server *web, const char *args)
{
    char database[300], *output = NULL;
    snprintf(database, sizeof database, "DATABASE_URL=%s", web->pg.url);
    char *const argv[] = {(char *)support_program("logikald-roles"), "task", READ, "--args", (char *)args, NULL};
    char *const env[] = {database, "LOG_LEVEL=warning", NULL};
    int status = process_run(argv, env, &output);
    if (status != 0) print_error("%s\n", output);
    free(output);
    return status;
}

void parts_list_read(struct web_server *web, const char *args)
{
    int status = parts_list_try(web, args);
    if (status != 0) fail_msg("reading %s: %d", args, status);
}
