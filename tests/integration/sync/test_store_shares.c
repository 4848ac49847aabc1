/* Who has what in work, cell by cell: leases, sessions that are open at the upstream, the shares of a run; and what a
 * name means. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "conf/clock.h"
#include "ipc/task.h"
#include "services/store/lease.h"
#include "services/store/owner.h"
#include "services/store/sync/staging/sync_stage.h"
#include "services/store/sync/sync_find.h"
#include "services/store/sync/sync_share.h"
#include "services/store/sync/upstream_server.h"
#include "services/sync/project/helper.h"
#include "services/sync/tasks/tasks.h"
#include "tests/support/store.h"

#define RUN   10
#define OTHER 11 /* of another process */
#define DEAD  12

STORE_WORLD()

/* ---- leases ---- */

static bool has_expired(const char *name)
{
    char text[200];
    snprintf(text, sizeof text, "SELECT (expires_at <= clock_timestamp())::int FROM leases WHERE name = '%s'", name);
    return store_int(&s, text) == 1;
}

TEST(test_a_lease_has_one_holder)
{
    struct lease a, b;
    char owner[LEASE_OWNER_SIZE];
    assert_int_equal(lease_acquire(s.db, &a, "l", "one", 600000, &s.err), 0);
    assert_int_equal(a.token, 1);
    expect("one 1 t", "SELECT concat_ws(' ', owner, token, abs(extract(epoch FROM expires_at - acquired_at) - 600) < 1)"
                      " FROM leases WHERE name = 'l'");
    assert_int_equal(lease_acquire(s.db, &b, "l", "two", 600000, &s.err), -ERR_CONFLICT);
    assert_string_equal(s.err.text, "l is held by one");
    assert_int_equal(b.token, 0);
    assert_int_equal(lease_holder(s.db, "l", owner, &s.err), 1);
    assert_string_equal(owner, "one");
    assert_int_equal(lease_holder(s.db, "m", NULL, &s.err), 0);

    sql("UPDATE leases SET expires_at = clock_timestamp() + interval '1 min' WHERE name = 'l'");
    assert_int_equal(lease_renew(s.db, &a, &s.err), 0); /* a third of its time has not passed */
    expect("t", "SELECT expires_at < clock_timestamp() + interval '2 min' FROM leases WHERE name = 'l'");
    a.renewed_ms -= 200001;
    int64_t renewed_ms = a.renewed_ms;
    assert_int_equal(lease_renew(s.db, &a, &s.err), 0);
    assert_true(a.renewed_ms > renewed_ms);
    expect("t", "SELECT expires_at > clock_timestamp() + interval '5 min' FROM leases WHERE name = 'l'");

    assert_int_equal(lease_check(s.db, &a, &s.err), 0);
    assert_int_equal(lease_break(s.db, "l", "two", &s.err), 0);
    assert_false(has_expired("l"));
    assert_int_equal(lease_break(s.db, "l", "one", &s.err), 1);
    assert_true(has_expired("l"));
    assert_int_equal(lease_holder(s.db, "l", owner, &s.err), 0);
    assert_int_equal(lease_acquire(s.db, &b, "l", "two", 600000, &s.err), 0);
    assert_int_equal(b.token, 2);
    assert_int_equal(lease_check(s.db, &a, &s.err), -ERR_CONFLICT);
    a.renewed_ms = 0;
    assert_int_equal(lease_renew(s.db, &a, &s.err), -ERR_CONFLICT);
    lease_release(s.db, &a); /* somebody else's by now */
    assert_int_equal(a.token, 0);
    assert_false(has_expired("l"));
    lease_release(s.db, &b);
    assert_int_equal(b.token, 0);
    assert_true(has_expired("l"));
    expect("", "SELECT owner FROM leases WHERE name = 'l'");
}

/* ---- the upstream's server ---- */

