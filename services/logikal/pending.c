/* The jobs that wait for a session. A job that met a lock is postponed: nobody takes it while there is another one that
 * could be done, nor at once. */
#include "conf/clock.h"
#include "services/logikal/client_internal.h"

#define BACKOFF_BASE_MS 100
#define BACKOFF_CAP_MS  5000
#define POSTPONED_MS    1000

void pending_add(struct logikal *l, struct logikal_job *job)
{
    job->next = NULL;
    *l->pending_end = job;
    l->pending_end = &job->next;
    l->pending_count++;
}

void logikal_submit(struct logikal *l, struct logikal_job *job)
{
    job->effort = (struct logikal_effort){0};
    backoff_init(&job->effort.backoff, BACKOFF_BASE_MS, BACKOFF_CAP_MS);
    job->is_opened = dispatch_is_opened(l, job);
    pending_add(l, job);
}

struct logikal_job *pending_take(struct logikal *l, struct logikal_job **link)
{
    struct logikal_job *job = *link;
    *link = job->next;
    if (l->pending_end == &job->next) l->pending_end = link;
    job->next = NULL;
    l->pending_count--;
    return job;
}

bool pending_is_ready(const struct logikal_job *job)
{
    return !job->effort.is_postponed;
}

void pending_postpone(struct logikal *l, const struct place *locked)
{
    int64_t then_ms = mono_ms() + POSTPONED_MS;
    for (struct logikal_job *job = l->pending; job; job = job->next) {
        if (!place_contains(locked, &job->place)) continue;
        job->effort.is_postponed = job->effort.is_second_round = true;
        job->effort.not_before_ms = then_ms;
    }
}

void pending_wake(struct logikal *l)
{
    int64_t now_ms = mono_ms(), first_ms = INT64_MAX;
    if (l->running_count) return;
    for (const struct logikal_job *job = l->pending; job; job = job->next) {
        if (pending_is_ready(job)) return;
        if (job->effort.not_before_ms < first_ms) first_ms = job->effort.not_before_ms;
    }
    if (first_ms > now_ms) return;
    for (struct logikal_job *job = l->pending; job; job = job->next) job->effort.is_postponed = false;
}

/* Those inside a place, in their order. */
static struct logikal_job *take_inside(struct logikal *l, const struct place *inside)
{
    struct logikal_job *taken = NULL, **end = &taken;
    for (struct logikal_job **link = &l->pending; *link;) {
        if (inside && !place_contains(inside, &(*link)->place)) {
            link = &(*link)->next;
            continue;
        }
        *end = pending_take(l, link);
        end = &(*end)->next;
    }
    return taken;
}

void pending_fail(struct logikal *l, const struct place *inside, enum err_code code, const char *text)
{
    do {
        struct logikal_job *failed = take_inside(l, inside);
        while (failed) { /* apart from the list, since done may submit others */
            struct logikal_job *job = failed;
            failed = job->next;
            if (code != ERR_CANCELLED) l->stats.failures++;
            job->done(job, &(struct logikal_outcome){.code = code, .text = text});
        }
    } while (!inside && l->pending);
}

void logikal_drop_pending(struct logikal *l)
{
    pending_fail(l, NULL, ERR_CANCELLED, "not needed any more");
}
