/* The rooms of the feed that decide and write without a server: which addresses may be called, what becomes of an
 * endpoint after a try, what a message says, how a secret is kept and signs. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cjson/cJSON.h>

#include "services/feed/format.h"
#include "services/feed/guard.h"
#include "services/feed/post.h"
#include "services/feed/retry.h"
#include "services/feed/sign.h"
#include "services/feed/slack.h"
#include "services/store/seal.h"
#include "tests/support/test.h"

/* ---- addresses ---- */

static bool is_refused(const char *text, bool is_https, const char *allowed)
{
    struct address a;
    if (!address_parse(text, strlen(text), &a)) fail_msg("%s is no address", text);
    return guard_refuses(&a, is_https, allowed) != NULL;
}

TEST(test_only_public_addresses_are_called)
{
    static const char *const refused[] = {"0.0.0.0",
                                          "0.1.2.3",
                                          "10.0.0.1",
                                          "10.255.255.255",
                                          "100.64.0.1",
                                          "100.127.255.255",
                                          "127.0.0.1",
                                          "127.9.9.9",
                                          "169.254.169.254",
                                          "169.254.0.1",
                                          "172.16.0.1",
                                          "172.31.255.255",
                                          "192.0.0.8",
                                          "192.0.2.1",
                                          "192.168.0.1",
                                          "192.168.255.255",
                                          "198.18.0.1",
                                          "198.19.255.255",
                                          "198.51.100.7",
                                          "203.0.113.9",
                                          "224.0.0.1",
                                          "239.1.1.1",
                                          "240.0.0.1",
                                          "255.255.255.255",
                                          "::",
                                          "::1",
                                          "::2",
                                          "::ffff:127.0.0.1",
                                          "::ffff:10.1.2.3",
                                          "::ffff:169.254.169.254",
                                          "::127.0.0.1",
                                          "::192.168.1.1",
                                          "64:ff9b::7f00:1",
                                          "64:ff9b::a9fe:a9fe",
                                          "64:ff9b:1::1",
                                          "100::1",
                                          "2001::1",
                                          "2001:db8::1",
                                          "2002:7f00:1::",
                                          "2002:a9fe:a9fe::1",
                                          "2002:c0a8:101::",
                                          "3fff::1",
                                          "4000::1",
                                          "5f00::1",
                                          "fc00::1",
                                          "fd12:3456::1",
                                          "fe80::1",
                                          "febf::1",
                                          "fec0::1",
                                          "ff02::1",
                                          "fd00:ec2::254"};
    static const char *const fine[] = {"1.1.1.1",        "8.8.8.8",         "9.255.255.255",   "11.0.0.1",
                                       "100.63.255.255", "100.128.0.1",     "126.255.255.255", "128.0.0.1",
                                       "172.15.255.255", "172.32.0.1",      "192.167.255.255", "192.169.0.1",
                                       "198.17.255.255", "198.20.0.1",      "223.255.255.255", "2606:4700::1111",
                                       "2a00:1450::1",   "2001:4860::8888", "::ffff:8.8.8.8",  "64:ff9b::808:808",
                                       "2002:808:808::1"};
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++)
        if (!is_refused(refused[i], true, "")) fail_msg("%s is called", refused[i]);
    for (size_t i = 0; i < sizeof fine / sizeof *fine; i++) {
        if (is_refused(fine[i], true, "")) fail_msg("%s is not called", fine[i]);
        if (!is_refused(fine[i], false, "")) fail_msg("%s is called by http", fine[i]);
    }
    assert_false(is_refused("10.1.2.3", false, "192.168.0.0/16, 10.1.0.0/16"));
    assert_true(is_refused("10.2.2.3", false, "192.168.0.0/16, 10.1.0.0/16"));
    assert_false(is_refused("::ffff:10.1.2.3", false, "10.1.0.0/16"));
    assert_false(is_refused("fd12::1", true, "fd12::/16"));
    assert_true(is_refused("fd13::1", true, "fd12::/16"));
}

