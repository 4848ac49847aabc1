/* The upstream's objects: what refuses one, what is left out and told, and that every text becomes readable. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "conf/text/guid.h"
#include "conf/text/utf8.h"
#include "services/logikal/json_tidy.h"
#include "services/logikal/objects.h"
#include "tests/support/test.h"

#define GUID "15782e4d-a69c-4ce5-9c17-d3060a039b2d"
#define ID   "\"id\":\"" GUID "\""
#define E    "elevation " GUID ": "

TEST(test_identifiers_alone_refuse_an_object)
{
    static const struct {
        const char *json, *error; /* NULL = fine */
    } rows[] = {
        {"{" ID "}", NULL},
        {"{" ID ",\"versionId\":null}", NULL},
        {"{" ID ",\"versionId\":\"x\"}", NULL},
        {"{" ID ",\"versionId\":7}", E "versionId is not a text"},
        {"{" ID ",\"versionId\":{}}", E "versionId is not a text"},
        {"{\"name\":\"x\"}", "elevation without identifier: id is not an identifier"},
        {"{\"id\":\"\"}", "elevation : id is not an identifier"},
        {"{\"id\":null}", "elevation without identifier: id is not an identifier"},
        {"{\"id\":\"Haus\"}", "elevation Haus: id is not an identifier"},
        {"{\"id\":\"" LOGIKAL_NULL_GUID "\"}", "elevation " LOGIKAL_NULL_GUID ": id is not an identifier"},
        {"{\"id\":\"" GUID "0\"}", "elevation " GUID "0: id is not an identifier"},
        {"{\"id\":12}", "elevation without identifier: id is not a text"},
        {"[1]", "elevation without identifier: object is not a JSON object"},
        {"null", "elevation without identifier: object is not a JSON object"},
        {"{\"id\":", "elevation without identifier: object is not a JSON object"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct logikal_elevation e;
        struct err err = {0};
        int rc = logikal_elevation_read(rows[i].json, strlen(rows[i].json), &e, &err);
        if (rows[i].error ? rc != -ERR_INPUT || strcmp(err.text, rows[i].error) != 0 : rc != 0)
            fail_msg("row %zu: %d %s", i, rc, err.text);
        if (rc == 0) cJSON_Delete(e.json);
    }
}

