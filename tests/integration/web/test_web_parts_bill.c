/* What parts lists add up to, over the API and on the pages: bills, orders, and what became another between two
 * versions; every figure compared with what the lists were made of. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cjson/cJSON.h>

#include "tests/support/parts/parts_world.h"

FIXTURE(start)
{
    parts_open();
    parts_read_lists();
    return 0;
}

FIXTURE(stop)
{
    parts_close();
    return 0;
}

/* ---- bills of materials ---- */

TEST(test_bill_of_an_elevation_that_is_built_three_times)
{
    cJSON *bom = parts_json("/elevations/1/bom");
    PARTS_EXPECT(bom, "elevations", "elevation_id name amount version", "1 W1 3 1; ");
    PARTS_EXPECT(bom, "articles", "code colour amount units unit pack_size price line_count lines_without_amount",
                 "A1 RAL 7021 9 9 Stk 10 4.5 2 0; A1 RAL 9016 15 15 Stk 10 5 1 0; A2 - - - - - - 1 1; ");
    PARTS_EXPECT(
        bom, "profiles", "code colour amount length length_unit prices cuts",
        "P1 RAL 7021 15 16203 mm [15,20] [{\"price\":20,\"amount\":9,\"length\":1200,\"angle_left\":45,"
        "\"angle_right\":45},{\"price\":15,\"amount\":6,\"length\":900.5,\"angle_left\":45,\"angle_right\":90}]; ");
    PARTS_EXPECT(bom, "panes", "code name width height spacer amount area weight",
                 "G1 Float 4 500 800 16 3 1.2 30; G1 Float 4 600 800 16 6 2.88 72; ");
    PARTS_EXPECT(bom, "labour", "what name minutes", "Cut Saw 45; Mount Bench 90; ");
    assert_int_equal(cJSON_GetObjectItem(bom, "labour_minutes")->valueint, 135);
    cJSON_Delete(bom);
}

TEST(test_bill_of_a_phase_and_of_a_project)
{
    static const char *const paths[] = {"/phases/1/bom", "/projects/p1/bom", "/projects/1/bom"};
    for (int i = 0; i < 3; i++) {
        cJSON *bom = parts_json(paths[i]);
        PARTS_EXPECT(bom, "elevations", "elevation_id amount", "1 3; 2 1; ");
        PARTS_EXPECT(bom, "articles", "code colour amount", "A1 RAL 7021 16; A1 RAL 9016 15; A2 - -; ");
        PARTS_EXPECT(bom, "panes", "width amount", "500 3; 600 7; ");
        PARTS_EXPECT(bom, "not_in_it", "elevation_id state", i == 0 ? "" : "3 missing; 4 none; ");
        assert_true(cJSON_IsTrue(cJSON_GetObjectItem(bom, "is_whole")) == (i == 0));
        assert_int_equal(cJSON_GetObjectItem(bom, "labour_minutes")->valueint, 145);
        cJSON_Delete(bom);
    }
    cJSON_Delete(parts_json("/projects/p2/bom")); /* without elevations */
    parts_expect("/projects/p9/bom", 404, "Project not found");
    parts_expect("/phases/9/bom", 404, "Phase not found");
}

