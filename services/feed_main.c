/* `logikald feed ...`: the journal of changes and those who are told of it, from a terminal.
 *   status [--json]                 the webhooks: state, what waits, the last answer, the next try
 *   tail [-f] [-n N] [--types T,T] [--project P] [--object ROW] [--json]
 *                                   the last changes, and with -f those that come
 *   replay ID SINCE                 tells a webhook everything again since a cursor, a time, start or now */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cjson/cJSON.h>

#include "conf/clock.h"
#include "conf/conf.h"
#include "conf/exit.h"
#include "conf/text/json.h"
#include "services/role.h"
#include "services/store/db/db.h"
#include "services/store/web/feed/changes_read.h"
#include "services/store/web/feed/webhooks_read.h"

#define TAIL_LINES   20
#define PAGE         "1000"
#define PAGE_CHANGES 1000
#define LINES_MAX    1000
#define FOLLOW_US    500000

static const char usage[] =
    "usage: logikald feed status [--json]\n"
    "       logikald feed tail [-f] [-n N] [--types TYPE,TYPE] [--project ID] [--object ROW] [--json]\n"
    "       logikald feed replay ID CURSOR|TIME|start|now\n";

static const char *text(const cJSON *object, const char *name)
{
    const char *value = json_text(object, name);
    return value ? value : "";
}

/* ---- status ---- */

static void print_hook(const cJSON *hook)
{
    const cJSON *pending = json_member(hook, "pending");
    printf("%.0f %s %s (%s)%s%s\n", json_number(hook, "id", 0), text(hook, "state"), text(hook, "url"),
           text(hook, "format"), *text(hook, "description") ? ": " : "", text(hook, "description"));
    printf("  delivered %.0f changes", json_number(hook, "delivered", 0));
    if (*text(hook, "last_success_at")) printf(", the last at %.19s", text(hook, "last_success_at"));
    if (*text(hook, "waiting_since")) printf("; waits since %.19s", text(hook, "waiting_since"));
    if (cJSON_IsObject(pending)) printf(", %.0f on their way", json_number(pending, "changes", 0));
    putchar('\n');
    if (*text(hook, "last_error"))
        printf("  %.0f tries in vain: %s\n", json_number(hook, "failures", 0), text(hook, "last_error"));
    if (*text(hook, "next_try_at")) printf("  next try at %.19s\n", text(hook, "next_try_at"));
}

static int run_status(struct db *db, int argc, char **argv, struct err *err)
{
    bool is_json = argc == 1 && strcmp(argv[0], "--json") == 0;
    const char *values[] = {NULL, NULL};
    if (argc > 0 && !is_json) return -ERR_INPUT;
    PGresult *r = db_query(db, err, query_webhook_list.sql, 2, values);
    if (!r) return -ERR_DB;
    cJSON *list = cJSON_Parse(db_text(r, 0, 0));
    const cJSON *hook;
    if (is_json) puts(db_text(r, 0, 0));
    if (!is_json)
        cJSON_ArrayForEach(hook, json_member(list, "webhooks")) print_hook(hook);
    if (!is_json && json_number(list, "count", 0) == 0) puts("there are no webhooks");
    cJSON_Delete(list);
    PQclear(r);
    return 0;
}

/* ---- tail ---- */

struct tail {
    bool is_json, follows;
    int64_t lines;
    const char *types, *project, *object;
    char place[4][24];
};

static void print_value(const cJSON *value)
{
    char *printed = cJSON_PrintUnformatted(value);
    printf("%s", printed ? printed : "null");
    cJSON_free(printed);
}

static void print_change(const char *line, size_t len, bool is_json)
{
    cJSON *change = is_json ? NULL : cJSON_ParseWithLength(line, len);
    const cJSON *field;
    if (!change) {
        printf("%.*s\n", (int)len, line);
        return;
    }
    printf("%.19s %s %s %s", text(change, "time"), text(change, "type"), text(change, "operation"),
           text(change, "logikal_id"));
    cJSON_ArrayForEach(field, json_member(change, "fields")) {
        printf(" %s ", field->string);
        print_value(json_member(field, "before"));
        printf(" -> ");
        print_value(json_member(field, "after"));
    }
    putchar('\n');
    cJSON_Delete(change);
}

