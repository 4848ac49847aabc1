/* What is noted of files of elevations, row by row: when one that failed is tried again, and what becomes of drawings.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "services/store/lease.h"
#include "services/store/sync/files/sync_drawing.h"
#include "services/store/sync/files/sync_files.h"
#include "tests/support/store.h"

STORE_WORLD(store_lease(&s, "tree"))

FIXTURE(fresh)
{
    store_one_elevation(&s);
    return 0;
}

/* ---- when a file is tried again ---- */

TEST(test_when_a_file_is_tried_again)
{
    static const struct {
        int tries, free, minutes;
    } rows[] = {{1, 3, 0}, {3, 3, 0}, {4, 3, 1},     {5, 3, 2},     {6, 3, 4},
                {1, 0, 1}, {2, 0, 2}, {11, 0, 1024}, {12, 0, 1440}, {100, 0, 1440}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char text[100], minutes[20];
        snprintf(text, sizeof text, "SELECT (extract(epoch FROM logikald_file_delay(%d, %d)) / 60)::int", rows[i].tries,
                 rows[i].free);
        snprintf(minutes, sizeof minutes, "%d", rows[i].minutes);
        expect(minutes, text);
    }
    for (int is_parts = 0; is_parts < 2; is_parts++) {
        char text[300];
        const char *table = is_parts ? "elevation_parts_lists" : "elevation_thumbnails";
        struct file_row file = {
            .elevation_id = 1, .version_id = "v1", .changed_s = 1000, .error = "why", .refused_limit = 50};
        snprintf(text, sizeof text,
                 "SELECT concat_ws(' ', tries, round(extract(epoch FROM retry_at - now()) / 60), error,"
                 " failed_version, extract(epoch FROM failed_date)::int, tried_at > now() - interval '5 min') FROM %s",
                 table);
        for (int i = 1; i <= 3; i++) {
            char expected[60];
            assert_int_equal(file_store_failure(s.db, &s.lease, is_parts, &file, 1, &s.err), 0);
            snprintf(expected, sizeof expected, "%d %d why v1 1000 t", i, i == 1 ? 0 : i - 1);
            expect(expected, text);
        }
        file.version_id = "v2"; /* another version: it begins anew */
        assert_int_equal(file_store_failure(s.db, &s.lease, is_parts, &file, 0, &s.err), 0);
        expect("1 1 why v2 1000 t", text);
        file.changed_s = 0;
        assert_int_equal(file_store_failure(s.db, &s.lease, is_parts, &file, 0, &s.err), 0);
        expect("1 1 why v2 t", text);
        struct lease lost = s.lease;
        lost.token++;
        assert_int_equal(file_store_failure(s.db, &lost, is_parts, &file, 0, &s.err), -ERR_CONFLICT);
    }
    expect("failed why", "SELECT concat_ws(' ', parse_status, parse_error) FROM elevations");
    sql("UPDATE elevation_parts_lists SET retry_at = now() + interval '1 day'");
    assert_int_equal(files_limit(s.db, 50, &s.err), 0); /* as large as it was */
    expect("t 50", "SELECT concat_ws(' ', retry_at > now(), refused_limit) FROM elevation_parts_lists");
    assert_int_equal(files_limit(s.db, 51, &s.err), 0);
    expect("f", "SELECT concat_ws(' ', retry_at > now(), refused_limit) FROM elevation_parts_lists");
}

/* ---- drawings ---- */

TEST(test_drawings)
{
    struct drawing_row d = {
        .elevation_id = 1, .bytes = "picture", .len = 7, .type = "image/png", .version_id = "v1", .changed_s = 1000};
    static const char row[] =
        "SELECT concat_ws(' ', encode(content, 'escape'), content_type, size_bytes, left(sha256, 6),"
        " version_id, extract(epoch FROM changed_date)::int, error, error_code, asked_at, asked_by,"
        " tried_at > now() - interval '5 min', fetched_at > now() - interval '5 min') FROM elevation_drawings";
    sql("UPDATE projects SET upstream_id = 'P1'; INSERT INTO elevation_drawings (elevation_id) VALUES (1)");
    assert_string_equal(store_rows(drawing_place(s.db, 1, &s.err)), "A P1 f1 e1 one v1 1000 f");
    sql("UPDATE elevation_drawings SET asked_at = now(), asked_by = 'me'; UPDATE phases SET upstream_id = 'F1';"
        "UPDATE elevations SET upstream_id = 'E1'");
    assert_string_equal(store_rows(drawing_place(s.db, 1, &s.err)), "A P1 F1 E1 one v1 1000 t");
    assert_string_equal(store_rows(drawing_place(s.db, 2, &s.err)), "");
    assert_int_equal(drawing_store(s.db, &s.lease, &d, &s.err), 0);
    expect("picture image/png 7 2cea27 v1 1000 t t", row);
    d = (struct drawing_row){.elevation_id = 1, .version_id = "v2", .error = "no", .error_code = "upstream"};
    assert_int_equal(drawing_store(s.db, &s.lease, &d, &s.err), 0); /* the former one stays */
    expect("picture image/png 7 2cea27 v2 no upstream t t", row);
    struct lease lost = s.lease;
    lost.token++;
    assert_int_equal(drawing_store(s.db, &lost, &d, &s.err), -ERR_CONFLICT);
    sql("UPDATE elevations SET deleted_at = now()");
    assert_string_equal(store_rows(drawing_place(s.db, 1, &s.err)), "");
}

TEST(test_drawings_that_are_swept)
{
    static const struct {
        const char *set;
        bool is_swept;
    } rows[] = {
        {"content = 'x', fetched_at = now() - interval '29 days'", false},
        {"content = 'x', fetched_at = now() - interval '31 days'", true},
        {"content = NULL, tried_at = now() - interval '23 hours'", false},
        {"content = NULL, tried_at = now() - interval '25 hours'", true},
        {"content = 'x', fetched_at = now() - interval '31 days', asked_at = now()", false}, /* it is coming */
        {"content = 'x', fetched_at = now() - interval '31 days', asked_at = now() - interval '2 minutes'", true},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char text[300];
        fresh(NULL);
        sql("INSERT INTO elevation_drawings (elevation_id) VALUES (1)");
        snprintf(text, sizeof text, "UPDATE elevation_drawings SET %s", rows[i].set);
        sql(text);
        assert_int_equal(drawings_sweep(s.db, 0, 0, &s.err), strstr(rows[i].set, "NULL") && rows[i].is_swept);
        if (drawings_sweep(s.db, 30, 7, &s.err) != (rows[i].is_swept && !strstr(rows[i].set, "NULL")))
            fail_msg("row %zu", i);
    }
    for (int days = 6; days <= 8; days += 2) { /* of elevations that are gone */
        char text[200];
        fresh(NULL);
        snprintf(text, sizeof text,
                 "INSERT INTO elevation_drawings (elevation_id, content, fetched_at) VALUES (1, 'x', now());"
                 "UPDATE elevations SET deleted_at = now() - interval '%d days'",
                 days);
        sql(text);
        assert_int_equal(drawings_sweep(s.db, 30, 0, &s.err), 0);
        assert_int_equal(drawings_sweep(s.db, 30, 7, &s.err), days == 8);
    }
}

#define each(test) cmocka_unit_test_setup(test, fresh)
static const struct CMUnitTest tests[] = {
    each(test_when_a_file_is_tried_again),
    each(test_drawings),
    each(test_drawings_that_are_swept),
};
TEST_MAIN(tests, start, stop)
