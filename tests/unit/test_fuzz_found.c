/* What fuzzing found, one test for each: inputs that once broke a promise. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "conf/text/buf.h"
#include "services/logikal/client_internal.h"
#include "services/logikal/request.h"
#include "tests/support/test.h"

TEST(test_token_that_is_no_header_text_is_refused)
{
    static const struct {
        const char *body;
        int rc;
    } table[] = {
        {"{\"data\":{\"token\":\"0b1c-2d3e\"}}", 0},
        {"{\"data\":{\"token\":\"abc\\r\\nX-Evil: 1\"}}", -1},
        {"{\"data\":{\"token\":\"abc\\nX\"}}", -1},
        {"{\"data\":{\"token\":\"a b\"}}", -1},
        {"{\"data\":{\"token\":\"\\u00e4\"}}", -1},
        {"{\"data\":{\"token\":\"\"}}", -1},
        {"{\"data\":{\"token\":5}}", -1},
        {"{\"data\":7}", -1},
        {"", -1},
    };
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        char token[TOKEN_SIZE] = "";
        struct buf body = {0};
        buf_str(&body, table[i].body);
        if ((request_read_token(&body, token, sizeof token) ? -1 : 0) != table[i].rc) fail_msg("%s", table[i].body);
        if (table[i].rc == 0) assert_string_equal(token, "0b1c-2d3e");
        buf_free(&body);
    }
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_token_that_is_no_header_text_is_refused),
};
TEST_MAIN(tests, NULL, NULL)