TEST(test_what_is_ordered)
{
    parts_expect("/projects/p1/stock-list", 409, "W3 (missing)");
    cJSON *glass = parts_json("/projects/p1/glass-order?incomplete=true");
    PARTS_EXPECT(glass, "data", "line supplier_name code width height spacer amount",
                 "1 Glas, AG G1 600 800 16 7; 2 Glas, AG G1 500 800 16 3; ");
    const cJSON *positions =
        cJSON_GetObjectItem(cJSON_GetArrayItem(cJSON_GetObjectItem(glass, "data"), 0), "positions");
    assert_string_equal(parts_told(positions, "elevation position amount"), "W1 left 3; W1 right 3; W2 - 1; ");
    cJSON_Delete(glass);
    cJSON *cuts = parts_json("/projects/p1/cutting-list?incomplete=true");
    PARTS_EXPECT(cuts, "data", "code colour length angle_left angle_right amount total_length",
                 "P1 RAL 7021 1200 45 45 9 10800; P1 RAL 7021 900.5 45 90 6 5403; ");
    cJSON_Delete(cuts);
    cJSON *stock = parts_json("/projects/1/stock-list?incomplete=true");
    PARTS_EXPECT(stock, "data", "code colour amount pack_size packs supplier_name",
                 "A1 RAL 7021 16 10 2 Häfele; A1 RAL 9016 15 10 2 Häfele; A2 - - - - -; ");
    cJSON_Delete(stock);
    stock = parts_json("/projects/1/stock-list?incomplete=true&limit=1&cursor=1");
    PARTS_EXPECT(stock, "data", "line colour", "2 RAL 9016; ");
    cJSON_Delete(stock);
    stock = parts_json("/projects/1/stock-list?incomplete=true&updated_since=x&include_deleted=true"); /* takes none */
    PARTS_EXPECT(stock, "data", "code amount", "A1 16; A1 15; A2 -; ");
    cJSON_Delete(stock);
    parts_expect_text(
        "/projects/p1/stock-list?incomplete=true&format=csv&limit=1", NULL,
        "line,supplier,supplier_name,code,supplier_code,description,colour,amount,units,unit,pack_size,packs,"
        "price,prices,lines_without_amount,lines_unread\r\n1,1,Häfele,A1,S1,Griff,RAL "
        "7021,16,16,Stk,10,2,4.5,,0,0\r\n");
    parts_expect_text(
        "/projects/p1/cutting-list?incomplete=true&format=csv&limit=1", NULL,
        "line,code,supplier_code,description,colour,length,length_unit,angle_left,angle_right,amount,"
        "total_length,supplier_name,lines_without_amount,positions,lines_unread\r\n1,P1,,Rahmen,RAL "
        "7021,1200,mm,45,45,9,"
        "10800,,0,\"[{\"\"amount\"\":6,\"\"elevation\"\":\"\"W1\"\",\"\"elevation_id\"\":1},{\"\"amount\"\":3,"
        "\"\"elevation\"\":\"\"W1\"\",\"\"elevation_id\"\":1}]\",0\r\n");
    struct http_reply reply = parts_ask("/projects/p1/glass-order?incomplete=true", "Accept: text/csv");
    assert_non_null(strstr(reply.body, "\r\n1,2,\"Glas, AG\",G1,Float 4,600,800,"));
    assert_non_null(strcasestr(reply.headers, "X-Parts-Not-Read: 1"));
    http_reply_free(&reply);
}

/* Stored lines of elevation 2 become others until they are put back. */
static void alter_lines(const char *kind, const char *code, const char *members)
{
    char sql[600];
    snprintf(sql, sizeof sql,
             "UPDATE parts_lines l SET lines = (SELECT jsonb_agg(CASE WHEN x->>'code' = '%s' THEN x || '%s'::jsonb ELSE"
             " x END) FROM jsonb_array_elements(l.lines) x) WHERE l.kind = '%s' AND l.sha256 = (SELECT sha256 FROM"
             " parts_versions WHERE elevation_id = 2 AND valid_to IS NULL)",
             code, members, kind);
    pg_exec(&world.web.pg, sql);
}

static void expect_rows(const char *path, const char *list, const char *members, const char *told)
{
    cJSON *json = parts_json(path);
    PARTS_EXPECT(json, list, members, told);
    cJSON_Delete(json);
}

