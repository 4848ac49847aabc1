/* Parts lists in the database, row by row: which one is taken to be read and which one waits, what is stored of one
 * that was read or could not be, versions of their files, and what is swept. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "services/store/frames.h"
#include "services/store/lease.h"
#include "services/store/sync/files/sync_files.h"
#include "services/store/sync/parts/parts_files.h"
#include "services/store/sync/parts/parts_store.h"
#include "tests/support/store.h"

#define READER 7

STORE_WORLD(store_lease(&s, "tree"))

/* Elevations 1 to 3 of project 1, and 4 of project 2, each with the parts list "old", read by this reader. */
FIXTURE(fresh)
{
    sql("DELETE FROM parsing_error_logs; DELETE FROM elevation_glass; DELETE FROM parts_versions;"
        "DELETE FROM elevation_parts_lists; DELETE FROM parts_files; DELETE FROM elevations; DELETE FROM phases;"
        "DELETE FROM projects; DELETE FROM directories;"
        "INSERT INTO directories (id, logikal_id, name, upstream_chain) VALUES (1, 'A', 'A', 'A');"
        "INSERT INTO projects (id, logikal_id, name, directory_id) VALUES (1, 'p1', 'one', 1), (2, 'p2', 'two', 1);"
        "INSERT INTO phases (id, logikal_id, name, project_id, sync_status) VALUES (1, 'f1', 'f', 1, 'x'),"
        " (2, 'f2', 'g', 2, 'x');"
        "INSERT INTO elevations (id, logikal_id, name, project_id, phase_id, sync_status, has_parts_data, parse_status,"
        " parse_retry_count, parse_version, parts_file_hash, amount) SELECT i, 'e' || i, 'n' || i, (i = 4)::int + 1,"
        " (i = 4)::int + 1, 'x', true, 'success', 0, 7, 'old', 2 FROM generate_series(1, 4) i;"
        "INSERT INTO elevation_parts_lists (elevation_id, sha256, size_bytes, content) SELECT i, 'old', 3, 'abc' FROM"
        " generate_series(1, 4) i");
    return 0;
}

/* ---- taking ---- */

TEST(test_which_one_is_taken)
{
    static const struct {
        const char *set; /* of elevation 1, or SQL */
        struct parts_how how;
        enum parts_taken taken;
    } rows[] = {
        {"parse_status = 'success'", {false, false}, PARTS_CURRENT},
        {"parse_status = 'success'", {true, false}, PARTS_TAKEN},
        {"parse_status = 'pending'", {false, false}, PARTS_TAKEN},
        {"parse_status = 'failed'", {false, false}, PARTS_TAKEN},
        {"parts_file_hash = 'other'", {false, false}, PARTS_TAKEN},
        {"parts_file_hash = NULL", {false, false}, PARTS_TAKEN},
        {"parse_version = 6", {false, false}, PARTS_TAKEN},
        {"parse_version = 8", {false, false}, PARTS_CURRENT},
        {"parse_status = 'in_progress', parse_started_at = now() - interval '9 minutes'", {true, false}, PARTS_BUSY},
        {"parse_status = 'in_progress', parse_started_at = now() - interval '11 minutes'", {false, false}, PARTS_TAKEN},
        {"parse_status = 'in_progress', parse_started_at = NULL", {false, false}, PARTS_TAKEN},
        {"parse_status = 'in_progress', parse_started_at = now()", {false, true}, PARTS_TAKEN},
        {"parse_status = 'success'", {false, true}, PARTS_CURRENT},
        {NULL, {true, false}, PARTS_NONE},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct parts_item items[2] = {{.elevation_id = 1}, {.elevation_id = 99}};
        char text[300];
        fresh(NULL);
        snprintf(text, sizeof text, "UPDATE elevations SET %s WHERE id = 1", rows[i].set);
        sql(rows[i].set ? text : "UPDATE elevation_parts_lists SET sha256 = NULL");
        assert_int_equal(parts_take(s.db, items, 2, rows[i].how, READER, &s.err), 0);
        if (items[0].taken != rows[i].taken) fail_msg("row %zu: %d", i, (int)items[0].taken);
        assert_int_equal(items[1].taken, PARTS_UNKNOWN);
        bool is_taken = rows[i].taken == PARTS_TAKEN;
        assert_string_equal(items[0].sha256, is_taken ? "old" : "");
        assert_int_equal(items[0].stored_bytes, is_taken ? 3 : 0);
        if (is_taken)
            expect("in_progress t",
                   "SELECT concat_ws(' ', parse_status, parse_started_at > now() - interval '5 min') FROM"
                   " elevations WHERE id = 1");
        expect("0", "SELECT count(*) FROM elevations WHERE id > 1 AND parse_status <> 'success'");
    }
    struct parts_item none = {.elevation_id = 1}; /* without a row for its list */
    sql("DELETE FROM elevation_parts_lists");
    assert_int_equal(parts_take(s.db, &none, 1, (struct parts_how){true, true}, READER, &s.err), 0);
    assert_int_equal(none.taken, PARTS_NONE);
}

