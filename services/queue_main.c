/* `logikald queue ...`: the operator looks into the queues and repairs. One request on one connection, then the exit:
 *   list [--json]                    depth of each queue, and what is on the way
 *   peek QUEUE|--unacked|--scheduled|--workers [--limit N] [--offset N] [--json]
 *   dead [--limit N] [--json]        dead letters with their reasons
 *   retry ID|--all [--json]          dead letters back to their queues
 *   purge QUEUE|--dead [--json]      removes every waiting message, or every dead letter
 *   pause QUEUE, resume QUEUE        no worker takes from it, until it is resumed */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <pwd.h>
#include <unistd.h>
#include <event2/event.h>

#include "conf/text/buf.h"
#include "conf/clock.h"
#include "conf/exit.h"
#include "conf/text/json.h"
#include "conf/log.h"
#include "ipc/mask.h"
#include "ipc/queue/queue.h"
#include "services/role.h"
#include "services/store/audit.h"

#define PATIENCE_S 10

static const char usage[] =
    "usage: logikald queue list [--json]\n"
    "       logikald queue peek QUEUE|--unacked|--scheduled|--workers [--limit N] [--offset N] [--json]\n"
    "       logikald queue dead [--limit N] [--offset N] [--json]\n"
    "       logikald queue retry TASK-ID|--all [--json]\n"
    "       logikald queue purge QUEUE|--dead [--json]\n"
    "       logikald queue pause|resume QUEUE [--json]\n";

struct queue_tool {
    struct event_base *base;
    struct redis *redis;
    struct queue *queue;
    const struct verb *verb;
    const char *target; /* queue or id; NULL = none given */
    const char *option; /* "unacked" ...; NULL = none */
    int64_t offset, limit;
    bool is_json, is_asked;
    int tries; /* connections that came to nothing */
    int status;
};

struct verb {
    const char *name;
    int (*ask)(struct queue_tool *t, struct err *err);
    bool needs_target; /* a word, or one of the options */
    const char *options;
};

static void finish(struct queue_tool *t, const struct err *err)
{
    if (err) {
        fprintf(stderr, "logikald queue: %s\n", err->text);
        t->status = EXIT_UNAVAILABLE;
    } else {
        t->status = 0;
    }
    event_base_loopbreak(t->base);
}

static void print_json(cJSON *value)
{
    char *text = cJSON_Print(value);
    puts(text ? text : "null");
    free(text);
    cJSON_Delete(value);
}

/* Nothing was found, or changed: of a name that is misspelt that would be no answer. True: it has finished. */
static bool is_misspelt(struct queue_tool *t)
{
    struct err err = {0};
    bool is_queue = t->target && strcmp(t->verb->name, "retry") != 0;
    if (is_queue && queue_check_name(t->queue, t->target, &err) == 0) return false;
    if (!t->target) return false;
    if (!is_queue) err_set(&err, ERR_NOT_FOUND, "there is no dead letter of a task %.200s", t->target);
    finish(t, &err);
    return true;
}

/* ---- list ---- */
static void add_pause(cJSON *out, const struct queue_depth *queue)
{
    char since[CLOCK_TEXT_SIZE];
    cJSON_AddBoolToObject(out, "paused", queue->is_paused);
    if (!queue->is_paused) return;
    cJSON_AddStringToObject(out, "paused_by", queue->paused_by);
    cJSON_AddStringToObject(out, "paused_since", clock_iso_ms(queue->paused_ms, since));
}

static void on_stats(void *arg, const struct queue_stats *stats, const struct err *err)
{
    struct queue_tool *t = arg;
    if (!err && t->is_json) {
        cJSON *out = cJSON_CreateObject(), *queues = cJSON_AddArrayToObject(out, "queues");
        for (size_t i = 0; i < stats->count; i++) {
            cJSON *q = cJSON_CreateObject();
            cJSON_AddStringToObject(q, "name", stats->queues[i].name);
            cJSON_AddNumberToObject(q, "depth", (double)stats->queues[i].depth);
            cJSON_AddNumberToObject(q, "oldest_age_ms", (double)stats->queues[i].oldest_age_ms);
            add_pause(q, &stats->queues[i]);
            cJSON_AddItemToArray(queues, q);
        }
        cJSON_AddNumberToObject(out, "unacked", (double)stats->unacked);
        cJSON_AddNumberToObject(out, "scheduled", (double)stats->scheduled);
        cJSON_AddNumberToObject(out, "dead", (double)stats->dead);
        cJSON_AddNumberToObject(out, "workers", (double)stats->workers);
        print_json(out);
    } else if (!err) {
        printf("%-24s %10s %12s\n", "QUEUE", "WAITING", "OLDEST (S)");
        for (size_t i = 0; i < stats->count; i++) {
            char age[24] = "-", since[CLOCK_TEXT_SIZE];
            if (stats->queues[i].oldest_age_ms >= 0)
                snprintf(age, sizeof age, "%.1f", (double)stats->queues[i].oldest_age_ms / 1000);
            printf("%-24s %10" PRId64 " %12s", stats->queues[i].name, stats->queues[i].depth, age);
            if (stats->queues[i].is_paused)
                printf("  paused by %s since %s", stats->queues[i].paused_by,
                       clock_iso_ms(stats->queues[i].paused_ms, since));
            putchar('\n');
        }
        printf("in workers' hands %" PRId64 ", scheduled %" PRId64 ", dead letters %" PRId64 ", workers %" PRId64 "\n",
               stats->unacked, stats->scheduled, stats->dead, stats->workers);
    }
    finish(t, err);
}