TEST(test_what_is_remembered_of_a_server)
{
    static const struct {
        const char *levels, *summary;
    } rows[] = {{"uuuu", "unknown"}, {"uura", "allowed"}, {"ruuu", "refused"}, {"aaaa", "allowed"}};
    char levels[UPSTREAM_LEVELS + 1];
    assert_int_equal(upstream_recall(s.db, "http://a", levels, &s.err), 0);
    assert_string_equal(levels, "uuuu");
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        assert_int_equal(upstream_remember(s.db, "http://a", rows[i].levels, &s.err), 0);
        assert_int_equal(upstream_recall(s.db, "http://a", levels, &s.err), 0);
        assert_string_equal(levels, rows[i].levels);
        expect(rows[i].summary, "SELECT sideways FROM upstream_servers WHERE base_url = 'http://a'");
    }
    assert_int_equal(upstream_recall(s.db, "http://b", levels, &s.err), 0);
    assert_string_equal(levels, "uuuu");
    sql("UPDATE upstream_servers SET levels = 'aaa'"); /* of another version */
    assert_int_equal(upstream_recall(s.db, "http://a", levels, &s.err), 0);
    assert_string_equal(levels, "uuuu");
}

static void open_session(int slot, const struct lease *holder, const char *server, const char *token)
{
    assert_int_equal(upstream_login_begins(s.db, server, "user", slot, holder, &s.err), 0);
    if (token) assert_int_equal(upstream_session_opened(s.db, slot, token, holder, &s.err), 0);
}

TEST(test_sessions_that_somebody_has_left)
{
    struct lease a, b;
    char longest[256], longer[257];
    memset(longest, 'x', sizeof longest - 1);
    longest[sizeof longest - 1] = '\0';
    memset(longer, 'y', sizeof longer - 1);
    longer[sizeof longer - 1] = '\0';
    sql("DELETE FROM sync_counters");
    assert_int_equal(lease_acquire(s.db, &a, "up:a", "one", 600000, &s.err), 0);
    assert_int_equal(lease_acquire(s.db, &b, "up:b", "two", 600000, &s.err), 0);
    open_session(0, &a, "http://s", longest);
    open_session(1, &a, "http://s", longer);
    open_session(2, &a, "http://s", NULL);
    open_session(3, &a, "http://t", "t3");
    open_session(0, &b, "http://s", "b0");
    open_session(4, &a, "http://s", NULL);
    assert_int_equal(upstream_login_failed(s.db, 4, &a, &s.err), 0);
    expect("5 4 1 user t", "SELECT concat_ws(' ', count(*), count(*) FILTER (WHERE is_active), count(long_token),"
                           " min(username), bool_and(expires_at - now() BETWEEN interval '23 hours' AND"
                           " interval '25 hours')) FROM sessions");
    expect("1", "SELECT count(*) FROM sessions WHERE token LIKE 'md5:%' AND length(long_token) = 256");
    assert_string_equal(store_rows(upstream_sessions_left(s.db, "http://s", 9, &s.err)), "");
    assert_int_equal(upstream_logins_left(s.db, "http://s", &s.err), 0);

    lease_break(s.db, "up:a", "one", &s.err); /* one is dead: what it had at this server is left */
    expect("2", "SELECT count(*) FROM sessions WHERE is_active AND base_url = 'http://s' AND holder = 'up:a'");
    const char *left = store_rows(upstream_sessions_left(s.db, "http://s", 9, &s.err));
    assert_int_equal(strlen(left), 255 + 256 + 2);
    assert_non_null(strstr(left, longer));
    assert_int_equal(strlen(store_rows(upstream_sessions_left(s.db, "http://s", 1, &s.err))) / 255, 1);
    assert_int_equal(upstream_session_closed(s.db, longer, &s.err), 0);
    assert_string_equal(store_rows(upstream_sessions_left(s.db, "http://s", 9, &s.err)), longest);
    assert_int_equal(upstream_session_closed(s.db, longest, &s.err), 0);
    assert_string_equal(store_rows(upstream_sessions_left(s.db, "http://s", 9, &s.err)), "");
    assert_int_equal(upstream_logins_left(s.db, "http://t", &s.err), 0);
    assert_int_equal(upstream_logins_left(s.db, "http://s", &s.err), 1);
    assert_int_equal(upstream_logins_left(s.db, "http://s", &s.err), 0);
    expect("session unknown 1", "SELECT concat_ws(' ', object_type, outcome, value) FROM sync_counters");
    expect("t3 b0", "SELECT string_agg(token, ' ' ORDER BY token DESC) FROM sessions");

    sql("UPDATE sessions SET expires_at = now() - interval '1 min'"); /* its day is over */
    assert_string_equal(store_rows(upstream_sessions_left(s.db, "http://t", 9, &s.err)), "");
    expect("b0", "SELECT string_agg(token, ' ') FROM sessions");
}

