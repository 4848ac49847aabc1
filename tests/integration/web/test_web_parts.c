/* Parts lists over the API: files made here by SQLite, read by the real parser, and every figure compared with what
 * they were made of. Two windows of a project, one of them built three times, and a third whose list is not read. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cjson/cJSON.h>
#include <sqlite3.h>

#include "tests/support/parts/parts_lists.h"

static struct web_server web;
static char *token;
static unsigned char *first_file;
static sqlite3_int64 first_size;

/* ---- the files ---- */

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

static void store_rows(int elevation, const char *rows)
{
    parts_list_store_rows(&web, elevation, tables, rows);
}

static void read_lists(const char *args)
{
    parts_list_read(&web, args);
}

FIXTURE(set_up)
{
    static const char *const settings[] = {"LOG_LEVEL=warning", NULL};
    web_servers(&web);
    pg_exec(&web.pg, "INSERT INTO directories (logikal_id, name) VALUES ('d', 'D');"
                     "INSERT INTO projects (logikal_id, name, directory_id) VALUES ('p1', 'P 1', 1), ('p2', 'P 2', 1);"
                     "INSERT INTO phases (logikal_id, name, project_id) VALUES ('h1', 'H 1', 1), ('h2', 'H 2', 1);"
                     "INSERT INTO elevations (logikal_id, name, phase_id, project_id, amount, has_parts_data) VALUES"
                     " ('e1', 'W1', 1, 1, 3, true), ('e2', 'W2', 1, 1, NULL, true), ('e3', 'W3', 2, 1, 1, true),"
                     " ('e4', 'W4', 2, 1, 1, false)");
    first_file = parts_list_make(tables, window_1, &first_size);
    parts_list_store(&web, 1, first_file, first_size);
    store_rows(2, window_2);
    web_run(&web, settings, true);
    web_log_in(&web);
    token = web_client(&web, "erp", "[\"elevations:read\"]");
    return 0;
}

FIXTURE(tear_down)
{
    free(token);
    sqlite3_free(first_file);
    web_end(&web);
    return 0;
}

/* ---- asking ---- */

static struct http_reply ask(const char *path, const char *header)
{
    char full[600];
    snprintf(full, sizeof full, "/api/v1%s", path);
    return web_ask(&web, "GET", full, token, header);
}

static void expect_status(const char *path, int status, const char *text)
{
    struct http_reply reply = ask(path, NULL);
    if (reply.status != status || !strstr(reply.body, text))
        fail_msg("%s: %d %s (not %d, %s)", path, reply.status, reply.body, status, text);
    if (status == 503) assert_non_null(strcasestr(reply.headers, "Retry-After:"));
    http_reply_free(&reply);
}

static cJSON *ask_json(const char *path)
{
    struct http_reply reply = ask(path, NULL);
    cJSON *json = cJSON_Parse(reply.body);
    if (reply.status != 200 || !json) fail_msg("%s: %d %s", path, reply.status, reply.body);
    http_reply_free(&reply);
    return json;
}

/* The named members of each row, as a test reads them: "A1 7021 9; ...". Numbers as JSON prints them, - for none. */
static const char *told(const cJSON *rows, const char *names)
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

#define EXPECT(json, member, names, text) assert_string_equal(told(cJSON_GetObjectItem(json, member), names), text)

/* ---- before it is read ---- */

TEST(test_what_is_not_there_yet_says_why)
{
    static const char *const below[] = {"parts", "parts/Articles", "parts-list", "bom"};
    for (size_t i = 0; i < sizeof below / sizeof *below; i++) {
        char path[100];
        snprintf(path, sizeof path, "/elevations/1/%s", below[i]);
        expect_status(path, 503, "taken over");
        snprintf(path, sizeof path, "/elevations/3/%s", below[i]);
        expect_status(path, 503, "not fetched yet");
        snprintf(path, sizeof path, "/elevations/4/%s", below[i]);
        expect_status(path, 404, "has no parts list");
        snprintf(path, sizeof path, "/elevations/99/%s", below[i]);
        expect_status(path, 404, "Elevation not found");
    }
    cJSON *bom = ask_json("/projects/p1/bom");
    assert_true(cJSON_IsFalse(cJSON_GetObjectItem(bom, "is_whole")));
    EXPECT(bom, "not_in_it", "elevation_id state", "1 moving; 2 moving; 3 missing; 4 none; ");
    EXPECT(bom, "articles", "code", "");
    cJSON_Delete(bom);
    expect_status("/projects/p1/glass-order", 409, "W1 (moving), W2 (moving), W3 (missing)");
    expect_status("/projects/none/glass-order", 404, "Project not found");
    read_lists("[[1,2],true]");
}

