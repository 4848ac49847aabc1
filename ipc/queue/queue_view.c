/* Looking into the queues for people and metrics: see queue.h. One script call a look; messages are decoded here. */
#include "ipc/queue/queue_internal.h"

#include <stdlib.h>
#include <string.h>

#include "conf/clock.h"
#include "conf/text/whole.h"
#include "ipc/queue/queue_message.h"

static int64_t number(const redisReply *reply)
{
    if (reply->type == REDIS_REPLY_INTEGER) return reply->integer;
    return reply->type == REDIS_REPLY_STRING ? whole_of(strtod(reply->str, NULL)) : 0;
}

/* paused: flat list of names and "since by". */
static void note_pause(struct queue_depth *d, const redisReply *paused)
{
    for (size_t i = 0; paused->type == REDIS_REPLY_ARRAY && i + 1 < paused->elements; i += 2) {
        if (strcmp(paused->element[i]->str, d->name) != 0) continue;
        const char *by = NULL;
        d->is_paused = true;
        d->paused_ms = whole_read(paused->element[i + 1]->str, &by);
        snprintf(d->paused_by, sizeof d->paused_by, "%s", by + (*by == ' '));
    }
}

static void on_stats(void *arg, const struct redis_answer *answer)
{
    struct queue_op *op = arg;
    struct queue *q = op->q;
    struct queue_stats stats = {0};
    struct err err;
    const struct err *fault = queue_fault(answer, &err);
    if (q && !fault && answer->reply->elements >= 5 + 2 * (size_t)q->name_count) {
        redisReply **e = answer->reply->element;
        stats.unacked = number(e[0]);
        stats.scheduled = number(e[1]);
        stats.dead = number(e[2]);
        stats.workers = number(e[3]);
        stats.count = (size_t)q->name_count;
        for (int i = 0; i < q->name_count; i++) {
            struct queue_depth *d = &stats.queues[i];
            int64_t sent = number(e[6 + 2 * i]), age = wall_ms() - sent;
            memcpy(d->name, q->names[i], sizeof d->name);
            d->depth = number(e[5 + 2 * i]);
            d->oldest_age_ms = sent <= 0 ? -1 : age > 0 ? age : 0;
            note_pause(d, e[4]);
        }
    }
    if (q) op->fn.stats(op->arg, fault ? NULL : &stats, fault);
    queue_op_free(op);
}

int queue_stats(struct queue *q, queue_stats_fn fn, void *arg, struct err *err)
{
    static const char *const fixed[] = {KEY_UNACKED, KEY_SCHEDULED, KEY_DEAD, KEY_WORKERS, KEY_PAUSED};
    char keys[5 + QUEUE_NAMES_MAX * QUEUE_STEPS][QUEUE_KEY_SIZE], lease[24], count[12];
    const char *argv[5 + QUEUE_NAMES_MAX * QUEUE_STEPS + 2];
    int n = 0, steps = q->keys.step_count;
    for (int i = 0; i < 5; i++, n++) argv[n] = queue_key(&q->keys, keys[n], fixed[i], "");
    for (int i = 0; i < q->name_count * steps; i++, n++)
        argv[n] = queue_step_key(&q->keys, keys[n], q->names[i / steps], i % steps);
    snprintf(lease, sizeof lease, "%lld", (long long)q->lease_s);
    snprintf(count, sizeof count, "%d", steps);
    argv[n] = lease;
    argv[n + 1] = count;
    struct queue_op *op = queue_op_new(q, arg, err);
    if (!op) return -ERR_NOMEM;
    op->fn.stats = fn;
    return queue_accepted(op, redis_script(q->redis, "stats", on_stats, op, n, n + 2, argv, NULL), err);
}

static void add_text(cJSON *entry, const char *name, const char *text)
{
    if (text)
        cJSON_AddStringToObject(entry, name, text);
    else
        cJSON_AddNullToObject(entry, name);
}

static void add_arguments(cJSON *entry, const struct message *m)
{
    struct message_body body = {0};
    bool is_fine = message_body_of(m, UNPACK_MEMORY_LOOP, &body, NULL) == 0;
    cJSON *args = is_fine && body.args ? cJSON_Duplicate(body.args, true) : cJSON_CreateNull();
    cJSON *kwargs = is_fine && body.kwargs ? cJSON_Duplicate(body.kwargs, true) : cJSON_CreateNull();
    json_shown(args); /* whoever reads them is shown the numbers that were sent */
    json_shown(kwargs);
    cJSON_AddItemToObject(entry, "args", args);
    cJSON_AddItemToObject(entry, "kwargs", kwargs);
    message_body_free(&body);
}

/* How large a message is of which Redis has told no more than its head (ipc/lua/shown.part); -1: it was not even looked
 * at; 0: it is whole. */
static int64_t left_out(const char *raw, size_t len)
{
    static const char begin[] = "{\"left_out\": ";
    bool is_cut = len > sizeof begin && memcmp(raw, begin, sizeof begin - 1) == 0;
    return is_cut ? strtoll(raw + sizeof begin - 1, NULL, 10) : 0;
}