/* The last `lines` of what is there. */
static void print_lines(const struct tail *t, const char *lines)
{
    int64_t count = *lines != 0;
    for (const char *p = lines; *p; p++) count += *p == '\n';
    for (const char *p = lines; *p; p += strcspn(p, "\n"), p += *p == '\n')
        if (count-- <= t->lines) print_change(p, strcspn(p, "\n"), t->is_json);
}

/* A page behind the place, which moves: how many changes, or negative. */
static int read_page(struct db *db, struct tail *t, struct err *err)
{
    const char *values[] = {t->place[0], t->place[1], t->place[2], t->place[3], t->types,
                            t->project,  t->object,   PAGE,        NULL};
    PGresult *r = db_query(db, err, query_changes_page.sql, 9, values);
    if (!r) return -ERR_DB;
    int count = (int)db_int(r, 0, 2);
    sscanf(db_text(r, 0, 4), "%23[0-9]-%23[0-9]-%23[0-9]-%23[0-9]", t->place[0], t->place[1], t->place[2], t->place[3]);
    if (count) print_lines(t, db_text(r, 0, 5));
    PQclear(r);
    return count;
}

/* Where the last blocks begin that may be meant; each has a change or more. */
static int find_begin(struct db *db, struct tail *t, struct err *err)
{
    char lines[DB_NUMBER_SIZE];
    const char *values[] = {t->types, db_number(lines, t->lines)};
    PGresult *r =
        db_query(db, err,
                 "SELECT coalesce((SELECT concat_ws('-', epoch, xid, seq, 0) FROM (SELECT epoch, xid, seq FROM"
                 "  changes WHERE $1::text IS NULL OR object_type = ANY (string_to_array($1, ','))"
                 "  ORDER BY epoch DESC, xid DESC, seq DESC LIMIT $2::bigint) b ORDER BY epoch, xid, seq LIMIT 1),"
                 "  '0-0-0-0')",
                 2, values);
    if (!r) return -ERR_DB;
    sscanf(db_text(r, 0, 0), "%23[0-9]-%23[0-9]-%23[0-9]-%23[0-9]", t->place[0], t->place[1], t->place[2], t->place[3]);
    PQclear(r);
    return 0;
}

/* The option's value is kept; 1 when it takes one, 0 when it does not, or negative. */
static int take_option(struct tail *t, const char *word, const char *value)
{
    const struct {
        const char *name;
        const char **to;
    } texts[] = {{"--types", &t->types}, {"--project", &t->project}, {"--object", &t->object}};
    bool is_json = strcmp(word, "--json") == 0, is_follow = strcmp(word, "-f") == 0;
    t->is_json |= is_json;
    t->follows |= is_follow;
    if (is_json || is_follow) return 0;
    if (value && strcmp(word, "-n") == 0) {
        t->lines = strtoll(value, NULL, 10);
        return 1;
    }
    for (size_t i = 0; value && i < sizeof texts / sizeof *texts; i++)
        if (strcmp(word, texts[i].name) == 0) {
            *texts[i].to = value;
            return 1;
        }
    return -ERR_INPUT;
}

static int parse_tail(struct tail *t, int argc, char **argv)
{
    for (int i = 0; i < argc; i++) {
        int taken = take_option(t, argv[i], i + 1 < argc ? argv[i + 1] : NULL);
        if (taken < 0) return taken;
        i += taken;
    }
    const char *object = t->object;
    bool is_object = !object || (*object && strlen(object) <= 15 && strspn(object, "0123456789") == strlen(object));
    return t->lines > 0 && t->lines <= LINES_MAX && is_object ? 0 : -ERR_INPUT;
}