/* ---- tables and rows ---- */

/* A cursor is a place, and above its 31 bits the list that it counts in. */
static int64_t next_place(const cJSON *page)
{
    int64_t cursor = (int64_t)cJSON_GetNumberValue(cJSON_GetObjectItem(page, "next_cursor")), list = (int64_t)1 << 31;
    assert_true(cursor > list);
    return cursor % list;
}

TEST(test_tables_and_their_rows)
{
    cJSON *parts = ask_json("/elevations/1/parts");
    EXPECT(parts, "tables", "name rows kind",
           "Elevations 1 elevation; Insertions 2 insertion; Articles 4 article; Profiles 3 profile; Glass 3 glass; "
           "LabourTimes 3 labour; Suppliers 2 supplier; Other Things 5 -; a/b?ä% 1 -; Filler 3000 -; ");
    assert_int_equal(cJSON_GetObjectItem(parts, "size_bytes")->valueint, first_size);
    cJSON_Delete(parts);

    cJSON *rows = ask_json("/elevations/1/parts/articles?limit=3");
    EXPECT(rows, "data", "line code amount price colour supplier_name",
           "1 A1 2 4.5 RAL 7021 Häfele; 2 A1 1 4.5 RAL 7021 Häfele; 3 A1 5 5 RAL 9016 Häfele; ");
    assert_int_equal(next_place(rows), 3);
    cJSON_Delete(rows);
    rows = ask_json("/elevations/1/parts/Articles?limit=3&cursor=3");
    EXPECT(rows, "data", "line code amount description", "4 A2 - =Schraube; ");
    cJSON_Delete(rows);

    rows = ask_json("/elevations/1/parts/Other%20Things?limit=2&cursor=2");
    EXPECT(rows, "data", "x b", "3 -; 4 -; ");
    assert_int_equal(next_place(rows), 4);
    cJSON_Delete(rows);
    rows = ask_json("/elevations/1/parts/a%2Fb%3F%C3%A4%25");
    EXPECT(rows, "data", "c", "odd; ");
    cJSON_Delete(rows);
    rows = ask_json("/elevations/1/parts/Filler?limit=2500&cursor=600");
    assert_int_equal(cJSON_GetArraySize(cJSON_GetObjectItem(rows, "data")), 2400);
    cJSON_Delete(rows);
    expect_status("/elevations/1/parts/Nothing", 404, "no such table");
    expect_status("/elevations/2/parts/Other%20Things", 404, "no such table");
}

static void expect_text(const char *path, const char *accept, const char *text)
{
    struct http_reply reply = ask(path, accept);
    assert_int_equal(reply.status, 200);
    if (text)
        assert_string_equal(reply.body, text);
    else
        assert_non_null(strcasestr(reply.headers, "application/json"));
    http_reply_free(&reply);
}

