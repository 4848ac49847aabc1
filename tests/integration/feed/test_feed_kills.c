/* Many changes while web, its connections and the writers are killed: readers that go on from their cursors see each
 * change once, and those of an object in their order. FEED_CHANGES=1000000 for a long run (a kill for each thousand).
 */
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cjson/cJSON.h>

#include "conf/clock.h"
#include "tests/support/web.h"

enum { OBJECTS = 2000, WRITERS = 4, AT_ONCE = 25, AHEAD = 400, CHANGES_A_KILL = 1000 };

static struct web_server web;
static char *token;
static _Atomic int64_t *told; /* changes that the first reader has, for the writers */
static const char *const environment[] = {"RATE_LIMIT_PER_MINUTE=0", "RATE_LIMIT_PER_HOUR=0", "LOG_LEVEL=critical",
                                          NULL};

static int set_up(void **state)
{
    (void)state;
    web_servers(&web);
    web_run(&web, environment, true);
    web_log_in(&web);
    token = web_client(&web, "erp", "[\"projects:read\",\"elevations:read\"]");
    pg_exec(&web.pg, "INSERT INTO directories (logikal_id, name, level) SELECT 'd' || i, 'D', 0"
                     " FROM generate_series(1, 2000) i");
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    free(token);
    web_end(&web);
    return 0;
}

/* ---- writers ---- */

static PGconn *connect_as_writer(void)
{
    PGconn *conn = PQconnectdb(web.pg.url);
    PQclear(PQexec(conn, "SET application_name = 'writer'; SET deadlock_timeout = '20ms'"));
    return conn;
}

/* Raises the levels of some neighbours, in transactions of one to three statements, until it has made so many changes;
 * never far ahead of the reader, so that the kills fall among them. */
static void write_on(int writer, int64_t share)
{
    PGconn *conn = connect_as_writer();
    unsigned seed = (unsigned)writer * 7919u + 1;
    for (int64_t made = 0; made < share;) {
        if (made > *told / WRITERS + AHEAD) {
            usleep(2000);
            continue;
        }
        char sql[200];
        if (PQstatus(conn) != CONNECTION_OK) {
            PQfinish(conn);
            conn = connect_as_writer();
        }
        int64_t rows = 0;
        PQclear(PQexec(conn, "BEGIN"));
        for (int n = 1 + rand_r(&seed) % 3; n > 0; n--) {
            int first = rand_r(&seed) % (OBJECTS - AT_ONCE) + 1;
            snprintf(sql, sizeof sql, "UPDATE directories SET level = level + 1 WHERE id BETWEEN %d AND %d", first,
                     first + AT_ONCE - 1);
            PGresult *r = PQexec(conn, sql);
            rows += strtoll(PQcmdTuples(r), NULL, 10);
            PQclear(r);
        }
        PGresult *end = PQexec(conn, rand_r(&seed) % 10 == 0 ? "ROLLBACK" : "COMMIT");
        if (PQresultStatus(end) == PGRES_COMMAND_OK && strcmp(PQcmdStatus(end), "COMMIT") == 0) made += rows;
        PQclear(end);
    }
    PQfinish(conn);
    _exit(0);
}

/* ---- a reader ---- */

struct reader {
    const char *accept;
    char cursor[200];
    int level[OBJECTS + 1]; /* of each, as told so far */
    int64_t seen;
};

static void apply(struct reader *r, const cJSON *change)
{
    const cJSON *level = cJSON_GetObjectItem(cJSON_GetObjectItem(change, "fields"), "level");
    int id = cJSON_GetObjectItem(change, "id")->valueint;
    int before = cJSON_GetObjectItem(level, "before")->valueint, after = cJSON_GetObjectItem(level, "after")->valueint;
    if (before != r->level[id] || after != before + 1)
        fail_msg("%d goes from %d to %d, and was %d (%s)", id, before, after, r->level[id],
                 cJSON_GetStringValue(cJSON_GetObjectItem(change, "cursor")));
    r->level[id] = after;
    r->seen++;
}

