/* Templates: what is inserted is escaped, sections do what they say, and a broken template is an error with its place.
 * Every template of the program is rendered with an empty object, so that a misspelt include or an open section is
 * found here and not by a visitor. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "services/web/http/template.h"
#include "tests/support/test.h"

#define FILE_OF(path, text)                                                                                            \
    {                                                                                                                  \
        path, (const unsigned char *)(text), sizeof(text) - 1, "0123456789abcdef"                                      \
    }

/* Renders one text; the result, or "error: ..." */
static void check(const char *text, const char *json, const char *expected)
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
    if (rc < 0) {
        if (!strstr(err.text, expected)) fail_msg("%s: got error \"%s\", expected \"%s\"", text, err.text, expected);
    } else {
        assert_string_equal(out.data ? out.data : "", expected);
    }
    buf_free(&out);
    cJSON_Delete(context);
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
    check("{{asset ui/b.css}}", "{}", "no asset ui/b.css");
    check("{{> nothing}}", "{}", "no template html/nothing.html");
    check("{{> loop}}", "{}", "included too deep");
}

TEST(test_broken_templates_say_where)
{
    check("{{#a}}x", "{\"a\":1}", "html/t.html: {{/a}} is missing");
    check("x{{/a}}", "{}", "{{/a}} ends nothing");
    check("{{a", "{}", "not closed");
    check("{{}}", "{}", "no name");
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

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_inserted_text_is_escaped), cmocka_unit_test(test_sections),
    cmocka_unit_test(test_includes_and_assets),      cmocka_unit_test(test_broken_templates_say_where),
    cmocka_unit_test(test_every_template_renders),
};
TEST_MAIN(tests, NULL, NULL)