/* What one supplier delivers is not ordered from another one, nor pounds as kilograms. */
TEST(test_what_cannot_be_ordered_together_stays_apart)
{
    static const struct {
        const char *kind, *code, *members, *stock, *glass;
    } table[] = {
        {"article", "A1", "{\"supplier\":\"0\",\"supplier_name\":\"Zett\"}",
         "A1 RAL 7021 9 10 1 1 Häfele S1; A1 RAL 9016 15 10 2 1 Häfele S1; A1 RAL 7021 7 10 1 0 Zett S1;"
         " A2 - - - - - - -; ",
         NULL},
        {"article", "A1", "{\"supplier_code\":\"S9\"}",
         "A1 RAL 7021 9 10 1 1 Häfele S1; A1 RAL 7021 7 10 1 1 Häfele S9; A1 RAL 9016 15 10 2 1 Häfele S1;"
         " A2 - - - - - - -; ",
         NULL},
        {"glass", "G1", "{\"weight_unit\":\"lb\"}", NULL,
         "Glas, AG 600 1 12 lb; Glas, AG 600 6 72 -; Glas, AG 500 3 30 -; "},
        {"glass", "G1", "{\"area_unit\":\"sqft\"}", NULL,
         "Glas, AG 600 1 12 -; Glas, AG 600 6 72 -; Glas, AG 500 3 30 -; "},
    };
    pg_exec(&world.web.pg, "CREATE TABLE lines_before AS SELECT * FROM parts_lines");
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        alter_lines(table[i].kind, table[i].code, table[i].members);
        if (table[i].stock)
            expect_rows("/projects/1/stock-list?incomplete=true", "data",
                        "code colour amount pack_size packs supplier supplier_name supplier_code", table[i].stock);
        if (table[i].glass)
            expect_rows("/projects/1/glass-order?incomplete=true", "data",
                        "supplier_name width amount weight weight_unit", table[i].glass);
        pg_exec(&world.web.pg, "UPDATE parts_lines l SET lines = b.lines FROM lines_before b WHERE b.sha256 = l.sha256"
                               " AND b.kind = l.kind");
    }
    pg_exec(&world.web.pg, "DROP TABLE lines_before");
}

static void expect_page(const char *path, const char *const shown[])
{
    struct http_reply reply = parts_ask(path, "Accept: text/html");
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
    pg_exec(&world.web.pg, "UPDATE projects SET name = 'P <1>', job_number = '2025-3315', offer_number = 'A&B'"
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
                (const char *const[]){"<td>=Schraube</td>", "<td class=\"n\">16</td>", "Lines: 3.",
                                      "<td class=\"n\">?</td>", "Sums with + ?", NULL});
    expect_page("/projects/p2/glass-order/print", (const char *const[]){"There is nothing to order.", NULL});

    pg_exec(&world.web.pg, "INSERT INTO elevations (logikal_id, name, phase_id, project_id, amount, has_parts_data)"
                           " SELECT 'x' || n, 'X' || n, 2, 1, 1, true FROM generate_series(1, 22) n");
    expect_page("/projects/p1/glass-order/print?incomplete=true",
                (const char *const[]){"W3 (missing), X1 (missing)", "X19 (missing) and 3 more.", NULL});
    pg_exec(&world.web.pg, "DELETE FROM elevations WHERE logikal_id LIKE 'x%'");
    struct http_reply reply = parts_ask("/projects/p1/stock-list/print", "Accept: text/html");
    assert_int_equal(reply.status, 409);
    assert_non_null(strcasestr(reply.headers, "Content-Type: text/html"));
    assert_non_null(strstr(reply.body, "W3 (missing)"));
    http_reply_free(&reply);
    parts_expect("/projects/none/stock-list/print", 404, "Project not found");
    char *other = web_client(&world.web, "without", "[\"projects:read\"]");
    assert_int_equal(web_status(&world.web, "GET", "/api/v1/projects/p1/stock-list/print", other, NULL), 403);
    free(other);
    reply = web_call(&world.web, "GET", "/ui/browse/projects/1", world.web.admin, NULL);
    assert_non_null(strstr(reply.body, "href=\"/api/v1/projects/1/cutting-list/print\""));
    assert_non_null(strstr(reply.body, "Parts lists that are not read, or not the newest: 1."));
    http_reply_free(&reply);
}

/* ---- what becomes another one meanwhile ---- */

static void copy_etag(const struct http_reply *reply, char etag[80])
{
    const char *p = strcasestr(reply->headers, "\nETag: ");
    snprintf(etag, 80, "%.*s", p ? (int)strcspn(p + 7, "\r\n") : 0, p ? p + 7 : "");
}

/* Between the look at what it is made of and its statement, an elevation is built once more: an answer with the tag of
 * before would be taken for that of before for ever (304), and a page of a list that is not the one of its cursor. */
