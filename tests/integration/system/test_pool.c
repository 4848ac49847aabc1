/* The pool of connections that web asks, on a real PostgreSQL: what fails is told by its kind, what is called off is
 * not heard of, no more connections than it may have, and want of memory costs one attempt. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>
#include <event2/event.h>

#include "conf/conf.h"
#include "conf/clock.h"
#include "ipc/snapshot.h"
#include "services/store/db/pool.h"
#include "services/web/ui/ui.h"
#include "tests/support/support.h"

static struct pg_server pg;
static struct event_base *base;
static int fail_in; /* the n-th allocation of libevent from now on fails; 0: none */

struct heard {
    int count, ups, downs;
    enum err_code code;
    char text[600];
};

static void *counted_malloc(size_t size)
{
    return fail_in > 0 && --fail_in == 0 ? NULL : malloc(size);
}

static void *counted_realloc(void *old, size_t size)
{
    return fail_in > 0 && --fail_in == 0 ? NULL : realloc(old, size);
}

static void on_answer(void *arg, const PGresult *result, const struct err *err)
{
    struct heard *h = arg;
    h->count++;
    h->code = err ? err->code : ERR_NONE;
    snprintf(h->text, sizeof h->text, "%s", err ? err->text : PQntuples(result) > 0 ? PQgetvalue(result, 0, 0) : "");
}

static void on_state(void *arg, bool is_up, const char *why)
{
    struct heard *h = arg;
    h->ups += is_up;
    h->downs += !is_up;
    snprintf(h->text, sizeof h->text, "%s", why);
}

/* Allocates nothing of its own. */
static void turn(void)
{
    event_base_loop(base, EVLOOP_ONCE | EVLOOP_NONBLOCK);
    usleep(5000);
}

#define TURN_UNTIL(cond)                                                                                               \
    for (int64_t end_ = support_deadline(30000); !(cond); turn())                                                      \
        if (support_late(end_)) fail_msg("waited in vain for %s", #cond)

static struct conf *conf_with(const char *url, const char *timeout_ms)
{
    struct err err = {0};
    setenv("DATABASE_URL", url, 1);
    setenv("DATABASE_POOL_SIZE", "3", 1);
    setenv("DATABASE_STATEMENT_TIMEOUT_MS", timeout_ms, 1);
    struct conf *conf = conf_load(&(struct conf_paths){0}, &err);
    if (!conf) fail_msg("%s", err.text);
    return conf;
}

static struct pool *pool_at(const char *url, const char *timeout_ms)
{
    struct err err = {0};
    struct conf *conf = conf_with(url, timeout_ms);
    struct pool *p = pool_new(base, conf, "test", &err);
    if (!p) fail_msg("%s", err.text);
    conf_free(conf);
    return p;
}

static struct pool *pool(void)
{
    return pool_at(pg.url, "60000");
}

TEST(test_what_fails_is_told_by_its_kind)
{
    static const struct {
        struct query query;
        const char *value;
        enum err_code code;
        const char *text; /* the answer, or what its error says among other things */
    } rows[] = {
        {{.name = "sum", .sql = "SELECT $1::int + 1"}, "41", ERR_NONE, "42"},
        {{.name = "null", .sql = "SELECT coalesce($1::text, 'nothing')"}, NULL, ERR_NONE, "nothing"},
        {{.name = "input", .sql = "SELECT $1::int"}, "x", ERR_INPUT, NULL},
        {{.name = "twice", .sql = "INSERT INTO once VALUES ($1::int)"}, "1", ERR_CONFLICT, NULL},
        {{.name = "orphan", .sql = "INSERT INTO child VALUES ($1::int)"}, "2", ERR_CONFLICT, NULL},
        {{.name = "wrong", .sql = "SELECT nothing FROM nowhere WHERE x = $1"},
         "1",
         ERR_DB,
         "`logikald migrate` makes it; 42P01, wrong)"},
        {{.name = "column", .sql = "SELECT nothing FROM once WHERE id = $1::int"},
         "1",
         ERR_DB,
         "whose table it is; 42703"},
        {{.name = "after", .sql = "SELECT $1::text"}, "still there", ERR_NONE, "still there"},
    };
    struct pool *p = pool();
    struct pool_stats stats;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct heard h = {0};
        assert_non_null(pool_query(p, &rows[i].query, 1, &rows[i].value, on_answer, &h));
        TURN_UNTIL(h.count > 0);
        if (h.code != rows[i].code) fail_msg("%s: %d, not %d: %s", rows[i].query.name, h.code, rows[i].code, h.text);
        bool is_said =
            !rows[i].text || (h.code ? strstr(h.text, rows[i].text) != NULL : strcmp(h.text, rows[i].text) == 0);
        if (!is_said) fail_msg("%s: %s", rows[i].query.name, h.text);
        assert_int_equal(h.count, 1);
    }
    pool_stats(p, &stats);
    assert_int_equal(stats.queries, sizeof rows / sizeof rows[0]);
    assert_int_equal(stats.errors, 5);
    assert_int_equal(stats.timeouts, 0);
    assert_true(stats.busy_us > 0);
    assert_int_equal(stats.size, 3);
    pool_free(p);
}

