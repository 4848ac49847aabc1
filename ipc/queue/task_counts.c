/* See task_counts.h. In Redis: a hash of all counts, and for each process a hash of what it has told, which outlives it
 * by two days. Fields are "n STATE TASK" (ends), "t BOUND TASK" (runs by duration; the bound in microseconds, "inf" for
 * longer ones) and "s TASK" (microseconds of all runs). */
#include "ipc/queue/task_counts.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "conf/clock.h"
#include "conf/log.h"
#include "conf/machine/random.h"
#include "ipc/redis/queue_keys.h"

#define KEPT_S     "172800"
#define REFRESH_MS 3600000 /* before what was told is forgotten */
#define FIELDS_MAX (TASK_COUNT_NAMES * (TASK_ENDS + TASK_BOUNDS + 2))

const int64_t task_bounds_us[TASK_BOUNDS] = {1000,     5000,     25000,     100000,    500000,     2000000,
                                             10000000, 30000000, 120000000, 600000000, 1800000000, 7200000000};

struct task_counts {
    char key[QUEUE_KEY_SIZE], own_key[QUEUE_KEY_SIZE];
    struct task_count_list own;
    int64_t news, sent, told; /* how many were counted; of those, sent to Redis; confirmed by it */
    int64_t told_ms;
    bool is_refused;
};

struct counts_telling {
    struct task_counts *counts;
    int64_t news;
};

struct counts_reading {
    task_counts_fn fn;
    void *arg;
};

const char *task_end_name(enum task_end end)
{
    static const char *const names[TASK_ENDS] = {"success", "failure", "retry", "revoked", "dead"};
    return names[end];
}

struct task_count *task_count_of(struct task_count_list *list, const char *task)
{
    if (!task || strlen(task) >= sizeof list->of->task) task = TASK_COUNT_OTHER;
    for (size_t i = 0; i < list->count; i++)
        if (strcmp(list->of[i].task, task) == 0) return &list->of[i];
    bool is_other = strcmp(task, TASK_COUNT_OTHER) == 0;
    if (!is_other && list->count >= TASK_COUNT_NAMES - 1) return task_count_of(list, TASK_COUNT_OTHER);
    struct task_count *count = &list->of[list->count++];
    snprintf(count->task, sizeof count->task, "%s", task);
    return count;
}

struct task_counts *task_counts_new(const struct conf *conf)
{
    struct task_counts *c = calloc(1, sizeof *c);
    struct queue_keys keys = {0};
    char id[UUID_TEXT_SIZE];
    if (!c) return NULL;
    queue_keys_init(&keys, conf, NULL);
    queue_key(&keys, c->key, KEY_COUNTS, "");
    queue_key(&keys, c->own_key, KEY_COUNTED, random_uuid4(id));
    return c;
}

void task_counts_free(struct task_counts *c)
{
    free(c);
}

const struct task_count_list *task_counts_own(const struct task_counts *c)
{
    return &c->own;
}

void task_counts_add(struct task_counts *c, const char *task, enum task_end end, int64_t run_us)
{
    struct task_count *count = task_count_of(&c->own, task);
    int bound = 0;
    count->ends[end]++;
    c->news++;
    if (run_us < 0) return;
    while (bound < TASK_BOUNDS && run_us > task_bounds_us[bound]) bound++;
    count->runs[bound]++;
    count->run_us += run_us;
}

/* ---- telling ---- */

struct counts_field {
    char name[180], count[24];
};

static void add_field(struct counts_field *fields, int *n, int64_t count, const char *kind, const char *which,
                      const char *task)
{
    if (count == 0) return;
    struct counts_field *f = &fields[(*n)++];
    snprintf(f->name, sizeof f->name, "%s%s%s %s", kind, *which ? " " : "", which, task);
    snprintf(f->count, sizeof f->count, "%lld", (long long)count);
}

static int add_fields(struct counts_field *fields, const struct task_count_list *list)
{
    int n = 0;
    for (size_t i = 0; i < list->count; i++) {
        const struct task_count *count = &list->of[i];
        for (int k = 0; k < TASK_ENDS; k++)
            add_field(fields, &n, count->ends[k], "n", task_end_name((enum task_end)k), count->task);
        for (int k = 0; k <= TASK_BOUNDS; k++) {
            char bound[24] = "inf";
            if (k < TASK_BOUNDS) snprintf(bound, sizeof bound, "%lld", (long long)task_bounds_us[k]);
            add_field(fields, &n, count->runs[k], "t", bound, count->task);
        }
        add_field(fields, &n, count->run_us, "s", "", count->task);
    }
    return n;
}