TEST(test_odd_members_are_left_out_and_told)
{
    static const struct {
        const char *members, *told; /* "" = nothing */
    } rows[] = {
        {"\"name\":null,\"width\":null", ""},
        {"\"width\":1.5,\"changedDate\":1700000000,\"isInRecycleBin\":true", ""},
        {"\"changedDate\":253402300799", ""},
        {"\"unknown\":{\"x\":[1]},\"ID\":7,\"Name\":7", ""},
        {"\"name\":5", "name is not a text"},
        {"\"name\":[]", "name is not a text"},
        {"\"type\":7", "type is not a text"},
        {"\"state\":{\"id\":\"x\"}", "state is not a text"},
        {"\"width\":\"1200,5\"", "width is not a number"},
        {"\"amount\":\"3\"", "amount is not a number"},
        {"\"height\":{\"value\":1}", "height is not a number"},
        {"\"height\":true", "height is not a number"},
        {"\"height\":1e400", "height is not a number"},
        {"\"height\":-1e400", "height is not a number"},
        {"\"width\":NaN", "width is not a number"},
        {"\"width\": NaN ", "width is not a number"},
        {"\"width\":-Infinity,\"amount\":Infinity", "amount is not a number, width is not a number"},
        {"\"name\":NaN", "name is not a text"},
        {"\"createdDate\":-62135596800", "createdDate is not a date in unix seconds"},
        {"\"createdDate\":-1", "createdDate is not a date in unix seconds"},
        {"\"createdDate\":1700000000000", "createdDate is not a date in unix seconds"},
        {"\"createdDate\":\"2026-02-03T04:05:06Z\"", "createdDate is not a date in unix seconds"},
        {"\"changedDate\":1e300", "changedDate is not a date in unix seconds"},
        {"\"changedDate\":\"gestern\"", "changedDate is not a date in unix seconds"},
        {"\"isInRecycleBin\":\"false\"", "isInRecycleBin is not true or false"},
        {"\"isInRecycleBin\":1", "isInRecycleBin is not true or false"},
        {"\"name\":\"a\\u0000b\"", "a text holds U+0000; U+FFFD stands for it"},
        {"\"name\":\"a\\ud83d\"", "a text holds half a surrogate pair; U+FFFD stands for it"},
        {"\"name\":\"a\xfc!\"", "a text is not UTF-8; U+FFFD stands for what is not"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct logikal_elevation e;
        struct err err = {0};
        char json[300], told[300] = "";
        snprintf(json, sizeof json, "{" ID ",%s}", rows[i].members);
        if (logikal_elevation_read(json, strlen(json), &e, &err) != 0) fail_msg("row %zu: %s", i, err.text);
        for (int k = 0; k < e.odd.count; k++) {
            size_t at = strlen(told);
            snprintf(told + at, sizeof told - at, "%s%s %s", k ? ", " : "", e.odd.items[k].member, e.odd.items[k].what);
        }
        if (strcmp(told, rows[i].told) != 0) fail_msg("row %zu: %s", i, told);
        assert_false(strstr(rows[i].told, "width") && e.has_width);
        assert_false(strstr(rows[i].told, "isInRecycleBin") && e.is_recycled);
        assert_false(strstr(rows[i].told, "createdDate") && e.created_s);
        cJSON_Delete(e.json);
    }
}

TEST(test_texts_become_readable)
{
    static const char *const rows[][2] = {
        {"{\"a\":\"A\\u0000B\"}", "{\"a\":\"A\\ufffdB\"}"},
        {"\"\\u0000\\u0000\"", "\"\\ufffd\\ufffd\""},
        {"\"\\\\u0000\"", "\"\\\\u0000\""}, /* a back slash, and then u0000 */
        {"\"\\\\\\u0000\"", "\"\\\\\\ufffd\""},
        {"\"\\u000\"", "\"\\u000\""},
        {"\"\\ud83d\\ude00\"", "\"\\ud83d\\ude00\""},
        {"\"\\ud83d\\ud83d\\ude00\"", "\"\\ufffd\\ud83d\\ude00\""},
        {"\"\\ude00\\ud83d\"", "\"\\ufffd\\ufffd\""},
        {"\"\\uD83Dx\"", "\"\\ufffdx\""},
        {"\"\\u0041\"", "\"\\u0041\""},
        {"[NaN,-NaN,Infinity,-Infinity]", "[[],[],[],[]]"},
        {"{\"NaN\":\"Infinity\",\"x\":\"\\\"NaN\"}", "{\"NaN\":\"Infinity\",\"x\":\"\\\"NaN\"}"},
        {"\"a\xff\xc3(\xe2\x82\xac\"", "\"a\xef\xbf\xbd\xef\xbf\xbd(\xe2\x82\xac\""},
        {"\"\xed\xa0\xbd\"", "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\""},
        {"\"x\\", "\"x\\"},
        {"", ""},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct buf out = {0};
        struct json_oddities found;
        bool is_changed = json_tidy(rows[i][0], strlen(rows[i][0]), &out, &found);
        const char *text = is_changed ? out.data : rows[i][0];
        if (strcmp(text ? text : "", rows[i][1]) != 0) fail_msg("row %zu: %s", i, text);
        buf_free(&out);
    }
}

TEST(test_long_names_are_told)
{
    for (int n = 254; n < 258; n++) {
        char json[1200] = "{" ID ",\"name\":\"";
        for (int i = 0; i < n; i++) strcat(json, "\xc3\xbc");
        strcat(json, "\"}");
        struct logikal_elevation e;
        assert_int_equal(logikal_elevation_read(json, strlen(json), &e, NULL), 0);
        assert_int_equal(e.odd.count, n > 255);
        cJSON_Delete(e.json);
    }
}

/* Every script at every alignment, broken anywhere: what is read is UTF-8, and the object is there. */
TEST(test_any_bytes_in_a_name_are_read)
{
    static const char *const letters[] = {"x",        "\xc3\xbc",     "\xce\xa9",         "\xd0\x96",
                                          "\xd8\xb3", "\xe2\x82\xac", "\xf0\x9f\x9a\xaa", "\xe4\xb8\xad"};
    for (size_t k = 0; k < sizeof letters / sizeof letters[0]; k++)
        for (int shift = 0; shift < 4; shift++)
            for (int broken = 0; broken < 40; broken++) {
                char name[80] = "", json[200];
                for (int i = 0; i < shift; i++) strcat(name, ".");
                for (int i = 0; i < 12; i++) strcat(name, letters[k]);
                if ((size_t)broken < strlen(name)) name[broken] = (char)0x80;
                snprintf(json, sizeof json, "{" ID ",\"name\":\"%s\"}", name);
                struct logikal_elevation e;
                assert_int_equal(logikal_elevation_read(json, strlen(json), &e, NULL), 0);
                assert_true(utf8_is_valid(e.name, strlen(e.name)));
                cJSON_Delete(e.json);
            }
}

TEST(test_guids_have_one_key)
{
    static const struct {
        const char *text;
        bool is_guid;
    } rows[] = {
        {GUID, true},
        {"15782E4D-A69C-4CE5-9C17-D3060A039B2D", true},
        {"{15782E4D-A69C-4CE5-9C17-D3060A039B2D}", true},
        {"(15782e4d-a69c-4ce5-9c17-d3060a039b2d)", true},
        {"15782E4DA69C4CE59C17D3060A039B2D", true},
        {"{15782e4da69c4ce59c17d3060a039b2d}", true},
        {"{" GUID, false},
        {GUID "}", false},
        {"{" GUID ")", false},
        {"{" GUID "} ", false},
        {"15782e4d-a69c-4ce5-9c17d3060a039b2d", false},
        {"1578-2e4da69c4ce59c17d3060a039b2d", false},
        {GUID "0", false},
        {"15782e4d-a69c-4ce5-9c17-d3060a039b2", false},
        {"15782e4d-a69c-4ce5-9c17-d3060a039b2g", false},
        {"", false},
        {"{}", false},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char key[GUID_SIZE];
        if (guid_key(rows[i].text, key) != rows[i].is_guid) fail_msg("row %zu", i);
        if (rows[i].is_guid) assert_string_equal(key, GUID);
        assert_int_equal(guid_equal(rows[i].text, GUID), rows[i].is_guid);
    }
    assert_true(guid_equal("x", "x"));
    assert_false(guid_equal(NULL, NULL));
}

TEST(test_spelling_is_kept_beside_the_key)
{
    static const char json[] = "{\"id\":\"{15782E4D-A69C-4CE5-9C17-D3060A039B2D}\"}";
    struct logikal_project p;

    assert_int_equal(logikal_project_read(json, strlen(json), &p, NULL), 0);

    assert_string_equal(p.id, GUID);
    assert_string_equal(p.upstream_id, "{15782E4D-A69C-4CE5-9C17-D3060A039B2D}");
    cJSON_Delete(p.json);
}

static void read_project(struct logikal_project *p, const char *members)
{
    char json[400];
    struct err err = {0};
    snprintf(json, sizeof json, "{" ID ",%s}", members);
    if (logikal_project_read(json, strlen(json), p, &err) != 0) fail_msg("%s: %s", members, err.text);
    cJSON_Delete(p->json);
}

TEST(test_each_member_of_a_project_is_read)
{
    static const char json[] =
        "{" ID ",\"name\":\"n\",\"jobNumber\":\"j\",\"offerNumber\":\"o\",\"personInCharge\":\"p\","
        "\"createdDate\":0,\"changedDate\":253402300799,\"isDeleted\":true,\"estimated\":true}";
    struct logikal_project p;
    assert_int_equal(logikal_project_read(json, strlen(json), &p, NULL), 0);
    assert_string_equal(p.key, GUID);
    assert_string_equal(p.name, "n");
    assert_string_equal(p.job_number, "j");
    assert_string_equal(p.offer_number, "o");
    assert_string_equal(p.person_in_charge, "p");
    assert_int_equal(p.created_s, 0);
    assert_int_equal(p.changed_s, 253402300799);
    cJSON_Delete(p.json);

    read_project(&p, "\"isDeleted\":true,\"estimated\":false");
    assert_true(p.is_deleted && !p.is_estimated);
    read_project(&p, "\"isDeleted\":false,\"estimated\":true");
    assert_true(!p.is_deleted && p.is_estimated);
    read_project(&p, "\"name\":\"n\"");
    assert_true(!p.is_deleted && !p.is_estimated && p.changed_s == 0);
}

TEST(test_each_member_of_an_elevation_is_read)
{
    static const char json[] =
        "{" ID ",\"versionId\":\"v\",\"name\":\"n\",\"type\":\"t\",\"state\":\"s\",\"automaticDescription\":\"a\","
        "\"systemDescription\":\"b\",\"modelDescription\":\"c\",\"userDescription\":\"d\",\"createdDate\":1,"
        "\"changedDate\":2,\"amount\":3,\"width\":4,\"height\":0,\"isInRecycleBin\":true}";
    struct logikal_elevation e;
    assert_int_equal(logikal_elevation_read(json, strlen(json), &e, NULL), 0);
    const char *const seen[] = {
        e.version_id,      e.name, e.type, e.state, e.automatic_description, e.system_description, e.model_description,
        e.user_description};
    static const char *const wanted[] = {"v", "n", "t", "s", "a", "b", "c", "d"};
    for (size_t i = 0; i < sizeof seen / sizeof seen[0]; i++) assert_string_equal(seen[i], wanted[i]);
    assert_true(e.created_s == 1 && e.changed_s == 2);
    assert_true(e.has_amount && e.amount == 3 && e.has_width && e.width == 4 && e.has_height && e.height == 0);
    assert_true(e.is_recycled);
    cJSON_Delete(e.json);

    static const char bare[] = "{" ID ",\"isInRecycleBin\":false}";
    assert_int_equal(logikal_elevation_read(bare, strlen(bare), &e, NULL), 0);
    assert_false(e.has_amount || e.has_width || e.has_height || e.is_recycled);
    cJSON_Delete(e.json);
}

TEST(test_each_member_of_a_directory_and_a_phase_is_read)
{
    static const char directory[] = "{\"path\":\"a/b\",\"name\":\"b\"}";
    static const char phase[] = "{" ID ",\"name\":\"n\",\"description\":\"d\"}";
    struct logikal_directory d;
    struct logikal_phase f;
    assert_int_equal(logikal_directory_read(directory, strlen(directory), &d, NULL), 0);
    assert_string_equal(d.path, "a/b");
    assert_string_equal(d.name, "b");
    cJSON_Delete(d.json);
    assert_int_equal(logikal_phase_read(phase, strlen(phase), &f, NULL), 0);
    assert_string_equal(f.name, "n");
    assert_string_equal(f.description, "d");
    cJSON_Delete(f.json);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_each_member_of_a_project_is_read),
    cmocka_unit_test(test_each_member_of_an_elevation_is_read),
    cmocka_unit_test(test_each_member_of_a_directory_and_a_phase_is_read),
    cmocka_unit_test(test_identifiers_alone_refuse_an_object),
    cmocka_unit_test(test_odd_members_are_left_out_and_told),
    cmocka_unit_test(test_texts_become_readable),
    cmocka_unit_test(test_long_names_are_told),
    cmocka_unit_test(test_any_bytes_in_a_name_are_read),
    cmocka_unit_test(test_guids_have_one_key),
    cmocka_unit_test(test_spelling_is_kept_beside_the_key),
};
TEST_MAIN(tests, NULL, NULL)
