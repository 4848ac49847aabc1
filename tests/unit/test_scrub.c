/* Known secrets are taken out of texts, however they are written there. */
#include <stdio.h>
#include <string.h>

#include "conf/conf.h"
#include "conf/scrub.h"
#include "tests/support/test.h"

static char *scrubbed(const struct scrub *s, const char *text)
{
    struct buf out = {0};
    assert_true(scrub_text(s, &out, text, strlen(text)));
    return buf_steal(&out);
}

static void assert_scrubbed(const struct scrub *s, const char *text, const char *expected)
{
    char *got = scrubbed(s, text);
    assert_string_equal(got, expected);
    free(got);
}

TEST(test_every_writing_of_a_secret_is_found)
{
    static const char secret[] = "p w\"/%&\\<ü>'x9";
    static const char *const rows[][2] = {
        {"a p w\"/%&\\<ü>'x9 b", "a *** b"},
        {"x=p%20w%22%2F%25%26%5C%3C%C3%BC%3E%27x9&y", "x=***&y"},
        {"x=p+w%22%2f%25%26%5c%3c%c3%bc%3e%27x9&y", "x=***&y"},
        {"\"p w\\\"/%&\\\\<ü>'x9\"", "\"***\""},
        {"\"p w\\\"\\/%&\\\\<\\u00fc>\\u0027x9\"", "\"***\""},
        {"<b>p w&quot;/%&amp;\\&lt;ü&gt;&#39;x9</b>", "<b>***</b>"},
        {"p%2520w%2522%252F%2525%2526%255C%253C%25C3%25BC%253E%2527x9", "***"},
        {"p w\"/%&\\<ü>'x9p w\"/%&\\<ü>'x9", "******"},
        {"p w\"/%&\\<ü>'x", "p w\"/%&\\<ü>'x"},
    };
    struct scrub s = {0};
    scrub_add(&s, secret, strlen(secret));

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) assert_scrubbed(&s, rows[i][0], rows[i][1]);
    scrub_free(&s);
}

/* Nothing stands behind the last byte that is escaped. */
TEST(test_a_secret_at_the_very_end_of_a_text)
{
    static const char *const rows[][2] = {
        {"a p w secret\\\"", "a ***"},          {"p w secret\"", "***"},          {"p+w+secret%22", "***"},
        {"p w secret%2", "p w secret%2"},       {"p w secret\\", "p w secret\\"}, {"p w secret&quot;", "***"},
        {"p w secret&quot", "p w secret&quot"}, {"p w secret", "p w secret"}};
    struct scrub s = {0};
    scrub_add(&s, "p w secret\"", 11);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) assert_scrubbed(&s, rows[i][0], rows[i][1]);
    scrub_free(&s);
}

TEST(test_the_longest_secret_and_short_ones_only_as_words)
{
    struct scrub s = {0};
    scrub_add(&s, "geheim", 6);
    scrub_add(&s, "geheimnis", 9);
    scrub_add(&s, "pw1", 3);
    scrub_add(&s, "", 0);
    scrub_add(&s, "\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\", 16);

    assert_scrubbed(&s, "das geheimnis, geheim, pw1, xpw1 pw12", "das ***, ***, ***, xpw1 pw12");
    assert_scrubbed(&s, "user:pw1@host", "user:***@host");
    char many[20000];
    memset(many, '\\', sizeof many - 1);
    many[sizeof many - 1] = 0;
    free(scrubbed(&s, many)); /* in time */
    scrub_free(&s);
}

TEST(test_tokens_and_what_stands_behind_names_are_found_too)
{
    struct scrub s = {0};
    assert_scrubbed(&s, "got eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJ4In0.c2lnbmF0dXJl, then", "got ***, then");
    assert_scrubbed(&s, "eyJust a word. And another.", "eyJust a word. And another.");
    assert_scrubbed(&s, "redis://u:pw@h and token=abc", "redis://u:***@h and token=***");
    assert_scrubbed(&s, "Authorization: Basic dXNlcjpwdw==", "Authorization: Basic ***");
    assert_scrubbed(&s, "some basic understanding of it", "some basic understanding of it");
    char bytes[] = "a\0geheimnis";
    struct buf out = {0};
    scrub_add(&s, "geheimnis", 9);
    assert_true(scrub_text(&s, &out, bytes, sizeof bytes - 1));
    assert_string_equal(out.data, "a ***");
    buf_free(&out);
    scrub_free(&s);
}

/* A secret that is an URL is one as a whole. */
static const char *secret_of(int setting, char *out, size_t size)
{
    bool is_url = strstr(settings[setting].env, "_URL") != NULL;
    const char *before = setting == SET_SMTP_URL ? "smtp://" : is_url ? "https://hooks.example.org/" : "";
    snprintf(out, size, "%sdistinct-secret-%d", before, setting);
    return out;
}

TEST(test_all_secrets_of_the_configuration_are_known)
{
    char path[] = "/tmp/scrub-XXXXXX", value[200], one[100];
    FILE *file = fdopen(mkstemp(path), "w");
    struct err err = {0};
    assert_non_null(file);
    for (int i = 0; i < SET_COUNT; i++)
        if (settings[i].is_secret && i != SET_DATABASE_URL && i != SET_REDIS_URL)
            fprintf(file, "%s=%s\n", settings[i].env, secret_of(i, one, sizeof one));
    fputs("DATABASE_URL=postgresql://u:da%74a-secret@h/d?sslpassword=key-secret\n"
          "REDIS_URL=redis://:redis-secret@h/0\nLOGIKAL_API_BASE_URL=http://me:logikal-secret@h/x\n",
          file);
    fclose(file);
    struct conf *conf = conf_load(&(struct conf_paths){.env_file = path}, &err);
    if (!conf) fail_msg("%s", err.text);
    struct scrub s = {0};

    scrub_add_conf(&s, conf);

    for (int i = 0; i < SET_COUNT; i++) {
        if (!settings[i].is_secret || i == SET_DATABASE_URL || i == SET_REDIS_URL) continue;
        snprintf(value, sizeof value, "it is (%s).", secret_of(i, one, sizeof one));
        assert_scrubbed(&s, value, "it is (***).");
    }
    assert_scrubbed(&s, "da%74a-secret data-secret key-secret redis-secret logikal-secret", "*** *** *** *** ***");
    scrub_free(&s);
    conf_free(conf);
    remove(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_writing_of_a_secret_is_found),
        cmocka_unit_test(test_a_secret_at_the_very_end_of_a_text),
        cmocka_unit_test(test_the_longest_secret_and_short_ones_only_as_words),
        cmocka_unit_test(test_tokens_and_what_stands_behind_names_are_found_too),
        cmocka_unit_test(test_all_secrets_of_the_configuration_are_known),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