TEST(test_urls_are_judged_when_they_are_registered)
{
    static const char *const refused[] = {"",
                                          "nonsense",
                                          "ftp://example.com/",
                                          "file:///etc/passwd",
                                          "gopher://example.com/",
                                          "javascript:alert(1)",
                                          "https://",
                                          "https:/example.com/hook",
                                          "https:example.com/hook",
                                          "https:///example.com/hook",
                                          "https:////example.com/hook",
                                          "example.com/hook",
                                          "https:\\\\example.com\\hook",
                                          "https://user:pass@example.com/",
                                          "https://user@example.com/",
                                          "https://example.com/#fragment",
                                          "https://example.com/a b",
                                          "https://example.com/\r\nHost: x",
                                          "https://localhost/",
                                          "https://LOCALHOST:8080/",
                                          "https://localhost./",
                                          "https://x.localhost/",
                                          "https://127.0.0.1/",
                                          "https://127.1/",
                                          "https://2130706433/",
                                          "https://0x7f000001/",
                                          "https://0177.0.0.1/",
                                          "https://0/",
                                          "https://[::1]/",
                                          "https://[::ffff:127.0.0.1]/",
                                          "https://[::ffff:7f00:1]/",
                                          "https://169.254.169.254/latest/meta-data/",
                                          "https://[fe80::1]/",
                                          "https://10.0.0.1/",
                                          "http://8.8.8.8/"};
    static const char *const fine[] = {
        "https://example.com/hook", "https://example.com:8443/a?b=c",
        "https://8.8.8.8/",         "http://erp.internal/hook" /* judged when it is called */,
        "HTTPS://Example.COM/",     "https://[2606:4700::1111]/"};
    struct err err;
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++)
        if (post_check_url(refused[i], "", &err) == 0) fail_msg("%s is taken", refused[i]);
    for (size_t i = 0; i < sizeof fine / sizeof *fine; i++)
        if (post_check_url(fine[i], "", &err) != 0) fail_msg("%s: %s", fine[i], err.text);
    assert_int_not_equal(post_check_url("http:/127.0.0.1:8069/hook", "127.0.0.0/8", &err), 0);
    assert_int_equal(post_check_url("http://127.0.0.1:8069/hook", "127.0.0.0/8", &err), 0);
    assert_int_equal(post_check_url("http://localhost:8069/hook", "127.0.0.0/8", &err), 0);
}

/* ---- retries ---- */

TEST(test_the_fate_of_an_endpoint_follows_from_the_answer)
{
    static const struct {
        struct retry_facts facts;
        enum fate fate;
        int64_t least_ms, most_ms;
    } table[] = {
        {{.status = 200}, FATE_DELIVERED, 0, 0},
        {{.status = 204, .failures = 9, .failing_ms = 999, .give_up_ms = 1}, FATE_DELIVERED, 0, 0},
        {{.status = 299}, FATE_DELIVERED, 0, 0},
        {{.status = 410}, FATE_GONE, 0, 0},
        {{.status = 199, .give_up_ms = 1}, FATE_AGAIN, 4000, 6000},
        {{.status = 300, .give_up_ms = 1}, FATE_AGAIN, 4000, 6000},
        {{.status = 0, .give_up_ms = 1}, FATE_AGAIN, 4000, 6000},
        {{.status = 500, .failures = 1, .give_up_ms = 1}, FATE_AGAIN, 12000, 18000},
        {{.status = 500, .failures = 2, .give_up_ms = 1}, FATE_AGAIN, 48000, 72000},
        {{.status = 500, .failures = 6, .give_up_ms = 1}, FATE_AGAIN, 2880000, 4320000},
        {{.status = 500, .failures = 1000000, .give_up_ms = 1}, FATE_AGAIN, 2880000, 4320000},
        {{.status = 429, .retry_after_s = 7, .failures = 5, .give_up_ms = 1}, FATE_AGAIN, 7000, 7000},
        {{.status = 503, .retry_after_s = 999999999, .give_up_ms = 1}, FATE_AGAIN, 86400000, 86400000},
        {{.status = 500, .failing_ms = 3600000, .give_up_ms = 3600000}, FATE_FAILED, 4000, 6000},
        {{.status = 500, .failing_ms = 3599999, .give_up_ms = 3600000}, FATE_AGAIN, 4000, 6000},
        {{.status = 410, .failing_ms = 9, .give_up_ms = 1}, FATE_GONE, 0, 0},
    };
    for (size_t i = 0; i < sizeof table / sizeof *table; i++)
        for (unsigned chance = 0; chance < 5; chance++) {
            struct retry_facts facts = table[i].facts;
            int64_t wait_ms;
            facts.chance = chance * 858993459u;
            enum fate fate = retry_decide(&facts, &wait_ms);
            if (fate != table[i].fate || wait_ms < table[i].least_ms || wait_ms > table[i].most_ms)
                fail_msg("row %zu: %d after %lld", i, (int)fate, (long long)wait_ms);
        }
}

/* ---- secrets ---- */