static void on_told(void *arg, const struct redis_answer *answer)
{
    struct counts_telling *telling = arg;
    struct task_counts *c = telling->counts;
    if (answer->fault == REDIS_FINE) {
        c->told = telling->news;
        c->told_ms = mono_ms();
    } else {
        c->sent = c->told; /* all of it again */
        if (!redis_fault_is_passing(answer->fault) && answer->fault != REDIS_CLOSED && !c->is_refused)
            log_warning("the counts of tasks for /metrics cannot be stored: %s", answer->text);
        c->is_refused = answer->fault == REDIS_REFUSED;
    }
    free(telling);
}

/* The words of a call of count.lua, which live until the command is copied. */
static int send_fields(struct task_counts *c, struct redis *redis, struct counts_telling *telling)
{
    struct counts_field *fields = calloc(FIELDS_MAX, sizeof *fields);
    const char **argv = calloc(3 + 2 * FIELDS_MAX, sizeof *argv);
    int rc = -ERR_NOMEM;
    if (fields && argv) {
        int n = add_fields(fields, &c->own);
        argv[0] = c->key;
        argv[1] = c->own_key;
        argv[2] = KEPT_S;
        for (int i = 0; i < n; i++) {
            argv[3 + 2 * i] = fields[i].name;
            argv[4 + 2 * i] = fields[i].count;
        }
        rc = redis_script(redis, "count", on_told, telling, 2, 3 + 2 * n, argv, NULL);
    }
    free(argv);
    free(fields);
    return rc;
}

void task_counts_tell(struct task_counts *c, struct redis *redis)
{
    bool is_old = c->sent > 0 && c->sent == c->told && mono_ms() - c->told_ms >= REFRESH_MS;
    if (!redis || !redis_is_up(redis) || (c->news == c->sent && !is_old)) return;
    struct counts_telling *telling = malloc(sizeof *telling);
    if (!telling) return;
    *telling = (struct counts_telling){c, c->news};
    if (send_fields(c, redis, telling) == 0)
        c->sent = c->news;
    else
        free(telling);
}

void task_counts_doubt(struct task_counts *c)
{
    c->sent = c->told = 0;
}

/* ---- reading ---- */

/* A bound that is not one of ours (another version's) goes into the next greater one. */
static int bound_of(const char *text)
{
    int64_t us = strcmp(text, "inf") == 0 ? INT64_MAX : strtoll(text, NULL, 10);
    int bound = 0;
    while (bound < TASK_BOUNDS && us > task_bounds_us[bound]) bound++;
    return bound;
}

/* Whoever can write there can write any number. */
static void add(int64_t *sum, int64_t value)
{
    if (__builtin_add_overflow(*sum, value, sum)) *sum = INT64_MAX;
}

static void take_field(struct task_count_list *list, char *field, int64_t value)
{
    char *which = strchr(field, ' '), *task = which ? strchr(which + 1, ' ') : NULL;
    if (!which || value <= 0) return;
    if (field[0] == 's') {
        add(&task_count_of(list, which + 1)->run_us, value);
        return;
    }
    if (!task) return;
    *task++ = '\0';
    which++;
    struct task_count *count = task_count_of(list, task);
    if (field[0] == 't') add(&count->runs[bound_of(which)], value);
    for (int i = 0; field[0] == 'n' && i < TASK_ENDS; i++)
        if (strcmp(which, task_end_name((enum task_end)i)) == 0) add(&count->ends[i], value);
}

static bool are_texts(redisReply *const *of, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (of[i]->type != REDIS_REPLY_STRING) return false;
    return true;
}

static void on_counts(void *arg, const struct redis_answer *answer)
{
    struct counts_reading *reading = arg;
    struct err err = {0};
    struct task_count_list list = {0};
    if (answer->fault != REDIS_FINE || answer->reply->type != REDIS_REPLY_ARRAY)
        err_set(&err, ERR_REDIS, "%s", answer->text);
    for (size_t i = 0; !err.code && i + 1 < answer->reply->elements; i += 2)
        if (are_texts(answer->reply->element + i, 2))
            take_field(&list, answer->reply->element[i]->str, strtoll(answer->reply->element[i + 1]->str, NULL, 10));
    if (answer->fault != REDIS_CLOSED) reading->fn(reading->arg, err.code ? NULL : &list, err.code ? &err : NULL);
    free(reading);
}

int task_counts_read(struct task_counts *c, struct redis *redis, task_counts_fn fn, void *arg)
{
    struct counts_reading *reading = malloc(sizeof *reading);
    if (!reading) return -ERR_NOMEM;
    *reading = (struct counts_reading){.fn = fn, .arg = arg};
    int rc = redis_call(redis, on_counts, reading, "HGETALL", c->key, REDIS_END);
    if (rc != 0) free(reading);
    return rc;
}
