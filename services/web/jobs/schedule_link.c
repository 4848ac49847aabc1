/* The schedule as web shows it: entries by the configuration, last runs and pauses by Redis. See schedule_link.h. */
#include "services/web/jobs/schedule_link.h"

#include <stdio.h>

#include "conf/clock.h"
#include "conf/text/json.h"
#include "ipc/queue/queue.h"
#include "services/schedule/schedule.h"
#include "services/web/http/reply.h"

struct schedule_look {
    struct req *r;
    schedule_link_fn then;
};

static void add_time(cJSON *to, const char *name, double unix_ms)
{
    char text[CLOCK_TEXT_SIZE];
    if (unix_ms > 0) cJSON_AddStringToObject(to, name, clock_iso_ms((int64_t)unix_ms, text));
}

/* When it is due next: an entry that is due already, at its beat's next look, which is now. */
static double next_ms(const struct schedule_entry *e, int64_t now_ms)
{
    struct tick_verdict v = schedule_judge(e, now_ms);
    return (double)(v.due == DUE_NOT ? v.next_ms : now_ms);
}

/* By the schedule, or by whoever had it run later. */
static void add_last(cJSON *out, const struct schedule_entry *e, const cJSON *marks)
{
    bool is_noted = json_member(json_member(marks, "noted"), e->name) != NULL; /* and was not sent */
    const cJSON *by_hand = json_member(json_member(marks, "by_hand"), e->name);
    double by_hand_ms = json_number(by_hand, "since_ms", 0);
    if (by_hand_ms > 0 && (is_noted || by_hand_ms > (double)e->last_ms)) {
        add_time(out, "last_run", by_hand_ms);
        cJSON_AddStringToObject(out, "last_run_by", json_text(by_hand, "by") ? json_text(by_hand, "by") : "");
    } else {
        add_time(out, is_noted ? "no_run_since" : "last_run", (double)e->last_ms);
    }
}

static cJSON *entry_json(const struct conf *conf, struct schedule_entry *e, const cJSON *marks)
{
    char last[40];
    double last_ms = json_number(json_member(marks, "runs"), e->name, 0);
    const cJSON *pause = json_member(json_member(marks, "paused"), e->name);
    cJSON *out = cJSON_CreateObject();
    snprintf(last, sizeof last, "%.0f", last_ms);
    schedule_set_last(e, last_ms > 0 ? last : NULL);
    cJSON_AddStringToObject(out, "name", e->name);
    cJSON_AddStringToObject(out, "task", e->task);
    cJSON_AddStringToObject(out, "queue", e->queue);
    cJSON_AddStringToObject(out, "setting", settings[e->setting].env);
    if (e->every_ms > 0)
        cJSON_AddNumberToObject(out, "every_s", (double)e->every_ms / 1000);
    else
        cJSON_AddStringToObject(out, "crontab", conf_str(conf, e->setting));
    add_last(out, e, marks);
    cJSON_AddBoolToObject(out, "is_paused", pause != NULL);
    if (pause) {
        cJSON_AddStringToObject(out, "paused_by", json_text(pause, "by") ? json_text(pause, "by") : "");
        add_time(out, "paused_since", json_number(pause, "since_ms", 0));
    } else {
        add_time(out, "next_run", next_ms(e, wall_ms()));
    }
    return out;
}

static void on_marks(void *arg, const cJSON *marks, const struct err *err)
{
    struct schedule_look *look = arg;
    struct req *r = look->r;
    struct schedule schedule;
    struct err fault = {0};
    if (err || schedule_from_conf(r->web->conf, &schedule, &fault) != 0) {
        look->then(r, NULL, err ? err : &fault);
        return;
    }
    cJSON *out = cJSON_CreateObject();
    if (json_text(marks, "leader")) cJSON_AddStringToObject(out, "leader", json_text(marks, "leader"));
    cJSON *entries = cJSON_AddArrayToObject(out, "entries");
    for (int i = 0; i < schedule.count; i++)
        cJSON_AddItemToArray(entries, entry_json(r->web->conf, &schedule.entries[i], marks));
    look->then(r, out, NULL);
}

void schedule_link_look(struct req *r, schedule_link_fn then)
{
    struct err err = {0};
    struct schedule_look *look = req_alloc(r, sizeof *look);
    *look = (struct schedule_look){.r = r, .then = then};
    if (queue_marks(r->web->queue, NULL, on_marks, look, &err) < 0) then(r, NULL, &err);
}