TEST(test_a_sealed_secret_opens_with_its_key_alone)
{
    static const char key[] = "0123456789abcdef0123456789abcdef", secret[] = "whsec_c2VjcmV0";
    const char *right[] = {"another key, another key, another", key}, *wrong[] = {"another key, another key, another"};
    struct err err = {0};
    char *sealed = seal_close(key, secret, &err), *again = seal_close(key, secret, &err);
    assert_non_null(sealed);
    assert_null(strstr(sealed, "c2VjcmV0"));
    assert_string_not_equal(sealed, again);
    char *opened = seal_open(right, 2, sealed, &err);
    assert_string_equal(opened, secret);
    free(opened);
    assert_null(seal_open(wrong, 1, sealed, &err));
    assert_non_null(strstr(err.text, "SECRET_KEY"));
    for (size_t i = strlen("sealed1:"); i < strlen(sealed); i++) { /* whatever byte is another */
        char kept = sealed[i];
        sealed[i] = kept == 'A' ? 'B' : 'A';
        char *wrongly = seal_open(right, 2, sealed, &err);
        if (wrongly && strcmp(wrongly, secret) != 0) fail_msg("byte %zu", i);
        free(wrongly);
        sealed[i] = kept;
    }
    static const char *const broken[] = {"", "sealed1:", "sealed1:!!!", "sealed1:AAAA", "sealed2:AAAA", "secret"};
    for (size_t i = 0; i < sizeof broken / sizeof *broken; i++) assert_null(seal_open(right, 2, broken[i], &err));
    free(sealed);
    free(again);
    sealed = seal_close("", secret, &err); /* without a key */
    opened = seal_open(wrong, 1, sealed, &err);
    assert_string_equal(opened, secret);
    free(sealed);
    free(opened);
}

TEST(test_signatures_are_those_of_the_specification)
{
    struct buf out = {0};
    struct err err = {0};
    /* The example of the specification's own libraries. */
    assert_int_equal(sign_add(&out, "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "msg_p5jXN8AQM9LWM0D4loKWxJek",
                              1614265330, "{\"test\": 2432232314}", &err),
                     0);
    assert_string_equal(out.data, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    assert_int_equal(sign_add(&out, "whsec_AAAA", "x", 1, "", &err), 0);
    assert_int_equal(strncmp(out.data + 47, " v1,", 4), 0);
    static const char *const broken[] = {"", "whsec_", "whsec_!", "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"};
    for (size_t i = 0; i < sizeof broken / sizeof *broken; i++)
        assert_true(sign_add(&out, broken[i], "x", 1, "", &err) < 0);
    buf_free(&out);
}

/* ---- messages ---- */

#define LINE(cursor, type, operation, fields)                                                                          \
    "{\"cursor\" : \"" cursor "\", \"time\" : \"2026-01-02T03:04:05.6+00:00\", \"type\" : \"" type                     \
    "\", \"operation\" : \"" operation "\", \"id\" : 7, \"logikal_id\" : \"e-7\", \"project_id\" : 3, "                \
    "\"project_logikal_id\" : \"p-3\", \"fields\" : " fields ", \"run_id\" : null, \"task_id\" : null}"
#define NAMED                                                                                                          \
    "{\"name\" : {\"before\" : \"A <b>\", \"after\" : \"B & C\"}, \"width\" : {\"before\" : null, \"after\" : 5}}"

static char *message(enum format format, const struct format_page *page, int *changes, char after[FORMAT_PLACE_MAX])
{
    struct buf body = {0};
    struct err err = {0};
    if (format_changes(format, page, &body, changes, after, &err) != 0) fail_msg("%s", err.text);
    cJSON *parsed = cJSON_Parse(body.data);
    if (!parsed) fail_msg("no JSON: %s", body.data);
    cJSON_Delete(parsed);
    return buf_steal(&body);
}

TEST(test_messages_of_each_format)
{
    int changes;
    char after[FORMAT_PLACE_MAX];
    struct format_page page = {.lines = LINE("1-5-6-1", "elevation", "changed", NAMED) "\n" LINE(
                                   "1-5-6-2", "glass", "deleted", "{}") "\n" LINE("1-5-7-1", "glass", "deleted", "{}"),
                               .since = "1-5-0-0",
                               .next = "1-9-0-0"};
    char *text = message(FORMAT_STANDARD, &page, &changes, after);
    assert_int_equal(changes, 3);
    assert_string_equal(after, "1-9-0-0");
    assert_non_null(strstr(text, "\"since\":\"1-5-0-0\",\"next\":\"1-9-0-0\",\"has_more\":false"));
    assert_non_null(strstr(text, "2026-01-02T03:04:05.600000+00:00"));
    free(text);
    text = message(FORMAT_ODOO, &page, &changes, after);
    assert_int_equal(changes, 1);
    assert_string_equal(after, "1-5-6-1");
    assert_non_null(strstr(text, "\"_model\":\"logikal.elevation\",\"_id\":7,\"_action\":\"changed\""));
    assert_non_null(strstr(text, "\"name\":\"B & C\",\"width\":5}"));
    free(text);
    text = message(FORMAT_SLACK, &page, &changes, after);
    assert_int_equal(changes, 3);
    assert_string_equal(text, "{\"text\":\"3 changes: 1 elevation changed, 2 glass panes deleted.\"}");
    free(text);
    page.lines = LINE("1-5-6-1", "elevation", "changed", NAMED);
    text = message(FORMAT_SLACK, &page, &changes, after);
    assert_string_equal(
        text, "{\"text\":\"Elevation B &amp; C was changed: name A &lt;b&gt; → B &amp; C, width nothing → 5.\"}");
    free(text);
    page.lines = LINE("1-5-6-1", "parts_list", "vanished", "{}");
    page.name = "Pos 1\n<!here>";
    text = message(FORMAT_SLACK, &page, &changes, after);
    assert_string_equal(text, "{\"text\":\"Parts list Pos 1 &lt;!here&gt; vanished from Logikal.\"}");
    free(text);
    static const char *const words[] = {
        /* of the journal, which are no better than names */
        LINE("1-5-6-1", "<!all>", "re\\nborn & <b>", "{}"),
        LINE("1-5-6-1", "<!all>", "re\\nborn & <b>", "{}") "\n" LINE("1-5-6-2", "\\r<x>", "\\u007f", "{}"),
        LINE("1-5-6-1", "", "", "{}")};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        page.lines = words[i];
        text = message(FORMAT_SLACK, &page, &changes, after);
        if (strpbrk(text, "<>\r\n\177") || strstr(text, "\\n") || strstr(text, "\\r")) fail_msg("%s", text);
        free(text);
    }
}

