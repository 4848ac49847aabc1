/* The schedule: see schedule.h. Adding a scheduled task means adding a row here. */
#include "services/schedule/schedule.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#define CLOCK_SLACK_MS 2000
#define HOUR_MS        3600000
#define QUEUE          "scheduler"
#define SCHEDULER      "tasks.scheduler_tasks."

static void add_interval(struct schedule *s, const struct conf *conf, const char *name, const char *task,
                         enum setting_id seconds)
{
    int64_t every_ms = conf_int(conf, seconds) * 1000;
    if (every_ms <= 0) return;
    int64_t expires_ms = every_ms * 9 / 10;
    s->entries[s->count++] = (struct schedule_entry){.name = name,
                                                     .task = task,
                                                     .queue = QUEUE,
                                                     .setting = seconds,
                                                     .every_ms = every_ms,
                                                     .expires_ms = expires_ms < 1000 ? 1000 : expires_ms};
}

static int add_crontab(struct schedule *s, const struct conf *conf, const char *name, const char *task,
                       enum setting_id when, struct err *err)
{
    struct schedule_entry e = {.name = name, .task = task, .queue = QUEUE, .setting = when, .expires_ms = HOUR_MS};
    if (!conf_is_set(conf, when)) return 0;
    int rc = crontab_parse(conf_str(conf, when), &e.crontab, err);
    if (rc)
        err_prefix(err, "%s", settings[when].env);
    else
        s->entries[s->count++] = e;
    return rc;
}

int schedule_from_conf(const struct conf *conf, struct schedule *out, struct err *err)
{
    out->count = 0;
    add_interval(out, conf, "smart-sync-scheduler", SCHEDULER "smart_sync_scheduler", SET_SYNC_INTERVAL);
    add_interval(out, conf, "system-health-monitor", SCHEDULER "system_health_monitor", SET_BEAT_HEALTH);
    add_interval(out, conf, "deliver-webhooks", "tasks.feed_tasks.deliver_webhooks", SET_WEBHOOK_TICK);
    int rc = add_crontab(out, conf, "cleanup-old-tasks", SCHEDULER "cleanup_old_tasks", SET_BEAT_CLEANUP, err);
    if (rc == 0) rc = add_crontab(out, conf, "hourly-smart-sync", SCHEDULER "hourly_smart_sync", SET_BEAT_HOURLY, err);
    return rc;
}

/* Only a whole number of milliseconds of this age of the world is a time; whatever else stands there counts as none,
 * and is replaced by the next run. A text that is too long to be one is kept as its beginning, which beat.lua compares
 * with. */
void schedule_set_last(struct schedule_entry *e, const char *text)
{
    char *end = NULL;
    snprintf(e->last, sizeof e->last, "%s", text ? text : "");
    errno = 0;
    long long ms = strtoll(e->last, &end, 10);
    bool is_time = e->last[0] && *end == '\0' && errno == 0 && ms > 0 && ms < 253402300800000;
    e->last_ms = is_time ? ms : 0;
}

static struct tick_verdict judge_interval(const struct schedule_entry *e, int64_t now_ms)
{
    int64_t due_ms = e->last_ms + e->every_ms;
    if (e->last_ms == 0 || e->last_ms > now_ms + CLOCK_SLACK_MS)
        return (struct tick_verdict){.due = DUE_FIRE, .run_ms = now_ms};
    if (now_ms < due_ms) return (struct tick_verdict){.due = DUE_NOT, .next_ms = due_ms};
    /* On time: keep the rhythm. Late by more than a run: start anew from now. */
    return (struct tick_verdict){.due = DUE_FIRE, .run_ms = now_ms - due_ms < e->every_ms ? due_ms : now_ms};
}

static struct tick_verdict judge_crontab(const struct schedule_entry *e, int64_t now_ms)
{
    if (e->last_ms == 0 || e->last_ms > now_ms + CLOCK_SLACK_MS)
        return (struct tick_verdict){.due = DUE_NOTE, .run_ms = now_ms};
    int64_t next_s = crontab_next(&e->crontab, e->last_ms / 1000);
    if (next_s < 0) return (struct tick_verdict){.due = DUE_NOT, .next_ms = now_ms + HOUR_MS};
    if (now_ms < next_s * 1000) return (struct tick_verdict){.due = DUE_NOT, .next_ms = next_s * 1000};
    return (struct tick_verdict){.due = DUE_FIRE, .run_ms = now_ms};
}

struct tick_verdict schedule_judge(const struct schedule_entry *e, int64_t now_ms)
{
    return e->every_ms > 0 ? judge_interval(e, now_ms) : judge_crontab(e, now_ms);
}
