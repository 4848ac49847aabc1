/* See ui_verdict.h. */
#include "services/web/ui/verdict.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#define DEPTH_MANY    1000
#define OLDEST_LATE_S 900

enum tone { TONE_OK, TONE_WARN, TONE_BAD, TONES };
static const char *const tone_names[] = {"ok", "warn", "bad"};

/* A list for each tone; they are joined in the end, the worst first. (Debian 12's cJSON_InsertItemInArray refuses to
 * insert anywhere but at the ends.) */
struct verdict_sum {
    cJSON *reasons[TONES];
};

static const cJSON *get(const cJSON *object, const char *key)
{
    return cJSON_GetObjectItemCaseSensitive(object, key);
}

static const char *text_of(const cJSON *object, const char *key)
{
    const char *text = cJSON_GetStringValue(get(object, key));
    return text ? text : "";
}

static double number_of(const cJSON *object, const char *key)
{
    const cJSON *item = get(object, key);
    return cJSON_IsNumber(item) ? item->valuedouble : 0;
}

/* The reason belongs to v. */
static cJSON *add(struct verdict_sum *v, enum tone tone, const char *advice, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));
static cJSON *add(struct verdict_sum *v, enum tone tone, const char *advice, const char *fmt, ...)
{
    char text[512];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    cJSON *reason = cJSON_CreateObject();
    cJSON_AddStringToObject(reason, "tone", tone_names[tone]);
    cJSON_AddStringToObject(reason, "text", text);
    if (*advice) cJSON_AddStringToObject(reason, "advice", advice);
    cJSON_AddItemToArray(v->reasons[tone], reason);
    return reason;
}

static void judge_stores(struct verdict_sum *v, const cJSON *stores)
{
    const cJSON *s;
    cJSON_ArrayForEach(s, stores) {
        const char *tone = text_of(s, "tone");
        if (strcmp(tone, "bad") == 0 || strcmp(tone, "warn") == 0)
            add(v, *tone == 'b' ? TONE_BAD : TONE_WARN, text_of(s, "advice"), "%s: %s", text_of(s, "name"),
                text_of(s, "text"));
    }
}

static void judge_children(struct verdict_sum *v, const cJSON *supervisor)
{
    const cJSON *c;
    if (cJSON_IsTrue(get(supervisor, "is_stale")))
        add(v, TONE_BAD, "Look at the container's log; restart the container when it does not come back.", "%s",
            text_of(supervisor, "note"));
    else if (cJSON_IsTrue(get(supervisor, "is_known")) && *text_of(supervisor, "note"))
        add(v, TONE_WARN, "Complete the configuration and reload.", "%s", text_of(supervisor, "note"));
    if (*text_of(supervisor, "reload_error"))
        add(v, TONE_WARN, "Correct it and reload again; until then the former configuration is in force.",
            "The last reload was refused: %s", text_of(supervisor, "reload_error"));
    cJSON_ArrayForEach(c, get(supervisor, "children")) {
        const char *state = text_of(c, "state"), *name = text_of(c, "name");
        if (strcmp(state, "crash-loop") == 0)
            add(v, TONE_BAD, "Its log below tells why; it is tried again by itself.", "%s ends again and again (%s)",
                name, text_of(c, "last_exit"));
        else if (strcmp(state, "stopped") == 0)
            add(v, TONE_WARN, "Start it on the System page.", "%s was stopped by hand", name);
        else if (strcmp(text_of(c, "tone"), "ok") != 0)
            add(v, strcmp(text_of(c, "tone"), "bad") == 0 ? TONE_BAD : TONE_WARN, "", "%s is %s", name, state);
    }
}

static void judge_pause(struct verdict_sum *v, const cJSON *queue)
{
    double depth = number_of(queue, "depth");
    cJSON *reason = add(v, TONE_WARN, "Nothing of it is run until it is resumed: here, or with logikald queue resume.",
                        "Queue %s was paused by %s; %.0f task%s in it", text_of(queue, "name"),
                        text_of(queue, "paused_by"), depth, depth == 1 ? " waits" : "s wait");
    cJSON_AddStringToObject(reason, "since", text_of(queue, "paused_since"));
    cJSON_AddStringToObject(reason, "queue", text_of(queue, "name"));
}

static void judge_queues(struct verdict_sum *v, const cJSON *queues, bool is_on)
{
    const cJSON *q;
    double waiting = 0;
    if (!queues) return;
    cJSON_ArrayForEach(q, get(queues, "queues")) {
        waiting += number_of(q, "depth");
        if (cJSON_IsTrue(get(q, "is_paused")))
            judge_pause(v, q);
        else if (number_of(q, "oldest_ms") > OLDEST_LATE_S * 1000.0)
            add(v, TONE_WARN, "More runners (WORKER_CONCURRENCY) or a longer interval would help.",
                "The next task of queue %s has waited for %.0f minutes", text_of(q, "name"),
                number_of(q, "oldest_ms") / 60000);
        else if (number_of(q, "depth") > DEPTH_MANY)
            add(v, TONE_WARN, "", "%.0f tasks wait in queue %s", number_of(q, "depth"), text_of(q, "name"));
    }
    if (number_of(queues, "workers") == 0 && (is_on || waiting > 0))
        add(v, is_on ? TONE_BAD : TONE_WARN,
            "Start one: on the System page, or as a component of its own (logikald worker).",
            is_on ? "No worker is there: nothing is synced" : "%.0f tasks wait and no worker is there", waiting);
    if (number_of(queues, "dead") > 0)
        add(v, TONE_WARN, "The Tasks page shows why, and can try them again.", "%.0f dead letter%s",
            number_of(queues, "dead"), number_of(queues, "dead") == 1 ? "" : "s");
}

