/* Every field of a task message, value by value: what is read of each, at its bounds and where it is odd, and the whole
 * text of what is written. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>

#include "conf/clock.h"
#include "ipc/queue/queue_message.h"
#include "ipc/task.h"
#include "tests/support/support.h"

#define BODY "W1tdLCB7fSwge31d" /* [[], {}, {}] */

/* ---- reading ---- */
static void show_text(struct buf *out, const char *name, const char *value)
{
    if (value && value[0]) buf_printf(out, " %s=%s", name, value);
}

static void show_number(struct buf *out, const char *name, int64_t value)
{
    if (value) buf_printf(out, " %s=%lld", name, (long long)value);
}

/* What is not as it is without any field. */
static void show(struct buf *out, const struct message *m)
{
    buf_reset(out);
    if (m->id && strcmp(m->id, "i") != 0) show_text(out, "id", m->id);
    if (m->task && strcmp(m->task, "t") != 0) show_text(out, "task", m->task);
    if (m->name && m->name != m->task) show_text(out, "name", m->name);
    show_text(out, "root", m->root_id);
    show_text(out, "parent", m->parent_id);
    show_text(out, "group", m->group);
    show_text(out, "args", m->args_repr);
    show_text(out, "kwargs", m->kwargs_repr);
    show_text(out, "eta", m->eta);
    show_number(out, "eta_us", m->eta_us);
    show_text(out, "expires", m->expires);
    show_number(out, "expires_us", m->expires_us);
    show_number(out, "soft", m->soft_limit_ms);
    show_number(out, "hard", m->hard_limit_ms);
    show_number(out, "retries", m->retries);
    show_number(out, "priority", m->priority);
    show_number(out, "packing", m->packing);
    if (m->ignores_result) buf_str(out, " ignores");
    if (m->is_stamped) buf_str(out, " stamped");
    if (m->has_exchange) buf_str(out, " exchange");
    show_text(out, "tag", m->delivery_tag);
    buf_str(out, "");
}

static const struct {
    const char *headers, *properties, *shown; /* shown: or what is wrong with it, behind an exclamation mark */
} fields[] = {
    {"", "", ""},
    {", \"shadow\": \"s\", \"root_id\": \"r\", \"parent_id\": \"p\", \"group\": \"g\"", "",
     " name=s root=r parent=p group=g"},
    {", \"shadow\": \"\", \"root_id\": 1, \"parent_id\": null, \"group\": []", "", ""},
    {", \"argsrepr\": \"(1,)\", \"kwargsrepr\": \"{2}\"", "", " args=(1,) kwargs={2}"},
    {", \"argsrepr\": 5, \"kwargsrepr\": null", "", ""},
    {", \"eta\": \"2026-11-24T07:55:57.222443+00:00\"", "",
     " eta=2026-11-24T07:55:57.222443+00:00 eta_us=1795506957222443"},
    {", \"eta\": 1795506957.25", "", " eta_us=1795506957250000"},
    {", \"eta\": 1", "", " eta_us=1000000"},
    {", \"eta\": 0.000001", "", " eta_us=1"},
    {", \"eta\": 249999999999", "", " eta_us=249999999999000000"},
    {", \"eta\": 250000000000", "", "!eta is not a time: expected ISO 8601 text such as 2026-11-24T07:55:57+00:00"},
    {", \"eta\": 0", "", "!eta is not a time"},
    {", \"eta\": -1", "", "!eta is not a time"},
    {", \"eta\": true", "", "!eta is not a time"},
    {", \"eta\": \"1969-12-31T23:59:59\"", "", " eta=1969-12-31T23:59:59 eta_us=1"},
    {", \"eta\": \"1970-01-01T00:00:00\"", "", " eta=1970-01-01T00:00:00 eta_us=1"},
    {", \"eta\": null, \"expires\": \"2026-11-24T07:55:57\"", "",
     " expires=2026-11-24T07:55:57 expires_us=1795506957000000"},
    {", \"expires\": \"\"", "", "!expires is not a time"},
    {", \"expires\": {}", "", "!expires is not a time"},
    {", \"timelimit\": [2.5, 1]", "", " soft=1000 hard=2500"},
    {", \"timelimit\": [0, -1]", "", ""},
    {", \"timelimit\": [999999.5, 1000000]", "", " soft=1000000000 hard=999999500"},
    {", \"timelimit\": [null, 1e30]", "", " soft=1000000000"},
    {", \"timelimit\": [\"5\"]", "", ""},
    {", \"timelimit\": 5", "", ""},
    {", \"retries\": 1", "", " retries=1"},
    {", \"retries\": 2.9", "", " retries=2"},
    {", \"retries\": \"5\"", "", " retries=5"},
    {", \"retries\": \"x\"", "", ""},
    {", \"retries\": -1", "", ""},
    {", \"retries\": 999999", "", " retries=999999"},
    {", \"retries\": 1000001", "", " retries=1000000"},
    {", \"retries\": 1e300", "", " retries=1000000"},
    {", \"ignore_result\": true", "", " ignores"},
    {", \"ignore_result\": 1", "", ""},
    {", \"ignore_result\": false", "", ""},
    {", \"stamped_headers\": []", "", " stamped"},
    {", \"stamps\": {}", "", " stamped"},
    {", \"stamped_headers\": null, \"stamps\": null", "", ""},
    {"", ", \"priority\": 1", " priority=1"},
    {"", ", \"priority\": 8", " priority=8"},
    {"", ", \"priority\": 9", " priority=9"},
    {"", ", \"priority\": 10", " priority=9"},
    {"", ", \"priority\": -1", ""},
    {"", ", \"priority\": \"4\"", " priority=4"},
    {"", ", \"priority\": {}", ""},
    {"", ", \"delivery_tag\": \"x\"", " tag=x"},
    {"", ", \"delivery_info\": {\"exchange\": \"e\"}", " exchange"},
    {"", ", \"delivery_info\": {\"exchange\": \"\"}", ""},
    {"", ", \"delivery_info\": {\"exchange\": null}", ""},
    {"", ", \"delivery_info\": \"e\"", ""},
    {", \"compression\": \"\"", "", ""},
    {", \"compression\": \"gzip\"", "", " packing=1"},
    {", \"compression\": \"application/x-bz2\"", "", " packing=2"},
    {", \"compression\": \"XZ\"", "", " packing=3"},
    {", \"compression\": \"zstd\"", "", " packing=4"},
    {", \"compression\": \"none\"", "", "!compression \"none\" is not supported"},
};