TEST(test_rows_as_lines_and_csv)
{
    expect_text("/elevations/1/parts/Other%20Things?limit=3", "Accept: text/csv",
                "x,\"the \"\"y, z\",b\r\n1,one,\"{\"\"bytes\"\":2}\"\r\n2,,\r\n3,\"'=drei, \"\"3\"\"\",\r\n");
    expect_text("/elevations/1/parts/Other%20Things?cursor=9", "Accept: text/csv", "x,\"the \"\"y, z\",b\r\n");
    expect_text("/elevations/1/parts/Other%20Things?limit=1", "Accept: application/x-ndjson",
                "{\"x\":1,\"the \\\"y, z\":\"one\",\"b\":{\"bytes\":2}}\n");
    expect_text("/elevations/1/parts/LabourTimes?limit=1&format=json", "Accept: text/csv", NULL);
    struct http_reply link = ask("/elevations/1/parts/LabourTimes?format=csv", "Accept: text/html");
    assert_non_null(strcasestr(link.headers, "text/csv"));
    http_reply_free(&link);
    expect_status("/elevations/1/parts/LabourTimes?format=xml", 422, "format");
    struct http_reply reply = ask("/elevations/1/parts/LabourTimes", "Accept: application/x-ndjson");
    int lines = 0;
    for (const char *p = reply.body; (p = strchr(p, '\n')); p++) lines++;
    assert_int_equal(lines, 3);
    cJSON_Delete(cJSON_Parse(reply.body));
    http_reply_free(&reply);
    reply = ask("/elevations/1/parts/Articles", "Accept: text/csv");
    assert_non_null(strstr(reply.body, "'=Schraube"));
    assert_non_null(strcasestr(reply.headers, "text/csv"));
    http_reply_free(&reply);
}

/* ---- the file ---- */

/* The bytes of a part, with curl so that no byte is taken for the end of a text. */
static void expect_bytes(const char *range, int status, sqlite3_int64 from, sqlite3_int64 len)
{
    char command[3000], out[300], *output = NULL;
    snprintf(out, sizeof out, "%s/part", support_dir());
    snprintf(command, sizeof command,
             "curl -s -o %s -w '%%{http_code}' %s -H 'Authorization: Bearer %s' %s/api/v1/elevations/1/parts-list", out,
             range, token, web.url);
    char *const argv[] = {"/bin/sh", "-c", command, NULL};
    assert_int_equal(process_run(argv, (char *const[]){NULL}, &output), 0);
    if (atoi(output) != status) fail_msg("%s: %s instead of %d", range, output, status);
    free(output);
    if (len < 0) return;
    FILE *f = fopen(out, "rb");
    assert_non_null(f);
    unsigned char *bytes = malloc((size_t)first_size + 1);
    size_t got = fread(bytes, 1, (size_t)first_size + 1, f);
    fclose(f);
    assert_int_equal(got, len);
    assert_memory_equal(bytes, first_file + from, (size_t)len);
    free(bytes);
}

static void expect_length(const char *method, const char *range, sqlite3_int64 length)
{
    char url[200], bearer[2200], wanted[60];
    snprintf(url, sizeof url, "%s/api/v1/elevations/1/parts-list", web.url);
    snprintf(bearer, sizeof bearer, "Authorization: Bearer %s", token);
    snprintf(wanted, sizeof wanted, "\nContent-Length: %lld\r", (long long)length);
    struct http_reply reply = http_request(method, url, (const char *[]){bearer, range, NULL}, NULL);
    if (!strcasestr(reply.headers, wanted) || strcasestr(reply.headers, "Transfer-Encoding"))
        fail_msg("%s %s: no %lld in %s", method, range ? range : "", (long long)length, reply.headers);
    http_reply_free(&reply);
}

TEST(test_the_file_and_parts_of_it)
{
    assert_true(first_size > 300000); /* more than a frame */
    expect_bytes("", 200, 0, first_size);
    expect_bytes("-r 0-0", 206, 0, 1);
    expect_bytes("-r 16-99", 206, 16, 84);
    expect_bytes("-r 262140-262150", 206, 262140, 11);
    expect_bytes("-r 262144-", 206, 262144, first_size - 262144);
    expect_bytes("-r 100-99999999", 206, 100, first_size - 100);
    expect_bytes("-r -7", 206, first_size - 7, 7);
    expect_bytes("-r -99999999", 206, 0, first_size);
    expect_bytes("-r 0-1,5-6", 200, 0, first_size); /* several are answered whole */
    expect_bytes("-r 99999999-", 416, 0, -1);
    expect_bytes("-H 'Range: lines=1-2'", 200, 0, first_size);
    expect_bytes("-r 0-9 -H 'If-Range: \"other\"'", 200, 0, first_size);

    char *sha256 = pg_value(&web.pg, "SELECT sha256 FROM parts_versions WHERE elevation_id = 1"), header[200];
    struct http_reply reply = ask("/elevations/1/parts-list", NULL);
    snprintf(header, sizeof header, "ETag: \"%s\"", sha256);
    assert_non_null(strcasestr(reply.headers, header));
    assert_non_null(strcasestr(reply.headers, "Content-Disposition: attachment; filename=\"1-W1.sqlite\""));
    http_reply_free(&reply);
    snprintf(header, sizeof header, "If-None-Match: \"%s\"", sha256);
    reply = ask("/elevations/1/parts-list", header);
    assert_int_equal(reply.status, 304);
    http_reply_free(&reply);
    snprintf(header, sizeof header, "-r 5-9 -H 'If-Range: \"%s\"'", sha256);
    expect_bytes(header, 206, 5, 5);
    expect_length("GET", NULL, first_size);
    expect_length("HEAD", NULL, first_size);
    expect_length("GET", "Range: bytes=262140-262150", 11);
    expect_length("HEAD", "Range: bytes=-7", 7);
    free(sha256);
}