/* ---- shares of a run ---- */

TEST(test_shares_of_a_run)
{
    struct lease leader, helper;
    struct shares_state n;
    struct buf errors = {0};
    int64_t counts[2] = {100, 200};
    struct stage stage = {.db = s.db, .id = 77};
    sql("DELETE FROM leases");
    assert_int_equal(lease_acquire(s.db, &leader, "tree", "test", 600000, &s.err), 0);
    assert_int_equal(lease_acquire(s.db, &helper, "help", "the helper", 600000, &s.err), 0);
    sql("INSERT INTO sync_runs (id, scope, state) VALUES (10, 'tree', 'running'), (11, 'b', 'running'), (12, 'c', "
        "'failed');"
        "INSERT INTO sync_shares (run_id, seq, project_id, guid, chain, needs_phases, needs_elevations, with_files) "
        "VALUES"
        " (10, 99, 1, 'old', 'A', true, true, true), (12, 1, 1, 'dead', 'A', true, true, true), (11, 1, 1, 'other', "
        "'A', true,"
        " true, true); DELETE FROM sync_stage_plan;"
        "INSERT INTO sync_stage_plan (stage, seq, project_id, guid, chain, changed, needs_phases, needs_elevations) "
        "SELECT"
        " 77, i, 100 + i, 'g' || i, 'A', CASE WHEN i = 2 THEN 1234 END, i = 1, i = 2 FROM generate_series(1, 4) i");
    assert_int_equal(shares_publish(&stage, RUN, true, &s.err), 4);
    expect("4 t 1 0", "SELECT concat_ws(' ', count(*) FILTER (WHERE run_id = 10), bool_and(with_files), count(*) FILTER"
                      " (WHERE run_id = 11), count(*) FILTER (WHERE run_id = 12)) FROM sync_shares");
    assert_int_equal(shares_has_free(s.db, RUN, &s.err), 1);
    assert_string_equal(store_rows(shares_take(s.db, RUN, &leader, 2, &s.err)),
                        "1 101 g1 A - t f t; 2 102 g2 A 1234 f t t");
    assert_string_equal(store_rows(shares_take(s.db, RUN, &helper, 9, &s.err)),
                        "3 103 g3 A - f f t; 4 104 g4 A - f f t");
    assert_string_equal(store_rows(shares_take(s.db, RUN, &helper, 9, &s.err)), "");
    assert_int_equal(shares_has_free(s.db, RUN, &s.err), 0);
    assert_int_equal(shares_has_free(s.db, OTHER, &s.err), 1);
    assert_int_equal(shares_forget(s.db, RUN, 1, &s.err), 0);
    assert_int_equal(shares_done(s.db, RUN, 3, &helper, "{1,2,3}", "e3", &s.err), 0);
    assert_int_equal(shares_done(s.db, RUN, 2, &helper, "{9,9}", "not its own", &s.err), 0);
    assert_int_equal(shares_look(s.db, RUN, &leader, &n, &s.err), 0);
    assert_int_equal(n.free * 100 + n.in_work * 10 + n.done, 11);
    assert_string_equal(store_rows(shares_holders(s.db, RUN, &leader, &s.err)), "help 1 the helper t");
    assert_string_equal(store_rows(shares_holders(s.db, RUN, &helper, &s.err)), "tree 1 test t");
    sql("UPDATE leases SET expires_at = now() WHERE name = 'help'");
    assert_string_equal(store_rows(shares_holders(s.db, RUN, &leader, &s.err)), "help 1 the helper f");
    assert_int_equal(shares_free(s.db, RUN, "help", "2", "", &s.err), 0); /* another's */
    assert_int_equal(shares_has_free(s.db, RUN, &s.err), 0);
    assert_int_equal(shares_free(s.db, RUN, "help", "1", "the helper", &s.err), 0);
    expect("f t", "SELECT string_agg((expires_at = '-infinity')::text::char(1), ' ' ORDER BY name DESC) FROM leases");
    expect("2-tree-f, 3-help-t, 4--f",
           "SELECT string_agg(concat(seq, '-', holder, '-', done_at IS NOT NULL), ', ' ORDER BY"
           " seq) FROM sync_shares WHERE run_id = 10");
    assert_string_equal(store_rows(shares_take(s.db, RUN, &leader, 1, &s.err)), "4 104 g4 A - f f t");
    assert_int_equal(shares_done(s.db, RUN, 4, &leader, "{10,20}", NULL, &s.err), 0);
    assert_int_equal(shares_collect(s.db, RUN, counts, 2, &errors, &s.err), 2);
    assert_int_equal(counts[0], 111);
    assert_int_equal(counts[1], 222);
    assert_string_equal(errors.data, "e3");
    assert_int_equal(shares_collect(s.db, RUN, counts, 2, &errors, &s.err), 0);
    buf_free(&errors);
    expect("2", "SELECT string_agg(seq::text, ' ') FROM sync_shares WHERE run_id = 10");
    shares_drop(s.db, RUN);
    expect("11", "SELECT string_agg(run_id::text, ' ') FROM sync_shares");

    assert_int_equal(shares_run_lives(s.db, RUN, &s.err), 1);
    assert_int_equal(shares_run_lives(s.db, DEAD, &s.err), 0);
    assert_int_equal(shares_run_lives(s.db, OTHER, &s.err), 0); /* nobody has its lease */
}