/* Of a project that nobody knows nothing would ever come. */
static int look_for_project(struct db *db, const struct tail *t, struct err *err)
{
    if (!t->project) return 0;
    PGresult *r = db_query(db, err, query_changes_unknown.sql, 1, (const char *[]){t->project});
    if (!r) return -ERR_DB;
    const char *unknown = db_text(r, 0, 0);
    int rc = *unknown ? err_set(err, ERR_NOT_FOUND, "no project is known as %.200s", unknown) : 0;
    PQclear(r);
    return rc;
}

static int run_tail(struct db *db, int argc, char **argv, struct err *err)
{
    struct tail t = {.lines = TAIL_LINES};
    if (parse_tail(&t, argc, argv) < 0) return -ERR_INPUT;
    int count = 0, rc = look_for_project(db, &t, err);
    if (rc == 0) rc = find_begin(db, &t, err);
    if (rc == 0) count = read_page(db, &t, err);
    t.lines = INT64_MAX;
    while (count >= 0 && rc == 0 && (t.follows || count == PAGE_CHANGES)) {
        fflush(stdout);
        if (ferror(stdout)) break;
        if (count == 0) usleep(FOLLOW_US);
        count = read_page(db, &t, err);
    }
    return rc < 0 ? rc : count < 0 ? count : 0;
}

/* ---- replay ---- */

static int run_replay(struct db *db, int argc, char **argv, struct err *err)
{
    int64_t us;
    if (argc != 2 || !*argv[0] || strlen(argv[0]) > 15 || strspn(argv[0], "0123456789") != strlen(argv[0]))
        return -ERR_INPUT;
    const char *since = argv[1];
    bool is_cursor = strspn(since, "0123456789-") == strlen(since) && strlen(since) < 80, is_time = false;
    char iso[CLOCK_TEXT_SIZE + 1];
    if (strcmp(since, "start") != 0 && strcmp(since, "now") != 0 && clock_parse_iso_loose(since, &us) == 0) {
        is_time = true;
        clock_iso_us(us, iso);
        strncat(iso, "Z", sizeof iso - strlen(iso) - 1);
    } else if (strcmp(since, "start") != 0 && strcmp(since, "now") != 0 && !is_cursor) {
        return -ERR_INPUT;
    }
    const char *values[] = {argv[0], NULL, is_time ? iso : since};
    PGresult *r = db_query(db, err, query_webhook_replay.sql, 3, values);
    if (!r) return -ERR_DB;
    int rows = PQntuples(r);
    PQclear(r);
    if (rows == 0) return err_set(err, ERR_NOT_FOUND, "there is no webhook %s", argv[0]);
    puts("it is told again, from the next look on (WEBHOOK_TICK_SECONDS)");
    return 0;
}

int feed_main(struct conf *conf, int argc, char **argv)
{
    static const struct {
        const char *name;
        int (*run)(struct db *db, int argc, char **argv, struct err *err);
    } verbs[] = {{"status", run_status}, {"tail", run_tail}, {"replay", run_replay}};
    struct err err = {0};
    int rc = -ERR_INPUT;
    bool asks_help = argc == 1 && (strcmp(argv[0], "--help") == 0 || strcmp(argv[0], "help") == 0);
    size_t at = 0;
    while (argc > 0 && at < 3 && strcmp(verbs[at].name, argv[0]) != 0) at++;
    if (!asks_help && argc > 0 && at < 3) {
        struct db *db = db_open_conf(conf, false, "logikald feed", &err);
        rc = db ? verbs[at].run(db, argc - 1, argv + 1, &err) : err_result(&err);
        db_close(db);
    }
    conf_free(conf);
    if (asks_help) {
        fputs(usage, stdout);
        return 0;
    }
    if (rc == 0) return 0;
    if (!*err.text) {
        fputs(usage, stderr);
        return EXIT_USAGE;
    }
    fprintf(stderr, "logikald feed: %s\n", err.text);
    return err.code == ERR_CONFIG ? EXIT_CONFIG : err.code == ERR_NOT_FOUND ? EXIT_NO_SUCH : EXIT_UNAVAILABLE;
}