/* ---- bills of materials ---- */

TEST(test_bill_of_an_elevation_that_is_built_three_times)
{
    cJSON *bom = ask_json("/elevations/1/bom");
    EXPECT(bom, "elevations", "elevation_id name amount version", "1 W1 3 1; ");
    EXPECT(bom, "articles", "code colour amount units unit pack_size price line_count lines_without_amount",
           "A1 RAL 7021 9 9 Stk 10 4.5 2 0; A1 RAL 9016 15 15 Stk 10 5 1 0; A2 - - - - - - 1 1; ");
    EXPECT(bom, "profiles", "code colour amount length length_unit prices cuts",
           "P1 RAL 7021 15 16203 mm [15,20] [{\"price\":20,\"amount\":9,\"length\":1200,\"angle_left\":45,"
           "\"angle_right\":45},{\"price\":15,\"amount\":6,\"length\":900.5,\"angle_left\":45,\"angle_right\":90}]; ");
    EXPECT(bom, "panes", "code name width height spacer amount area weight",
           "G1 Float 4 500 800 16 3 1.2 30; G1 Float 4 600 800 16 6 2.88 72; ");
    EXPECT(bom, "labour", "what name minutes", "Cut Saw 45; Mount Bench 90; ");
    assert_int_equal(cJSON_GetObjectItem(bom, "labour_minutes")->valueint, 135);
    cJSON_Delete(bom);
}

TEST(test_bill_of_a_phase_and_of_a_project)
{
    static const char *const paths[] = {"/phases/1/bom", "/projects/p1/bom", "/projects/1/bom"};
    for (int i = 0; i < 3; i++) {
        cJSON *bom = ask_json(paths[i]);
        EXPECT(bom, "elevations", "elevation_id amount", "1 3; 2 1; ");
        EXPECT(bom, "articles", "code colour amount", "A1 RAL 7021 16; A1 RAL 9016 15; A2 - -; ");
        EXPECT(bom, "panes", "width amount", "500 3; 600 7; ");
        EXPECT(bom, "not_in_it", "elevation_id state", i == 0 ? "" : "3 missing; 4 none; ");
        assert_true(cJSON_IsTrue(cJSON_GetObjectItem(bom, "is_whole")) == (i == 0));
        assert_int_equal(cJSON_GetObjectItem(bom, "labour_minutes")->valueint, 145);
        cJSON_Delete(bom);
    }
    cJSON_Delete(ask_json("/projects/p2/bom")); /* without elevations */
    expect_status("/projects/p9/bom", 404, "Project not found");
    expect_status("/phases/9/bom", 404, "Phase not found");
}