TEST(test_one_that_is_given_back)
{
    sql("UPDATE elevations SET parse_status = 'in_progress', parse_started_at = now() WHERE id IN (1, 2)");
    assert_int_equal(parts_give_back(s.db, 1, &s.err), 0);
    assert_int_equal(parts_give_back(s.db, 3, &s.err), 0);
    expect("pending t, in_progress f, success t",
           "SELECT string_agg(concat_ws(' ', parse_status, parse_started_at IS NULL),"
           " ', ' ORDER BY id) FROM elevations WHERE id < 4");
}

/* ---- waiting ---- */

static const char *waiting(const char *statuses, int64_t project, int64_t after, int limit)
{
    return store_rows(parts_waiting_ids(s.db, statuses, project, after, limit, 3, 5, READER, &s.err));
}

TEST(test_which_ones_wait)
{
    static const struct {
        const char *set; /* of elevation 1 */
        const char *statuses;
        bool waits;
    } rows[] = {
        {"parse_status = 'success'", "{pending}", false},
        {"parse_status = 'pending'", "{pending}", true},
        {"parse_status = 'pending'", "{failed}", false},
        {"parse_status = 'failed'", "{failed,partial}", true},
        {"parse_status = 'success'", "{success}", false},
        {"parse_status = 'in_progress', parse_started_at = now() - interval '9 min'", "{pending}", false},
        {"parse_status = 'in_progress', parse_started_at = now() - interval '11 min'", "{pending}", true},
        {"parse_status = 'failed', parse_retry_count = 1, parse_started_at = now() - interval '6 min'", "{failed}",
         true},
        {"parse_status = 'failed', parse_retry_count = 1, parse_started_at = now() - interval '4 min'", "{failed}",
         false},
        {"parse_status = 'failed', parse_retry_count = 3, parse_started_at = now() - interval '6 min'", "{failed}",
         true},
        {"parse_status = 'failed', parse_retry_count = 4, parse_started_at = now() - interval '6 min'", "{failed}",
         false},
        {"parse_status = 'failed', parse_retry_count = 1, parse_started_at = NULL, data_parsed_at = now()", "{failed}",
         false},
        {"parse_status = 'failed', parse_retry_count = 1, parse_started_at = NULL, data_parsed_at = NULL", "{failed}",
         true},
        {"parse_status = 'pending', deleted_at = now()", "{pending}", false},
        {"parse_version = 6", "{pending}", true}, /* an older reader has read it, whatever its state and tries */
        {"parse_version = 6, parse_status = 'failed', parse_retry_count = 9", "{pending}", true},
        {"parse_version = 6, parse_status = 'in_progress', parse_started_at = now()", "{pending}", false},
        {"parse_version = 6, deleted_at = now()", "{pending}", false},
        {"parse_version = 6, has_parts_data = false", "{pending}", false},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char text[300];
        fresh(NULL);
        snprintf(text, sizeof text, "UPDATE elevations SET %s WHERE id = 1", rows[i].set);
        sql(text);
        const char *ids = waiting(rows[i].statuses, 0, 0, 9);
        if (strcmp(ids, rows[i].waits ? "1" : "") != 0) fail_msg("row %zu: %s", i, ids);
        sql("UPDATE elevation_parts_lists SET sha256 = NULL");
        assert_string_equal(waiting(rows[i].statuses, 0, 0, 9), "");
    }
    fresh(NULL);
    sql("UPDATE elevations SET parse_status = 'pending' WHERE id <> 3; UPDATE elevations SET parse_version = 6 WHERE "
        "id = 3");
    assert_string_equal(waiting("{pending}", 0, 0, 9), "1; 2; 3; 4");
    assert_string_equal(waiting("{pending}", 0, 0, 3), "1; 2; 3");
    assert_string_equal(waiting("{pending}", 0, 2, 9), "3; 4");
    assert_string_equal(waiting("{pending}", 1, 0, 9), "1; 2; 3");
    assert_string_equal(waiting("{pending}", 2, 0, 9), "4");
    assert_string_equal(waiting("{pending}", 1, 3, 9), "");
}

