/* Ends revoked tasks: those that wait as REVOKED, those that run by a stop when asked. */
#include "services/worker/monitor/revoke.h"

#include <string.h>

#include "conf/log.h"
#include "ipc/queue/queue.h"
#include "services/worker/delivery.h"
#include "services/worker/events/events.h"
#include "services/worker/dispatch/limits.h"
#include "services/worker/settle/outcome.h"
#include "services/worker/runners/runners.h"
#include "services/worker/dispatch/revoked.h"
#include "services/worker/dispatch/stamped.h"

static bool is_named(const struct delivery *d, const char *const *ids, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (d->m.id && strcmp(d->m.id, ids[i]) == 0) return true;
    return false;
}

static void on_noted(void *arg, const struct redis_answer *answer)
{
    struct worker *w = arg;
    if (answer->fault != REDIS_FINE) {
        if (answer->fault != REDIS_LOST && answer->fault != REDIS_CLOSED)
            log_warning("a revoke cannot be kept in Redis: %s", answer->text);
        return;
    }
    if (answer->reply->type != REDIS_REPLY_ARRAY || !w->events) return;
    for (size_t i = 0; i < answer->reply->elements; i++) events_revoked_id(w, answer->reply->element[i]->str);
    if (answer->reply->elements > 0)
        log_info("%zu tasks that waited for their time are revoked", answer->reply->elements);
}

static void end_ready(struct worker *w, const char *const *ids, size_t count)
{
    struct delivery *d, *next;
    for (d = TAILQ_FIRST(deliveries_in(w, DELIVERY_READY)); d; d = next) {
        next = TAILQ_NEXT(d, link);
        if (is_named(d, ids, count)) outcome_revoked(w, d, "revoked");
    }
}

/* What waits in a runner behind another task is taken back into READY; true when one of them runs there. */
static bool find_running(struct worker *w, int slot, const char *const *ids, size_t count, bool terminate, int signal)
{
    struct delivery *d;
    TAILQ_FOREACH(d, deliveries_sent(w, slot), link)
        if (is_named(d, ids, count)) break;
    if (!d) return false;
    runners_take_back(w, slot);
    d = runners_running(w, slot);
    if (!d || !terminate || !is_named(d, ids, count)) return false;
    runners_cancel(w, d, CANCEL_REVOKED);
    if (signal == 9) runners_kill(w, slot, CANCEL_REVOKED);
    limits_watch(w);
    return true;
}

int revoke_apply(struct worker *w, const char *const *ids, size_t count, bool terminate, int signal)
{
    int running = 0;
    for (size_t i = 0; i < count; i++) revoked_add(w, ids[i]);
    queue_note_revoked(w->redis, &w->keys, conf_int(w->conf, SET_RESULT_EXPIRES), ids, count, on_noted, w);
    for (int i = 0; i < RUNNERS_MAX; i++) running += find_running(w, i, ids, count, terminate, signal);
    end_ready(w, ids, count);
    deliveries_changed(w);
    return running;
}

/* ---- by stamps ---- */
static void end_stamped(struct worker *w)
{
    struct delivery *d, *next;
    for (int i = 0; i < RUNNERS_MAX; i++) runners_take_back(w, i);
    for (d = TAILQ_FIRST(deliveries_in(w, DELIVERY_READY)); d; d = next) {
        next = TAILQ_NEXT(d, link);
        if (stamped_has(w, &d->m)) outcome_revoked(w, d, "revoked");
    }
    deliveries_changed(w);
}

int revoke_stamps(struct worker *w, const cJSON *headers, bool terminate, int signal)
{
    const cJSON *one;
    int running = 0;
    cJSON_ArrayForEach(one, headers) {
        if (one->string) stamped_add(w, one->string, one);
    }
    end_stamped(w);
    for (int i = 0; i < RUNNERS_MAX && terminate; i++) {
        struct delivery *d = runners_running(w, i);
        if (!d || !stamped_has(w, &d->m)) continue;
        runners_cancel(w, d, CANCEL_REVOKED);
        if (signal == 9) runners_kill(w, i, CANCEL_REVOKED);
        running++;
    }
    if (running > 0) limits_watch(w);
    return running;
}

static void on_fresh(struct worker *w, const char *const *ids, size_t count)
{
    for (int i = 0; i < RUNNERS_MAX; i++) find_running(w, i, ids, count, false, 0);
    end_ready(w, ids, count);
}

#define HEARD_MAX 10000

void revoke_hear(struct worker *w, const cJSON *ids)
{
    const char *list[HEARD_MAX];
    size_t count = 0;
    const cJSON *item;
    if (!cJSON_IsObject(ids)) return;
    cJSON_ArrayForEach(item, ids)
        if (count < HEARD_MAX && item->string && item->string[0] && !revoked_has(w, item->string))
            list[count++] = item->string;
    if (count > 0) revoke_apply(w, list, count, false, 0);
}

void revoke_catch_up(struct worker *w)
{
    if (!redis_is_up(w->redis)) return;
    revoked_load(w, on_fresh);
    stamped_load(w, end_stamped);
}
