/* The language of pages: which one a browser gets, sentences found again by their formats, numbers as German writes
 * them, and that every template renders in German, with what it says in German. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "services/web/http/render/language.h"
#include "services/web/http/render/phrase.h"
#include "services/web/http/render/template.h"
#include "tests/support/test.h"

TEST(test_browser_gets_the_language_it_prefers)
{
    static const struct {
        const char *accept, *expected;
    } cases[] = {
        {"de", "de"},
        {"de-AT", "de"},
        {"DE-de", "de"},
        {"en-US,en;q=0.9,de;q=0.8", "en"},
        {"en;q=0.5, de;q=0.8", "de"},
        {"fr-FR, fr;q=0.9, de;q=0.3, en;q=0.2", "de"},
        {"de;q=0, en", "en"},
        {"de ; q=0.7,en;q=0.6", "de"},
        {"de;q=nan, en;q=0.1", "en"},
        {"deu, xx, *", NULL},
        {"fr", NULL},
        {"de;q=0", NULL},
        {",;q=,, ", NULL},
        {"", NULL},
        {NULL, NULL},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char name[LANGUAGE_SIZE] = "";
        bool is_known = language_preferred(cases[i].accept, name);
        if (is_known != (cases[i].expected != NULL) || (is_known && strcmp(name, cases[i].expected) != 0))
            fail_msg("\"%s\" is %s", cases[i].accept ? cases[i].accept : "(none)", is_known ? name : "nothing");
    }
}

static void check_said(const char *language, const char *text, const char *expected)
{
    struct buf said = {0};
    phrase_add(&said, language, text);
    assert_string_equal(said.data ? said.data : "", expected);
    buf_free(&said);
}

TEST(test_sentences_are_found_again)
{
    check_said("de", "Not known", "Nicht bekannt");
    check_said("de", "answers in 1234.5 ms", "antwortet in 1.234,5 ms");
    check_said("de", "answers in 0.4 ms, version 7.2.4, snapshots (save 60 1)",
               "antwortet in 0,4 ms, Version 7.2.4, Momentaufnahmen (save 60 1)");
    check_said("de", "answers in 0.4 ms, version 7.2.4, no append-only file",
               "antwortet in 0,4 ms, Version 7.2.4, keine Append-only-Datei"); /* a sentence within */
    check_said("de", "12 tasks wait in queue a b", "Wartende Aufgaben in Warteschlange a b: 12"); /* other order */
    check_said("de", "The last reload was refused: no memory", "Das letzte Neuladen wurde verweigert: kein Speicher");
    check_said("de", "web.0 ends again and again (exit status 0)", "web.0 endet immer wieder (Exit-Status 0)");
    check_said("de", "Something else, of another program", "Something else, of another program");
    check_said("de", "FATAL:  the database system is starting up", "FATAL:  the database system is starting up");
    check_said("de", "there is no route to it", "there is no route to it"); /* of another program: not half of it */
    check_said("de", "Process beat is backoff (exit status 1)", "Prozess beat: wartet auf Neustart (Exit-Status 1)");
    check_said("de", "there is no child \"a is b\" (`logikald ctl status` lists them)",
               "einen Prozess „a is b“ gibt es nicht (`logikald ctl status` nennt sie)");
    /* Names from outside that are words of ours. */
    check_said("de", "Project running is as it was read 2 min ago", "Projekt running ist, wie vor 2 min gelesen");
    check_said("de", "Directory failed is excluded from the sync",
               "Das Verzeichnis failed ist vom Abgleich ausgeschlossen");
    check_said("de", "there is no child \"running\" (`logikald ctl status` lists them)",
               "einen Prozess „running“ gibt es nicht (`logikald ctl status` nennt sie)");
    check_said("de", "phase: 3 of 1200, its interval has passed",
               "Bauabschnitt: 3 von 1.200, sein Intervall ist vorbei");
    check_said("de", "the sync failed: something of theirs", "der Abgleich schlug fehl: something of theirs");
    check_said("de", "ready after 1467 ms", "bereit nach 1.467 ms");
    check_said("de", "logikald 1.2 supervises 7 children as PID 1", "logikald 1.2 überwacht 7 Prozesse as PID 1");
    check_said("de", "", "");
    check_said("de", "serving on port 40001", "bedient Port 40001"); /* no number to be read */
    check_said("de", "web.0 is ready (consuming), up for 22 s, 0 restarts",
               "web.0: bereit (nimmt Aufgaben), läuft seit 22 s, 0 Neustarts");
    check_said("de", "Pos. 1 a (waiting), W 2 (an older one)", "Pos. 1 a (wartet), W 2 (eine ältere)");
    check_said("de", "Projects, Phases, Not known", "Projekte, Bauabschnitte, Nicht bekannt");
    check_said("de", "Projects, something of another program", "Projects, something of another program");
    check_said("en", "Not known", "Not known");
    check_said("fr", "Not known", "Not known");
    assert_true(phrase_knows("de") && phrase_knows("en"));
    assert_false(phrase_knows("fr") || phrase_knows("") || phrase_knows(".."));
}

/* What the program may say: a line of the catalogue, with words and numbers where something is inserted. */
static size_t fill(char *out, size_t size, const char *from, const char *end, const char *word)
{
    size_t n = 0;
    for (; from < end && n + 40 < size; from++) {
        const char *inserted = *from == '\1' ? word : *from == '\2' ? "1200" : NULL;
        if (inserted)
            n += (size_t)snprintf(out + n, size - n, "%s", inserted);
        else
            out[n++] = *from == '\4' ? '\n' : *from;
    }
    out[n] = 0;
    return n;
}