TEST(test_what_takes_too_long_is_ended)
{
    static const struct query slow = {.name = "slow", .sql = "SELECT pg_sleep(600)", .is_slow = true};
    struct pool *p = pool_at(pg.url, "500");
    struct heard h = {0};
    struct pool_stats stats;
    assert_non_null(pool_query(p, &slow, 0, NULL, on_answer, &h));
    TURN_UNTIL(h.count > 0);
    assert_int_equal(h.code, ERR_TIMEOUT);
    pool_stats(p, &stats);
    assert_int_equal(stats.timeouts, 1);
    assert_int_equal(stats.errors, 1);
    pool_free(p);
}

/* Three connections, of which one is kept for what is quick: it is answered while all the others wait for a lock. */
TEST(test_slow_ones_leave_a_connection_to_others)
{
    static const struct query slow = {.name = "slow", .sql = "SELECT pg_advisory_xact_lock(7)", .is_slow = true};
    static const struct query quick = {.name = "quick", .sql = "SELECT 'quick'", .is_quick = true};
    struct pool *p = pool();
    struct heard slow_ones = {0}, quick_one = {0};
    struct pool_stats stats;
    PGconn *holder = pg_connect(&pg);
    PQclear(PQexec(holder, "SELECT pg_advisory_lock(7)"));
    for (int i = 0; i < 4; i++) assert_non_null(pool_query(p, &slow, 0, NULL, on_answer, &slow_ones));
    TURN_UNTIL(pg_int(&pg, "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted") > 0);
    assert_non_null(pool_query(p, &quick, 0, NULL, on_answer, &quick_one));
    TURN_UNTIL(quick_one.count > 0);
    assert_string_equal(quick_one.text, "quick");
    assert_int_equal(slow_ones.count, 0);
    pool_stats(p, &stats);
    assert_in_range(stats.open, 2, 3);
    PQfinish(holder);
    TURN_UNTIL(slow_ones.count == 4);
    assert_int_equal(slow_ones.code, ERR_NONE);
    pool_stats(p, &stats);
    assert_int_equal(stats.busy, 0);
    assert_int_equal(stats.waiting, 0);
    pool_free(p);
}

/* A port that refuses: bound, and nobody listens. */
static int refusing_port(int *fd)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof a;
    *fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(*fd, (struct sockaddr *)&a, sizeof a), 0);
    assert_int_equal(getsockname(*fd, (struct sockaddr *)&a, &len), 0);
    return ntohs(a.sin_port);
}

