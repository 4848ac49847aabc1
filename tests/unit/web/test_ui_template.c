/* Templates: what is inserted is escaped, sections do what they say, and a broken template is an error with its place.
 * Every template of the program is rendered with an empty object, so that a misspelt include or an open section is
 * found here and not by a visitor. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "services/web/http/render/template.h"
#include "tests/support/test.h"

#define FILE_OF(path, text)                                                                                            \
    {                                                                                                                  \
        path, (const unsigned char *)(text), sizeof(text) - 1, "0123456789abcdef"                                      \
    }

/* Renders one text: to this, or to nothing with an error that says so. */
static void render(const char *text, const char *json, const char *expected, const char *says)
{
    const struct embedded files[] = {
        {"html/t.html", (const unsigned char *)text, strlen(text), "1"},
        FILE_OF("html/part.html", "<{{x}}>"),
        FILE_OF("html/loop.html", "{{> loop}}"),
        FILE_OF("ui/a.css", "a"),
        {0},
    };
    cJSON *context = cJSON_Parse(json);
    struct buf out = {0};
    struct err err = {0};

    int rc = ui_template_render_from(&out, files, "en", "t", context, &err);

    assert_non_null(context);
    if ((rc < 0) != (says != NULL) || (says && !strstr(err.text, says)))
        fail_msg("%s: %d \"%s\", expected \"%s\"", text, rc, err.text, says ? says : expected);
    if (expected) assert_string_equal(out.data ? out.data : "", expected);
    buf_free(&out);
    cJSON_Delete(context);
}

static void check(const char *text, const char *json, const char *expected)
{
    render(text, json, expected, NULL);
}

static void refuse(const char *text, const char *json, const char *says)
{
    render(text, json, NULL, says);
}

TEST(test_inserted_text_is_escaped)
{
    check("a{{x}}b", "{\"x\":\"<b a=\\\"1\\\">&'\"}", "a&lt;b a=&quot;1&quot;&gt;&amp;&#39;b");
    check("{{x}} {{y}} {{z}} {{t}}", "{\"x\":1,\"y\":1.5,\"z\":-9000000000,\"t\":true}", "1 1.5 -9000000000 true");
    check("[{{gone}}{{null}}]", "{\"null\":null}", "[]");
    check("{{ a.b.c }}", "{\"a\":{\"b\":{\"c\":\"d\"}}}", "d");
    check("/t/{{url x}}/again", "{\"x\":\"../a b?c#d/\u00e9'<%\"}", "/t/..%2Fa%20b%3Fc%23d%2F%C3%A9%27%3C%25/again");
    check("{{url n}}{{url gone}}", "{\"n\":12}", "12");
    check("{{json x}}", "{\"x\":[\"</script>&\"]}", "[\"\\u003c/script\\u003e\\u0026\"]");
    check("<b a='{{json x}}'>", "{\"x\":\"a' onclick='b\"}", "<b a='\"a\\u0027 onclick=\\u0027b\"'>");
}

TEST(test_sections)
{
    check("{{#l}}{{.}},{{/l}}", "{\"l\":[1,\"two\"]}", "1,two,");
    check("{{#l}}{{n}}{{o}} {{/l}}", "{\"o\":\"!\",\"l\":[{\"n\":1},{\"n\":2,\"o\":\"?\"}]}", "1! 2? ");
    check("{{#o}}{{n}}{{/o}}{{^o}}none{{/o}}", "{\"o\":{\"n\":3}}", "3");
    check("{{#l}}x{{/l}}{{^l}}none{{/l}}", "{\"l\":[]}", "none");
    check("{{#f}}x{{/f}}{{#z}}x{{/z}}{{#e}}x{{/e}}{{#t}}y{{/t}}", "{\"f\":false,\"z\":0,\"e\":\"\",\"t\":true}", "y");
    check("{{#s=on}}1{{/s=on}}{{#s=off}}2{{/s=off}}{{^s=off}}3{{/s=off}}", "{\"s\":\"on\"}", "13");
    check("{{#n=0}}zero{{/n=0}}", "{\"n\":0}", "zero");
    check("{{#a}}{{#a}}{{x}}{{/a}}{{/a}}", "{\"a\":[{\"x\":1,\"a\":[{\"x\":2},{\"x\":3}]}]}", "23");
}

