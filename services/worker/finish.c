/* Outcomes to Redis: collected, and written many at a time by one call of finish.lua, in one round trip. At most two
 * calls are under way; what ends meanwhile waits and makes the next batch larger. An outcome is kept until Redis has
 * answered, whatever happens to the connection. Follow-ups that a running task sends go out at once, and its outcome
 * waits until Redis has them. */
#include "services/worker/worker_internal.h"

#include <stdlib.h>
#include <string.h>

#include "conf/log.h"

#define BATCHES_UNDER_WAY 2
#define BATCH_BYTES       (8u << 20)
#define RETRY_MS          300

struct send {
    TAILQ_ENTRY(send) link;
    struct worker *worker;
    struct held *held; /* NULL = gone */
    char list[QUEUE_KEY_SIZE];
    char *raw;
    size_t len;
    bool is_under_way;
};

struct batch {
    struct worker *worker;
    size_t count;
    struct held *held[BATCH_MAX];
};

struct words {
    const char **at;
    size_t *len;
    int count, cap;
    bool failed;
};

static void word(struct words *v, const char *text, size_t len)
{
    if (v->count == v->cap) {
        int cap = v->cap ? v->cap * 2 : 256;
        const char **at = realloc(v->at, (size_t)cap * sizeof *at);
        if (at) v->at = at;
        size_t *lens = realloc(v->len, (size_t)cap * sizeof *lens);
        if (lens) v->len = lens;
        if (!at || !lens) {
            v->failed = true;
            return;
        }
        v->cap = cap;
    }
    v->at[v->count] = text;
    v->len[v->count++] = len;
}

static void text(struct words *v, const char *bytes)
{
    word(v, bytes, strlen(bytes));
}

static void words_free(struct words *v)
{
    free(v->at);
    free(v->len);
}

#define FINISH_KEYS 8
struct preamble {
    char keys[FINISH_KEYS][QUEUE_KEY_SIZE], expiry[24], cap[24];
};

static void add_preamble(struct worker *w, struct preamble *p, struct words *v)
{
    static const char *const names[FINISH_KEYS] = {
        KEY_UNACKED,   KEY_UNACKED_INDEX,      KEY_HELD,         KEY_DELIVERIES, KEY_DEAD,
        KEY_SCHEDULED, KEY_SCHEDULED_MESSAGES, KEY_SCHEDULED_IDS};
    for (int i = 0; i < FINISH_KEYS; i++) text(v, queue_key(&w->keys, p->keys[i], names[i], i == 2 ? w->id : ""));
    snprintf(p->expiry, sizeof p->expiry, "%lld", (long long)conf_int(w->conf, SET_RESULT_EXPIRES));
    snprintf(p->cap, sizeof p->cap, "%d", DEAD_LETTERS_MAX);
    text(v, p->expiry);
    text(v, p->cap);
}

/* Numbers of an item that must live until the command is copied. */
struct numbers {
    char pushes[24], delay[24], flags[10];
};

static size_t add_item(struct words *v, const struct held *h, struct numbers *n)
{
    const struct outcome *o = &h->outcome;
    size_t bytes = 0;
    snprintf(n->flags, sizeof n->flags, "%s%s", o->flags, h->is_forgotten ? "u" : "");
    text(v, h->tag);
    text(v, n->flags);
    if (o->json) {
        text(v, o->key);
        text(v, o->json);
        bytes += strlen(o->json);
    }
    if (o->push_count) {
        snprintf(n->pushes, sizeof n->pushes, "%zu", o->push_count);
        text(v, n->pushes);
        for (size_t i = 0; i < o->push_count; i++) {
            text(v, o->pushes[i].list);
            word(v, o->pushes[i].raw, o->pushes[i].len);
            bytes += o->pushes[i].len;
        }
    }
    if (o->later_raw) {
        snprintf(n->delay, sizeof n->delay, "%lld", (long long)o->delay_ms);
        text(v, n->delay);
        text(v, o->later_tag);
        text(v, o->later_list);
        text(v, strchr(h->m.id, '\n') ? "-" : h->m.id);
        text(v, o->later_raw);
        bytes += strlen(o->later_raw);
    }
    if (o->dead) {
        text(v, o->dead);
        bytes += strlen(o->dead);
    }
    return bytes;
}

