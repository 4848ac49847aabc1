/* Starts and ends runners: a number that is set, or one that follows the load. */
#include "services/worker/runners/scale.h"

#include <stdlib.h>

#include "conf/clock.h"
#include "conf/log.h"
#include "services/worker/delivery.h"
#include "services/worker/runners/runners.h"

#define IDLE_MS 30000

struct scale {
    struct event *timer;
    int least, most; /* most 0 = it is off */
    int64_t idle_since_ms;
};

bool scale_is_on(const struct worker *w)
{
    return w->scale->most > 0;
}

int scale_least(const struct worker *w)
{
    return w->scale->least;
}

int scale_most(const struct worker *w)
{
    return w->scale->most;
}

static int busy(struct worker *w)
{
    int count = 0;
    for (int i = 0; i < runners_size(w); i++) count += deliveries_sent_count(w, i) > 0;
    return count;
}

static void resize(struct worker *w, int size, const char *why)
{
    log_info("%d runners from now on: %s", size, why);
    runners_resize(w, size);
    w->scale->idle_since_ms = 0;
}

static void on_timer(evutil_socket_t fd, short what, void *arg)
{
    (void)fd, (void)what;
    struct worker *w = arg;
    struct scale *s = w->scale;
    int size = runners_size(w), working = busy(w);
    if (w->is_stopping) return;
    if (working >= size || size <= s->least) {
        s->idle_since_ms = 0;
        if (working >= size && size < s->most) resize(w, size + 1, "all are busy");
    } else if (s->idle_since_ms == 0) {
        s->idle_since_ms = mono_ms();
    } else if (mono_ms() - s->idle_since_ms >= IDLE_MS) {
        resize(w, size - 1, "some were idle");
    }
}

int scale_set(struct worker *w, int most, int least, struct err *err)
{
    struct scale *s = w->scale;
    int top = (int)conf_int(w->conf, SET_WORKER_CONCURRENCY_MAX);
    if (!scale_is_on(w)) return err_set(err, ERR_INPUT, "Autoscale not enabled: it is with WORKER_CONCURRENCY_MAX");
    if (most == 0) most = s->most;
    if (least == 0) least = s->least;
    if (least < 1 || most > top || least > most)
        return err_set(err, ERR_INPUT, "autoscale takes from 1 to %d runners (WORKER_CONCURRENCY_MAX), min below max",
                       top);
    s->most = most;
    s->least = least;
    int size = runners_size(w);
    if (size > most) resize(w, most, "asked for by remote control");
    if (size < least) resize(w, least, "asked for by remote control");
    return 0;
}

int scale_change(struct worker *w, int by, struct err *err)
{
    int size = runners_size(w) + by;
    if (scale_is_on(w))
        return err_set(err, ERR_INPUT, "%s is not supported with autoscale. Adjust autoscale range instead.",
                       by > 0 ? "pool_grow" : "pool_shrink");
    if (size < 1 || size > RUNNERS_MAX)
        return err_set(err, ERR_INPUT, "the pool may have from 1 to %d runners", RUNNERS_MAX);
    resize(w, size, "asked for by remote control");
    return 0;
}

int scale_open(struct worker *w, struct err *err)
{
    struct timeval tv = {.tv_sec = 1};
    struct scale *s = w->scale = calloc(1, sizeof *s);
    if (!s) return err_set(err, ERR_NOMEM, "no memory");
    s->least = runners_size(w);
    s->most = (int)conf_int(w->conf, SET_WORKER_CONCURRENCY_MAX);
    if (s->most == 0) return 0;
    if (s->most < s->least) s->most = s->least;
    s->timer = event_new(w->base, -1, EV_PERSIST, on_timer, w);
    return s->timer && event_add(s->timer, &tv) == 0 ? 0 : err_set(err, ERR_NOMEM, "no memory for a timer");
}

void scale_close(struct worker *w)
{
    struct scale *s = w->scale;
    if (!s) return;
    if (s->timer) event_free(s->timer);
    free(s);
    w->scale = NULL;
}
