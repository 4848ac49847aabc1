/* A connection to PostgreSQL that hangs costs one statement's time, also where statements may take long; one that only
 * takes long is let alone. */
#include "tests/support/support.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "conf/clock.h"
#include "conf/conf.h"
#include "services/store/db/db.h"
#include "tests/support/servers/haproxy.h"
#include "tests/support/servers/pooler.h"
#include "tests/support/servers/proxy.h"

#define ONE_STATEMENT_MS "1000"

static struct pg_server pg;

static void url_at(int port, char *out, size_t size)
{
    snprintf(out, size, "postgresql://postgres@127.0.0.1:%d/logikald?sslmode=disable", port);
}

/* As a sync opens it: its statements may take ten times as long as others. */
static struct db *open_long(int port)
{
    char url[200];
    struct err err = {0};
    url_at(port, url, sizeof url);
    setenv("DATABASE_URL", url, 1);
    setenv("DATABASE_STATEMENT_TIMEOUT_MS", ONE_STATEMENT_MS, 1);
    struct conf *conf = conf_load(&(struct conf_paths){0}, &err);
    struct db *db = conf ? db_open_conf(conf, true, "test", &err) : NULL;
    if (!db) fail_msg("%s", err.text);
    conf_free(conf);
    return db;
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

static int script(struct db *db, struct err *err)
{
    return db_script(db, err, "SELECT 1; SELECT 2");
}

static int copy(struct db *db, struct err *err)
{
    static char rows[1 << 20];
    memset(rows, 'x', sizeof rows);
    for (size_t i = 99; i < sizeof rows; i += 100) rows[i] = '\n';
    if (db_copy_begin(db, err, "COPY frozen FROM STDIN") < 0) return -1;
    for (int i = 0; i < 64; i++)
        if (db_copy_data(db, err, rows, sizeof rows) < 0) return -1;
    return db_copy_end(db, err) < 0 ? -1 : 0;
}

static int (*const ways[])(struct db *, struct err *) = {ask, ask_in_transaction, script, copy};
#define WAYS (sizeof ways / sizeof *ways)

static void expect_given_up(struct db *db, size_t way, int64_t most_ms)
{
    struct err err = {0};
    int64_t start_ms = mono_ms();

    assert_true(ways[way](db, &err) < 0);

    int64_t took_ms = mono_ms() - start_ms;
    if (took_ms > most_ms) fail_msg("way %zu: %lld ms", way, (long long)took_ms);
    if (!strstr(err.text, "no answer in time")) fail_msg("way %zu: %s", way, err.text);
    assert_false(db_is_alive(db));
    start_ms = mono_ms();
    assert_int_equal(ask(db, &err), -1);
    db_rollback(db);
    assert_true(mono_ms() - start_ms < 1000); /* what follows does not wait again */
}

/* Everything on the way stands still: new connections get no answer either. */
TEST(test_frozen_way)
{
    struct haproxy proxy;
    struct db *dbs[WAYS];
    if (!haproxy_is_installed()) skip();
    haproxy_start(&proxy, pg.port);
    for (size_t i = 0; i < WAYS; i++) dbs[i] = open_long(proxy.port);
    haproxy_freeze(&proxy, true);

    expect_given_up(dbs[0], 0, 9000); /* a statement, and the look at the server; its own limit is 15 s */

    for (size_t i = 0; i < WAYS; i++) db_close(dbs[i]);
    haproxy_stop(&proxy);
}

/* Connections that were there move no byte; the server can be asked. */
TEST(test_frozen_connections)
{
    struct proxy proxy;
    struct db *dbs[WAYS];
    proxy_start(&proxy, pg.port);
    for (size_t i = 0; i < WAYS; i++) dbs[i] = open_long(proxy.port);
    proxy.rules->is_frozen = true;
    WAIT_UNTIL(!proxy.rules->is_frozen, 10000);

    for (size_t i = 0; i < WAYS; i++) expect_given_up(dbs[i], i, 5000);

    for (size_t i = 0; i < WAYS; i++) db_close(dbs[i]);
    proxy_stop(&proxy);
}

/* What is said last on a connection that hangs waits no longer than a moment, whatever is known of the server. */
TEST(test_frozen_rollback)
{
    struct proxy proxy;
    struct err err = {0};
    char url[200];
    proxy_start(&proxy, pg.port);
    url_at(proxy.port, url, sizeof url);
    struct db *db = db_open(url, NULL, 60000, "test", &err); /* without a word of how long to be patient */
    if (!db || db_begin(db, &err) < 0) fail_msg("%s", err.text);
    proxy.rules->is_frozen = true;
    WAIT_UNTIL(!proxy.rules->is_frozen, 10000);
    int64_t start_ms = mono_ms();

    db_rollback(db);

    assert_true(mono_ms() - start_ms < 10000);
    assert_false(db_is_alive(db));
    db_close(db);
    proxy_stop(&proxy);
}

/* The connection hangs while the server is at work, and still when it has done it. */
TEST(test_frozen_answer)
{
    struct proxy proxy;
    struct err err = {0};
    proxy_start(&proxy, pg.port);
    struct db *db = open_long(proxy.port);
    proxy.rules->delay_ms = 60000;
    int64_t start_ms = mono_ms();

    assert_true(db_exec(db, &err, "SELECT pg_sleep(2)", 0, NULL) < 0);

    assert_true(mono_ms() - start_ms < 14000);
    if (!strstr(err.text, "does not work on the statement")) fail_msg("%s", err.text);
    db_close(db);
    proxy_stop(&proxy);
}

static void *hold_lock(void *arg)
{
    PGconn *conn = arg;
    PQclear(PQexec(conn, "BEGIN; LOCK TABLE frozen; SELECT pg_sleep(2.5); COMMIT"));
    return NULL;
}

/* Work, a lock, a server of a pool that is not free: each takes longer than one statement may otherwise. */
TEST(test_what_takes_long_is_let_alone)
{
    struct err err = {0};
    struct pooler pooler;
    pthread_t thread;
    struct db *db = open_long(pg.port);
    if (db_exec(db, &err, "SELECT pg_sleep(2.5)", 0, NULL) < 0) fail_msg("%s", err.text);

    PGconn *holder = pg_connect(&pg);
    assert_int_equal(pthread_create(&thread, NULL, hold_lock, holder), 0);
    WAIT_UNTIL(pg_int(&pg, "SELECT count(*) FROM pg_locks WHERE relation = 'frozen'::regclass AND granted") > 0, 10000);
    if (db_exec(db, &err, "INSERT INTO frozen VALUES ('y')", 0, NULL) != 1) fail_msg("%s", err.text);
    pthread_join(thread, NULL);
    PQfinish(holder);
    db_close(db);

    if (!pooler_is_installed()) return;
    pooler_start(&pooler, &pg, "transaction", "default_pool_size = 1\n");
    db = open_long(pooler.port);
    holder = PQconnectdb(pooler.url);
    assert_int_equal(pthread_create(&thread, NULL, hold_lock, holder), 0);
    WAIT_UNTIL(pg_int(&pg, "SELECT count(*) FROM pg_locks WHERE relation = 'frozen'::regclass AND granted") > 0, 10000);
    if (db_exec(db, &err, "INSERT INTO frozen VALUES ('z')", 0, NULL) != 1) fail_msg("%s", err.text);
    pthread_join(thread, NULL);
    PQfinish(holder);
    db_close(db);
    pooler_stop(&pooler);
}

TEST(test_statement_that_the_server_ends_is_no_lost_connection)
{
    struct err err = {0};
    struct db *db = db_open(pg.url, NULL, 200, "test", &err);

    assert_true(db_exec(db, &err, "SELECT pg_sleep(20)", 0, NULL) < 0);

    assert_int_equal(err.code, ERR_TIMEOUT);
    assert_true(db_is_alive(db));
    assert_int_equal(ask(db, &err), 0);
    db_close(db);
}

FIXTURE(start)
{
    pg_start(&pg);
    pg_exec(&pg, "CREATE TABLE frozen (x text)");
    return 0;
}

FIXTURE(stop)
{
    pg_stop(&pg);
    return 0;
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_frozen_way),
    cmocka_unit_test(test_frozen_connections),
    cmocka_unit_test(test_frozen_rollback),
    cmocka_unit_test(test_frozen_answer),
    cmocka_unit_test(test_what_takes_long_is_let_alone),
    cmocka_unit_test(test_statement_that_the_server_ends_is_no_lost_connection),
};
TEST_MAIN(tests, start, stop)
