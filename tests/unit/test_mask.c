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

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_every_member_with_a_secret_name_is_masked),
};
TEST_MAIN(tests, NULL, NULL)