TEST(test_a_message_ends_before_it_is_too_large)
{
    int changes, total = 0, messages = 0;
    char after[FORMAT_PLACE_MAX], *long_text = malloc(100001);
    memset(long_text, 'x', 100000);
    long_text[100000] = 0;
    struct buf lines = {0};
    for (int i = 1; i <= 20; i++)
        buf_printf(&lines, "%s{\"cursor\" : \"1-2-3-%d\", \"type\" : \"project\", \"text\" : \"%s\"}",
                   i > 1 ? "\n" : "", i, long_text);
    for (const char *rest = lines.data; *rest; messages++) {
        struct format_page page = {.lines = rest, .since = "1-0-0-0", .next = "1-9-9-9"};
        char *text = message(FORMAT_STANDARD, &page, &changes, after), expected[40];
        assert_true(strlen(text) < FORMAT_BODY_MAX + 200000);
        total += changes;
        snprintf(expected, sizeof expected, total == 20 ? "1-9-9-9" : "1-2-3-%d", total);
        assert_string_equal(after, expected);
        assert_true((strstr(text, "\"has_more\":true") != NULL) == (total < 20));
        free(text);
        for (int i = 0; i < changes; i++) rest += strcspn(rest, "\n"), rest += *rest == '\n';
    }
    assert_int_equal(total, 20);
    assert_int_equal(messages, 4);
    buf_free(&lines);
    free(long_text);
}

TEST(test_tests_and_gaps_are_json_in_each_format)
{
    for (enum format f = FORMAT_STANDARD; f <= FORMAT_SLACK; f++) {
        struct buf test = {0}, gap = {0};
        format_test(f, &test);
        format_gap(f, "CURSOR_EXPIRED", "1-2-3-4", "1-5-6-7", &gap);
        cJSON *a = cJSON_Parse(test.data), *b = cJSON_Parse(gap.data);
        assert_true(cJSON_IsObject(a) && cJSON_IsObject(b));
        assert_true(f == FORMAT_SLACK || strcmp(cJSON_GetObjectItem(b, "type")->valuestring, "gap") == 0);
        cJSON_Delete(a);
        cJSON_Delete(b);
        buf_free(&test);
        buf_free(&gap);
    }
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_only_public_addresses_are_called),
    cmocka_unit_test(test_urls_are_judged_when_they_are_registered),
    cmocka_unit_test(test_the_fate_of_an_endpoint_follows_from_the_answer),
    cmocka_unit_test(test_a_sealed_secret_opens_with_its_key_alone),
    cmocka_unit_test(test_signatures_are_those_of_the_specification),
    cmocka_unit_test(test_messages_of_each_format),
    cmocka_unit_test(test_a_message_ends_before_it_is_too_large),
    cmocka_unit_test(test_tests_and_gaps_are_json_in_each_format),
};
TEST_MAIN(tests, NULL, NULL)