/* ---- what was read ---- */

static void read_it(struct parts_item *item, const char *problem)
{
    static const char *const texts[PARTS_TEXTS] = {"a", "b", "c", "d", "e", "f", "g", "h", "i", "j"};
    *item = (struct parts_item){.elevation_id = 1, .sha256 = "old", .is_read = true, .digest = "digest"};
    for (int i = 0; i < PARTS_TEXTS; i++) item->data.texts[i] = strdup(texts[i]);
    for (int i = 0; i < PARTS_NUMBERS; i++) item->data.numbers[i] = (struct parts_number){i + 0.5, i != 3};
    item->data.parts_count = 12;
    item->data.file_row = -1;
    item->data.tables = strdup("[]");
    snprintf(item->data.problem, sizeof item->data.problem, "%s", problem);
}

static const char stored_row[] =
    "SELECT concat_ws(' ', auto_description, auto_description_short, width_unit, height_unit, weight_unit, area_unit,"
    " system_code, system_name, system_long_name, color_base_long, width_out, height_out, weight_out, area_output,"
    " parts_count, parse_status, parse_error, parse_retry_count, parse_version, parse_started_at IS NULL,"
    " data_parsed_at > now() - interval '5 min') FROM elevations WHERE id = 1";

TEST(test_what_is_stored_of_one_that_was_read)
{
    struct parts_item item;
    sql("UPDATE elevations SET parse_status = 'in_progress', parse_retry_count = 2, parse_version = 1, parse_error = "
        "'x'");
    read_it(&item, "");
    assert_int_equal(parts_store_read(s.db, &item, 1, READER, &s.err), 0);
    assert_true(item.is_stored);
    expect("a b c d e f g h i j 0.5 1.5 2.5 12 success 0 7 t t", stored_row);
    parts_data_free(&item.data);
    sql("UPDATE elevations SET parse_retry_count = 2 WHERE id = 1");
    read_it(&item, "odd");
    assert_int_equal(parts_store_read(s.db, &item, 1, READER, &s.err), 0);
    expect("a b c d e f g h i j 0.5 1.5 2.5 12 partial odd 3 7 f t", stored_row);
    parts_data_free(&item.data);
    expect("3", "SELECT count(*) FROM elevations WHERE parse_status = 'in_progress'");

    sql("UPDATE elevation_parts_lists SET sha256 = 'new' WHERE elevation_id = 1"); /* another one has come meanwhile */
    read_it(&item, "");
    assert_int_equal(parts_store_read(s.db, &item, 1, READER, &s.err), 0);
    assert_false(item.is_stored);
    expect("a b c d e f g h i j 0.5 1.5 2.5 12 partial odd 3 7 f t", stored_row);
    parts_data_free(&item.data);
}

static void add_pane(struct parts_item *item, const char *id, const char *name)
{
    struct parts_data *d = &item->data;
    if (!d->glass) d->glass = calloc(8, sizeof *d->glass);
    d->glass[d->glass_count++] = (struct parts_glass){strdup(id), name ? strdup(name) : NULL};
}

TEST(test_panes_that_stay_are_not_written_again)
{
    struct parts_item item;
    static const char panes[] = "SELECT coalesce(string_agg(concat_ws(' ', glass_id, name), ', ' ORDER BY id), '') FROM"
                                " elevation_glass WHERE elevation_id = 1";
    sql("INSERT INTO elevation_glass (elevation_id, glass_id, name) VALUES (1, 'g1', 'a'), (1, 'g1', 'a'), (1, 'g2', "
        "NULL),"
        " (1, 'g3', 'c'), (2, 'g1', 'other')");
    int64_t last = store_int(&s, "SELECT max(id) FROM elevation_glass");
    read_it(&item, "");
    add_pane(&item, "g1", "a");
    add_pane(&item, "g2", NULL);
    add_pane(&item, "g1", "a");
    add_pane(&item, "g3", "d");
    add_pane(&item, "g1", "a");
    assert_int_equal(parts_store_read(s.db, &item, 1, READER, &s.err), 0);
    parts_data_free(&item.data);
    expect("g1 a, g1 a, g2, g1 a, g3 d", panes);
    char text[100];
    snprintf(text, sizeof text, "SELECT count(*) FROM elevation_glass WHERE id > %lld", (long long)last);
    expect("2", text);
    read_it(&item, "");
    assert_int_equal(parts_store_read(s.db, &item, 1, READER, &s.err), 0);
    parts_data_free(&item.data);
    expect("", panes);
    expect("g1 other", "SELECT concat_ws(' ', glass_id, name) FROM elevation_glass");
}

