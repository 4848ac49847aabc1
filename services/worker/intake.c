/* Judges each message of a fetched page: malformed, revoked, expired, too early, or ready to run. */
#include "services/worker/intake.h"

#include <stdlib.h>
#include <string.h>

#include "conf/clock.h"
#include "conf/log.h"
#include "services/worker/events.h"
#include "services/worker/handback.h"
#include "services/worker/outcome.h"
#include "services/worker/revoked.h"
#include "services/worker/stamped.h"

#define EARLY_US   2000 /* an eta this near runs now */
#define PAGE_HEAD  4    /* elements before the messages */
#define PAGE_WIDTH 5

bool page_read(const redisReply *reply, struct page *out)
{
    if (reply->type != REDIS_REPLY_ARRAY || reply->elements < PAGE_HEAD) return false;
    if ((reply->elements - PAGE_HEAD) % PAGE_WIDTH != 0) return false;
    for (size_t i = 0; i < reply->elements; i++) {
        bool is_number = i < PAGE_HEAD && i != 2;
        if (reply->element[i]->type != (is_number ? REDIS_REPLY_INTEGER : REDIS_REPLY_STRING)) return false;
    }
    *out = (struct page){.due_ms = reply->element[0]->integer,
                         .paused = reply->element[1]->integer,
                         .other = reply->element[2]->str,
                         .has_left = reply->element[3]->integer != 0,
                         .count = (reply->elements - PAGE_HEAD) / PAGE_WIDTH,
                         .reply = reply};
    return true;
}

const char *page_last_queue(const struct page *page)
{
    return page->reply->element[page->reply->elements - PAGE_WIDTH + 2]->str;
}

static void judge(struct worker *w, struct delivery *d)
{
    int64_t now = wall_us();
    int most = (int)conf_int(w->conf, SET_TASK_MAX_DELIVERIES);
    if (!d->def) {
        outcome_unknown(w, d);
    } else if (revoked_has(w, d->m.id) || stamped_has(w, &d->m)) {
        outcome_revoked(w, d, "revoked");
    } else if (d->m.expires_us && d->m.expires_us <= now) {
        outcome_revoked(w, d, "expired");
    } else if (d->deliveries > most) {
        outcome_lost(w, d, d->deliveries - 1);
    } else {
        if (!d->is_known) events_task(w, EVENT_RECEIVED, d, NULL, NULL, 0);
        d->is_known = d->is_known || events_have_listeners(w);
        if (d->m.eta_us > now + EARLY_US) outcome_later(w, d, (d->m.eta_us - now) / 1000);
    }
}

static void take(struct worker *w, redisReply *const *e)
{
    struct err err = {0};
    struct fetched f = {.tag = e[0]->str,
                        .list = e[1]->str,
                        .queue = e[2]->str,
                        .history = e[3]->str,
                        .raw = e[4]->str,
                        .len = (size_t)e[4]->len};
    struct delivery *d = delivery_new(w, &f, &err);
    if (!d || err.code == ERR_NOMEM) {
        log_critical("%s", err.text);
        abort(); /* it is in Redis with this worker's name on it: the successor takes it */
    }
    if (w->is_stopping)
        handback_return(w, d, "it came after the worker was told to stop");
    else if (err.code != ERR_NONE)
        outcome_malformed(w, d, err.text);
    else
        judge(w, d);
}

void intake_take(struct worker *w, const struct page *page, const char *epoch)
{
    if (page->count > 0 && strcmp(epoch, w->epoch) != 0) {
        log_info("%zu messages came after this worker had lost them: they are left to whoever has them", page->count);
        return;
    }
    for (size_t i = 0; i < page->count; i++) take(w, page->reply->element + PAGE_HEAD + i * PAGE_WIDTH);
}
