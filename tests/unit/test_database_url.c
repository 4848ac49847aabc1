/* DATABASE_URL: as platforms write it, it is taken; where a password was not encoded it is refused without showing it,
 * before libpq's messages could ("invalid integer value "hunter2" for connection option "port""). */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "services/store/db/database_url.h"
#include "services/store/db/db.h"
#include "tests/support/test.h"

TEST(test_good_urls_are_taken)
{
    static const char *const rows[] = {
        "postgresql://user:secret@host:5432/db?sslmode=require",
        "postgres://user:p%40ss%2Fw@host.example:25060/defaultdb?sslmode=verify-full&sslrootcert=/etc/ca.pem",
        "postgresql://host/db",
        "postgresql://u@h1:5432,h2:5433/db?target_session_attrs=read-write",
        "postgresql://[::1]:5432/db",
        "postgresql:///db?host=/var/run/postgresql",
        "postgresql://postgres@/logikald?host=/tmp/x",
        "postgresql://host/db?user=me@azure&password=x",
        "postgresql://u:p?q#r@host/db",
        "postgresql://",
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct err err = {0};
        PQconninfoOption *options = database_url_parse(rows[i], &err);
        if (!options) fail_msg("%s: %s", rows[i], err.text);
        PQconninfoFree(options);
    }
}

TEST(test_misread_passwords_are_refused_and_not_shown)
{
    static const char *const rows[] = {
        "",
        "host=h password=hunter2",
        "postgresql://u:hunter2/x@127.0.0.1:1/d",
        "postgresql://u:x@hunter2@127.0.0.1:1/d",
        "postgresql://u:/hunter2@127.0.0.1:1/d",
        "postgresql://u:@hunter2?host=/x@127.0.0.1:1/d",
        "postgresql://u:/hunter2/y?host=/@127.0.0.1:1/d",
        "postgresql://u:hunter2%zz@127.0.0.1:1/d",
        "postgresql://127.0.0.1:hunter2/d",
        "postgresql://127.0.0.1:70000/d",
        "postgresql://h:",
        "postgresql://h:/d",
        "postgresql://u:hunter2@h1:,h2/d",
        "postgresql://u:hunter2@h1:5432,h2:/d",
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct err err = {0};
        struct db *db = db_open(rows[i], NULL, 1000, "test", &err);
        db_close(db);
        if (err.code != ERR_CONFIG || strstr(err.text, "hunter2")) fail_msg("%s: %s", rows[i], err.text);
    }
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_good_urls_are_taken),
    cmocka_unit_test(test_misread_passwords_are_refused_and_not_shown),
};
TEST_MAIN(tests, NULL, NULL)
