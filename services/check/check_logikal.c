/* Logikal as the pre-flight sees it: the login works, the root can be listed, and how long that takes. */
#include <inttypes.h>
#include <stdlib.h>

#include "conf/clock.h"
#include "services/check/check_internal.h"
#include "services/logikal/client.h"

#define LOGIKAL_TIMEOUT_MS 15000 /* a login alone may take five seconds; less than a report waits for its parts */

struct logikal_check {
    struct logikal_job job;
    struct logikal *client;
    struct check_line *line;
    int64_t start_ms;
    int directories;
};

static bool is_late(void *arg)
{
    const struct logikal_check *p = arg;
    return mono_ms() - p->start_ms > LOGIKAL_TIMEOUT_MS;
}

static bool on_directory(struct logikal_job *job, const char *text, size_t len)
{
    (void)text, (void)len;
    struct logikal_check *p = job->arg;
    p->directories++;
    return true;
}

static void on_restart(struct logikal_job *job)
{
    struct logikal_check *p = job->arg;
    p->directories = 0;
}

static void on_done(struct logikal_job *job, struct logikal_outcome *outcome)
{
    struct logikal_check *p = job->arg;
    int64_t took = mono_ms() - p->start_ms;
    if (outcome->code == ERR_NONE)
        check_say(p->line, CHECK_OK, "logged in, and %d directories listed, in %" PRId64 " ms", p->directories, took);
    else if (outcome->code == ERR_CANCELLED && logikal_stats(p->client)->last_fault[0])
        check_say(p->line, CHECK_FAILED, "given up after %d s: %s", LOGIKAL_TIMEOUT_MS / 1000,
                  logikal_stats(p->client)->last_fault);
    else if (outcome->code == ERR_CANCELLED)
        check_say(p->line, CHECK_FAILED,
                  "no answer within %d s: is LOGIKAL_API_BASE_URL right and reachable from here?",
                  LOGIKAL_TIMEOUT_MS / 1000);
    else
        check_say(p->line, CHECK_FAILED, "%s", outcome->text);
}

void check_logikal(const struct conf *conf, struct check_line *line)
{
    if (!conf_is_set(conf, SET_LOGIKAL_URL)) {
        check_say(line, CHECK_WARNING, "LOGIKAL_API_BASE_URL is not set: what is stored is served, nothing is synced");
        return;
    }
    static const enum sideways nothing_known[LEVEL_COUNT];
    struct err err = {0};
    struct logikal_check probe = {.line = line, .start_ms = mono_ms()};
    struct logikal_hooks hooks = {.is_cancelled = is_late, .arg = &probe};
    struct logikal *client = logikal_new(conf, &hooks, nothing_known, &err);
    if (!client) {
        check_say(line, CHECK_FAILED, "%s", err.text);
        return;
    }
    probe.job = (struct logikal_job){
        .kind = JOB_DIRECTORIES, .element = on_directory, .restart = on_restart, .done = on_done, .arg = &probe};
    probe.client = client;
    logikal_submit(client, &probe.job);
    if (logikal_run(client, &err) != 0 && line->verdict == CHECK_OK) check_say(line, CHECK_FAILED, "%s", err.text);
    logikal_free(client);
}