/* In the place of the arguments, so that whoever looks is told. */
static void tell_left_out(cJSON *entry, int64_t size)
{
    char text[80];
    cJSON *kwargs = cJSON_CreateObject();
    if (size > 0)
        snprintf(text, sizeof text, "too much to be shown: the message has %lld bytes", (long long)size);
    else
        snprintf(text, sizeof text, "not looked at: the messages before it are too large");
    cJSON_AddStringToObject(kwargs, "(left out)", text);
    cJSON_ReplaceItemInObjectCaseSensitive(entry, "kwargs", kwargs);
}

/* What is known of a message, whatever it is worth. */
static cJSON *describe(const char *raw, size_t len, const char *queue)
{
    struct message m;
    cJSON *entry = cJSON_CreateObject();
    int64_t size = left_out(raw, len);
    int rc = message_decode(raw, len, &m, NULL);
    add_text(entry, "queue", queue);
    add_text(entry, "id", m.id);
    add_text(entry, "task", m.task);
    add_arguments(entry, &m);
    if (rc == 0)
        cJSON_AddNumberToObject(entry, "retries", m.retries);
    else
        cJSON_AddNullToObject(entry, "retries");
    add_text(entry, "eta", m.eta);
    add_text(entry, "expires", m.expires);
    cJSON_AddNumberToObject(entry, "priority", m.priority);
    if (size >= 0)
        cJSON_AddNumberToObject(entry, "size_bytes", size ? (double)size : (double)len);
    else
        cJSON_AddNullToObject(entry, "size_bytes");
    if (size) tell_left_out(entry, size);
    message_free(&m);
    return entry;
}

/* Cuts '[message, "exchange", "routing key"]': the message's bytes, and the routing key into queue. */
static const char *unwrap(const redisReply *entry, size_t *len, char *queue, size_t size)
{
    const char *text = entry->str, *end = text + entry->len;
    *len = 0;
    queue[0] = '\0';
    if (entry->type != REDIS_REPLY_STRING || entry->len < 4 || text[0] != '[') return "";
    const char *tail = end - 2; /* the closing quote of the routing key */
    while (tail > text && *--tail != '"') continue;
    snprintf(queue, size, "%.*s", (int)(end - 2 - tail - 1), tail + 1);
    for (int quotes = 0; tail > text && quotes < 2;)
        if (*--tail == '"') quotes++;
    while (tail > text && *tail != ',') tail--;
    *len = tail > text ? (size_t)(tail - text - 1) : 0;
    return text + 1;
}

static cJSON *unacked_entry(redisReply **e)
{
    char queue[256];
    size_t len;
    const char *raw = unwrap(e[2], &len, queue, sizeof queue);
    cJSON *entry = describe(raw, len, queue);
    int64_t began = number(e[5]), now = wall_ms();
    add_text(entry, "tag", e[0]->str);
    add_text(entry, "worker", e[3]->len > 0 ? e[3]->str : NULL);
    cJSON_AddNumberToObject(entry, "deliveries", (double)number(e[4]) + 1);
    if (began > 0)
        cJSON_AddNumberToObject(entry, "running_ms", now > began ? (double)(now - began) : 0);
    else
        cJSON_AddNullToObject(entry, "running_ms");
    return entry;
}

/* The entry of a scheduled message is its list, its id and the message, each after a newline. */
static cJSON *scheduled_entry(const struct queue_keys *keys, redisReply **e)
{
    char due[CLOCK_TEXT_SIZE], queue[QUEUE_KEY_SIZE] = "";
    const char *text = e[2]->str, *end = text + e[2]->len, *line = memchr(text, '\n', (size_t)e[2]->len);
    if (line) queue_of_list(keys, queue, text, (size_t)(line - text));
    line = line ? memchr(line + 1, '\n', (size_t)(end - line - 1)) : NULL;
    const char *raw = line ? line + 1 : end;
    cJSON *entry = describe(raw, (size_t)(end - raw), queue);
    add_text(entry, "tag", e[0]->str);
    add_text(entry, "due", clock_iso_ms(whole_of(strtod(e[1]->str, NULL)), due));
    return entry;
}

static cJSON *dead_entry(redisReply **e, int64_t index)
{
    cJSON *entry = json_parse(e[0]->str, (size_t)e[0]->len);
    if (!cJSON_IsObject(entry)) {
        cJSON_Delete(entry);
        entry = cJSON_CreateObject();
        add_text(entry, "reason", "malformed dead letter");
    }
    const char *raw = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(entry, "message"));
    struct message m;
    message_decode(raw ? raw : "", raw ? strlen(raw) : 0, &m, NULL);
    add_arguments(entry, &m);
    message_free(&m);
    const cJSON *size = cJSON_GetObjectItemCaseSensitive(entry, "size_bytes");
    int64_t cut = left_out(e[0]->str, (size_t)e[0]->len); /* not even its head is known */
    cJSON_DeleteItemFromObjectCaseSensitive(entry, "left_out");
    if (cut)
        tell_left_out(entry, cut);
    else if (!raw && cJSON_IsNumber(size))
        tell_left_out(entry, whole_of(size->valuedouble));
    cJSON_AddNumberToObject(entry, "index", (double)index);
    cJSON_DeleteItemFromObjectCaseSensitive(entry, "letter");
    add_text(entry, "letter", e[1]->len > 0 ? e[1]->str : NULL); /* what was not looked at has no name */
    return entry;
}

