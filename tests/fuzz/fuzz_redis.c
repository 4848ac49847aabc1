/* What Redis answers to whoever looks in: the input is what it says, one answer after the other; it is given to each of
 * those who ask. The first byte chooses: queues, lists of each kind, marks of the schedule, counts of tasks, results,
 * sweeps, its own settings. Other programs write there too: whatever stands there, the answer comes once, as JSON of
 * whole characters. short run: 6000 */
#include <math.h>

#include "conf/log.h"
#include "conf/text/utf8.h"
#include "ipc/queue/queue.h"
#include "ipc/queue/task_counts.h"
#include "ipc/redis/redis_internal.h"
#include "ipc/redis/redis_mode.h"
#include "tests/fuzz/fuzz.h"

#define ASKED_MOST 64

/* In place of the real ones: who asks is noted, and answered below. */
static struct {
    redis_fn fn;
    void *arg;
} asked[ASKED_MOST];
static int asked_first, asked_count;

static int note(redis_fn fn, void *arg)
{
    if (asked_count == ASKED_MOST) return -ERR_REDIS;
    asked[asked_count].fn = fn;
    asked[asked_count++].arg = arg;
    return 0;
}

int redis_call(struct redis *r, redis_fn fn, void *arg, ...)
{
    (void)r;
    return note(fn, arg);
}

int redis_command(struct redis *r, redis_fn fn, void *arg, int argc, const char *const *argv, const size_t *lens)
{
    (void)r, (void)argc, (void)argv, (void)lens;
    return note(fn, arg);
}

int redis_script(struct redis *r, const char *name, redis_fn fn, void *arg, int nkeys, int argc,
                 const char *const *argv, const size_t *lens)
{
    (void)r, (void)name, (void)nkeys, (void)argc, (void)argv, (void)lens;
    return note(fn, arg);
}

bool redis_is_up(const struct redis *r)
{
    (void)r;
    return true;
}

const struct redis_url *redis_where(const struct redis *r)
{
    static struct redis_url url;
    (void)r;
    return &url;
}

static int told;

static void check_json(const cJSON *json)
{
    char *text = cJSON_PrintUnformatted(json);
    PROMISE(text);
    const char *end = NULL;
    cJSON *again = cJSON_ParseWithOpts(text, &end, true);
    PROMISE(again);
    cJSON_Delete(again);
    free(text);
}

static void on_list(void *arg, const cJSON *entries, const struct err *err)
{
    (void)arg;
    told++;
    PROMISE(!entries != !err && (!err || err->text[0]));
    if (entries) check_json(entries);
}

static void on_stats(void *arg, const struct queue_stats *stats, const struct err *err)
{
    (void)arg;
    told++;
    PROMISE(!stats != !err && (!err || err->text[0]));
    for (size_t i = 0; stats && i < stats->count; i++)
        PROMISE(stats->queues[i].name[0] && stats->queues[i].oldest_age_ms >= -1);
}

static void on_counts(void *arg, const struct task_count_list *list, const struct err *err)
{
    (void)arg;
    told++;
    PROMISE(!list != !err);
    PROMISE(!list || list->count <= TASK_COUNT_NAMES);
    for (size_t i = 0; list && i < list->count; i++) {
        PROMISE(strnlen(list->of[i].task, sizeof list->of[i].task) < sizeof list->of[i].task);
        for (int k = 0; k < TASK_ENDS; k++) PROMISE(list->of[i].ends[k] >= 0);
        PROMISE(list->of[i].run_us >= 0);
    }
}

static void on_result(void *arg, const struct result *result, const struct err *err)
{
    (void)arg;
    told++;
    PROMISE(!result != !err);
    if (result) PROMISE(result->status && *result->status);
}

static void on_swept(void *arg, int64_t count, bool is_whole, const cJSON *entries, const struct err *err)
{
    (void)arg, (void)is_whole, (void)count;
    told++;
    PROMISE(err ? err->text[0] != 0 : true);
    if (entries) check_json(entries);
}

static void on_number(void *arg, int64_t count, const struct err *err)
{
    (void)arg, (void)count;
    told++;
    PROMISE(!err || err->text[0]);
}

static void mode(const redisReply *reply)
{
    struct redis_mode m = {0};
    char words[REDIS_MODE_SIZE];
    redis_mode_conf(&m, reply);
    if (reply->type == REDIS_REPLY_STRING) redis_mode_info(&m, reply->str);
    redis_mode_words(&m, words, sizeof words);
    PROMISE(*words && strlen(words) < sizeof words);
    redis_mode_keeps_nothing(&m);
}

static struct queue *queue;
static struct task_counts *counts;

static void set_up(void)
{
    struct err err = {0};
    static struct event_base *base;
    static struct conf *conf;
    log_set_level(LOG_CRITICAL);
    base = event_base_new();
    conf = conf_load(&(struct conf_paths){0}, &err);
    queue = base && conf ? queue_new(base, NULL, conf, &err) : NULL;
    counts = queue ? task_counts_new(conf) : NULL;
    if (!counts) abort();
}

/* How many callbacks were accepted. */
static int ask(unsigned kind)
{
    struct err err = {0};
    static const struct queue_sweep look = {.view = QUEUE_DEAD, .wanted = 20, .most = 50},
                                    waiting = {.view = QUEUE_WAITING, .wanted = 20};
    int rc;
    switch (kind) {
    case 0: rc = queue_stats(queue, on_stats, NULL, &err); break;
    case 1: rc = queue_marks(queue, "id", on_list, NULL, &err); break;
    case 2: rc = task_counts_read(counts, NULL, on_counts, NULL); break;
    case 3: rc = result_get(queue, "id", on_result, NULL, &err); break;
    case 4: rc = queue_sweep(queue, &look, SWEEP_LOOK, on_swept, NULL, &err); break;
    case 5: rc = queue_sweep(queue, &waiting, SWEEP_CANCEL, on_swept, NULL, &err); break;
    case 6: rc = queue_purge(queue, "sync", on_number, NULL, &err); break;
    default: rc = queue_list(queue, (enum queue_view)(kind % 5), "sync", 0, 50, on_list, NULL, &err); break;
    }
    return rc == 0;
}

/* As redis_reply.c tells it. */
static void answer(redis_fn fn, void *arg, const redisReply *reply)
{
    bool is_error = !reply || reply->type == REDIS_REPLY_ERROR;
    struct redis_answer a = {reply, is_error ? REDIS_REFUSED : REDIS_FINE, ""};
    if (is_error) a.text = reply ? reply_error(reply) : "it is gone";
    if (!reply) a.fault = REDIS_LOST;
    if (fn) fn(arg, &a);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 1 || size > 200000) return 0;
    if (!queue) set_up();
    redisReader *reader = redis_reader_new();
    if (!reader) abort();
    told = asked_first = asked_count = 0;
    int wanted = ask(data[0] % 16);
    void *reply = NULL;
    bool is_open = redisReaderFeed(reader, (const char *)data + 1, size - 1) == REDIS_OK;
    while (asked_first < asked_count) {
        reply = NULL;
        is_open = is_open && redisReaderGetReply(reader, &reply) == REDIS_OK && reply;
        if (is_open) reply_tidy(reply);
        if (is_open) mode(reply);
        answer(asked[asked_first].fn, asked[asked_first].arg, is_open ? reply : NULL);
        asked_first++;
        if (reply) freeReplyObject(reply);
    }
    PROMISE(told == wanted);
    redisReaderFree(reader);
    return 0;
}