TEST(test_one_that_could_not_be_read)
{
    sql("UPDATE elevations SET parse_retry_count = 1, parse_version = 1, parts_file_hash = NULL WHERE id = 1");
    assert_int_equal(parts_store_failure(s.db, 1, "failed", "parse", "why", READER, &s.err), 0);
    expect(
        "failed why 2 old 7 t t",
        "SELECT concat_ws(' ', parse_status, parse_error, parse_retry_count, parts_file_hash,"
        " parse_version, parse_started_at > now() - interval '5 min', data_parsed_at > now() - interval '5 min') FROM"
        " elevations WHERE id = 1");
    expect("1 parse why old 3 2",
           "SELECT concat_ws(' ', elevation_id, error_type, error_message, error_details ->> 'sha256',"
           " error_details ->> 'size_bytes', retry_count) FROM parsing_error_logs");
    assert_int_equal(parts_store_failure(s.db, 99, "failed", "parse", "why", READER, &s.err), 0);
    expect("1", "SELECT count(*) FROM parsing_error_logs");
    expect("3", "SELECT count(*) FROM elevations WHERE parse_status = 'success'");
}

/* ---- files and their versions ---- */

static int store_file(const char *bytes, const char *invalid, bool has_file)
{
    struct packed packed = {0};
    struct file_row file = {.elevation_id = 1, .version_id = "v1", .changed_s = 1000};
    if (bytes) assert_int_equal(frames_pack(bytes, strlen(bytes), &packed, &s.err), 0);
    int rc = file_store_parts(s.db, &s.lease, &file, bytes ? &packed : NULL, has_file, 42, invalid, &s.err);
    packed_free(&packed);
    return rc;
}

static const char versions[] =
    "SELECT coalesce(string_agg(concat_ws(' ', number, left(sha256, 4), valid_to IS NULL, run_id, version_id, "
    "extract(epoch"
    " FROM changed_date)::int, amount), ', ' ORDER BY number), '') FROM parts_versions WHERE elevation_id = 1";
static const char shown[] =
    "SELECT concat_ws(' ', has_parts_data, parse_status, coalesce(parse_error, '-'), parse_retry_count)"
    " FROM elevations WHERE id = 1";

TEST(test_versions_of_a_file)
{
    sql("DELETE FROM elevation_parts_lists; UPDATE elevations SET has_parts_data = false, parse_error = 'x',"
        " parse_retry_count = 3");
    assert_int_equal(store_file("abc", NULL, false), 0);
    expect("1 ba78 t 42 v1 1000 2", versions);
    expect("t pending - 0", shown);
    sql("UPDATE elevations SET parse_status = 'success', parse_error = 'partly', parse_retry_count = 2 WHERE id = 1");
    assert_int_equal(store_file("abc", NULL, true), 1); /* the same: nothing is to be read again */
    expect("1 ba78 t 42 v1 1000 2", versions);
    expect("t success partly 2", shown);
    assert_int_equal(store_file("abcd", NULL, false), 0);
    expect("1 ba78 f 42 v1 1000 2, 2 88d4 t 42 v1 1000 2", versions);
    expect("t pending - 0", shown);
    assert_int_equal(store_file("damaged", "it is damaged", false), 0);
    expect("t validation_failed it is damaged 0", shown);
    assert_int_equal(store_file("abcd", NULL, true), 0);
    expect("t pending - 0", shown);
    expect("4", "SELECT count(*) FROM parts_versions");
    sql("UPDATE elevations SET parse_status = 'success' WHERE id = 1");
    assert_int_equal(store_file(NULL, NULL, false), 0); /* there is none any more */
    expect("f success - 0", shown);
    expect("0", "SELECT count(*) FROM parts_versions WHERE valid_to IS NULL");
    expect("t 0", "SELECT concat_ws(' ', sha256 IS NULL AND content IS NULL, tries) FROM elevation_parts_lists WHERE"
                  " elevation_id = 1");
    expect("3", "SELECT count(*) FROM parts_files");
    struct lease lost = s.lease;
    lost.token++;
    struct file_row file = {.elevation_id = 2};
    assert_int_equal(file_store_parts(s.db, &lost, &file, NULL, false, 42, NULL, &s.err), -ERR_CONFLICT);
}

