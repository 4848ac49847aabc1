/* The files of which parts_world.h tells, and how it is asked about them. */
#include "tests/support/parts/parts_world.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct parts_world world;

static const char tables[] =
    "PRAGMA page_size = 4096;"
    "CREATE TABLE Elevations (ElevationID TEXT, Name TEXT, Amount INTEGER);"
    "CREATE TABLE Insertions (InsertionID TEXT, ElevationID TEXT, Name TEXT);"
    "CREATE TABLE Articles (ArticleCode TEXT, ArticleCode_Supplier TEXT, Description TEXT, Amount REAL, Units REAL,"
    " Units_Unit TEXT, PUSize REAL, Price REAL, Color TEXT, LK_SupplierID INTEGER);"
    "CREATE TABLE Profiles (ArticleCode TEXT, Description TEXT, Amount REAL, Length_Output REAL, Length_Unit TEXT,"
    " AngleLeft REAL, AngleRight REAL, Color TEXT, Price REAL);"
    "CREATE TABLE Glass (GlassID TEXT, InsertionID TEXT, Name TEXT, Width_Output REAL, Height_Output REAL,"
    " AreaOffer REAL, SpacerGap_Output REAL, Weight_Output REAL, Price REAL, LK_SupplierID INTEGER);"
    "CREATE TABLE LabourTimes (WhatName TEXT, Name TEXT, TotalMinutes REAL);"
    "CREATE TABLE Suppliers (SupplierID INTEGER, Name TEXT, Address2 TEXT);"
    "INSERT INTO Suppliers VALUES (1, 'H', 'Häfele'), (2, 'G', 'Glas, AG');";

static const char window_1[] =
    "INSERT INTO Elevations VALUES ('{E1}', 'W1', 3);"
    "INSERT INTO Insertions VALUES ('{I1}', '{E1}', 'left'), ('{I2}', '{E1}', 'right');"
    "INSERT INTO Articles VALUES ('A1', 'S1', 'Griff', 2, 2, 'Stk', 10, 4.5, 'RAL 7021', 1),"
    " ('A1', 'S1', 'Griff', 1, 1, 'Stk', 10, 4.5, 'RAL 7021', 1), ('A1', 'S1', 'Griff', 5, 5, 'Stk', 10, 5, 'RAL "
    "9016', 1),"
    " ('A2', NULL, '=Schraube', NULL, NULL, NULL, NULL, NULL, NULL, NULL);"
    "INSERT INTO Profiles VALUES ('P1', 'Rahmen', 2, 1200, 'mm', 45, 45, 'RAL 7021', 20),"
    " ('P1', 'Rahmen', 2, 900.5, 'mm', 45, 90, 'RAL 7021', 15), ('P1', 'Rahmen', 1, 1200, 'mm', 45, 45, 'RAL 7021', "
    "20);"
    "INSERT INTO Glass VALUES ('G1', '{I1}', 'Float 4', 600, 800, 0.48, 16, 12, 30, 2),"
    " ('G1', '{I2}', 'Float 4', 600, 800, 0.48, 16, 12, 30, 2), ('G1', '{I2}', 'Float 4', 500, 800, 0.4, 16, 10, 25, "
    "2);"
    "INSERT INTO LabourTimes VALUES ('Cut', 'Saw', 12.5), ('Mount', 'Bench', 30), ('Cut', 'Saw', 2.5);"
    "CREATE TABLE \"Other Things\" (x INTEGER, \"the \"\"y, z\" TEXT, b BLOB);"
    "INSERT INTO \"Other Things\" VALUES (1, 'one', x'0102'), (2, NULL, NULL), (3, '=drei, \"3\"', NULL), (4, 'ä', "
    "NULL),"
    " (5, 'five', NULL);"
    "CREATE TABLE \"a/b?ä%\" (c TEXT); INSERT INTO \"a/b?ä%\" VALUES ('odd');"
    "CREATE TABLE Filler (t TEXT); WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 3000)"
    " INSERT INTO Filler SELECT hex(randomblob(60)) FROM n;";

static const char window_1_later[] =
    "INSERT INTO Elevations VALUES ('{E1}', 'W1', 3);"
    "INSERT INTO Articles VALUES ('A1', 'S1', 'Griff', 4, 4, 'Stk', 10, 4.75, 'RAL 7021', 1),"
    " ('A2', NULL, '=Schraube', NULL, NULL, NULL, NULL, NULL, NULL, NULL), ('A3', 'S3', 'Band', 2, 2, 'Stk', 0, 9, "
    "NULL, 1);"
    "INSERT INTO Profiles VALUES ('P1', 'Rahmen', 2, 1200, 'mm', 45, 45, 'RAL 7021', 20),"
    " ('P1', 'Rahmen', 2, 900.5, 'mm', 45, 90, 'RAL 7021', 15), ('P1', 'Rahmen', 1, 1200, 'mm', 45, 45, 'RAL 7021', "
    "20);"
    "INSERT INTO LabourTimes VALUES ('Cut', 'Saw', 15), ('Mount', 'Bench', 20);";