TEST(test_each_field_is_read)
{
    struct buf text = {0}, shown = {0};
    for (size_t i = 0; i < sizeof fields / sizeof *fields; i++) {
        struct message m;
        struct err err = {0};
        buf_reset(&text);
        buf_printf(&text,
                   "{\"body\": \"" BODY "\", \"content-type\": \"application/json\", \"headers\": {\"task\": \"t\", "
                   "\"id\": \"i\"%s}, \"properties\": {\"body_encoding\": \"base64\"%s}}",
                   fields[i].headers, fields[i].properties);
        int rc = message_decode(text.data, text.len, &m, &err);
        if (fields[i].shown[0] == '!') {
            assert_int_equal(rc, -ERR_INPUT);
            if (!strstr(err.text, fields[i].shown + 1)) fail_msg("%s: %s", text.data, err.text);
        } else {
            if (rc != 0) fail_msg("%s: %s", text.data, err.text);
            show(&shown, &m);
            if (strcmp(shown.data, fields[i].shown) != 0) fail_msg("%s:%s", text.data, shown.data);
            assert_string_equal(m.body, "[[], {}, {}]");
            assert_int_equal(m.body_len, 12);
            assert_string_equal(m.id, "i");
            assert_string_equal(m.task, "t");
        }
        message_free(&m);
    }
    buf_free(&text);
    buf_free(&shown);
}

static const char *row_of_z(char *out, int count)
{
    memset(out, 'z', (size_t)count);
    out[count] = '\0';
    return out;
}

TEST(test_names_and_their_lengths)
{
    static const struct {
        int id, task, correlation; /* lengths, -1 = none */
        const char *wrong;         /* NULL = fine */
        int id_is;                 /* the length of the id that is known, -1 = none */
    } rows[] = {
        {1, 1, -1, NULL, 1},
        {255, 255, -1, NULL, 255},
        {256, 1, -1, "has no task id", -1},
        {256, 1, 5, "has no task id", -1},
        {-1, 1, 7, NULL, 7},
        {3, 1, 7, NULL, 3},
        {-1, 1, 255, NULL, 255},
        {-1, 1, 256, "has no task id", -1},
        {0, 1, 7, "has no task id", -1},
        {-1, 1, -1, "has no task id", -1},
        {1, 256, -1, "name is longer than 255", 1},
        {1, 0, -1, "names no task", 1},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char z[300];
        struct buf text = {0};
        struct message m;
        struct err err = {0};
        buf_str(&text,
                "{\"body\": \"" BODY "\", \"content-type\": \"Application/JSON\", \"headers\": {\"lang\": \"py\"");
        if (rows[i].id >= 0) buf_json_member(&text, "id", row_of_z(z, rows[i].id));
        buf_json_member(&text, "task", row_of_z(z, rows[i].task));
        buf_str(&text, "}, \"properties\": {\"body_encoding\": \"BASE64\"");
        if (rows[i].correlation >= 0) buf_json_member(&text, "correlation_id", row_of_z(z, rows[i].correlation));
        buf_str(&text, "}}");
        int rc = message_decode(text.data, text.len, &m, &err);
        if ((rc == 0) != (rows[i].wrong == NULL)) fail_msg("row %zu: %s", i, err.text);
        if (rows[i].wrong && !strstr(err.text, rows[i].wrong)) fail_msg("row %zu: %s", i, err.text);
        assert_int_equal(m.id ? (int)strlen(m.id) : -1, rows[i].id_is);
        message_free(&m);
        buf_free(&text);
    }
}

