/* Parts lists over the API: files made here by SQLite, read by the real parser, and their rows and bytes compared with
 * what they were made of. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cjson/cJSON.h>

#include "tests/support/answers/json_schema.h"
#include "tests/support/answers/operations.h"
#include "tests/support/parts/parts_world.h"

FIXTURE(start)
{
    parts_open();
    return 0;
}

FIXTURE(stop)
{
    parts_close();
    return 0;
}

/* ---- before it is read ---- */

TEST(test_what_is_not_there_yet_says_why)
{
    static const char *const below[] = {"parts", "parts/Articles", "parts-list", "bom"};
    for (size_t i = 0; i < sizeof below / sizeof *below; i++) {
        char path[100];
        snprintf(path, sizeof path, "/elevations/1/%s", below[i]);
        parts_expect(path, 503, "taken over");
        snprintf(path, sizeof path, "/elevations/3/%s", below[i]);
        parts_expect(path, 503, "not fetched yet");
        snprintf(path, sizeof path, "/elevations/4/%s", below[i]);
        parts_expect(path, 404, "has no parts list");
        snprintf(path, sizeof path, "/elevations/99/%s", below[i]);
        parts_expect(path, 404, "Elevation not found");
    }
    cJSON *bom = parts_json("/projects/p1/bom");
    assert_true(cJSON_IsFalse(cJSON_GetObjectItem(bom, "is_whole")));
    PARTS_EXPECT(bom, "not_in_it", "elevation_id state", "1 moving; 2 moving; 3 missing; 4 none; ");
    PARTS_EXPECT(bom, "articles", "code", "");
    cJSON_Delete(bom);
    parts_expect("/projects/p1/glass-order", 409, "W1 (moving), W2 (moving), W3 (missing)");
    parts_expect("/projects/none/glass-order", 404, "Project not found");
    parts_read_lists();
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
    cJSON *parts = parts_json("/elevations/1/parts");
    PARTS_EXPECT(
        parts, "tables", "name rows kind",
        "Elevations 1 elevation; Insertions 2 insertion; Articles 4 article; Profiles 3 profile; Glass 3 glass; "
        "LabourTimes 3 labour; Suppliers 2 supplier; Other Things 5 -; a/b?ä% 1 -; Filler 3000 -; ");
    assert_int_equal(cJSON_GetObjectItem(parts, "size_bytes")->valueint, world.first_size);
    cJSON_Delete(parts);

    cJSON *rows = parts_json("/elevations/1/parts/articles?limit=3");
    PARTS_EXPECT(rows, "data", "line code amount price colour supplier_name",
                 "1 A1 2 4.5 RAL 7021 Häfele; 2 A1 1 4.5 RAL 7021 Häfele; 3 A1 5 5 RAL 9016 Häfele; ");
    assert_int_equal(next_place(rows), 3);
    cJSON_Delete(rows);
    rows = parts_json("/elevations/1/parts/Articles?limit=3&cursor=3");
    PARTS_EXPECT(rows, "data", "line code amount description", "4 A2 - =Schraube; ");
    cJSON_Delete(rows);

    rows = parts_json("/elevations/1/parts/Other%20Things?limit=2&cursor=2");
    PARTS_EXPECT(rows, "data", "x b", "3 -; 4 -; ");
    assert_int_equal(next_place(rows), 4);
    cJSON_Delete(rows);
    rows = parts_json("/elevations/1/parts/a%2Fb%3F%C3%A4%25");
    PARTS_EXPECT(rows, "data", "c", "odd; ");
    cJSON_Delete(rows);
    rows = parts_json("/elevations/1/parts/Filler?limit=2500&cursor=600");
    assert_int_equal(cJSON_GetArraySize(cJSON_GetObjectItem(rows, "data")), 2400);
    cJSON_Delete(rows);
    parts_expect("/elevations/1/parts/Nothing", 404, "no such table");
    parts_expect("/elevations/2/parts/Other%20Things", 404, "no such table");
}

/* Each row of a table whose kind is known is as /openapi.json has it: all its members are declared, with their types.
 */