/* Of one host or several the named ones are dialled, each with its port, and no other. */
TEST(test_the_hosts_that_are_named_are_dialled)
{
    static const struct query one = {.name = "one", .sql = "SELECT 'one'"};
    int first_fd, second_fd, first = refusing_port(&first_fd), second = refusing_port(&second_fd);
    struct heard answer = {0};
    struct {
        char url[200], why[200];
        bool is_up;
    } rows[4] = {{.is_up = false}, {.is_up = false}, {.is_up = true}, {.is_up = false}};
    snprintf(rows[0].url, sizeof rows[0].url, "postgresql://postgres@127.0.0.1:%d/logikald?sslmode=disable", first);
    snprintf(rows[1].url, sizeof rows[1].url,
             "postgresql://postgres@127.0.0.1:%d,127.0.0.1:%d/logikald?sslmode=disable", first, second);
    snprintf(rows[2].url, sizeof rows[2].url,
             "postgresql://postgres@127.0.0.1:%d,127.0.0.1:%d/logikald?sslmode=disable", first, pg.port);
    for (int i = 0; i < 2; i++)
        snprintf(rows[i].why, sizeof rows[i].why,
                 "connection to server at \"127.0.0.1\", port %d failed: Connection refused", i == 0 ? first : second);
    snprintf(rows[3].url, sizeof rows[3].url, "postgresql://postgres@/logikald?host=/nowhere&port=5433");
    snprintf(rows[3].why, sizeof rows[3].why,
             "connection to server on socket \"/nowhere/.s.PGSQL.5433\" failed: No such");
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct heard seen = {0};
        struct pool *p = pool_at(rows[i].url, "60000");
        pool_on_state(p, on_state, &seen);
        TURN_UNTIL(seen.ups + seen.downs > 0);
        assert_int_equal(seen.ups, rows[i].is_up);
        if (strncmp(seen.text, rows[i].why, strlen(rows[i].why)) != 0) fail_msg("%s: %s", rows[i].url, seen.text);
        if (rows[i].is_up) {
            assert_non_null(pool_query(p, &one, 0, NULL, on_answer, &answer));
            TURN_UNTIL(answer.count > 0);
            assert_string_equal(answer.text, "one");
        }
        pool_free(p);
        turn();
    }
    close(first_fd);
    close(second_fd);
}

/* Of libevent's: for events, their heap, names. Each attempt that fails is followed by another. */
TEST(test_without_memory_it_is_tried_again)
{
    static const struct query one = {.name = "one", .sql = "SELECT 'one'"};
    bool was_short = true;
    int n = 1;
    for (; was_short; n++) {
        struct heard seen = {0}, answer = {0};
        struct pool *p = pool();
        pool_on_state(p, on_state, &seen);
        fail_in = n;
        TURN_UNTIL(seen.ups > 0);
        was_short = fail_in == 0;
        fail_in = 0;
        assert_non_null(pool_query(p, &one, 0, NULL, on_answer, &answer));
        TURN_UNTIL(answer.count > 0);
        assert_string_equal(answer.text, "one");
        pool_free(p);
        for (int i = 0; i < 3; i++) turn();
    }
    assert_true(n > 5);
}

/* ---- what web writes by itself with it: a sample of the memory each minute ---- */

static const struct event *known[200];
static int known_count;

static int note_known(const struct event_base *of, const struct event *e, void *arg)
{
    (void)of, (void)arg;
    assert_true(known_count < 200);
    known[known_count++] = e;
    return 0;
}

/* A minute is over, for what was added since known was noted. */
static int let_go(const struct event_base *of, const struct event *e, void *arg)
{
    (void)of;
    struct event **timers = arg;
    for (int i = 0; i < known_count; i++)
        if (known[i] == e) return 0;
    if (event_get_fd(e) == -1)
        for (int i = 0; i < 8; i++)
            if (!timers[i]) return timers[i] = (struct event *)(uintptr_t)e, 0;
    return 0;
}

static void write_report(const char *run_dir, int64_t at_ms, int64_t pss)
{
    static struct snapshot s;
    struct err err = {0};
    s = (struct snapshot){.written_ms = at_ms, .rss_bytes = 1000, .pss_bytes = pss, .count = 4};
    s.children[0] = (struct snapshot_child){.name = "web.0", .rss_bytes = 50, .pss_bytes = 20};
    s.children[1] = (struct snapshot_child){.name = "beat", .rss_bytes = 3};
    s.children[2] = (struct snapshot_child){.name = "my-redis", .rss_bytes = 7000, .is_program = true};
    s.children[3] = (struct snapshot_child){.name = "worker.0"};
    assert_int_equal(snapshot_write(run_dir, &s, &err), 0);
}

#define SAMPLES "SELECT count(*) FROM admin_samples WHERE at > now() - interval '1 day'"

