/* See login_check.h. It is a client with one session that only visits the root. */
#include "services/logikal/login_check.h"

#include <stdbool.h>
#include <string.h>

#include "conf/clock.h"
#include "services/logikal/client.h"

#define TIME_MS 20000

struct probe {
    int64_t deadline_ms;
    struct logikal *client;
    struct err why;
};

static void on_done(struct logikal_job *job, struct logikal_outcome *outcome)
{
    struct probe *p = job->arg;
    if (outcome->code) err_set(&p->why, outcome->code, "%s", outcome->text);
}

static bool is_cancelled(void *arg)
{
    struct probe *p = arg;
    return mono_ms() > p->deadline_ms || logikal_stats(p->client)->retries > 0;
}

int logikal_login_check(const struct conf *conf, struct err *err)
{
    struct probe p = {.deadline_ms = mono_ms() + TIME_MS};
    const enum sideways unknown[LEVEL_COUNT] = {SIDEWAYS_UNKNOWN};
    const struct logikal_hooks hooks = {.is_cancelled = is_cancelled, .arg = &p};
    struct logikal_job visit = {.kind = JOB_VISIT, .done = on_done, .arg = &p};
    p.client = logikal_new(conf, &hooks, unknown, err);
    if (!p.client) return err_result(err);
    logikal_submit(p.client, &visit);
    int rc = logikal_run(p.client, err);
    logikal_free(p.client);
    if (rc == -ERR_CANCELLED) rc = err_set(err, ERR_UPSTREAM, "Logikal cannot be reached, or does not answer a login");
    return rc;
}
