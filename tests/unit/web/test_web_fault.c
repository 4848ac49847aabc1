/* Texts of errors lose the places that they name, and nothing else. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "services/web/http/fault.h"
#include "tests/support/test.h"

TEST(test_places_are_left_out)
{
    static const char *const rows[][2] = {
        {"", ""},
        {"nothing of it", "nothing of it"},
        {"Failed to connect to 127.0.0.1 port 9999 after 0 ms", "Failed to connect to ... port ... after 0 ms"},
        {"connect to 10.0.0.7:443: refused", "connect to ...: refused"},
        {"Could not resolve host: logikal.internal", "Could not resolve host: ..."},
        {"GET http://erp.example:81/api?x=1 failed", "GET ... failed"},
        {"see https://a.b/c, please", "see ..., please"},
        {"at \"::1\", port 5432 failed", "at \"...\", port ... failed"},
        {"at [2001:db8::1]:5432", "at [...]:5432"},
        {"db.internal:5432 is away", "... is away"},
        {"localhost:6379 is away", "... is away"},
        {"2 of 3 phases at 12:30 failed: 17.5 kg", "2 of 3 phases at 12:30 failed: 17.5 kg"},
        {"project \"Haus 1.2\": no such (404)", "project \"Haus 1.2\": no such (404)"},
        {"login refused (401): check LOGIKAL_AUTH_USERNAME", "login refused (401): check LOGIKAL_AUTH_USERNAME"},
        {"a line\nand another\t", "a line\nand another\t"},
        {"...", "..."},
        {"é: ü", "é: ü"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char *out = fault_text_without_places(rows[i][0]);
        assert_string_equal(out, rows[i][1]);
        free(out);
    }
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_places_are_left_out),
};
TEST_MAIN(tests, NULL, NULL)