TEST(test_an_answer_is_of_one_moment)
{
    static const struct {
        const char *path;
        int status; /* 0 = one or the other, whole */
    } rows[] = {{"/projects/p1/glass-order?incomplete=true", 503},
                {"/projects/p1/glass-order?incomplete=true&limit=1&cursor=1", 410},
                {"/projects/p1/cutting-list?incomplete=true", 503},
                {"/projects/1/cutting-list?incomplete=true&limit=1&cursor=1", 410},
                {"/projects/p1/glass-order/print?incomplete=true", 503},
                {"/projects/p1/stock-list?incomplete=true", 0},
                {"/elevations/1/parts/Articles", 503},
                {"/elevations/1/parts/Articles?limit=1&cursor=1", 410},
                {"/elevations/1/bom", 0},
                {"/phases/1/bom", 0},
                {"/projects/p1/bom", 0}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char etags[3][80];
        struct http_reply before = parts_ask(rows[i].path, NULL);
        struct http_reply between =
            parts_ask_while(rows[i].path, "LOCK TABLE parts_lines IN ACCESS EXCLUSIVE MODE",
                            "UPDATE elevations SET amount = coalesce(amount, 1) + 1 WHERE id = 1");
        struct http_reply after = parts_ask(rows[i].path, NULL);
        copy_etag(&before, etags[0]);
        copy_etag(&between, etags[1]);
        copy_etag(&after, etags[2]);
        assert_int_equal(before.status, 200);
        assert_int_equal(after.status, 200);
        if (rows[i].status && between.status != rows[i].status)
            fail_msg("%s: %d %s", rows[i].path, between.status, between.body);
        if (between.status == 503) assert_non_null(strcasestr(between.headers, "Retry-After: 1"));
        if (between.status == 200 && strcmp(etags[1], etags[0]) == 0) assert_string_equal(between.body, before.body);
        if (between.status == 200 && strcmp(etags[1], etags[2]) == 0) assert_string_equal(between.body, after.body);
        if (*etags[0]) assert_string_not_equal(etags[0], etags[2]);
        http_reply_free(&before);
        http_reply_free(&between);
        http_reply_free(&after);
    }
    pg_exec(&world.web.pg, "UPDATE elevations SET amount = 3 WHERE id = 1");
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
        "<td>=Schraube</td><td></td><td>?</td>",
        "Sums with + ?",
        "<td><bdi>Other Things</bdi></td><td>5</td><td><a "
        "href=\"/api/v1/elevations/1/parts/Other%20Things?format=csv\">",
        "parts/a%2Fb%3F%C3%A4%25?format=csv",
    };
    struct http_reply reply = web_call(&world.web, "GET", "/ui/browse/elevations/1", world.web.admin, NULL);
    assert_int_equal(reply.status, 200);
    for (size_t i = 0; i < sizeof shown / sizeof *shown; i++)
        if (!strstr(reply.body, shown[i])) fail_msg("not shown: %s in %s", shown[i], reply.body);
    http_reply_free(&reply);
    reply = web_call(&world.web, "GET", "/ui/browse/elevations/3", world.web.admin, NULL); /* nothing is read of it */
    assert_int_equal(reply.status, 200);
    assert_null(strstr(reply.body, "Bill of materials"));
    http_reply_free(&reply);
    for (int i = 0; i < 3; i++) {
        static const char *const asked[] = {"1?from=5", "1?to=2", "3?from=1&to=2"};
        char path[60];
        snprintf(path, sizeof path, "/ui/browse/elevations/%s", asked[i]);
        reply = web_call(&world.web, "GET", path, world.web.admin, NULL); /* no two versions are kept */
        assert_non_null(strstr(reply.body, "There is nothing to compare"));
        http_reply_free(&reply);
    }
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
        cJSON *page = parts_json(pages[i].page);
        snprintf(next[i], 160, "%s&cursor=%.0f", pages[i].page,
                 cJSON_GetNumberValue(cJSON_GetObjectItem(page, "next_cursor")));
        cJSON_Delete(page);
        cJSON_Delete(parts_json(next[i]));
    }
}