TEST(test_includes_and_assets)
{
    check("{{> part}}{{#o}}{{> part}}{{/o}}", "{\"x\":1,\"o\":{\"x\":2}}", "<1><2>");
    check("{{asset ui/a.css}}", "{}", "/assets/0123456789abcdef/ui/a.css");
    refuse("{{asset ui/b.css}}", "{}", "no asset ui/b.css");
    refuse("{{> nothing}}", "{}", "no template html/nothing.html");
    refuse("{{> loop}}", "{}", "included too deep");
}

TEST(test_broken_templates_say_where)
{
    refuse("{{#a}}x", "{\"a\":1}", "html/t.html: {{/a}} is missing");
    refuse("x{{/a}}", "{}", "{{/a}} ends nothing");
    refuse("{{a", "{}", "not closed");
    refuse("{{}}", "{}", "no name");
    refuse("{{#a}}{{b", "{\"a\":1}", "not closed");
    refuse("{{#a}}{{b", "{\"a\":0}", "not closed");
    refuse("{{^a}}{{#b}}x{{/b}}{{c", "{}", "not closed");
    refuse("{{#a}}{{b}}{{/a", "{\"a\":[1,2]}", "not closed");
    refuse("{{#a}}{{> nothing}}{{/a}}", "{\"a\":1}", "no template html/nothing.html");
    refuse("{{#a}}{{#b}}{{/a}}", "{\"a\":1,\"b\":1}", "is missing");
}

TEST(test_every_template_renders)
{
    for (const struct embedded *file = embedded_assets; file->path; file++) {
        size_t len = strlen(file->path);
        if (strncmp(file->path, "html/", 5) != 0 || len < 11) continue;
        char name[128];
        snprintf(name, sizeof name, "%.*s", (int)(len - 10), file->path + 5);
        cJSON *context = cJSON_CreateObject();
        struct buf out = {0};
        struct err err = {0};

        int rc = ui_template_render(&out, "en", name, context, &err);

        if (rc < 0) fail_msg("%s", err.text);
        buf_free(&out);
        cJSON_Delete(context);
    }
}

/* What stands in sections that an empty object leaves out: each include and asset that a template names is there. */
TEST(test_what_templates_name_is_there)
{
    int names = 0;
    for (const struct embedded *file = embedded_assets; file->path; file++) {
        if (strncmp(file->path, "html/", 5) != 0) continue;
        char *text = strndup((const char *)file->data, file->len);
        for (const char *at = text; (at = strstr(at, "{{")) != NULL; at += 2) {
            char name[128], path[160];
            bool is_include = sscanf(at, "{{> %100[^} ]", name) == 1;
            if (!is_include && sscanf(at, "{{asset %100[^} ]", name) != 1) continue;
            snprintf(path, sizeof path, is_include ? "html/%s.html" : "%s", name);
            const struct embedded *other = embedded_assets;
            while (other->path && strcmp(other->path, path) != 0) other++;
            if (!other->path) fail_msg("%s names %s, which is not there", file->path, path);
            names++;
        }
        free(text);
    }
    assert_true(names > 20);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_inserted_text_is_escaped), cmocka_unit_test(test_sections),
    cmocka_unit_test(test_includes_and_assets),      cmocka_unit_test(test_broken_templates_say_where),
    cmocka_unit_test(test_every_template_renders),   cmocka_unit_test(test_what_templates_name_is_there),
};
TEST_MAIN(tests, NULL, NULL)