TEST(test_memory_is_sampled_while_the_report_is_fresh)
{
    char run_dir[300];
    snprintf(run_dir, sizeof run_dir, "%s/run", support_dir());
    mkdir(run_dir, 0700);
    setenv("LOGIKALD_RUN_DIR", run_dir, 1);
    struct web web = {.base = base, .conf = conf_with(pg.url, "60000"), .pool = pool()};
    pg_exec(&pg,
            "INSERT INTO admin_samples SELECT now() - make_interval(hours => h), 1 FROM unnest('{169,167}'::int[]) h;"
            " INSERT INTO admin_actions SELECT now() - make_interval(days => d) FROM unnest('{179,181}'::int[]) d");
    known_count = 0;
    event_base_foreach_event(base, note_known, NULL);
    struct ui *ui = ui_new(&web);
    struct event *timers[8] = {NULL};
    event_base_foreach_event(base, let_go, timers);
    assert_non_null(timers[0]);

    static const struct {
        int64_t age_ms, pss;
        const char *expected; /* what is stored then */
    } rows[] = {{-1, 0, ""},
                {SNAPSHOT_STALE_MS + 10000, 100, ""},
                {0, 100, "123 [{\"name\": \"web.0\", \"bytes\": 20}, {\"name\": \"beat\", \"bytes\": 3}]"},
                {0, 0, "1023 [{\"name\": \"web.0\", \"bytes\": 20}, {\"name\": \"beat\", \"bytes\": 3}]"}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct pool_stats before, after;
        pg_exec(&pg, "DELETE FROM admin_samples WHERE at > now() - interval '1 day'");
        if (rows[i].age_ms >= 0) write_report(run_dir, wall_ms() - rows[i].age_ms, rows[i].pss);
        pool_stats(web.pool, &before);
        for (int t = 0; t < 8 && timers[t]; t++) event_active(timers[t], EV_TIMEOUT, 1);
        TURN_UNTIL((pool_stats(web.pool, &after), after.busy == 0 && after.waiting == 0));
        if (*rows[i].expected) TURN_UNTIL(pg_int(&pg, SAMPLES) == 1);
        char *is = pg_value(&pg, "SELECT memory_bytes || ' ' || children::text FROM admin_samples WHERE at > now() -"
                                 " interval '1 day'");
        assert_string_equal(is, rows[i].expected);
        free(is);
    }
    /* What is older than a week, and half a year, went with the first. */
    TURN_UNTIL(pg_int(&pg, "SELECT count(*) FROM admin_samples WHERE at < now() - interval '1 day'") == 1);
    TURN_UNTIL(pg_int(&pg, "SELECT count(*) FROM admin_actions WHERE at > now() - interval '180 days'") == 1);
    assert_int_equal(pg_int(&pg, "SELECT count(*) FROM admin_actions"), 1);
    pool_free(web.pool);
    ui_free(ui);
    conf_free(web.conf);
    unsetenv("LOGIKALD_RUN_DIR");
}

FIXTURE(start)
{
    pg_start(&pg);
    pg_exec(
        &pg,
        "CREATE TABLE once (id int PRIMARY KEY); INSERT INTO once VALUES (1);"
        " CREATE TABLE child (id int REFERENCES once);"
        " CREATE TABLE admin_samples (at timestamptz PRIMARY KEY, memory_bytes bigint, children jsonb DEFAULT '[]');"
        " CREATE TABLE admin_actions (at timestamptz)");
    event_set_mem_functions(counted_malloc, counted_realloc, free);
    base = event_base_new();
    return base ? 0 : -1;
}

FIXTURE(stop)
{
    event_base_free(base);
    pg_stop(&pg);
    return 0;
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_what_fails_is_told_by_its_kind),
    cmocka_unit_test(test_what_takes_too_long_is_ended),
    cmocka_unit_test(test_slow_ones_leave_a_connection_to_others),
    cmocka_unit_test(test_the_hosts_that_are_named_are_dialled),
    cmocka_unit_test(test_without_memory_it_is_tried_again),
    cmocka_unit_test(test_memory_is_sampled_while_the_report_is_fresh),
};
TEST_MAIN(tests, start, stop)