TEST(test_each_text_of_the_catalogue_is_found_again)
{
    static const char *const words[] = {"x", "", "Müller, a (b): %s\1"};
    const struct embedded *file = embedded_find(embedded_assets, "text/de");
    assert_non_null(file);
    int lines = 0, same = 0;
    for (const char *p = (const char *)file->data, *tab; (tab = strchr(p, '\t')) != NULL; p = strchr(tab, '\n') + 1)
        for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
            char text[2000];
            struct buf said = {0};
            fill(text, sizeof text, p, tab, words[i]);
            phrase_add(&said, "de", text);
            if (i == 0) lines++;
            if (i == 0 && strcmp(said.data ? said.data : "", text) == 0) same++;
            buf_free(&said);
        }
    assert_true(lines > 800);
    if (same >= 40) fail_msg("%d of %d come out as they are", same, lines); /* words that both languages have */
}

static void check_number(const char *language, const char *digits, const char *expected)
{
    struct buf said = {0};
    phrase_add_number(&said, language, digits);
    assert_string_equal(said.data ? said.data : "", expected);
    buf_free(&said);
}

TEST(test_numbers_are_written_as_the_language_does)
{
    check_number("de", "0", "0");
    check_number("de", "999", "999");
    check_number("de", "1000", "1.000");
    check_number("de", "-1234567.25", "-1.234.567,25");
    check_number("de", "1234.5", "1.234,5");
    check_number("de", "1e+20", "1e+20");
    check_number("de", "1.2.3", "1.2.3");
    check_number("de", "007-1", "007-1");
    check_number("en", "1234.5", "1234.5");
}

static void check_time(const char *language, const char *iso, const char *expected)
{
    struct buf said = {0};
    phrase_add_time(&said, language, iso);
    assert_string_equal(said.data ? said.data : "", expected);
    buf_free(&said);
}

TEST(test_times_are_written_as_the_language_does)
{
    check_time("de", "2026-11-28T05:25:48.123Z", "28.11.2026 05:25 UTC");
    check_time("de", "2026-11-28 05:25 UTC", "28.11.2026 05:25 UTC");
    check_time("de", "2026-11-28T05:25:48.123456+00:00", "28.11.2026 05:25 UTC");
    check_time("de", "2026-11-28T05:25:48+01:00", "2026-11-28T05:25:48+01:00"); /* of another zone */
    check_time("de", "2026-11-28", "2026-11-28");
    check_time("de", "", "");
    check_time("en", "2026-11-28T05:25:48Z", "2026-11-28T05:25:48Z");
}

static void check_page(const char *text, const char *json, const char *expected)
{
    const struct embedded files[] = {{"html/de/t.html", (const unsigned char *)text, strlen(text), "1"}, {0}};
    cJSON *context = cJSON_Parse(json);
    struct buf out = {0};
    struct err err = {0};
    assert_non_null(context);
    assert_int_equal(ui_template_render_from(&out, files, "de", "t", context, &err), 0);
    assert_string_equal(out.data ? out.data : "", expected);
    buf_free(&out);
    cJSON_Delete(context);
}

TEST(test_templates_say_in_the_language)
{
    check_page("{{say x}}|{{x}}", "{\"x\":\"Not known\"}", "Nicht bekannt|Not known");
    check_page("{{say x}}", "{\"x\":\"The table could not be read: <b>&\"}",
               "Die Tabelle konnte nicht gelesen werden: &lt;b&gt;&amp;");
    check_page("{{time t}}", "{\"t\":\"2026-11-28T05:25:48Z\"}", "28.11.2026 05:25 UTC");
    check_page("{{number n}} {{number s}} {{number gone}}", "{\"n\":1234.5,\"s\":\"1234.5\"}", "1.234,5 1234.5 ");
}

TEST(test_every_template_renders_in_german)
{
    size_t count = 0;
    for (const struct embedded *file = embedded_assets; file->path; file++) {
        size_t len = strlen(file->path);
        if (strncmp(file->path, "html/de/", 8) != 0) continue;
        char name[128];
        snprintf(name, sizeof name, "%.*s", (int)(len - 13), file->path + 8);
        cJSON *context = cJSON_CreateObject();
        struct buf out = {0};
        struct err err = {0};

        int rc = ui_template_render(&out, "de", name, context, &err);

        if (rc < 0) fail_msg("%s", err.text);
        if (out.data && strstr(out.data, "<html")) assert_non_null(strstr(out.data, "<html lang=\"de\">"));
        count++;
        buf_free(&out);
        cJSON_Delete(context);
    }
    assert_true(count > 25);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_browser_gets_the_language_it_prefers),
    cmocka_unit_test(test_sentences_are_found_again),
    cmocka_unit_test(test_each_text_of_the_catalogue_is_found_again),
    cmocka_unit_test(test_numbers_are_written_as_the_language_does),
    cmocka_unit_test(test_times_are_written_as_the_language_does),
    cmocka_unit_test(test_templates_say_in_the_language),
    cmocka_unit_test(test_every_template_renders_in_german),
};
TEST_MAIN(tests, NULL, NULL)