/* ---- helpers ---- */

static char sent[600]; /* the last message */
static int sent_count;
static bool has_queue = true;

static int take_message(void *self, const char *task, const cJSON *args, const cJSON *kwargs,
                        const struct task_options *options, char *id_out, struct err *err)
{
    (void)self, (void)args, (void)id_out;
    char *text = cJSON_PrintUnformatted(kwargs);
    snprintf(sent, sizeof sent, "%s %s %d %s", task, options->queue, (int)options->expires_ms, text);
    cJSON_free(text);
    sent_count++;
    return has_queue ? 0 : err_set(err, ERR_REDIS, "no queue");
}

TEST(test_helpers_are_asked_for)
{
    struct task_ops ops = {.enqueue = take_message};
    struct task_ctx ctx = {.id = "t", .ops = &ops};
    struct sync_run run = {.ctx = &ctx, .id = 10};
    struct helper_call call = {.count = 0};
    char worker[OWNER_WORKER_SIZE], expected[400];
    owner_worker(worker);
    sent_count = 0;
    for (int i = 1; i <= 12; i++) {
        int64_t before_ms = mono_ms(), pause_ms = i <= 10 ? 1000 : 10000;
        helper_ask(&run, &call);
        assert_int_equal(sent_count, i);
        assert_int_equal(call.count, i);
        assert_in_range(call.next_ms, before_ms + pause_ms, mono_ms() + pause_ms);
        call.next_ms = mono_ms() + 600000; /* not before its time */
        helper_ask(&run, &call);
        assert_int_equal(sent_count, i);
        call.next_ms = 0;
    }
    snprintf(expected, sizeof expected,
             "tasks.sync_tasks.help_sync_task sync 5000 {\"run_id\":10,\"worker\":\"%s\",\"hops\":0}", worker);
    assert_string_equal(sent, expected);
    run.is_dry = true;
    helper_ask(&run, &call);
    assert_int_equal(sent_count, 12);
    run.is_dry = has_queue = false;
    helper_ask(&run, &call); /* without a queue there are none, and it is not asked again */
    call.next_ms = 0;
    helper_ask(&run, &call);
    assert_int_equal(sent_count, 13);
    assert_int_equal(call.count, -1);
    has_queue = true;
}