TEST(test_what_is_ordered)
{
    expect_status("/projects/p1/stock-list", 409, "W3 (missing)");
    cJSON *glass = ask_json("/projects/p1/glass-order?incomplete=true");
    EXPECT(glass, "data", "line supplier_name code width height spacer amount",
           "1 Glas, AG G1 600 800 16 7; 2 Glas, AG G1 500 800 16 3; ");
    const cJSON *positions =
        cJSON_GetObjectItem(cJSON_GetArrayItem(cJSON_GetObjectItem(glass, "data"), 0), "positions");
    assert_string_equal(told(positions, "elevation position amount"), "W1 left 3; W1 right 3; W2 - 1; ");
    cJSON_Delete(glass);
    cJSON *cuts = ask_json("/projects/p1/cutting-list?incomplete=true");
    EXPECT(cuts, "data", "code colour length angle_left angle_right amount total_length",
           "P1 RAL 7021 1200 45 45 9 10800; P1 RAL 7021 900.5 45 90 6 5403; ");
    cJSON_Delete(cuts);
    cJSON *stock = ask_json("/projects/1/stock-list?incomplete=true");
    EXPECT(stock, "data", "code colour amount pack_size packs supplier_name",
           "A1 RAL 7021 16 10 2 Häfele; A1 RAL 9016 15 10 2 Häfele; A2 - - - - -; ");
    cJSON_Delete(stock);
    stock = ask_json("/projects/1/stock-list?incomplete=true&limit=1&cursor=1");
    EXPECT(stock, "data", "line colour", "2 RAL 9016; ");
    cJSON_Delete(stock);
    stock = ask_json("/projects/1/stock-list?incomplete=true&updated_since=x&include_deleted=true"); /* takes none */
    EXPECT(stock, "data", "code amount", "A1 16; A1 15; A2 -; ");
    cJSON_Delete(stock);
    expect_text("/projects/p1/stock-list?incomplete=true&format=csv&limit=1", NULL,
                "line,supplier,supplier_name,code,supplier_code,description,colour,amount,units,unit,pack_size,packs,"
                "price,prices,lines_without_amount\r\n1,1,Häfele,A1,S1,Griff,RAL 7021,16,16,Stk,10,2,4.5,,0\r\n");
    expect_text("/projects/p1/cutting-list?incomplete=true&format=csv&limit=1", NULL,
                "line,code,supplier_code,description,colour,length,length_unit,angle_left,angle_right,amount,"
                "total_length,supplier_name,lines_without_amount,positions\r\n1,P1,,Rahmen,RAL 7021,1200,mm,45,45,9,"
                "10800,,0,\"[{\"\"amount\"\":6,\"\"elevation\"\":\"\"W1\"\",\"\"elevation_id\"\":1},{\"\"amount\"\":3,"
                "\"\"elevation\"\":\"\"W1\"\",\"\"elevation_id\"\":1}]\"\r\n");
    struct http_reply reply = ask("/projects/p1/glass-order?incomplete=true", "Accept: text/csv");
    assert_non_null(strstr(reply.body, "\r\n1,2,\"Glas, AG\",G1,Float 4,600,800,"));
    assert_non_null(strcasestr(reply.headers, "X-Parts-Not-Read: 1"));
    http_reply_free(&reply);
}

static void expect_page(const char *path, const char *const shown[])
{
    struct http_reply reply = ask(path, "Accept: text/html");
    if (reply.status != 200) fail_msg("%s: %d %s", path, reply.status, reply.body);
    assert_non_null(strcasestr(reply.headers, "Content-Type: text/html"));
    assert_null(strcasestr(reply.body, "<script"));
    assert_non_null(strstr(reply.body, "</html>")); /* whole */
    for (; *shown; shown++)
        if (!strstr(reply.body, *shown)) fail_msg("%s: not shown: %s in %s", path, *shown, reply.body);
    http_reply_free(&reply);
}