/* Of an elevation with versions 1 and 2, one with one, one without, and one whose list went away. */
static void expect_no_difference(void)
{
    static const struct {
        const char *query;
        int window, status;
        const char *told;
    } rows[] = {
        {"?from=1&to=9", 1, 404, "Version 9 is not kept: /api/v1/elevations/1/versions lists those that are (1 to 2)"},
        {"?from=7&to=2", 1, 404, "Version 7 is not kept"},
        {"?from=3", 1, 404, "Version 3 is not kept"},
        {"?to=3", 1, 404, "Version 3 is not kept"},
        {"?to=1", 1, 422, "Version 1 is the first one that is kept, and none is before it"},
        {"?from=0", 1, 422, "from"},
        {"", 2, 404, "Only version 1 of its parts list is kept"},
        {"?to=1", 2, 422, "Version 1 is the first one that is kept"},
        {"?to=2", 2, 404, "Version 2 is not kept: /api/v1/elevations/2/versions lists those that are (1 to 1)"},
        {"", 4, 404, "No version of its parts list is kept"},
        {"?from=1&to=1", 4, 404, "No version of its parts list is kept"},
    };
    char path[80];
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        snprintf(path, sizeof path, "/elevations/%d/bom/diff%s", rows[i].window, rows[i].query);
        parts_expect(path, rows[i].status, rows[i].told);
    }
    parts_expect("/elevations/1/bom/diff?from=2&to=2", 200, "\"changed\": []");
    pg_exec(&world.web.pg, "UPDATE parts_versions SET valid_to = now() WHERE elevation_id = 1 AND number = 2");
    parts_expect("/elevations/1/bom/diff", 422, "It has no parts list at present: say with which version");
    parts_expect("/elevations/1/bom/diff?from=1", 422, "It has no parts list at present");
    parts_expect("/elevations/1/bom/diff?to=2", 200, "\"changed\": [{");
    pg_exec(&world.web.pg, "UPDATE parts_versions SET valid_to = NULL WHERE elevation_id = 1 AND number = 2");
    parts_expect("/projects/p1/bom/diff?from=2100-01-01T00:00:00Z", 422, "in the future");
    parts_expect("/projects/p1/bom/diff?from=2020-01-02T00:00:00Z&to=2020-01-01T00:00:00Z", 422, "later than to");
}