static const char window_2[] = "INSERT INTO Elevations VALUES ('{E2}', 'W2', 1);"
                               "INSERT INTO Articles VALUES ('A1', 'S1', 'Griff', 7, 7, 'Stk', 10, 4.5, 'RAL 7021', 1);"
                               "INSERT INTO Glass VALUES ('G1', NULL, 'Float 4', 600, 800, 0.48, 16, 12, 30, 2);"
                               "INSERT INTO LabourTimes VALUES ('Mount', 'Bench', 10);";

void parts_open(void)
{
    static const char *const settings[] = {"LOG_LEVEL=warning", NULL};
    web_servers(&world.web);
    pg_exec(&world.web.pg,
            "INSERT INTO directories (logikal_id, name) VALUES ('d', 'D');"
            "INSERT INTO projects (logikal_id, name, directory_id) VALUES ('p1', 'P 1', 1), ('p2', 'P 2', 1);"
            "INSERT INTO phases (logikal_id, name, project_id) VALUES ('h1', 'H 1', 1), ('h2', 'H 2', 1);"
            "INSERT INTO elevations (logikal_id, name, phase_id, project_id, amount, has_parts_data) VALUES"
            " ('e1', 'W1', 1, 1, 3, true), ('e2', 'W2', 1, 1, NULL, true), ('e3', 'W3', 2, 1, 1, true),"
            " ('e4', 'W4', 2, 1, 1, false)");
    world.first_file = parts_list_make(tables, window_1, &world.first_size);
    parts_list_store(&world.web, 1, world.first_file, world.first_size);
    parts_list_store_rows(&world.web, 2, tables, window_2);
    web_run(&world.web, settings, true);
    web_log_in(&world.web);
    world.token = web_client(&world.web, "erp", "[\"elevations:read\"]");
}

void parts_open_windows(void (*store)(void))
{
    static const char *const settings[] = {"LOG_LEVEL=warning", "DATABASE_STATEMENT_TIMEOUT_MS=120000",
                                           NULL}; /* versions of many thousand lines may be compared */
    web_servers(&world.web);
    pg_exec(&world.web.pg, "INSERT INTO directories (logikal_id, name) VALUES ('d', 'D');"
                           "INSERT INTO projects (logikal_id, name, directory_id) VALUES ('p1', 'P 1', 1);"
                           "INSERT INTO phases (logikal_id, name, project_id) VALUES ('h1', 'H 1', 1);"
                           "INSERT INTO elevations (logikal_id, name, phase_id, project_id, amount, has_parts_data)"
                           " SELECT 'e' || n, 'W' || n, 1, 1, 1, true FROM generate_series(1, 4) n");
    store();
    web_run(&world.web, settings, true);
    web_log_in(&world.web);
    world.token = web_client(&world.web, "erp", "[\"elevations:read\"]");
}

void parts_close(void)
{
    free(world.token);
    sqlite3_free(world.first_file);
    web_end(&world.web);
}

void parts_read_lists(void)
{
    parts_list_read(&world.web, "[[1,2],true]");
}

void parts_rebuild(void)
{
    parts_list_store_rows(&world.web, 1, tables, window_1_later);
    parts_list_read(&world.web, "[[1],true]");
}

struct http_reply parts_ask(const char *path, const char *header)
{
    char full[600];
    snprintf(full, sizeof full, "/api/v1%s", path);
    return web_ask(&world.web, "GET", full, world.token, header);
}

struct asked {
    const char *path;
    struct http_reply reply;
};

/* In a thread; what is noted of answers is noted by one alone, and not here. */
static void *ask(void *arg)
{
    struct asked *a = arg;
    char url[700], bearer[2200];
    snprintf(url, sizeof url, "%s/api/v1%s", world.web.url, a->path);
    snprintf(bearer, sizeof bearer, "Authorization: Bearer %s", world.token);
    a->reply = http_request("GET", url, (const char *const[]){bearer, NULL}, NULL);
    return NULL;
}