TEST(test_what_is_ordered_is_printed)
{
    pg_exec(&web.pg, "UPDATE projects SET name = 'P <1>', job_number = '2025-3315', offer_number = 'A&B'"
                     " WHERE logikal_id = 'p1'");
    expect_page("/projects/p1/glass-order/print?incomplete=true",
                (const char *const[]){"<h1>Glass order</h1>", "P &lt;1&gt;", "2025-3315", "A&amp;B", "W3 (missing)",
                                      "<td class=\"n\">600</td>",
                                      "<td>\u2068W1 left\u2069 × 3, \u2068W1 right\u2069 × 3, \u2068W2\u2069 × 1</td>",
                                      "<td>Glas, AG</td>", "Lines: 2.", NULL});
    expect_page(
        "/projects/1/cutting-list/print?incomplete=true",
        (const char *const[]){"<td class=\"n\">900.5 mm</td>", "<td class=\"n\">5403 mm</td>", "Lines: 2.", NULL});
    expect_page("/projects/p1/stock-list/print?incomplete=true",
                (const char *const[]){"<td>=Schraube</td>", "<td class=\"n\">16</td>", "Lines: 3.", NULL});
    expect_page("/projects/p2/glass-order/print", (const char *const[]){"There is nothing to order.", NULL});

    pg_exec(&web.pg, "INSERT INTO elevations (logikal_id, name, phase_id, project_id, amount, has_parts_data)"
                     " SELECT 'x' || n, 'X' || n, 2, 1, 1, true FROM generate_series(1, 22) n");
    expect_page("/projects/p1/glass-order/print?incomplete=true",
                (const char *const[]){"W3 (missing), X1 (missing)", "X19 (missing) and 3 more.", NULL});
    pg_exec(&web.pg, "DELETE FROM elevations WHERE logikal_id LIKE 'x%'");
    struct http_reply reply = ask("/projects/p1/stock-list/print", "Accept: text/html");
    assert_int_equal(reply.status, 409);
    assert_non_null(strcasestr(reply.headers, "Content-Type: text/html"));
    assert_non_null(strstr(reply.body, "W3 (missing)"));
    http_reply_free(&reply);
    expect_status("/projects/none/stock-list/print", 404, "Project not found");
    char *other = web_client(&web, "without", "[\"projects:read\"]");
    assert_int_equal(web_status(&web, "GET", "/api/v1/projects/p1/stock-list/print", other, NULL), 403);
    free(other);
    reply = web_call(&web, "GET", "/ui/browse/projects/1", web.admin, NULL);
    assert_non_null(strstr(reply.body, "href=\"/api/v1/projects/1/cutting-list/print\""));
    assert_non_null(strstr(reply.body, "Parts lists that are not read, or not the newest: 1."));
    http_reply_free(&reply);
}

/* ---- the page ---- */

TEST(test_the_page_of_an_elevation_shows_its_bill)
{
    static const char *const shown[] = {
        "<td>G1</td><td>Float 4</td><td>600</td><td>800</td><td>16</td><td>6</td><td>2.88</td><td>72</td>"
        "<td>Glas, AG</td>",
        "<td>P1</td><td>Rahmen</td><td>RAL 7021</td><td>15</td><td>16203 mm</td>"
        "<td>9 × 1200 (45/45°), 6 × 900.5 (45/90°)</td><td>15, 20</td>",
        "<td>A1</td><td>Griff</td><td>RAL 9016</td><td>15</td><td>Stk</td><td>10</td><td>5</td>",
        "<td>Cut</td><td>Saw</td><td>45</td>",
        "<td>Other Things</td><td>5</td><td><a href=\"/api/v1/elevations/1/parts/Other%20Things?format=csv\">",
        "parts/a%2Fb%3F%C3%A4%25?format=csv",
    };
    struct http_reply reply = web_call(&web, "GET", "/ui/browse/elevations/1", web.admin, NULL);
    assert_int_equal(reply.status, 200);
    for (size_t i = 0; i < sizeof shown / sizeof *shown; i++)
        if (!strstr(reply.body, shown[i])) fail_msg("not shown: %s in %s", shown[i], reply.body);
    http_reply_free(&reply);
    reply = web_call(&web, "GET", "/ui/browse/elevations/3", web.admin, NULL); /* nothing is read of it */
    assert_int_equal(reply.status, 200);
    assert_null(strstr(reply.body, "Bill of materials"));
    http_reply_free(&reply);
    for (int i = 0; i < 3; i++) {
        static const char *const asked[] = {"1?from=5", "1?to=2", "3?from=1&to=2"};
        char path[60];
        snprintf(path, sizeof path, "/ui/browse/elevations/%s", asked[i]);
        reply = web_call(&web, "GET", path, web.admin, NULL); /* no two versions are kept */
        assert_non_null(strstr(reply.body, "There is nothing to compare"));
        http_reply_free(&reply);
    }
}

/* ---- many at once ---- */