TEST(test_typed_rows_are_what_is_declared)
{
    static const char *const tables[] = {"Elevations", "Insertions",  "Articles", "Profiles",
                                         "Glass",      "LabourTimes", "Suppliers"};
    char path[80], why[300];
    cJSON *api = operations_load(&world.web);
    const cJSON *line =
        cJSON_GetObjectItem(cJSON_GetObjectItem(cJSON_GetObjectItem(api, "components"), "schemas"), "PartsLine");
    assert_non_null(line);
    for (size_t i = 0; i < sizeof tables / sizeof *tables; i++) {
        snprintf(path, sizeof path, "/elevations/1/parts/%s", tables[i]);
        cJSON *rows = parts_json(path);
        const cJSON *row, *member;
        assert_true(cJSON_GetArraySize(cJSON_GetObjectItem(rows, "data")) > 0);
        cJSON_ArrayForEach(row, cJSON_GetObjectItem(rows, "data")) {
            if (!json_schema_valid(api, line, row, why, sizeof why)) fail_msg("%s: %s", path, why);
            cJSON_ArrayForEach(member, row)
                if (!cJSON_GetObjectItem(cJSON_GetObjectItem(line, "properties"), member->string))
                    fail_msg("%s: %s is not declared", path, member->string);
        }
        cJSON_Delete(rows);
    }
    cJSON_Delete(api);
}

TEST(test_rows_as_lines_and_csv)
{
    parts_expect_text("/elevations/1/parts/Other%20Things?limit=3", "Accept: text/csv",
                      "x,\"the \"\"y, z\",b\r\n1,one,\"{\"\"bytes\"\":2}\"\r\n2,,\r\n3,\"'=drei, \"\"3\"\"\",\r\n");
    parts_expect_text("/elevations/1/parts/Other%20Things?cursor=9", "Accept: text/csv", "x,\"the \"\"y, z\",b\r\n");
    parts_expect_text("/elevations/1/parts/Other%20Things?limit=1", "Accept: application/x-ndjson",
                      "{\"x\":1,\"the \\\"y, z\":\"one\",\"b\":{\"bytes\":2}}\n");
    parts_expect_text("/elevations/1/parts/LabourTimes?limit=1&format=json", "Accept: text/csv", NULL);
    struct http_reply link = parts_ask("/elevations/1/parts/LabourTimes?format=csv", "Accept: text/html");
    assert_non_null(strcasestr(link.headers, "text/csv"));
    http_reply_free(&link);
    parts_expect("/elevations/1/parts/LabourTimes?format=xml", 422, "Input should be one of: json, ndjson, csv");
    struct http_reply reply = parts_ask("/elevations/1/parts/LabourTimes", "Accept: application/x-ndjson");
    int lines = 0;
    for (const char *p = reply.body; (p = strchr(p, '\n')); p++) lines++;
    assert_int_equal(lines, 3);
    cJSON_Delete(cJSON_Parse(reply.body));
    http_reply_free(&reply);
    reply = parts_ask("/elevations/1/parts/Articles", "Accept: text/csv");
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
             range, world.token, world.web.url);
    char *const argv[] = {"/bin/sh", "-c", command, NULL};
    assert_int_equal(process_run(argv, (char *const[]){NULL}, &output), 0);
    if (atoi(output) != status) fail_msg("%s: %s instead of %d", range, output, status);
    free(output);
    if (len < 0) return;
    FILE *f = fopen(out, "rb");
    assert_non_null(f);
    unsigned char *bytes = malloc((size_t)world.first_size + 1);
    size_t got = fread(bytes, 1, (size_t)world.first_size + 1, f);
    fclose(f);
    assert_int_equal(got, len);
    assert_memory_equal(bytes, world.first_file + from, (size_t)len);
    free(bytes);
}

/* Of a document that the client has nothing is said that it could take for the document's. */
static void expect_no_length(const char *method, const char *sha256)
{
    char url[200], bearer[2200], known[100];
    snprintf(url, sizeof url, "%s/api/v1/elevations/1/parts-list", world.web.url);
    snprintf(bearer, sizeof bearer, "Authorization: Bearer %s", world.token);
    snprintf(known, sizeof known, "If-None-Match: \"%s\"", sha256);
    struct http_reply reply = http_request(method, url, (const char *[]){bearer, known, NULL}, NULL);
    assert_int_equal(reply.status, 304);
    if (strcasestr(reply.headers, "Content-Length")) fail_msg("%s: %s", method, reply.headers);
    http_reply_free(&reply);
}

static void expect_length(const char *method, const char *range, sqlite3_int64 length)
{
    char url[200], bearer[2200], wanted[60];
    snprintf(url, sizeof url, "%s/api/v1/elevations/1/parts-list", world.web.url);
    snprintf(bearer, sizeof bearer, "Authorization: Bearer %s", world.token);
    snprintf(wanted, sizeof wanted, "\nContent-Length: %lld\r", (long long)length);
    struct http_reply reply = http_request(method, url, (const char *[]){bearer, range, NULL}, NULL);
    if (!strcasestr(reply.headers, wanted) || strcasestr(reply.headers, "Transfer-Encoding"))
        fail_msg("%s %s: no %lld in %s", method, range ? range : "", (long long)length, reply.headers);
    http_reply_free(&reply);
}