/* Connections to the web that somebody has open. */
static int connected(void)
{
    char line[300];
    int count = 0;
    unsigned local, state;
    FILE *f = fopen("/proc/net/tcp", "re");
    while (f && fgets(line, sizeof line, f))
        count += sscanf(line, " %*d: %*x:%x %*x:%*x %x", &local, &state) == 2 && state == 1 &&
                 local == (unsigned)world.web.port;
    if (f) fclose(f);
    return count;
}

/* n ask while what they need is held, until one waits for it and all are there; then change, if any, is committed. */
static void ask_held(struct asked *asked, int n, const char *lock, const char *change)
{
    pthread_t threads[PARTS_TOGETHER];
    PGconn *pg = pg_connect(&world.web.pg);
    PQclear(PQexec(pg, "BEGIN"));
    PGresult *r = PQexec(pg, lock);
    if (PQresultStatus(r) != PGRES_COMMAND_OK && PQresultStatus(r) != PGRES_TUPLES_OK)
        fail_msg("%s", PQerrorMessage(pg));
    PQclear(r);
    for (int i = 0; i < n; i++) pthread_create(&threads[i], NULL, ask, &asked[i]);
    WAIT_UNTIL(pg_int(&world.web.pg, "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'") >= 1 &&
                   connected() >= n,
               60000);
    if (change) {
        r = PQexec(pg, change);
        if (PQresultStatus(r) != PGRES_COMMAND_OK) fail_msg("%s", PQerrorMessage(pg));
        PQclear(r);
    }
    PQclear(PQexec(pg, "COMMIT"));
    PQfinish(pg);
    for (int i = 0; i < n; i++) pthread_join(threads[i], NULL);
}

struct http_reply parts_ask_while(const char *path, const char *lock, const char *change)
{
    struct asked asked = {.path = path};
    ask_held(&asked, 1, lock, change);
    return asked.reply;
}

void parts_ask_together(const char *path, const char *lock, struct http_reply replies[PARTS_TOGETHER])
{
    struct asked asked[PARTS_TOGETHER];
    for (int i = 0; i < PARTS_TOGETHER; i++) asked[i] = (struct asked){.path = path};
    ask_held(asked, PARTS_TOGETHER, lock, NULL);
    for (int i = 0; i < PARTS_TOGETHER; i++) replies[i] = asked[i].reply;
}

void parts_expect(const char *path, int status, const char *text)
{
    struct http_reply reply = parts_ask(path, NULL);
    if (reply.status != status || !strstr(reply.body, text))
        fail_msg("%s: %d %s (not %d, %s)", path, reply.status, reply.body, status, text);
    if (status == 503) assert_non_null(strcasestr(reply.headers, "Retry-After:"));
    http_reply_free(&reply);
}

cJSON *parts_json(const char *path)
{
    struct http_reply reply = parts_ask(path, NULL);
    cJSON *json = cJSON_Parse(reply.body);
    if (reply.status != 200 || !json) fail_msg("%s: %d %s", path, reply.status, reply.body);
    http_reply_free(&reply);
    return json;
}

const char *parts_told(const cJSON *rows, const char *names)
{
    static char out[4000];
    size_t n = 0;
    const cJSON *row;
    out[0] = 0;
    cJSON_ArrayForEach(row, rows) {
        char copy[300], *rest, *name;
        snprintf(copy, sizeof copy, "%s", names);
        for (name = strtok_r(copy, " ", &rest); name; name = strtok_r(NULL, " ", &rest)) {
            const cJSON *value = cJSON_GetObjectItem(row, name);
            char *text = value && !cJSON_IsNull(value) ? cJSON_PrintUnformatted(value) : strdup("-");
            n += (size_t)snprintf(out + n, sizeof out - n, "%s%s", name == copy ? "" : " ",
                                  cJSON_IsString(value) ? value->valuestring : text);
            free(text);
        }
        n += (size_t)snprintf(out + n, sizeof out - n, "; ");
    }
    return out;
}

void parts_expect_all(const char *path, int status, const char *const texts[])
{
    struct http_reply reply = parts_ask(path, NULL);
    if (reply.status != status) fail_msg("%s: %d %s", path, reply.status, reply.body);
    for (; *texts; texts++)
        if (!strstr(reply.body, *texts)) fail_msg("%s: %s is not in %s", path, *texts, reply.body);
    http_reply_free(&reply);
}

void parts_expect_text(const char *path, const char *accept, const char *text)
{
    struct http_reply reply = parts_ask(path, accept);
    assert_int_equal(reply.status, 200);
    if (text)
        assert_string_equal(reply.body, text);
    else
        assert_non_null(strcasestr(reply.headers, "application/json"));
    http_reply_free(&reply);
}