static void expect_many(void)
{
    struct http_reply reply = web_call(&web, "POST", "/api/v1/elevations/parts:batchGet", token,
                                       "{\"elevation_ids\":[2,77,4,1,2,2,2,2,2,1,2]}");
    static const char *const states[] = {"read", "unknown", "none", "read"};
    char *rest = NULL;
    int i = 0;
    assert_int_equal(reply.status, 200);
    for (char *line = strtok_r(reply.body, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest), i++) {
        cJSON *json = cJSON_Parse(line);
        if (i < 4) assert_string_equal(cJSON_GetStringValue(cJSON_GetObjectItem(json, "state")), states[i]);
        if (i == 3)
            EXPECT(cJSON_GetObjectItem(json, "lines"), "labour", "what minutes", "Cut 12.5; Mount 30; Cut 2.5; ");
        if (i == 3)
            EXPECT(json, "tables", "name",
                   "Elevations; Insertions; Articles; Profiles; Glass; LabourTimes; Suppliers; Other Things; a/b?ä%; "
                   "Filler; ");
        cJSON_Delete(json);
    }
    assert_int_equal(i, 11);
    http_reply_free(&reply);
}

TEST(test_many_at_once)
{
    expect_many();
    pg_exec(&web.pg, "UPDATE parts_lines SET line_count = line_count + 5000"); /* large ones: few in each statement */
    expect_many();
    pg_exec(&web.pg, "UPDATE parts_lines SET line_count = line_count - 5000");
    assert_int_equal(web_status(&web, "POST", "/api/v1/elevations/parts:batchGet", token, "{\"elevation_ids\":[]}"),
                     422);
}

/* ---- versions; the last, since it makes one ---- */

/* Pages of a line each, whose next one is asked for before and after the parts list of elevation 1 becomes another. */
static const struct {
    const char *page;
    int after;
} pages[] = {{"/elevations/1/parts/Articles?limit=1", 410},
             {"/elevations/1/parts/Filler?limit=2", 410},
             {"/projects/p1/stock-list?incomplete=true&limit=1", 410},
             {"/projects/1/cutting-list?incomplete=true&limit=1", 410},
             {"/projects/p1/glass-order?incomplete=true&limit=1", 410},
             {"/elevations/2/parts/Articles?limit=1", 200}};
#define PAGES (sizeof pages / sizeof *pages)

static void take_cursors(char next[PAGES][160])
{
    for (size_t i = 0; i < PAGES; i++) {
        cJSON *page = ask_json(pages[i].page);
        snprintf(next[i], 160, "%s&cursor=%.0f", pages[i].page,
                 cJSON_GetNumberValue(cJSON_GetObjectItem(page, "next_cursor")));
        cJSON_Delete(page);
        cJSON_Delete(ask_json(next[i]));
    }
}