static int ask_list(struct queue_tool *t, struct err *err)
{
    return queue_stats(t->queue, on_stats, t, err);
}

/* ---- peek, dead ---- */
static const char *text_of(const cJSON *entry, const char *name)
{
    const char *text = json_text(entry, name);
    return text ? text : "-";
}

static void print_entry(const cJSON *entry)
{
    static const char *const extra[] = {"reason", "at", "eta", "due", "worker", "node", "queue"};
    printf("%s  %s", text_of(entry, "id"), text_of(entry, "task"));
    for (size_t i = 0; i < sizeof extra / sizeof *extra; i++)
        if (cJSON_IsString(cJSON_GetObjectItemCaseSensitive(entry, extra[i]))) {
            char *text = mask_text(text_of(entry, extra[i]));
            printf("  %s=%s", extra[i], text ? text : "");
            free(text);
        }
    for (size_t i = 0; i < 2; i++) {
        const char *name = i == 0 ? "args" : "kwargs";
        const cJSON *value = cJSON_GetObjectItemCaseSensitive(entry, name);
        if (!value || cJSON_IsNull(value)) continue;
        cJSON *shown = cJSON_Duplicate(value, true);
        mask_secrets(shown);
        char *text = cJSON_PrintUnformatted(shown);
        if (text) printf("  %s=%.200s", name, text);
        cJSON_free(text);
        cJSON_Delete(shown);
    }
    putchar('\n');
}

static void on_entries(void *arg, const cJSON *entries, const struct err *err)
{
    struct queue_tool *t = arg;
    const cJSON *entry;
    if (!err && cJSON_GetArraySize(entries) == 0 && is_misspelt(t)) return;
    if (!err && t->is_json) {
        print_json(cJSON_Duplicate(entries, true));
    } else if (!err) {
        cJSON_ArrayForEach(entry, entries) print_entry(entry);
        if (cJSON_GetArraySize(entries) == 0) puts("(nothing there)");
    }
    finish(t, err);
}

static int ask_peek(struct queue_tool *t, struct err *err)
{
    enum queue_view view = QUEUE_WAITING;
    if (t->option)
        view = strcmp(t->option, "unacked") == 0     ? QUEUE_UNACKED
               : strcmp(t->option, "scheduled") == 0 ? QUEUE_SCHEDULED
                                                     : QUEUE_WORKERS;
    return queue_list(t->queue, view, t->target, t->offset, t->limit, on_entries, t, err);
}

static int ask_dead(struct queue_tool *t, struct err *err)
{
    return queue_list(t->queue, QUEUE_DEAD, NULL, t->offset, t->limit, on_entries, t, err);
}

/* ---- retry, purge ---- */
static void on_count(void *arg, int64_t count, const struct err *err)
{
    struct queue_tool *t = arg;
    const char *done = strcmp(t->verb->name, "retry") == 0 ? "moved" : "removed";
    if (!err && count == 0 && is_misspelt(t)) return;
    if (!err && t->is_json)
        printf("{\"%s\": %" PRId64 "}\n", done, count);
    else if (!err)
        printf("%" PRId64 " %s\n", count, done);
    finish(t, err);
}

static int ask_retry(struct queue_tool *t, struct err *err)
{
    return queue_retry_dead(t->queue, t->target, on_count, t, err);
}

static int ask_purge(struct queue_tool *t, struct err *err)
{
    return t->option ? queue_purge_dead(t->queue, on_count, t, err)
                     : queue_purge(t->queue, t->target, on_count, t, err);
}

/* ---- pause, resume ---- */
static void on_turned(void *arg, int64_t count, const struct err *err)
{
    struct queue_tool *t = arg;
    bool is_pause = strcmp(t->verb->name, "pause") == 0;
    if (!err && count == 0 && is_misspelt(t)) return;
    if (!err && t->is_json)
        printf("{\"changed\": %s}\n", count > 0 ? "true" : "false");
    else if (!err)
        printf("%s %s\n", t->target,
               count > 0  ? (is_pause ? "is paused: what workers hold already they finish" : "is served again")
               : is_pause ? "was paused already"
                          : "was not paused");
    finish(t, err);
}