TEST(test_helpers_that_are_not_wanted)
{
    static const struct {
        const char *args; /* W: this worker */
        int rc;
        const char *reason, *passed_on;
    } rows[] = {
        {"[]", -ERR_INPUT, NULL, NULL},
        {"[0, \"w\"]", -ERR_INPUT, NULL, NULL},
        {"[\"10\", \"w\"]", -ERR_INPUT, NULL, NULL},
        {"[9000000000000000, \"w\"]", -ERR_INPUT, NULL, NULL},
        {"[999, \"w\"]", 0, "the sync needs no help any more", NULL},
        {"[11, \"w\"]", 0, "the sync needs no help any more", NULL}, /* nobody has its lease */
        {"[13, \"w\"]", 0, "the sync needs no help any more", NULL}, /* nothing is free */
        {"[10, \"W\"]", 0, "the sync is led by this worker", "\"hops\":1}"},
        {"[10, \"W\", 5]", 0, "the sync is led by this worker", "\"hops\":6}"},
        {"[10, \"W\", 6]", 0, "the sync is led by this worker", NULL},
    };
    struct err err = {0};
    char worker[OWNER_WORKER_SIZE];
    owner_worker(worker);
    setenv("DATABASE_URL", s.pg.url, 1);
    struct conf *conf = conf_load(&(struct conf_paths){0}, &err);
    assert_non_null(conf);
    sql("DELETE FROM leases; DELETE FROM sync_runs; DELETE FROM sync_shares;"
        "INSERT INTO leases (name, owner, expires_at) VALUES ('tree', 'me', now() + interval '1 hour'), ('full', 'me', "
        "now() +"
        " interval '1 hour'); INSERT INTO sync_runs (id, scope, state) VALUES (10, 'tree', 'running'), (11, 'b', "
        "'running'),"
        " (13, 'full', 'running'); INSERT INTO sync_shares (run_id, seq, project_id, guid, chain, needs_phases,"
        " needs_elevations, with_files, holder) VALUES (10, 1, 1, 'g', 'A', true, true, true, NULL), (11, 1, 1, 'g', "
        "'A', true,"
        " true, true, NULL), (13, 1, 1, 'g', 'A', true, true, true, 'other')");
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct task_ctx ctx;
        char args[300];
        const char *w = strchr(rows[i].args, 'W');
        snprintf(args, sizeof args, "%.*s%s%s", (int)(w ? w - rows[i].args : (int)strlen(rows[i].args)), rows[i].args,
                 w ? worker : "", w ? w + 1 : "");
        cJSON *list = cJSON_Parse(args), *result = NULL;
        task_ctx_local(&ctx, conf, "t", "test", NULL);
        struct task_ops ops = *ctx.ops;
        ops.enqueue = take_message;
        ctx.ops = &ops;
        sent_count = 0;
        int rc = task_help_sync(&ctx, list, NULL, &result, &err);
        if (rc != rows[i].rc) fail_msg("%s: %d %s", args, rc, err.text);
        if (rc == 0) assert_string_equal(cJSON_GetStringValue(cJSON_GetObjectItem(result, "reason")), rows[i].reason);
        assert_int_equal(sent_count, rows[i].passed_on != NULL);
        if (rows[i].passed_on) assert_non_null(strstr(sent, rows[i].passed_on));
        cJSON_Delete(result);
        cJSON_Delete(list);
    }
    conf_free(conf);
}

