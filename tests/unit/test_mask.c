/* Secrets in what is shown: masked wherever they stand. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "ipc/mask.h"
#include "tests/support/test.h"

TEST(test_every_member_with_a_secret_name_is_masked)
{
    static const char *const rows[][2] = {
        {"{\"password\":\"a\"}", "{\"password\":\"***\"}"},
        {"{\"password\":\"a\",\"x\":1,\"password\":\"b\"}", "{\"password\":\"***\",\"x\":1,\"password\":\"***\"}"},
        {"[{\"deep\":{\"Client_Secret\":{\"a\":1}}}]", "[{\"deep\":{\"Client_Secret\":\"***\"}}]"},
        {"{\"token\":null,\"tokens\":[1],\"API_KEY\":2}", "{\"token\":null,\"tokens\":\"***\",\"API_KEY\":\"***\"}"},
        {"{\"name\":\"password\"}", "{\"name\":\"password\"}"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        cJSON *value = cJSON_Parse(rows[i][0]);
        mask_secrets(value);
        char *text = cJSON_PrintUnformatted(value);
        assert_string_equal(text, rows[i][1]);
        cJSON_free(text);
        cJSON_Delete(value);
    }
}

TEST(test_secrets_inside_texts_are_masked_and_the_rest_stays)
{
    static const char *const rows[][2] = {
        {"redis://u:pw@h:6379/0 is away", "redis://u:***@h:6379/0 is away"},
        {"(redis://:pw@h)", "(redis://:***@h)"},
        {"postgresql://u:p@s/s@h/d", "postgresql://u:***@h/d"},
        {"postgres://u:p/w#x@h/d", "postgres://u:***@h/d"},
        {"postgresql://h/d?user=u&password=p,w&x=1", "postgresql://h/d?user=u&password=***&x=1"},
        {"https://h/?token=abc", "https://h/?token=***"},
        {"GET /a?x=1&API-Key=a%20b HTTP/1.1", "GET /a?x=1&API-Key=*** HTTP/1.1"},
        {"see 'https://h/#access_token=abc'.", "see 'https://h/#access_token=***'."},
        {"amqp://a:b@h,redis://u:pw@i;https://j/@k", "amqp://a:***@h,redis://u:***@i;https://j/@k"},
        {"host=h user=u password='p w' dbname=d", "host=h user=u password='***' dbname=d"},
        {"PGPASSWORD=x psql", "PGPASSWORD=*** psql"},
        {"{'pwd': 'x', \"privateKey\":\"a\\\"b\", 'n': 1}", "{'pwd': '***', \"privateKey\":\"***\", 'n': 1}"},
        {"sent Authorization: Bearer eyJhbGciOi.J9-_x=", "sent Authorization: Bearer ***"},
        {"set cookie=a; passphrase=b", "set cookie=*** passphrase=***"},
    };
    static const char *const harmless[] = {
        "",
        "a plain text: with = and @",
        "https://h:8080/@scope/x?y=1",
        "http://[::1]:80/a@b",
        "git@github.com:a/b",
        "ssh://git@h/x",
        "mailto:a@b",
        "Unexpected token: } at 3",
        "if (token == null)",
        "Bearer token is missing",
        "the field \"token\": must be a text",
        "://",
        "=",
        "token=",
        "a://b:@c",
        "x=1&y=2",
        "\xc3\xa4: \"\xe2\x82\xac\"",
        "2026-01-02T03:04:05Z https://h/a?mail=u@h",
        "\"password\" is missing",
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        cJSON *value = cJSON_CreateArray();
        cJSON_AddItemToArray(value, cJSON_CreateString(rows[i][0]));
        assert_true(mask_secrets(value));
        assert_string_equal(value->child->valuestring, rows[i][1]);
        cJSON_Delete(value);
        char *text = mask_text(rows[i][0]);
        assert_string_equal(text, rows[i][1]);
        free(text);
    }
    for (size_t i = 0; i < sizeof harmless / sizeof *harmless; i++) {
        cJSON *value = cJSON_CreateString(harmless[i]);
        if (mask_secrets(value)) print_message("%s\n", harmless[i]);
        assert_string_equal(value->valuestring, harmless[i]);
        cJSON_Delete(value);
    }
}

/* Each mark is looked at as far as the next one: a square of this length takes minutes with sanitizers. */
TEST(test_texts_made_of_marks_are_read_once)
{
    static const char *const marks[] = {"://", "://a", "=:", "bearer ", "\"a\": ", "://a:b?", "token", "@://"};
    for (size_t i = 0; i < sizeof marks / sizeof *marks; i++) {
        size_t len = strlen(marks[i]), count = 400000 / len;
        char *text = malloc(count * len + 1);
        assert_non_null(text);
        for (size_t at = 0; at < count; at++) memcpy(text + at * len, marks[i], len);
        text[count * len] = '\0';
        char *masked = mask_text(text);
        assert_string_equal(masked, text);
        free(masked);
        free(text);
    }
}

TEST(test_names_of_secrets)
{
    static const char *const secret[] = {"passphrase", "db_pwd", "private_key", "PrivateKey",
                                         "Set-Cookie", "bearer", "X-Api-Key",   "PGPASSWORD"};
    static const char *const plain[] = {"key", "name", "path", "passed", "private", ""};
    for (size_t i = 0; i < sizeof secret / sizeof *secret; i++) {
        cJSON *value = cJSON_CreateObject();
        cJSON_AddNumberToObject(value, secret[i], 1);
        assert_true(mask_secrets(value));
        cJSON_Delete(value);
    }
    for (size_t i = 0; i < sizeof plain / sizeof *plain; i++) {
        cJSON *value = cJSON_CreateObject();
        cJSON_AddNumberToObject(value, plain[i], 1);
        assert_false(mask_secrets(value));
        cJSON_Delete(value);
    }
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_every_member_with_a_secret_name_is_masked),
    cmocka_unit_test(test_secrets_inside_texts_are_masked_and_the_rest_stays),
    cmocka_unit_test(test_texts_made_of_marks_are_read_once),
    cmocka_unit_test(test_names_of_secrets),
};
TEST_MAIN(tests, NULL, NULL)