TEST(test_what_became_another_between_two_versions)
{
    char *between = pg_value(&web.pg, "SELECT to_char(now() AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"')");
    char path[200];
    char next[PAGES][160];
    take_cursors(next);
    expect_status("/elevations/1/bom/diff", 404, "/versions");
    store_rows(1, window_1_later);
    read_lists("[[1],true]");
    for (size_t i = 0; i < PAGES; i++)
        expect_status(next[i], pages[i].after, pages[i].after == 410 ? "CURSOR_EXPIRED" : "data");
    cJSON_Delete(ask_json("/elevations/1/parts/Articles?limit=1&cursor=1")); /* a place alone is of any version */

    cJSON *versions = ask_json("/elevations/1/versions");
    EXPECT(versions, "versions", "number amount parts_count", "2 3 6; 1 3 10; ");
    cJSON_Delete(versions);
    snprintf(path, sizeof path, "/projects/p1/bom/diff?from=%s", between);
    const char *const paths[] = {"/elevations/1/bom/diff", "/elevations/1/bom/diff?from=1&to=2", path};
    for (int i = 0; i < 3; i++) {
        cJSON *diff = ask_json(paths[i]);
        EXPECT(diff, "added", "kind code amount price", "article A3 6 9; ");
        EXPECT(diff, "removed", "kind code colour width amount",
               i == 2 ? "article A1 RAL 9016 - 15; glass G1 - 500 3; "
                      : "article A1 RAL 9016 - 15; glass G1 - 500 3; glass G1 - 600 6; ");
        if (i < 2)
            EXPECT(diff, "changed", "kind code what before after",
                   "article A1 - {\"price\":4.5,\"units\":9,\"amount\":9,\"line_count\":2} "
                   "{\"price\":4.75,\"units\":12,\"amount\":12,\"line_count\":1}; "
                   "labour - Mount {\"minutes\":90} {\"minutes\":60}; "
                   "labour - Cut {\"line_count\":2} {\"line_count\":1}; ");
        else
            EXPECT(diff, "changed", "kind code", "article A1; glass G1; labour -; labour -; ");
        cJSON_Delete(diff);
    }
    static const char *const shown[] = {
        "1 and 2: 1 added, 3 removed, 3 changed",
        "<tr class=\"is-added\"><td><span class=\"badge ok\">added</span></td><td>article</td><td>A3</td><td>Band</td>"
        "<td></td><td></td><td></td><td>6</td><td>9</td><td></td></tr>",
        "<tr class=\"is-removed\"><td><span class=\"badge bad\">removed</span></td><td>pane</td><td>G1</td><td>Float "
        "4</td>"
        "<td>600 × 800</td><td>6</td><td>30</td><td></td><td></td><td></td></tr>",
        "<td>A1</td><td>Griff</td><td>RAL 7021</td><td>9</td><td>4.5</td><td>12</td><td>4.75</td>"
        "<td>amount 9 → 12, line count 2 → 1, price 4.5 → 4.75, units 9 → 12</td>",
        "<tr><td></td><td>profile</td><td>P1</td>", /* as it was */
    };
    struct http_reply reply = web_call(&web, "GET", "/ui/browse/elevations/1", web.admin, NULL);
    for (size_t i = 0; i < sizeof shown / sizeof *shown; i++)
        if (!strstr(reply.body, shown[i])) fail_msg("not shown: %s in %s", shown[i], reply.body);
    http_reply_free(&reply);
    reply = web_call(&web, "GET", "/ui/browse/elevations/1?from=2&to=1", web.admin, NULL);
    assert_non_null(strstr(reply.body, "2 and 1: 3 added, 1 removed, 3 changed"));
    http_reply_free(&reply);
    reply = web_call(&web, "GET", "/ui/browse/elevations/1?from=7", web.admin, NULL);
    assert_non_null(strstr(reply.body, "There is no such version before"));
    http_reply_free(&reply);

    cJSON *back = ask_json("/elevations/1/bom/diff?from=2&to=1");
    EXPECT(back, "added", "code colour amount", "A1 RAL 9016 15; G1 - 3; G1 - 6; ");
    cJSON_Delete(back);
    expect_status("/elevations/1/bom/diff?from=1&to=9", 404, "/versions");

    cJSON *kept = ask_json(path), *gone;
    pg_exec(&web.pg, "DELETE FROM parts_versions WHERE elevation_id = 1 AND number = 1");
    gone = ask_json(path);
    assert_int_equal(cJSON_GetObjectItem(cJSON_GetObjectItem(kept, "from"), "not_kept")->valueint, 0);
    assert_int_equal(cJSON_GetObjectItem(cJSON_GetObjectItem(gone, "from"), "not_kept")->valueint, 1);
    assert_int_equal(cJSON_GetObjectItem(cJSON_GetObjectItem(gone, "to"), "not_kept")->valueint, 0);
    cJSON_Delete(kept);
    cJSON_Delete(gone);
    free(between);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_what_is_not_there_yet_says_why),
    cmocka_unit_test(test_tables_and_their_rows),
    cmocka_unit_test(test_rows_as_lines_and_csv),
    cmocka_unit_test(test_the_file_and_parts_of_it),
    cmocka_unit_test(test_bill_of_an_elevation_that_is_built_three_times),
    cmocka_unit_test(test_bill_of_a_phase_and_of_a_project),
    cmocka_unit_test(test_what_is_ordered),
    cmocka_unit_test(test_what_is_ordered_is_printed),
    cmocka_unit_test(test_the_page_of_an_elevation_shows_its_bill),
    cmocka_unit_test(test_many_at_once),
    cmocka_unit_test(test_what_became_another_between_two_versions),
};
TEST_MAIN(tests, set_up, tear_down)