TEST(test_the_file_and_parts_of_it)
{
    assert_true(world.first_size > 300000); /* more than a frame */
    expect_bytes("", 200, 0, world.first_size);
    expect_bytes("-r 0-0", 206, 0, 1);
    expect_bytes("-r 16-99", 206, 16, 84);
    expect_bytes("-r 262140-262150", 206, 262140, 11);
    expect_bytes("-r 262144-", 206, 262144, world.first_size - 262144);
    expect_bytes("-r 100-99999999", 206, 100, world.first_size - 100);
    expect_bytes("-r -7", 206, world.first_size - 7, 7);
    expect_bytes("-r -99999999", 206, 0, world.first_size);
    expect_bytes("-r 0-1,5-6", 200, 0, world.first_size); /* several are answered whole */
    expect_bytes("-r 99999999-", 416, 0, -1);
    expect_bytes("-H 'Range: lines=1-2'", 200, 0, world.first_size);
    expect_bytes("-r 0-9 -H 'If-Range: \"other\"'", 200, 0, world.first_size);

    char *sha256 = pg_value(&world.web.pg, "SELECT sha256 FROM parts_versions WHERE elevation_id = 1"), header[200];
    struct http_reply reply = parts_ask("/elevations/1/parts-list", NULL);
    snprintf(header, sizeof header, "ETag: \"%s\"", sha256);
    assert_non_null(strcasestr(reply.headers, header));
    assert_non_null(strcasestr(reply.headers, "Content-Disposition: attachment; filename=\"1-W1.sqlite\""));
    http_reply_free(&reply);
    snprintf(header, sizeof header, "If-None-Match: \"%s\"", sha256);
    reply = parts_ask("/elevations/1/parts-list", header);
    assert_int_equal(reply.status, 304);
    http_reply_free(&reply);
    snprintf(header, sizeof header, "-r 5-9 -H 'If-Range: \"%s\"'", sha256);
    expect_bytes(header, 206, 5, 5);
    expect_length("GET", NULL, world.first_size);
    expect_length("HEAD", NULL, world.first_size);
    expect_length("GET", "Range: bytes=262140-262150", 11);
    expect_length("HEAD", "Range: bytes=-7", 7);
    expect_no_length("GET", sha256);
    expect_no_length("HEAD", sha256);
    free(sha256);
}

/* ---- many at once ---- */

static void expect_many(void)
{
    struct http_reply reply = web_call(&world.web, "POST", "/api/v1/elevations/parts:batchGet", world.token,
                                       "{\"elevation_ids\":[2,77,4,1,2,2,2,2,2,1,2]}");
    static const char *const states[] = {"read", "unknown", "none", "read"};
    char *rest = NULL;
    int i = 0;
    assert_int_equal(reply.status, 200);
    for (char *line = strtok_r(reply.body, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest), i++) {
        cJSON *json = cJSON_Parse(line);
        if (i < 4) assert_string_equal(cJSON_GetStringValue(cJSON_GetObjectItem(json, "state")), states[i]);
        if (i == 3)
            PARTS_EXPECT(cJSON_GetObjectItem(json, "lines"), "labour", "what minutes", "Cut 12.5; Mount 30; Cut 2.5; ");
        if (i == 3)
            PARTS_EXPECT(
                json, "tables", "name",
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
    pg_exec(&world.web.pg,
            "UPDATE parts_lines SET line_count = line_count + 5000"); /* large ones: few in each statement */
    expect_many();
    pg_exec(&world.web.pg, "UPDATE parts_lines SET line_count = line_count - 5000");
    assert_int_equal(
        web_status(&world.web, "POST", "/api/v1/elevations/parts:batchGet", world.token, "{\"elevation_ids\":[]}"),
        422);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_what_is_not_there_yet_says_why),  cmocka_unit_test(test_tables_and_their_rows),
    cmocka_unit_test(test_typed_rows_are_what_is_declared), cmocka_unit_test(test_rows_as_lines_and_csv),
    cmocka_unit_test(test_the_file_and_parts_of_it),        cmocka_unit_test(test_many_at_once),
};
TEST_MAIN(tests, start, stop)
