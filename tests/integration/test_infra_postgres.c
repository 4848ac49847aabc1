/* PostgreSQL as it is found elsewhere: connections that freeze, databases that only read, have another encoding, other
 * people's tables, a role that may only write rows. */
#include "tests/support/support.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "conf/clock.h"
#include "services/store/db.h"
#include "tests/support/haproxy.h"

static struct pg_server pg;

/* ---- connections that freeze ---- */

static void url_through(const struct haproxy *h, char *out, size_t size)
{
    snprintf(out, size, "postgresql://postgres@127.0.0.1:%d/logikald?sslmode=disable", h->port);
}

static int ask(struct db *db, struct err *err)
{
    PGresult *r = db_query(db, err, "SELECT 1", 0, NULL);
    PQclear(r);
    return r ? 0 : -1;
}

static int ask_in_transaction(struct db *db, struct err *err)
{
    return db_begin(db, err);
}

static int copy(struct db *db, struct err *err)
{
    static char rows[1 << 20];
    memset(rows, 'x', sizeof(rows));
    for (size_t i = 99; i < sizeof(rows); i += 100) rows[i] = '\n';
    if (db_copy_begin(db, err, "COPY frozen FROM STDIN") < 0) return -1;
    for (int i = 0; i < 64; i++)
        if (db_copy_data(db, err, rows, sizeof(rows)) < 0) return -1;
    return db_copy_end(db, err) < 0 ? -1 : 0;
}

static void test_frozen_connection_costs_one_statement(void **state)
{
    (void)state;
    static int (*const ways[])(struct db *, struct err *) = {ask, ask_in_transaction, copy};
    struct haproxy proxy;
    char url[200];
    if (!haproxy_is_installed()) skip();
    pg_exec(&pg, "CREATE TABLE IF NOT EXISTS frozen (x text)");
    for (size_t i = 0; i < sizeof(ways) / sizeof(*ways); i++) {
        struct err err = {0};
        haproxy_start(&proxy, pg.port);
        url_through(&proxy, url, sizeof(url));
        struct db *db = db_open(url, 500, "test", &err);
        if (!db) fail_msg("%s", err.text);
        haproxy_freeze(&proxy, true);
        int64_t start_ms = mono_ms();

        assert_true(ways[i](db, &err) < 0);

        int64_t took_ms = mono_ms() - start_ms;
        if (took_ms > 15000) fail_msg("way %zu: %lld ms", i, (long long)took_ms);
        if (!strstr(err.text, "no answer in time")) fail_msg("way %zu: %s", i, err.text);
        assert_false(db_is_alive(db));
        start_ms = mono_ms();
        assert_int_equal(ask(db, &err), -1);
        db_rollback(db);
        db_close(db);
        assert_true(mono_ms() - start_ms < 1000); /* what follows does not wait again */
        haproxy_stop(&proxy);
    }
}

static void test_statement_that_the_server_ends_is_no_lost_connection(void **state)
{
    (void)state;
    struct err err = {0};
    struct db *db = db_open(pg.url, 200, "test", &err);

    assert_true(db_exec(db, &err, "SELECT pg_sleep(20)", 0, NULL) < 0);

    assert_int_equal(err.code, ERR_TIMEOUT);
    assert_true(db_is_alive(db));
    assert_int_equal(ask(db, &err), 0);
    db_close(db);
}

static int start(void **state)
{
    (void)state;
    pg_start(&pg);
    return 0;
}

static int stop(void **state)
{
    (void)state;
    pg_stop(&pg);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_frozen_connection_costs_one_statement),
        cmocka_unit_test(test_statement_that_the_server_ends_is_no_lost_connection),
    };
    return cmocka_run_group_tests(tests, start, stop);
}