/* An answer that breaks counts for nothing: the cursor is where it was. */
static void read_on(struct reader *r)
{
    char url[500], bearer[2200];
    snprintf(url, sizeof url, "%s/api/v1/changes?types=directory&limit=1000&since=%s", web.url, r->cursor);
    snprintf(bearer, sizeof bearer, "Authorization: Bearer %s", token);
    struct http_reply reply = http_request("GET", url, (const char *[]){bearer, r->accept, NULL}, NULL);
    if (reply.status != 0 && reply.status != 200 && reply.status != 503)
        fail_msg("%ld %s", (long)reply.status, reply.body);
    if (reply.status == 200 && strstr(r->accept, "ndjson")) {
        for (char *save = NULL, *line = strtok_r(reply.body, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
            cJSON *change = cJSON_Parse(line);
            const char *next = cJSON_GetStringValue(cJSON_GetObjectItem(change, "next"));
            if (!next) apply(r, change);
            snprintf(r->cursor, sizeof r->cursor, "%s",
                     next ? next : cJSON_GetStringValue(cJSON_GetObjectItem(change, "cursor")));
            cJSON_Delete(change);
        }
    } else if (reply.status == 200) {
        cJSON *page = cJSON_Parse(reply.body), *change;
        cJSON_ArrayForEach(change, cJSON_GetObjectItem(page, "changes")) apply(r, change);
        snprintf(r->cursor, sizeof r->cursor, "%s", cJSON_GetStringValue(cJSON_GetObjectItem(page, "next")));
        cJSON_Delete(page);
    }
    http_reply_free(&reply);
}

/* ---- killing ---- */

static void kill_something(unsigned *seed)
{
    switch (rand_r(seed) % 4) {
    case 0:
        process_signal(&web.process, SIGKILL);
        process_wait(&web.process, 10000);
        web_run(&web, environment, true);
        break;
    case 1:
        pg_exec(&web.pg, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'writer'"
                         " ORDER BY random() LIMIT 2");
        break;
    default:
        pg_exec(&web.pg, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name LIKE"
                         " 'logikald%'");
    }
}

static void test_nothing_is_lost_and_the_order_of_an_object_is_kept_through_kills(void **state)
{
    (void)state;
    static struct reader readers[] = {{.accept = "Accept: application/x-ndjson"},
                                      {.accept = "Accept: application/json"}};
    const char *text = getenv("FEED_CHANGES");
    int64_t wanted = text && *text ? strtoll(text, NULL, 10) : 12000, kills = 0, began = mono_ms();
    unsigned seed = 20260101;
    pid_t pids[WRITERS];
    pg_settle(&web.pg);
    struct http_reply now = web_call(&web, "GET", "/api/v1/changes?since=now", token, NULL);
    char *cursor = web_member(now.body, "next");
    for (int i = 0; i < 2; i++) snprintf(readers[i].cursor, sizeof readers[i].cursor, "%s", cursor);
    http_reply_free(&now);
    free(cursor);
    told = mmap(NULL, sizeof *told, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    assert_true(told != MAP_FAILED);
    for (int i = 0; i < WRITERS; i++)
        if ((pids[i] = fork()) == 0) write_on(i, wanted / WRITERS);

    for (int ended = 0; ended < WRITERS;) {
        for (int i = 0; i < 2; i++) read_on(&readers[i]);
        *told = readers[0].seen;
        while (kills < readers[0].seen / CHANGES_A_KILL && kills < wanted / CHANGES_A_KILL) {
            kill_something(&seed);
            kills++;
            if (kills % 3 == 0) break; /* sometimes one right after another */
        }
        while (ended < WRITERS && waitpid(pids[ended], NULL, WNOHANG) > 0) ended++;
    }
    int64_t all = pg_int(&web.pg, "SELECT sum(level) FROM directories");
    for (int i = 0; i < 2; i++) WAIT_UNTIL((read_on(&readers[i]), readers[i].seen >= all), 60000);

    printf("%lld changes, %lld kills, %.1f s\n", (long long)all, (long long)kills, (double)(mono_ms() - began) / 1000);
    assert_true(all >= wanted);
    assert_true(kills >= wanted / CHANGES_A_KILL / 4);
    for (int i = 0; i < 2; i++) assert_int_equal(readers[i].seen, all);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_nothing_is_lost_and_the_order_of_an_object_is_kept_through_kills),
};
TEST_MAIN(tests, set_up, tear_down)
