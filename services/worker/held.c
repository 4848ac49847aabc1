/* A message in our hands, from the fetch until Redis has heard what became of it. Each is in exactly one list: the
 * worker's ready or over list, its runner's sent list, or none while its outcome is on the way (the batch has it). */
#include "services/worker/worker_internal.h"

#include <stdlib.h>
#include <string.h>

#include "services/tasks/task_table.h"

struct held *held_new(struct worker *w, const char *tag, const char *list, const char *queue, int deliveries,
                      const char *raw, size_t len, struct err *err)
{
    struct held *h = calloc(1, sizeof *h);
    if (!h || !(h->raw = malloc(len + 1))) {
        free(h);
        err_set(err, ERR_NOMEM, "no memory for a message");
        return NULL;
    }
    memcpy(h->raw, raw, len);
    h->raw[len] = '\0';
    h->raw_len = len;
    snprintf(h->tag, sizeof h->tag, "%s", tag);
    snprintf(h->list, sizeof h->list, "%s", list);
    snprintf(h->queue, sizeof h->queue, "%s", queue);
    h->deliveries = deliveries;
    h->state = HELD_READY;
    TAILQ_INSERT_TAIL(&w->ready, h, link);
    w->ready_count++;
    err->code = ERR_NONE;
    if (message_decode(h->raw, h->raw_len, &h->m, err) == 0)
        h->def = task_find(h->m.task, conf_bool(w->conf, SET_DIAGNOSTIC_TASKS));
    return h;
}

static void held_unlink(struct worker *w, struct held *h)
{
    switch (h->state) {
    case HELD_READY:
        TAILQ_REMOVE(&w->ready, h, link);
        w->ready_count--;
        break;
    case HELD_SENT:
        TAILQ_REMOVE(&h->runner->sent, h, link);
        h->runner->sent_count--;
        h->runner->sent_us -= h->expected_us;
        w->sent_count--;
        break;
    case HELD_OVER:
        TAILQ_REMOVE(&w->over, h, link);
        w->over_count--;
        break;
    case HELD_ENDING: w->ending_count--; break;
    }
}

void held_move(struct worker *w, struct held *h, enum held_state state)
{
    held_unlink(w, h);
    h->state = state;
    switch (state) {
    case HELD_READY:
        h->runner = NULL;
        TAILQ_INSERT_TAIL(&w->ready, h, link);
        w->ready_count++;
        break;
    case HELD_SENT:
        TAILQ_INSERT_TAIL(&h->runner->sent, h, link);
        h->runner->sent_count++;
        h->runner->sent_us += h->expected_us;
        w->sent_count++;
        break;
    case HELD_OVER:
        TAILQ_INSERT_TAIL(&w->over, h, link);
        w->over_count++;
        break;
    case HELD_ENDING: w->ending_count++; break;
    }
}

void held_free(struct worker *w, struct held *h)
{
    held_unlink(w, h);
    finish_forget(w, h);
    if (h->raw_len > LARGE_BYTES) w->must_trim = true;
    message_free(&h->m);
    outcome_free(&h->outcome);
    free(h->raw);
    free(h);
}

bool held_is_running(const struct held *h)
{
    return h->state == HELD_SENT && (uint32_t)atomic_load(&h->runner->shared->word) == h->seq;
}

struct held *held_by_tag(struct worker *w, const char *tag)
{
    struct held *h;
    TAILQ_FOREACH(h, &w->ready, link)
    if (strcmp(h->tag, tag) == 0) return h;
    TAILQ_FOREACH(h, &w->over, link)
    if (strcmp(h->tag, tag) == 0) return h;
    for (int i = 0; i < RUNNERS_MAX; i++)
        if (w->pool.runners[i].pid) {
            TAILQ_FOREACH(h, &w->pool.runners[i].sent, link)
            if (strcmp(h->tag, tag) == 0) return h;
        }
    return NULL;
}
