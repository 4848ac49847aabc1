/* Judges each message of a fetched page: malformed, revoked, expired, too early, or ready to run. */
#include "services/worker/dispatch/intake.h"

#include <stdlib.h>
#include <string.h>

#include "conf/clock.h"
#include "conf/log.h"
#include "services/worker/events/events.h"
#include "services/worker/settle/handback.h"
#include "services/worker/settle/outcome.h"
#include "services/worker/dispatch/revoked.h"
#include "services/worker/dispatch/stamped.h"

#define EARLY_US    2000 /* an eta this near runs now */
#define PLACE_WIDTH 3    /* list, queue, how many messages came from it */

enum { PAGE_DUE, PAGE_PAUSED, PAGE_OTHER, PAGE_LEFT, PAGE_PLACES, PAGE_HISTORIES, PAGE_MESSAGES, PAGE_WIDTH };

static const int types[PAGE_WIDTH] = {
    [PAGE_DUE] = REDIS_REPLY_INTEGER,   [PAGE_PAUSED] = REDIS_REPLY_INTEGER, [PAGE_OTHER] = REDIS_REPLY_STRING,
    [PAGE_LEFT] = REDIS_REPLY_INTEGER,  [PAGE_PLACES] = REDIS_REPLY_ARRAY,   [PAGE_HISTORIES] = REDIS_REPLY_ARRAY,
    [PAGE_MESSAGES] = REDIS_REPLY_ARRAY};

static bool are_texts(const redisReply *list)
{
    for (size_t i = 0; i < list->elements; i++)
        if (list->element[i]->type != REDIS_REPLY_STRING) return false;
    return true;
}

/* As many messages as came from the places. */
static bool are_places(const redisReply *places, size_t messages)
{
    if (places->elements % PLACE_WIDTH != 0) return false;
    for (size_t i = 0; i < places->elements; i++) {
        const redisReply *one = places->element[i];
        bool is_number = i % PLACE_WIDTH == PLACE_WIDTH - 1;
        if (one->type != (is_number ? REDIS_REPLY_INTEGER : REDIS_REPLY_STRING)) return false;
        if (is_number && (one->integer < 1 || (size_t)one->integer > messages)) return false;
        if (is_number) messages -= (size_t)one->integer;
    }
    return messages == 0;
}

bool page_read(const redisReply *reply, struct page *out)
{
    if (reply->type != REDIS_REPLY_ARRAY || reply->elements != PAGE_WIDTH) return false;
    for (int i = 0; i < PAGE_WIDTH; i++)
        if (reply->element[i]->type != types[i]) return false;
    *out = (struct page){.due_ms = reply->element[PAGE_DUE]->integer,
                         .paused = reply->element[PAGE_PAUSED]->integer,
                         .other = reply->element[PAGE_OTHER]->str,
                         .has_left = reply->element[PAGE_LEFT]->integer != 0,
                         .count = reply->element[PAGE_MESSAGES]->elements,
                         .places = reply->element[PAGE_PLACES],
                         .histories = reply->element[PAGE_HISTORIES],
                         .messages = reply->element[PAGE_MESSAGES]};
    bool is_whole = out->histories->elements == 0 || out->histories->elements == out->count;
    return is_whole && are_texts(out->histories) && are_texts(out->messages) && are_places(out->places, out->count);
}

const char *page_last_queue(const struct page *page)
{
    return page->places->element[page->places->elements - PLACE_WIDTH + 1]->str;
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
        if (d->m.eta_us > now + EARLY_US && !d->is_timed) outcome_later(w, d, (d->m.eta_us - now) / 1000);
    }
}

static void take(struct worker *w, const struct fetched *f)
{
    struct err err = {0};
    struct delivery *d = delivery_new(w, f, &err);
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

void intake_take(struct worker *w, const struct page *page, const char *epoch, int64_t tag)
{
    char text[96];
    if (page->count > 0 && strcmp(epoch, w->epoch) != 0) {
        log_info("%zu messages came after this worker had lost them: they are left to whoever has them", page->count);
        return;
    }
    size_t at = 0;
    for (size_t i = 0; i < page->places->elements; i += PLACE_WIDTH) {
        redisReply *const *place = page->places->element + i;
        for (long long n = place[2]->integer; n > 0; n--, at++) {
            const redisReply *raw = page->messages->element[at];
            snprintf(text, sizeof text, "%s.%lld", epoch, (long long)tag + (long long)at);
            struct fetched f = {.tag = text,
                                .list = place[0]->str,
                                .queue = place[1]->str,
                                .history = page->histories->elements > 0 ? page->histories->element[at]->str : "",
                                .raw = raw->str,
                                .len = (size_t)raw->len};
            take(w, &f);
        }
    }
}
