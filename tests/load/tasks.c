/* Clients that enqueue tasks, in the form that Celery's clients use. One counts on effects: the id of each task that
 * Redis accepted goes into the ledger, whoever asks later finds its key. The other waits for results. */
#include <stdlib.h>
#include <string.h>
#include <event2/event.h>

#include "conf/clock.h"
#include "ipc/queue/queue.h"
#include "ipc/queue/queue_message.h"
#include "tests/load/client.h"

#define RESULT_MS   240000 /* within which a result is there whatever struck meanwhile */
#define OUTSTANDING 200

struct sender {
    struct load_client *client;
    struct event_base *base;
    struct event *tick;
    struct redis *redis;
    struct queue *queue;
    FILE *ledger;
    void (*send)(struct sender *s);
    int outstanding;
};

struct sent {
    struct sender *sender;
    char id[UUID_TEXT_SIZE];
    int64_t begin_us;
    int a, b;
};

static void sent_over(struct sent *sent)
{
    sent->sender->outstanding--;
    free(sent);
}

static struct sent *sent_new(struct sender *s)
{
    struct sent *sent = calloc(1, sizeof *sent);
    if (!sent) abort();
    sent->sender = s;
    sent->begin_us = mono_us();
    random_uuid4(sent->id);
    s->outstanding++;
    return sent;
}

static void enqueue(struct sent *sent, const char *task, cJSON *args, queue_done_fn fn)
{
    struct task_options options = {.queue = "sync", .task_id = sent->id};
    if (queue_send(sent->sender->queue, task, args, NULL, &options, NULL, fn, sent, NULL) != 0) sent_over(sent);
    cJSON_Delete(args);
}

/* ---- effects ---- */

static void on_effect_sent(void *arg, const struct err *err)
{
    struct sent *sent = arg;
    struct load_count *count = sent->sender->client->count;
    if (!err) {
        fprintf(sent->sender->ledger, "%s\n", sent->id);
        fflush(sent->sender->ledger);
        atomic_fetch_add(&count->answered, 1);
        client_served(sent->sender->client, mono_us() - sent->begin_us);
    } else {
        atomic_fetch_add(&count->refused, 1);
    }
    sent_over(sent);
}

static void on_effect_pushed(void *arg, const struct redis_answer *answer)
{
    struct err err = {0};
    if (answer->fault != REDIS_FINE) err_set(&err, ERR_REDIS, "%s", answer->text);
    on_effect_sent(arg, err.code ? &err : NULL);
}

/* A task with an effect that can be counted; with a follow-up, which tells of each time that its end was told. */
static void send_effect(struct sender *s)
{
    char key[80];
    struct sent *sent = sent_new(s);
    snprintf(key, sizeof key, "load-effect-%s", sent->id);
    cJSON *args = cJSON_CreateArray();
    cJSON_AddItemToArray(args, cJSON_CreateString(key));
    if (!s->client->load->has_follow_ups) {
        enqueue(sent, "tasks.diagnostics.effect", args, on_effect_sent);
        return;
    }
    struct buf message = {0};
    char text[300];
    snprintf(text, sizeof text,
             "[{\"task\": \"tasks.diagnostics.noop\", \"args\": [], \"kwargs\": {}, \"immutable\": true, "
             "\"options\": {\"queue\": \"followups\", \"task_id\": \"after-%s\"}}]",
             sent->id);
    cJSON *after = cJSON_Parse(text);
    struct message_spec spec = {
        .task = "tasks.diagnostics.effect", .id = sent->id, .queue = "sync", .args = args, .callbacks = after};
    message_encode(&message, &spec);
    const char *words[] = {"LPUSH", "sync", message.data};
    const size_t lens[] = {5, 4, message.len};
    if (redis_command(s->redis, on_effect_pushed, sent, 3, words, lens) != 0) sent_over(sent);
    buf_free(&message);
    cJSON_Delete(after);
    cJSON_Delete(args);
}

/* ---- results ---- */

static void on_state(void *arg, const struct redis_answer *answer)
{
    struct sent *sent = arg;
    client_complain(sent->sender->client,
                    "the result of an accepted task (%s, %d + %d) is not ready in time; at %lld s: %.200s", sent->id,
                    sent->a, sent->b, (long long)(mono_ms() / 1000),
                    answer->fault != REDIS_FINE ? answer->text : answer->reply->str);
    sent_over(sent);
}