TEST(test_what_became_another_between_two_versions)
{
    char *between =
        pg_value(&world.web.pg, "SELECT to_char(now() AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"')");
    char path[200];
    char next[PAGES][160];
    take_cursors(next);
    parts_expect("/elevations/1/bom/diff", 404, "/versions");
    parts_rebuild();
    for (size_t i = 0; i < PAGES; i++)
        parts_expect(next[i], pages[i].after, pages[i].after == 410 ? "CURSOR_EXPIRED" : "data");
    cJSON_Delete(parts_json("/elevations/1/parts/Articles?limit=1&cursor=1")); /* a place alone is of any version */

    cJSON *versions = parts_json("/elevations/1/versions");
    PARTS_EXPECT(versions, "versions", "number amount parts_count", "2 3 6; 1 3 10; ");
    cJSON_Delete(versions);
    snprintf(path, sizeof path, "/projects/p1/bom/diff?from=%s", between);
    const char *const paths[] = {"/elevations/1/bom/diff", "/elevations/1/bom/diff?from=1&to=2", path};
    for (int i = 0; i < 3; i++) {
        cJSON *diff = parts_json(paths[i]);
        PARTS_EXPECT(diff, "added", "kind code amount price", "article A3 6 9; ");
        PARTS_EXPECT(diff, "removed", "kind code colour width amount",
                     i == 2 ? "article A1 RAL 9016 - 15; glass G1 - 500 3; "
                            : "article A1 RAL 9016 - 15; glass G1 - 500 3; glass G1 - 600 6; ");
        if (i < 2)
            PARTS_EXPECT(diff, "changed", "kind code what before after",
                         "article A1 - {\"price\":4.5,\"units\":9,\"amount\":9,\"line_count\":2} "
                         "{\"price\":4.75,\"units\":12,\"amount\":12,\"line_count\":1}; "
                         "labour - Mount {\"minutes\":90} {\"minutes\":60}; "
                         "labour - Cut {\"line_count\":2} {\"line_count\":1}; ");
        else
            PARTS_EXPECT(diff, "changed", "kind code", "article A1; glass G1; labour -; labour -; ");
        cJSON_Delete(diff);
    }
    static const char *const shown[] = {
        "1 and 2: 1 added, 3 removed, 3 changed",
        "<tr class=\"is-added\"><td><span class=\"badge ok\">added</span></td><td>article</td><td><bdi>A3</bdi></td>"
        "<td><bdi>Band</bdi></td><td><bdi></bdi></td><td></td><td></td><td>6</td><td>9</td><td></td></tr>",
        "<tr class=\"is-removed\"><td><span class=\"badge bad\">removed</span></td><td>pane</td><td><bdi>G1</bdi></td>"
        "<td><bdi>Float 4</bdi></td><td><bdi>600 × 800</bdi></td><td>6</td><td>30</td><td></td><td></td><td></td></tr>",
        "<td><bdi>A1</bdi></td><td><bdi>Griff</bdi></td><td><bdi>RAL 7021</bdi></td><td>9</td><td>4.5</td><td>12</td>"
        "<td>4.75</td><td>amount 9 → 12, line count 2 → 1, price 4.5 → 4.75, units 9 → 12</td>",
        "<tr><td></td><td>profile</td><td><bdi>P1</bdi></td>", /* as it was */
    };
    struct http_reply reply = web_call(&world.web, "GET", "/ui/browse/elevations/1", world.web.admin, NULL);
    for (size_t i = 0; i < sizeof shown / sizeof *shown; i++)
        if (!strstr(reply.body, shown[i])) fail_msg("not shown: %s in %s", shown[i], reply.body);
    http_reply_free(&reply);
    reply = web_call(&world.web, "GET", "/ui/browse/elevations/1?from=2&to=1", world.web.admin, NULL);
    assert_non_null(strstr(reply.body, "2 and 1: 3 added, 1 removed, 3 changed"));
    http_reply_free(&reply);
    reply = web_call(&world.web, "GET", "/ui/browse/elevations/1?from=7", world.web.admin, NULL);
    assert_non_null(strstr(reply.body, "There is no such version before"));
    http_reply_free(&reply);

    cJSON *back = parts_json("/elevations/1/bom/diff?from=2&to=1");
    PARTS_EXPECT(back, "added", "code colour amount", "A1 RAL 9016 15; G1 - 3; G1 - 6; ");
    cJSON_Delete(back);
    expect_no_difference();

    cJSON *kept = parts_json(path), *gone;
    pg_exec(&world.web.pg, "DELETE FROM parts_versions WHERE elevation_id = 1 AND number = 1");
    gone = parts_json(path);
    assert_int_equal(cJSON_GetObjectItem(cJSON_GetObjectItem(kept, "from"), "not_kept")->valueint, 0);
    assert_int_equal(cJSON_GetObjectItem(cJSON_GetObjectItem(gone, "from"), "not_kept")->valueint, 1);
    assert_int_equal(cJSON_GetObjectItem(cJSON_GetObjectItem(gone, "to"), "not_kept")->valueint, 0);
    cJSON_Delete(kept);
    cJSON_Delete(gone);
    free(between);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_bill_of_an_elevation_that_is_built_three_times),
    cmocka_unit_test(test_bill_of_a_phase_and_of_a_project),
    cmocka_unit_test(test_what_is_ordered),
    cmocka_unit_test(test_what_cannot_be_ordered_together_stays_apart),
    cmocka_unit_test(test_what_is_ordered_is_printed),
    cmocka_unit_test(test_an_answer_is_of_one_moment),
    cmocka_unit_test(test_the_page_of_an_elevation_shows_its_bill),
    cmocka_unit_test(test_what_became_another_between_two_versions),
};
TEST_MAIN(tests, start, stop)