TEST(test_bodies_in_each_coding)
{
    static const struct {
        const char *body, *encoding, *is; /* is NULL: refused */
    } rows[] = {
        {"\"[1]\"", "\"utf-8\"", "[1]"}, {"\"[1]\"", "\"UTF8\"", "[1]"},    {"\"[1]\"", "\"\"", "[1]"},
        {"\"[1]\"", "null", "[1]"},      {"\"WzFd\"", "\"base64\"", "[1]"}, {"\"\"", "\"base64\"", ""},
        {"\"[1]\"", "\"base64\"", NULL}, {"\"[1]\"", "\"hex\"", NULL},      {"[1]", "null", NULL},
        {"null", "null", NULL},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct message m;
        struct err err = {0};
        char text[400];
        snprintf(
            text, sizeof text,
            "{\"content-type\": \"application/json\", \"headers\": {\"task\": \"t\", \"id\": \"i\"}, \"properties\": "
            "{\"body_encoding\": %s}, \"body\": %s}",
            rows[i].encoding, rows[i].body);
        int rc = message_decode(text, strlen(text), &m, &err);
        assert_int_equal(rc, rows[i].is ? 0 : -ERR_INPUT);
        if (rows[i].is) {
            assert_string_equal(m.body, rows[i].is);
            assert_int_equal(m.body_len, strlen(rows[i].is));
        }
        message_free(&m);
    }
}