static void try_later(struct worker *w)
{
    struct timeval tv = {.tv_usec = RETRY_MS * 1000};
    if (!evtimer_pending(w->finish_retry, NULL)) evtimer_add(w->finish_retry, &tv);
}

static void item_answered(struct worker *w, struct held *h, bool is_done)
{
    if (is_done || h->is_forgotten) {
        w->pool.processed++;
        if (h->end != TASK_ENDS) task_counts_add(w->counts, h->def ? h->def->name : NULL, h->end, h->run_us);
        held_free(w, h);
    } else {
        h->is_doubtful = true; /* lost to another worker, or forgotten by Redis: the lease tells */
        held_move(w, h, HELD_OVER);
        standing_check(w);
    }
}

static void on_batch(void *arg, const struct redis_answer *answer)
{
    struct batch *b = arg;
    struct worker *w = b->worker;
    const redisReply *reply = answer->reply;
    bool is_fine = answer->fault == REDIS_FINE && reply->type == REDIS_REPLY_ARRAY && reply->elements == b->count;
    if (!is_fine && answer->fault != REDIS_LOST && answer->fault != REDIS_CLOSED)
        log_warning("results cannot be stored, will be tried again: %s", answer->text);
    w->finish_batches--;
    for (size_t i = 0; i < b->count; i++) {
        if (is_fine)
            item_answered(w, b->held[i], reply->element[i]->integer == 1);
        else
            held_move(w, b->held[i], HELD_OVER);
    }
    free(b);
    if (!is_fine)
        try_later(w);
    else if (w->over_count > 0)
        event_active(w->finish_event, EV_TIMEOUT, 0);
    consumer_wake(w);
    worker_told_idle(w);
}

/* The next of the over list that may be told: its follow-ups are in Redis, and nothing is doubtful. */
static struct held *next_over(struct worker *w)
{
    struct held *h;
    TAILQ_FOREACH(h, &w->over, link)
    if (h->unsent == 0 && !h->is_doubtful) return h;
    return NULL;
}

static bool write_batch(struct worker *w)
{
    struct batch *b = calloc(1, sizeof *b);
    struct numbers *numbers = calloc(BATCH_MAX, sizeof *numbers);
    struct preamble preamble = {0};
    struct words v = {0};
    struct held *h;
    size_t bytes = 0;
    int rc = -ERR_NOMEM;
    if (b && numbers) {
        b->worker = w;
        add_preamble(w, &preamble, &v);
        while (b->count < BATCH_MAX && bytes < BATCH_BYTES && (h = next_over(w))) {
            bytes += add_item(&v, h, &numbers[b->count]);
            b->held[b->count++] = h;
            held_move(w, h, HELD_ENDING);
        }
        if (b->count > 0 && !v.failed)
            rc = redis_script(w->redis, "finish", on_batch, b, FINISH_KEYS, v.count, v.at, v.len);
    }
    bool is_empty = b && b->count == 0;
    if (rc == 0)
        w->finish_batches++;
    else if (b) {
        for (size_t i = 0; i < b->count; i++) held_move(w, b->held[i], HELD_OVER);
        free(b);
    }
    free(numbers);
    words_free(&v);
    if (rc != 0 && !is_empty) try_later(w);
    return rc == 0;
}

static void on_flush(evutil_socket_t fd, short what, void *arg)
{
    (void)fd, (void)what;
    struct worker *w = arg;
    while (w->is_registered && w->finish_batches < BATCHES_UNDER_WAY && w->over_count > 0 && redis_is_up(w->redis))
        if (!write_batch(w)) break;
}

