/* When a process is in a lull is seen by the processor time that it takes: no room has to say that it is busy. Under a
 * steady load nothing is given back, since it would be fetched again at once. */
#include "services/lull.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <time.h>

#include "conf/machine/trim.h"

#define FIRST_MS 500    /* after the start: connections are there, what was asked at once is answered */
#define LOOK_MS  10000  /* between two looks */
#define QUIET_US 100000 /* in between: less is a lull */
#define WORTH_US 100000 /* since the last time: less has not touched much */

struct lull {
    struct event *timer;
    int64_t seen_us, given_us; /* processor time at the last look, and when it was last given back */
    bool is_settled;           /* there was a lull since the start, however slow that was */
};

static int64_t processor_us(void)
{
    struct timespec used = {0};
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used);
    return (int64_t)used.tv_sec * 1000000 + used.tv_nsec / 1000;
}

static void look_in(struct lull *lull, int64_t ms)
{
    event_add(lull->timer, &(struct timeval){.tv_sec = ms / 1000, .tv_usec = ms % 1000 * 1000});
}

static void on_timer(evutil_socket_t fd, short what, void *arg)
{
    (void)fd, (void)what;
    struct lull *lull = arg;
    int64_t now = processor_us();
    bool is_first = lull->seen_us == 0, is_quiet = !is_first && now - lull->seen_us < QUIET_US;
    if (is_first || (is_quiet && (!lull->is_settled || now - lull->given_us > WORTH_US))) {
        trim();
        lull->given_us = now;
    }
    lull->is_settled = lull->is_settled || is_quiet;
    lull->seen_us = now;
    look_in(lull, LOOK_MS);
}

struct lull *lull_new(struct event_base *base)
{
    struct lull *lull = calloc(1, sizeof *lull);
    if (!lull) return NULL;
    lull->timer = evtimer_new(base, on_timer, lull);
    if (!lull->timer) {
        free(lull);
        return NULL;
    }
    look_in(lull, FIRST_MS);
    return lull;
}

void lull_free(struct lull *lull)
{
    if (!lull) return;
    event_free(lull->timer);
    free(lull);
}