TEST(test_thumbnails)
{
    struct file_row file = {
        .elevation_id = 1, .version_id = "v1", .changed_s = 1000, .bytes = "abc", .len = 3, .type = "image/png"};
    static const char row[] =
        "SELECT concat_ws(' ', encode(content, 'escape'), content_type, left(sha256, 4), size_bytes,"
        " version_id, extract(epoch FROM changed_date)::int, error, tries, retry_at) FROM"
        " elevation_thumbnails";
    assert_int_equal(file_store_thumbnail(s.db, &s.lease, &file, &s.err), 0);
    expect("abc image/png ba78 3 v1 1000 0", row);
    sql("UPDATE elevation_thumbnails SET tries = 3, retry_at = now(), error = 'x'");
    file.version_id = "v2";
    file.type = "image/jpeg";
    assert_int_equal(file_store_thumbnail(s.db, &s.lease, &file, &s.err), 1);
    expect("abc image/jpeg ba78 3 v2 1000 0", row);
    file.bytes = "abcd";
    file.len = 4;
    file.changed_s = 0;
    assert_int_equal(file_store_thumbnail(s.db, &s.lease, &file, &s.err), 0);
    expect("abcd image/jpeg 88d4 4 v2 0", row);
    sql("DELETE FROM elevation_thumbnails");
}

/* ---- what is swept ---- */

TEST(test_what_is_swept_of_parts_lists)
{
    struct parts_swept n;
    sql("INSERT INTO parts_files (sha256, content, frames, raw_size, stored_size, used_at) VALUES ('old', 'x', '{0}', "
        "1, 10,"
        " now() - interval '9 days'), ('v1', 'x', '{0}', 1, 20, now() - interval '25 hours'), ('v2', 'x', '{0}', 1, "
        "40, now()"
        " - interval '25 hours'), ('v3', 'x', '{0}', 1, 80, now() - interval '25 hours'), ('young', 'x', '{0}', 1, "
        "160, now()"
        " - interval '23 hours'), ('nobody', 'x', '{0}', 1, 320, now() - interval '25 hours');"
        "INSERT INTO parts_versions (elevation_id, number, sha256, valid_to) VALUES (1, 1, 'v1', now()), (1, 2, 'v2', "
        "now()),"
        " (1, 3, 'v3', NULL)");
    assert_int_equal(parts_sweep(s.db, 2, 30, &n, &s.err), 0);
    assert_int_equal(n.versions, 1);
    assert_int_equal(n.lists, 0);
    assert_int_equal(n.files, 2);
    assert_int_equal(n.bytes, 20 + 320);
    assert_int_equal(parts_sweep(s.db, 1, 30, &n, &s.err), 0);
    assert_int_equal(n.versions * 100 + n.files, 101);
    assert_int_equal(parts_sweep(s.db, 0, 30, &n, &s.err), 0); /* the one that is valid stays */
    assert_int_equal(n.versions * 100 + n.files, 0);

    sql("UPDATE elevations SET deleted_at = now() - interval '29 days' WHERE id = 1; UPDATE elevations SET deleted_at "
        "= now() -"
        " interval '31 days', parse_status = 'success' WHERE id = 2");
    assert_int_equal(parts_sweep(s.db, 2, 0, &n, &s.err), 0);
    assert_int_equal(n.lists + n.versions, 0);
    assert_int_equal(parts_sweep(s.db, 2, 30, &n, &s.err), 0);
    assert_int_equal(n.lists, 1);
    expect("t success 7, f pending 0",
           "SELECT string_agg(concat_ws(' ', has_parts_data, parse_status, parse_version), ', '"
           " ORDER BY id) FROM elevations WHERE id < 3");
    sql("UPDATE elevations SET deleted_at = now() - interval '31 days' WHERE id = 1");
    assert_int_equal(parts_sweep(s.db, 2, 30, &n, &s.err), 0);
    assert_int_equal(n.lists * 100 + n.versions * 10 + n.files, 111);
}

#define each(test) cmocka_unit_test_setup(test, fresh)
static const struct CMUnitTest tests[] = {
    each(test_which_one_is_taken),
    each(test_one_that_is_given_back),
    each(test_which_ones_wait),
    each(test_what_is_stored_of_one_that_was_read),
    each(test_panes_that_stay_are_not_written_again),
    each(test_one_that_could_not_be_read),
    each(test_versions_of_a_file),
    each(test_thumbnails),
    each(test_what_is_swept_of_parts_lists),
};
TEST_MAIN(tests, start, stop)