static int ask_pause(struct queue_tool *t, struct err *err)
{
    char host[64] = "", by[128];
    const struct passwd *user = getpwuid(getuid());
    gethostname(host, sizeof host - 1);
    snprintf(by, sizeof by, "%.40s on %.60s", user ? user->pw_name : "somebody", host);
    return queue_pause(t->queue, t->target, by, on_turned, t, err);
}

static int ask_resume(struct queue_tool *t, struct err *err)
{
    return queue_resume(t->queue, t->target, on_turned, t, err);
}

static const struct verb verbs[] = {
    {"list", ask_list, false, ""},      {"peek", ask_peek, true, "unacked scheduled workers"},
    {"dead", ask_dead, false, ""},      {"retry", ask_retry, true, "all"},
    {"purge", ask_purge, true, "dead"}, {"pause", ask_pause, true, ""},
    {"resume", ask_resume, true, ""},
};

/* ---- words ---- */
static bool is_option(const struct verb *verb, const char *word)
{
    const char *at = word[0] ? strstr(verb->options, word) : NULL;
    size_t len = strlen(word);
    return at && (at == verb->options || at[-1] == ' ') && (at[len] == ' ' || at[len] == '\0');
}

static bool read_number(const char *text, int64_t *out)
{
    char *end = NULL;
    *out = text ? strtoll(text, &end, 10) : -1;
    return text && *text && *end == '\0' && *out >= 0;
}

static bool read_words(struct queue_tool *t, int argc, char **argv)
{
    for (size_t i = 0; argc > 0 && i < sizeof verbs / sizeof *verbs; i++)
        if (strcmp(argv[0], verbs[i].name) == 0) t->verb = &verbs[i];
    if (!t->verb) return false;
    t->limit = 20;
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--json") == 0)
            t->is_json = true;
        else if (strcmp(argv[i], "--limit") == 0) {
            if (!read_number(argv[++i], &t->limit)) return false;
        } else if (strcmp(argv[i], "--offset") == 0) {
            if (!read_number(argv[++i], &t->offset)) return false;
        } else if (strncmp(argv[i], "--", 2) == 0) {
            if (t->option || !is_option(t->verb, argv[i] + 2)) return false;
            t->option = argv[i] + 2;
        } else if (t->target) {
            return false;
        } else {
            t->target = argv[i];
        }
    }
    if (!t->verb->needs_target) return !t->target;
    return (t->target != NULL) != (t->option != NULL); /* exactly one of the two */
}

static void on_redis(void *arg, bool is_up, const char *why)
{
    struct queue_tool *t = arg;
    struct err err;
    if (is_up && !t->is_asked) {
        t->is_asked = true;
        if (t->verb->ask(t, &err) != 0) finish(t, &err);
    } else if (!is_up && (t->is_asked || ++t->tries >= redis_url_places(redis_where(t->redis)))) {
        err_set(&err, ERR_REDIS, "Redis is not reachable: %s", why);
        finish(t, &err);
    }
}

/* Who changed something is seen in the pages. */
static void note_change(const struct conf *conf, int argc, char **argv)
{
    static const char *const changes[] = {"retry", "purge", "pause", "resume"};
    bool is_change = false;
    struct buf words = {0};
    for (size_t i = 0; i < sizeof changes / sizeof *changes; i++)
        is_change = is_change || strcmp(argv[0], changes[i]) == 0;
    if (!is_change) return;
    buf_str(&words, "queue");
    for (int i = 0; i < argc; i++) buf_printf(&words, " %.200s", argv[i]);
    if (!words.failed) audit_command(conf, words.data);
    buf_free(&words);
}

int queue_main(struct conf *conf, int argc, char **argv)
{
    struct queue_tool t = {.status = EXIT_UNAVAILABLE};
    struct redis_url url;
    struct err err;
    struct timeval patience = {.tv_sec = PATIENCE_S};
    if (!read_words(&t, argc, argv)) {
        fputs(usage, stderr);
        conf_free(conf);
        return EXIT_USAGE;
    }
    if (redis_url_from_conf(conf, &url, &err) != 0) {
        fprintf(stderr, "logikald queue: %s\n", err.text);
        conf_free(conf);
        return EXIT_CONFIG;
    }
    t.base = event_base_new();
    t.redis = t.base ? redis_new(t.base, &url, "logikald-queue", &err) : NULL;
    t.queue = t.redis ? queue_new(t.base, t.redis, conf, &err) : NULL;
    if (t.queue) {
        redis_on_state(t.redis, on_redis, &t);
        redis_start(t.redis);
        event_base_loopexit(t.base, &patience);
        event_base_dispatch(t.base);
    } else {
        fprintf(stderr, "logikald queue: %s\n", err.text);
    }
    queue_free(t.queue);
    redis_free(t.redis);
    if (t.base) event_base_free(t.base);
    if (t.status == 0) note_change(conf, argc, argv);
    conf_free(conf);
    return t.status;
}