/* The fields of protocol 1 stand in the body. */
TEST(test_protocol_1)
{
    static const struct {
        const char *body, *shown, *wrong;
    } rows[] = {
        {"{\"id\": \"old\", \"task\": \"t\", \"args\": [1], \"kwargs\": {\"a\": 2}, \"retries\": 2, \"eta\": null, "
         "\"taskset\": \"g\", \"timelimit\": [3, 4]}",
         " id=old group=g soft=4000 hard=3000 retries=2", NULL},
        {"{\"id\": \"\", \"task\": \"t\"}", NULL, "no task id"},
        {"{\"task\": \"t\"}", NULL, "no task id"},
        {"{\"id\": \"i\"}", NULL, "names no task"},
        {"[[], {}, {}]", NULL, "no headers that name a task"},
        {"nonsense", NULL, "no headers that name a task"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct message m;
        struct message_body body;
        struct err err = {0};
        struct buf text = {0}, shown = {0};
        buf_str(
            &text,
            "{\"content-type\": \"application/json\", \"properties\": {\"body_encoding\": \"base64\"}, \"body\": \"");
        base64_add(&text, rows[i].body, strlen(rows[i].body));
        buf_str(&text, "\"}");
        int rc = message_decode(text.data, text.len, &m, &err);
        if (rows[i].wrong) {
            assert_int_equal(rc, -ERR_INPUT);
            if (!strstr(err.text, rows[i].wrong)) fail_msg("%s: %s", rows[i].body, err.text);
        } else {
            assert_int_equal(rc, 0);
            show(&shown, &m);
            assert_string_equal(shown.data, rows[i].shown);
            assert_int_equal(message_body_of(&m, UNPACK_MEMORY_LOOP, &body, &err), 0);
            assert_int_equal(body.args->child->valueint, 1);
            assert_string_equal(body.kwargs->child->string, "a");
            message_body_free(&body);
            cJSON *envelope = message_envelope(&m);
            assert_non_null(cJSON_GetObjectItem(cJSON_GetObjectItem(envelope, "headers"), "group"));
            cJSON_Delete(envelope);
        }
        message_free(&m);
        buf_free(&text);
        buf_free(&shown);
    }
}

/* A body of protocol 1 is unpacked for them; ids at their bounds. */
TEST(test_packed_and_long_ones_of_protocol_1)
{
    static const struct {
        int id_len;
        const char *task, *wrong;
        int id_is;
    } rows[] = {{255, ", \"task\": \"t\"", NULL, 255},
                {256, ", \"task\": \"t\"", "the task id is longer than 255 bytes", -1},
                {255, "", "the message names no task", 255}};
    for (int i = 0; i < 3; i++) {
        char z[300], body[600], packed[800];
        uLongf len = sizeof packed;
        struct message m;
        struct err err = {0};
        struct buf text = {0};
        snprintf(body, sizeof body, "{\"id\": \"%s\"%s}", row_of_z(z, rows[i].id_len), rows[i].task);
        assert_int_equal(compress((Bytef *)packed, &len, (const Bytef *)body, strlen(body)), Z_OK);
        buf_str(&text, "{\"content-type\": \"application/json\", \"headers\": {\"compression\": \"zlib\"}, "
                       "\"properties\": {\"body_encoding\": \"base64\"}, \"body\": \"");
        base64_add(&text, packed, len);
        buf_str(&text, "\"}");
        int rc = message_decode(text.data, text.len, &m, &err);
        assert_int_equal(rc, rows[i].wrong ? -ERR_INPUT : 0);
        if (rows[i].wrong) assert_string_equal(err.text, rows[i].wrong);
        assert_int_equal(m.id ? (int)strlen(m.id) : -1, rows[i].id_is);
        message_free(&m);
        buf_free(&text);
    }
}

TEST(test_the_largest_message)
{
    static const char plain[] = "{\"body\": \"[[], {}, {}]\", \"content-type\": \"application/json\", \"headers\": "
                                "{\"task\": \"t\", \"id\": \"i\"}, \"properties\": {}}";
    char *text = malloc(MESSAGE_LIMIT_BYTES + 1);
    struct message m;
    struct err err = {0};
    memset(text, ' ', MESSAGE_LIMIT_BYTES + 1);
    memcpy(text, plain, sizeof plain - 1);
    assert_int_equal(message_decode(text, MESSAGE_LIMIT_BYTES, &m, &err), 0);
    assert_string_equal(m.id, "i");
    message_free(&m);
    assert_int_equal(message_decode(text, MESSAGE_LIMIT_BYTES + 1, &m, &err), -ERR_LIMIT);
    assert_non_null(strstr(err.text, "larger than 33554432 bytes"));
    message_free(&m);
    free(text);
}

TEST(test_what_a_canvas_needs)
{
    static const struct {
        const char *headers, *canvas;
    } rows[] = {
        {"", ""},
        {", \"group_index\": 3", ""},
        {", \"group\": \"g\"", ""},
        {", \"group\": \"g\", \"group_index\": null", ""},
        {", \"group\": \"g\", \"group_index\": 3", "{\"group_index\":3}"},
        {", \"group\": \"g\", \"group_index\": 12345678901234567890", "{\"group_index\":12345678901234567890}"},
        {", \"group\": \"g\", \"group_index\": 3, \"stamps\": {\"a\": [1]}", "{\"group_index\":3}"},
        {", \"stamped_headers\": [\"a\"], \"stamps\": {\"a\": [1.0]}, \"group_index\": 4",
         "{\"stamped_headers\":[\"a\"],\"stamps\":{\"a\":[1.0]}}"},
        {", \"stamped_headers\": [\"a\"], \"group\": \"g\", \"group_index\": 4",
         "{\"group_index\":4,\"stamped_headers\":[\"a\"]}"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct message m;
        struct err err = {0};
        struct buf out = {0};
        char text[500];
        snprintf(text, sizeof text,
                 "{\"body\": \"[]\", \"content-type\": \"application/json\", \"headers\": {\"task\": \"t\", \"id\": "
                 "\"i\"%s}, \"properties\": {}}",
                 rows[i].headers);
        assert_int_equal(message_decode(text, strlen(text), &m, &err), 0);
        message_canvas(&m, &out);
        assert_string_equal(out.data ? out.data : "", rows[i].canvas);
        buf_free(&out);
        message_free(&m);
    }
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_each_field_is_read),
    cmocka_unit_test(test_names_and_their_lengths),
    cmocka_unit_test(test_bodies_in_each_coding),
    cmocka_unit_test(test_protocol_1),
    cmocka_unit_test(test_packed_and_long_ones_of_protocol_1),
    cmocka_unit_test(test_the_largest_message),
    cmocka_unit_test(test_what_a_canvas_needs),
};
TEST_MAIN(tests, NULL, NULL)
