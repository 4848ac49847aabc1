/* Puts the words of a call of handback.lua together, and empties a worker that is gone page by page. */
#include "services/worker/settle/handback_call.h"

#include <stdlib.h>
#include <string.h>

void handback_call_begin(struct worker *w, struct script_call *c, const char *owner, bool is_dead)
{
    static const char *const names[] = {KEY_UNACKED,       KEY_UNACKED_INDEX, KEY_HELD,
                                        KEY_HISTORY,       KEY_SCHEDULED,     KEY_SCHEDULED_MESSAGES,
                                        KEY_SCHEDULED_IDS, KEY_WORKERS,       KEY_REGISTERED};
    script_call_keys(c, &w->keys, names, 9, 1u << 2, owner);
    script_call_copy(c, is_dead ? owner : "");
    script_call_number(c, conf_int(w->conf, SET_TASK_MAX_DELIVERIES));
}

void handback_call_add(struct script_call *c, const char *tag, const char *list, char counts, int64_t delay_ms,
                       bool is_known)
{
    char letter[2] = {counts, '\0'};
    script_call_copy(c, tag);
    script_call_number(c, script_call_key(c, list));
    script_call_copy(c, letter);
    script_call_number(c, delay_ms);
    script_call_text(c, is_known ? "1" : "0");
}

struct emptying {
    struct worker *worker;
    int pages;
    int64_t back;
    bool has_failed;
    void (*fn)(struct worker *w, int64_t back);
};

static void page_done(struct emptying *e)
{
    if (--e->pages > 0) return;
    e->fn(e->worker, e->has_failed ? -1 : e->back);
    free(e);
}

static void on_page(void *arg, const struct redis_answer *answer)
{
    struct emptying *e = arg;
    if (answer->fault == REDIS_FINE && answer->reply->type == REDIS_REPLY_ARRAY && answer->reply->elements == 2)
        e->back += answer->reply->element[0]->integer;
    else
        e->has_failed = true;
    page_done(e);
}

/* The mark of a held message: it had not started, it ran beside others, it ran alone. */
static char count_of(char mark)
{
    return mark == '1' ? 'w' : mark == '2' ? 'a' : '0';
}

void handback_all_of(struct worker *w, const char *owner, const redisReply *held, bool counts,
                     void (*fn)(struct worker *w, int64_t back))
{
    struct emptying *e = calloc(1, sizeof *e);
    size_t i = 0;
    if (!e) {
        fn(w, -1);
        return;
    }
    *e = (struct emptying){.worker = w, .pages = 1, .fn = fn};
    do {
        struct script_call c = {0};
        handback_call_begin(w, &c, owner, true);
        for (int k = 0; k < BATCH_MAX && i + 1 < held->elements; k++, i += 2) {
            const char *value = held->element[i + 1]->str;
            if (!value[0]) continue;
            handback_call_add(&c, held->element[i]->str, value + 1, counts ? count_of(value[0]) : '0', 0, false);
        }
        e->pages++;
        if (script_call_run(&c, w->redis, "handback", on_page, e) == 0) continue;
        e->pages--;
        e->has_failed = true;
        break;
    } while (i + 1 < held->elements);
    page_done(e);
}