void finish_add(struct worker *w, struct held *h)
{
    held_move(w, h, HELD_OVER);
    event_active(w->finish_event, EV_TIMEOUT, 0);
}

static void on_state(void *arg, const struct redis_answer *answer)
{
    (void)arg;
    if (answer->fault == REDIS_REFUSED || answer->fault == REDIS_OOM)
        log_warning("a task's state cannot be stored: %s", answer->text);
}

void finish_state(struct worker *w, struct held *h, const char *json, bool is_start)
{
    struct preamble preamble = {0};
    struct words v = {0};
    bool is_kept = !h->m.ignores_result && !(h->def && h->def->ignores_result);
    if (!redis_is_up(w->redis) || !w->is_registered || (!is_kept && !is_start)) return;
    add_preamble(w, &preamble, &v);
    text(&v, h->tag);
    text(&v, is_kept ? (is_start ? "sm" : "s") : "m");
    if (is_kept) {
        text(&v, queue_result_key(&w->keys, h->outcome.key, h->m.id));
        text(&v, json);
    }
    if (!v.failed) redis_script(w->redis, "finish", on_state, NULL, FINISH_KEYS, v.count, v.at, v.len);
    words_free(&v);
}

static void on_sent(void *arg, const struct redis_answer *answer)
{
    struct send *s = arg;
    struct worker *w = s->worker;
    s->is_under_way = false;
    if (answer->fault != REDIS_FINE && answer->fault != REDIS_CLOSED && answer->fault != REDIS_REFUSED) {
        try_later(w);
        return;
    }
    if (answer->fault == REDIS_REFUSED) log_error("a task's follow-up for %s is lost: %s", s->list, answer->text);
    if (s->held && --s->held->unsent == 0) event_active(w->finish_event, EV_TIMEOUT, 0);
    TAILQ_REMOVE(&w->sends, s, link);
    free(s->raw);
    free(s);
}

static void send_now(struct send *s)
{
    const char *argv[] = {"LPUSH", s->list, s->raw};
    const size_t lens[] = {5, strlen(s->list), s->len};
    s->is_under_way = redis_command(s->worker->redis, on_sent, s, 3, argv, lens) == 0;
    if (!s->is_under_way) try_later(s->worker);
}

void finish_send(struct worker *w, struct held *h, const char *list, const char *raw, size_t len)
{
    struct send *s = calloc(1, sizeof *s);
    if (!s || !(s->raw = malloc(len + 1))) {
        free(s);
        log_error("no memory to send a task's follow-up");
        return;
    }
    memcpy(s->raw, raw, len);
    s->len = len;
    s->worker = w;
    s->held = h;
    snprintf(s->list, sizeof s->list, "%s", list);
    h->unsent++;
    TAILQ_INSERT_TAIL(&w->sends, s, link);
    send_now(s);
}

void finish_forget(struct worker *w, struct held *h)
{
    struct send *s;
    if (h->unsent == 0) return;
    TAILQ_FOREACH(s, &w->sends, link)
    if (s->held == h) s->held = NULL;
}

void finish_wake(struct worker *w)
{
    struct send *s;
    TAILQ_FOREACH(s, &w->sends, link)
    if (!s->is_under_way) send_now(s);
    event_active(w->finish_event, EV_TIMEOUT, 0);
}

static void on_retry(evutil_socket_t fd, short what, void *arg)
{
    (void)fd, (void)what;
    finish_wake(arg);
}

void finish_open(struct worker *w)
{
    TAILQ_INIT(&w->sends);
    w->finish_event = event_new(w->base, -1, 0, on_flush, w);
    w->finish_retry = evtimer_new(w->base, on_retry, w);
}

void finish_close(struct worker *w)
{
    struct send *s;
    while ((s = TAILQ_FIRST(&w->sends))) {
        TAILQ_REMOVE(&w->sends, s, link);
        free(s->raw);
        free(s);
    }
    event_free(w->finish_event);
    event_free(w->finish_retry);
}