/* What Redis holds then tells whether the task waits still, was lost, or its end was not told. */
static void complain_late(struct sent *sent)
{
    static const char ask[] = "return redis.call('LLEN', 'sync') .. ' queued, ' .. redis.call('HLEN', 'unacked') .. "
                              "' unacked, its result: ' .. (redis.call('GET', KEYS[1]) or 'none')";
    char key[80];
    snprintf(key, sizeof key, "celery-task-meta-%s", sent->id);
    const char *words[] = {"EVAL", ask, "1", key};
    if (redis_command(sent->sender->redis, on_state, sent, 4, words, NULL) == 0) return;
    client_complain(sent->sender->client, "the result of an accepted task (%s, %d + %d) is not ready in time", sent->id,
                    sent->a, sent->b);
    sent_over(sent);
}

static void on_result(void *arg, const struct result *result, const struct err *err)
{
    struct sent *sent = arg;
    struct load_client *c = sent->sender->client;
    bool is_sum = result && result->state == RESULT_SUCCESS && cJSON_IsNumber(result->value) &&
                  result->value->valueint == sent->a + sent->b;
    if (is_sum) {
        atomic_fetch_add(&c->count->answered, 1);
        client_served(c, mono_us() - sent->begin_us);
    } else if (err && err->code == ERR_TIMEOUT) {
        complain_late(sent);
        return;
    } else {
        client_complain(c, "the result of an accepted task (%s, %d + %d) is %.300s", sent->id, sent->a, sent->b,
                        err                      ? err->text
                        : result && result->json ? result->json
                        : result                 ? result->status
                                                 : "nothing");
    }
    sent_over(sent);
}

static void on_add_sent(void *arg, const struct err *err)
{
    struct sent *sent = arg;
    struct err why = {0};
    struct load_client *c = sent->sender->client;
    if (err) {
        atomic_fetch_add(&c->count->refused, 1);
        sent_over(sent);
    } else if (!result_wait(sent->sender->queue, sent->id, RESULT_MS, NULL, on_result, sent, &why)) {
        client_complain(c, "the result of an accepted task cannot be waited for: %s", why.text);
        sent_over(sent);
    }
}

static void send_add(struct sender *s)
{
    struct sent *sent = sent_new(s);
    sent->a = (int)client_random(s->client, 100000);
    sent->b = (int)client_random(s->client, 100000);
    cJSON *args = cJSON_CreateArray();
    cJSON_AddItemToArray(args, cJSON_CreateNumber(sent->a));
    cJSON_AddItemToArray(args, cJSON_CreateNumber(sent->b));
    enqueue(sent, "tasks.diagnostics.add", args, on_add_sent);
}

/* ---- both ---- */

static void on_tick(evutil_socket_t fd, short what, void *arg)
{
    (void)fd, (void)what;
    struct sender *s = arg;
    if (client_is_over(s->client)) {
        if (s->outstanding == 0) event_base_loopbreak(s->base);
    } else if (redis_is_up(s->redis) && s->outstanding < OUTSTANDING) {
        s->send(s);
    }
}

static int sender_run(struct load_client *c, void (*send)(struct sender *s))
{
    struct err err = {0};
    struct redis_url url;
    setenv("REDIS_URL", c->load->sys->redis.url, 1);
    struct conf *conf = conf_load(&(struct conf_paths){0}, &err);
    if (!conf || redis_url_from_conf(conf, &url, &err) != 0) return 2;
    struct sender s = {.client = c, .base = event_base_new(), .ledger = fopen(c->load->ledger, "ae"), .send = send};
    s.redis = redis_new(s.base, &url, "load", &err);
    s.queue = queue_new(s.base, s.redis, conf, &err);
    if (!s.ledger || !s.queue) return 2;
    redis_start(s.redis);
    s.tick = event_new(s.base, -1, EV_PERSIST, on_tick, &s);
    event_add(s.tick, &(struct timeval){.tv_sec = c->pause_ms / 1000, .tv_usec = c->pause_ms % 1000 * 1000});
    event_base_dispatch(s.base);
    fclose(s.ledger);
    return 0;
}

int adder_run(struct load_client *c)
{
    return sender_run(c, send_add);
}

int effects_run(struct load_client *c)
{
    return sender_run(c, send_effect);
}
