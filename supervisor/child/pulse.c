/* Whether we were asleep: stopped, frozen with the container or the machine, or without a CPU for long. See pulse.h. */
#include "supervisor/child/pulse.h"

#include <inttypes.h>

#include "conf/clock.h"
#include "conf/log.h"
#include "ipc/notify.h"
#include "supervisor/child/child.h"
#include "supervisor/child/children.h"
#include "supervisor/child/recorder.h"

static void forgive(struct supervisor *s, int64_t slept_ms)
{
    struct child *c;
    int64_t now = mono_ms();
    CHILDREN_FOREACH(c, s) child_sleep_over(c, slept_ms, now);
    s->watched_ms += slept_ms;
    s->woken_ms = now;
    log_warning("we were asleep for %" PRId64 " ms (frozen, or without a CPU): nobody is judged by that time",
                slept_ms);
    recorder_say(s, "asleep", NULL, 0, "asleep for %" PRId64 " ms: frozen, or without a CPU", slept_ms);
    children_settle_soon(s);
}

static void look(struct supervisor *s)
{
    int64_t now = mono_ms(), since = now - s->pulse_ms;
    if (s->pulse_ms && since > PULSE_SLEPT_MS) {
        s->pulse_ms = now;
        forgive(s, since - PULSE_MS);
    }
}

static void on_beat(evutil_socket_t fd, short what, void *arg)
{
    struct supervisor *s = arg;
    (void)fd, (void)what;
    look(s);
    s->pulse_ms = mono_ms();
    if (s->outer_ping_ms > 0) notify_watchdog(); /* of whoever supervises us */
}

int pulse_open(struct supervisor *s, struct err *err)
{
    s->outer_ping_ms = notify_watchdog_interval_ms();
    int64_t beat = s->outer_ping_ms > 0 && s->outer_ping_ms < PULSE_MS ? s->outer_ping_ms : PULSE_MS;
    struct timeval every = {.tv_sec = beat / 1000, .tv_usec = beat % 1000 * 1000};
    s->pulse_ms = mono_ms();
    s->pulse = event_new(s->base, -1, EV_PERSIST, on_beat, s);
    if (!s->pulse || event_add(s->pulse, &every) != 0) return err_set(err, ERR_NOMEM, "no memory for the pulse");
    return 0;
}

void pulse_close(struct supervisor *s)
{
    if (s->pulse) event_free(s->pulse);
    s->pulse = NULL;
}

bool pulse_slept_since(struct supervisor *s, int64_t since_ms)
{
    look(s);
    return s->woken_ms >= since_ms && s->woken_ms > 0;
}