static void judge_freshness(struct verdict_sum *v, const cJSON *intervals, bool is_on)
{
    const cJSON *i;
    char never[256] = "";
    cJSON_ArrayForEach(i, intervals) {
        const char *tone = text_of(i, "tone"), *name = text_of(i, "display_name");
        if (cJSON_IsTrue(get(i, "is_failed")))
            add(v, TONE_BAD, "It is tried again by itself; the sync log has the details.",
                "The last sync of %s failed: %s", name,
                *text_of(i, "last_error") ? text_of(i, "last_error") : "no reason was given");
        if (strcmp(tone, "stale") == 0)
            add(v, TONE_BAD,
                is_on ? "Sync it now, or see why the worker does not." : "Scheduled sync is off; sync it by hand.",
                "%s are older than their threshold of %.0f minutes", name, number_of(i, "staleness_threshold_minutes"));
        else if (strcmp(tone, "never") == 0 && strlen(never) + strlen(name) + 3 < sizeof never)
            snprintf(never + strlen(never), sizeof never - strlen(never), "%s%s", *never ? ", " : "", name);
    }
    if (*never)
        add(v, TONE_WARN, is_on ? "The scheduler does it." : "Sync them by hand.", "Never synced yet: %s", never);
}

static void judge_holds(struct verdict_sum *v, const cJSON *holds)
{
    const cJSON *h;
    cJSON_ArrayForEach(h, holds) {
        cJSON *reason =
            add(v, TONE_BAD,
                "They are served as before. Were they deleted there? Then apply it. Else bring them back, which "
                "releases the hold, or refuse it.",
                "Not believed to be gone (%s): %.0f directories, %.0f projects, %.0f phases and %.0f elevations "
                "are missing in Logikal",
                text_of(h, "reason"), number_of(h, "directories"), number_of(h, "projects"), number_of(h, "phases"),
                number_of(h, "elevations"));
        cJSON_AddStringToObject(reason, "since", text_of(h, "since"));
        cJSON_AddNumberToObject(reason, "hold", number_of(h, "id"));
        cJSON_AddItemToObject(reason, "missing", cJSON_Duplicate(get(h, "missing"), true));
    }
}

/* All reasons, the worst first, otherwise in the order of finding; *worst says of what tone the first one is. */
static cJSON *join(struct verdict_sum *v, enum tone *worst)
{
    cJSON *all = cJSON_CreateArray();
    *worst = TONE_OK;
    for (int tone = TONE_BAD; tone >= TONE_OK; tone--) {
        cJSON *each;
        if (v->reasons[tone]->child && *worst == TONE_OK) *worst = (enum tone)tone;
        while ((each = cJSON_DetachItemFromArray(v->reasons[tone], 0))) cJSON_AddItemToArray(all, each);
        cJSON_Delete(v->reasons[tone]);
    }
    return all;
}

cJSON *ui_verdict(const cJSON *data)
{
    cJSON *out = cJSON_CreateObject();
    struct verdict_sum v = {{cJSON_CreateArray(), cJSON_CreateArray(), cJSON_CreateArray()}};
    enum tone worst;
    const cJSON *gate = get(data, "switch"), *counts = get(data, "counts");
    bool is_on = cJSON_IsTrue(get(gate, "is_on"));
    judge_stores(&v, get(data, "stores"));
    judge_children(&v, get(data, "supervisor"));
    judge_queues(&v, get(data, "queues"), is_on);
    judge_holds(&v, get(data, "holds"));
    judge_freshness(&v, get(data, "intervals"), is_on);
    if (number_of(counts, "projects_failing") > 0)
        add(&v, TONE_WARN, "Their pages say why.", "%.0f project%s could not be synced completely",
            number_of(counts, "projects_failing"), number_of(counts, "projects_failing") == 1 ? "" : "s");
    if (number_of(counts, "unparsed") > 0)
        add(&v, TONE_WARN, "Their pages say why; parsing can be started again there.",
            "%.0f parts list%s could not be read", number_of(counts, "unparsed"),
            number_of(counts, "unparsed") == 1 ? "" : "s");
    cJSON *reasons = join(&v, &worst);
    cJSON_AddStringToObject(out, "tone", tone_names[worst]);
    cJSON_AddStringToObject(out, "text",
                            worst == TONE_OK     ? "All is well"
                            : worst == TONE_WARN ? "Working, with something to look at"
                                                 : "Something is wrong");
    cJSON_AddItemToObject(out, "reasons", reasons);
    return out;
}