/* ---- what a name means ---- */

TEST(test_a_project_or_directory_that_is_named)
{
    static const struct {
        const char *wanted;
        int directory;
        const char *expected; /* ids */
    } projects[] = {
        {"9B2F6F0E-1111-4222-8333-000000000001", 0, "51"},
        {"same", 0, "52 53"},
        {"same", 1, "52"},
        {"same", 9, ""},
        {"52", 0, "52"},
        {"was", 0, "54 55"},
        {"51", 0, "51"},
        {"nobody", 0, ""},
        {"both", 0, "57"},
    };
    static const struct {
        const char *wanted, *expected;
    } directories[] = {{"A", "1"},         {"B", "2"},     {"1", "1"}, {"path/of/four", "4"},
                       {"twins", "61 62"}, {"gone", "64"}, {"z", ""}};
    sql("INSERT INTO directories (id, logikal_id, name, upstream_chain) VALUES (1, 'A', 'A', 'A'), (2, 'B', 'B', "
        "'A/B'), (4, 'D', 'D', 'D');"
        "INSERT INTO projects (id, logikal_id, name, directory_id, deleted_at) VALUES"
        " (51, '9b2f6f0e-1111-4222-8333-000000000001', 'x', 1, NULL), (52, 'b', 'same', 1, NULL), (53, 'c', 'same', 2, "
        "NULL),"
        " (54, 'd', 'was', 1, now()), (55, 'e', 'was', 2, now()), (56, 'f', 'both', 1, now()), (57, 'g', 'both', 2, "
        "NULL);"
        "UPDATE directories SET upstream_path = 'path/of/four' WHERE id = 4;"
        "INSERT INTO directories (id, logikal_id, name, deleted_at) VALUES (61, 'k', 'twins', NULL), (62, 'l', "
        "'twins', NULL),"
        " (63, 'm', 'twins', now()), (64, 'n', 'gone', now())");
    for (size_t i = 0; i < sizeof projects / sizeof projects[0]; i++) {
        PGresult *r = project_find(s.db, projects[i].wanted, projects[i].directory, &s.err);
        char ids[100] = "";
        for (int k = 0; k < PQntuples(r); k++)
            snprintf(ids + strlen(ids), sizeof ids - strlen(ids), "%s%s", k ? " " : "", db_text(r, k, 0));
        PQclear(r);
        if (strcmp(ids, projects[i].expected) != 0) fail_msg("%s: %s", projects[i].wanted, ids);
    }
    assert_string_equal(store_rows(project_find(s.db, "51", 0, &s.err)),
                        "51 9b2f6f0e-1111-4222-8333-000000000001 A A 1 x");
    for (size_t i = 0; i < sizeof directories / sizeof directories[0]; i++) {
        PGresult *r = directory_find(s.db, directories[i].wanted, &s.err);
        char ids[100] = "";
        for (int k = 0; k < PQntuples(r); k++)
            snprintf(ids + strlen(ids), sizeof ids - strlen(ids), "%s%s", k ? " " : "", db_text(r, k, 0));
        PQclear(r);
        if (strcmp(ids, directories[i].expected) != 0) fail_msg("%s: %s", directories[i].wanted, ids);
    }
    assert_string_equal(store_rows(directory_find(s.db, "D", &s.err)), "4 path/of/four D D");
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_a_lease_has_one_holder),
    cmocka_unit_test(test_what_is_remembered_of_a_server),
    cmocka_unit_test(test_sessions_that_somebody_has_left),
    cmocka_unit_test(test_shares_of_a_run),
    cmocka_unit_test(test_helpers_are_asked_for),
    cmocka_unit_test(test_helpers_that_are_not_wanted),
    cmocka_unit_test(test_a_project_or_directory_that_is_named),
};
TEST_MAIN(tests, start, stop)