static cJSON *worker_entry(redisReply **e)
{
    cJSON *entry = json_parse(e[2]->str, (size_t)e[2]->len);
    if (!cJSON_IsObject(entry)) {
        cJSON_Delete(entry);
        entry = cJSON_CreateObject();
    }
    int64_t seen = wall_ms() - whole_of(strtod(e[1]->str, NULL) * 1000);
    cJSON_DeleteItemFromObjectCaseSensitive(entry, "id");
    cJSON_DeleteItemFromObjectCaseSensitive(entry, "began"); /* it stands with the tasks */
    add_text(entry, "id", e[0]->str);
    cJSON_AddNumberToObject(entry, "last_seen_ms", seen > 0 ? (double)seen : 0);
    return entry;
}

static const int row_width[] = {
    [QUEUE_WAITING] = 2, [QUEUE_UNACKED] = 6, [QUEUE_SCHEDULED] = 3, [QUEUE_DEAD] = 2, [QUEUE_WORKERS] = 3};

size_t queue_row_width(enum queue_view view)
{
    return row_width[view] > 0 ? (size_t)row_width[view] : 1;
}

cJSON *queue_row(const struct queue *q, enum queue_view view, redisReply **e, int64_t index, const char *queue)
{
    switch (view) {
    case QUEUE_WAITING: return describe(e[1]->str, (size_t)e[1]->len, queue);
    case QUEUE_UNACKED: return unacked_entry(e);
    case QUEUE_SCHEDULED: return scheduled_entry(&q->keys, e);
    case QUEUE_DEAD: return dead_entry(e, index);
    case QUEUE_WORKERS: return worker_entry(e);
    }
    return NULL;
}

static void on_list(void *arg, const struct redis_answer *answer)
{
    struct queue_op *op = arg;
    struct err err;
    const struct err *fault = queue_fault(answer, &err);
    cJSON *entries = cJSON_CreateArray();
    size_t width = queue_row_width(op->view), n = fault || !op->q ? 0 : answer->reply->elements;
    bool is_text = true;
    for (size_t i = 0; i < n; i++) is_text = is_text && answer->reply->element[i]->type == REDIS_REPLY_STRING;
    for (size_t i = 0; op->q && is_text && width > 0 && i + width <= n; i += width)
        cJSON_AddItemToArray(entries,
                             queue_row(op->q, op->view, answer->reply->element + i, (int64_t)(i / width), op->text));
    if (op->q) op->fn.list(op->arg, fault ? NULL : entries, fault);
    cJSON_Delete(entries);
    queue_op_free(op);
}

static int view_keys(struct queue *q, enum queue_view view, const char *name, const char **argv,
                     char (*keys)[QUEUE_KEY_SIZE])
{
    static const char *const table[][5] = {
        [QUEUE_UNACKED] = {KEY_UNACKED, KEY_UNACKED_INDEX, KEY_REGISTERED, KEY_HISTORY, KEY_ABOUT},
        [QUEUE_SCHEDULED] = {KEY_SCHEDULED, KEY_SCHEDULED_MESSAGES},
        [QUEUE_DEAD] = {KEY_DEAD},
        [QUEUE_WORKERS] = {KEY_WORKERS, KEY_ABOUT},
    };
    int n = 0;
    if (view == QUEUE_WAITING)
        for (; n < q->keys.step_count; n++) argv[n] = queue_step_key(&q->keys, keys[n], name, n);
    else
        for (; n < 5 && table[view][n]; n++) argv[n] = queue_key(&q->keys, keys[n], table[view][n], "");
    return n;
}

int queue_list(struct queue *q, enum queue_view view, const char *name, int64_t offset, int64_t limit, queue_list_fn fn,
               void *arg, struct err *err)
{
    static const char *const words[] = {"waiting", "unacked", "scheduled", "dead", "workers"};
    char keys[QUEUE_STEPS][QUEUE_KEY_SIZE], from[24], count[24];
    const char *argv[QUEUE_STEPS + 3];
    int n = view_keys(q, view, name, argv, keys), argc = n;
    if (limit > 1000) limit = 1000;
    snprintf(from, sizeof from, "%lld", (long long)(offset > 0 ? offset : 0));
    snprintf(count, sizeof count, "%lld", (long long)limit);
    argv[argc++] = words[view];
    argv[argc++] = from;
    argv[argc++] = count;
    struct queue_op *op = queue_op_new(q, arg, err);
    if (!op) return -ERR_NOMEM;
    op->fn.list = fn;
    op->view = view;
    snprintf(op->text, sizeof op->text, "%s", name ? name : "");
    return queue_accepted(op, redis_script(q->redis, "view", on_list, op, n, argc, argv, NULL), err);
}
