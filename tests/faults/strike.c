/* Staging and watching: see faults.h. One look at the verdict after the other; each lane goes from fault to fault. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "conf/clock.h"
#include "tests/faults/rows.h"
#include "tests/support/stage.h"

#define SHOWN_MS   700   /* a fault stays for so long after it was told: what else would be told of it comes to light */
#define FOREIGN_MS 20000 /* what nobody has staged may be there for so long: what ends and starts says so */
#define GREEN_S    90

enum stand { STAND_IDLE, STAND_STAGED, STAND_SHOWN, STAND_REMOVED };

static struct track {
    struct lane *lane;
    int at;
    enum stand stand;
    int64_t since_ms, deadline_ms; /* of this stand */
} tracks[16];

static struct foreign { /* problems that no fault of now explains */
    char key[200];
    int64_t first_ms, seen_ms;
} foreigners[16];

static struct fault *fault_of(const struct track *t)
{
    return t->stand == STAND_IDLE ? NULL : &t->lane->faults[t->at];
}

static const char *text(const cJSON *object, const char *key)
{
    const char *value = cJSON_GetStringValue(cJSON_GetObjectItem(object, key));
    return value ? value : "";
}

static bool belongs(const struct fault *f, const cJSON *problem)
{
    const char *cause = text(problem, "cause");
    return strstr(cause, f->says) || (f->also && strstr(cause, f->also));
}

/* The problem by which the fault is told. */
static const cJSON *told(const cJSON *verdict, const struct fault *f)
{
    const cJSON *p;
    cJSON_ArrayForEach(p, cJSON_GetObjectItem(verdict, "problems"))
        if (strstr(text(p, "cause"), f->says) && strcmp(text(p, "part"), f->part) == 0 &&
            strcmp(text(p, "severity"), f->state) == 0)
            return p;
    return NULL;
}

static int lines_of(const cJSON *verdict, const struct fault *f)
{
    const cJSON *p;
    int lines = 0;
    cJSON_ArrayForEach(p, cJSON_GetObjectItem(verdict, "problems")) lines += belongs(f, p);
    return lines;
}

static void fail_of(struct system *s, const struct fault *f, const char *what)
{
    world_tell(s);
    fail_msg("%s: %s (%s \"%s\" of %s)", f->what, what, f->state, f->says, f->part);
}

/* ---- what nobody has staged ---- */

static struct foreign *foreign_of(const char *key)
{
    struct foreign *oldest = foreigners;
    for (size_t i = 0; i < sizeof foreigners / sizeof *foreigners; i++) {
        struct foreign *f = &foreigners[i];
        if (strncmp(f->key, key, sizeof f->key - 1) == 0) return f;
        if (f->seen_ms < oldest->seen_ms) oldest = f;
    }
    snprintf(oldest->key, sizeof oldest->key, "%s", key);
    oldest->first_ms = oldest->seen_ms = 0;
    return oldest;
}

static bool is_staged(const cJSON *problem)
{
    for (struct track *t = tracks; t->lane; t++)
        if (fault_of(t) && belongs(fault_of(t), problem)) return true;
    return false;
}

static void check_foreigners(struct system *s, const cJSON *verdict)
{
    const cJSON *p;
    int64_t now = mono_ms();
    cJSON_ArrayForEach(p, cJSON_GetObjectItem(verdict, "problems")) {
        if (is_staged(p)) continue;
        struct foreign *f = foreign_of(text(p, "key"));
        if (now - f->seen_ms > 1000) f->first_ms = now;
        f->seen_ms = now;
        if (now - f->first_ms < FOREIGN_MS) continue;
        world_tell(s);
        for (struct track *t = tracks; t->lane; t++)
            if (fault_of(t)) print_message("staged: %s (%d)\n", fault_of(t)->what, t->stand);
        fail_msg("told, and nobody has staged it: %s: %s", f->key, text(p, "cause"));
    }
}

/* ---- a lane ---- */

static void stand(struct track *t, enum stand stand)
{
    t->stand = stand;
    int64_t most_s = stand == STAND_STAGED ? fault_of(t)->within_s : GREEN_S;
    t->deadline_ms = support_patience(most_s * 1000);
    t->since_ms = mono_ms();
}

static void begin(struct system *s, struct track *t)
{
    stand(t, STAND_STAGED);
    print_message("%8.3f %s\n", (double)mono_ms() / 1000, fault_of(t)->what);
    stage(s, fault_of(t)->stage);
}

static void watch_staged(struct system *s, struct track *t, const cJSON *verdict)
{
    struct fault *f = fault_of(t);
    const cJSON *p = told(verdict, f);
    double passed_s = (double)(mono_ms() - t->since_ms) / 1000;
    if (!p && support_late(t->deadline_ms)) fail_of(s, f, "not told in time");
    if (!p) return;
    f->red_s = passed_s;
    snprintf(f->cause, sizeof f->cause, "%s", text(p, "cause"));
    stand(t, STAND_SHOWN);
}

static void watch_shown(struct system *s, struct track *t, const cJSON *verdict)
{
    struct fault *f = fault_of(t);
    if (lines_of(verdict, f) > (f->also ? 2 : 1)) fail_of(s, f, "told more than once");
    if (mono_ms() - t->since_ms < SHOWN_MS) return;
    stage(s, f->remove);
    stand(t, STAND_REMOVED);
}

static void watch_removed(struct system *s, struct track *t, const cJSON *verdict)
{
    struct fault *f = fault_of(t);
    bool is_well = t->lane->is_alone ? strcmp(text(verdict, "state"), "fresh") == 0 : lines_of(verdict, f) == 0;
    if (is_well) {
        f->green_s = (double)(mono_ms() - t->since_ms) / 1000;
        f->is_done = true;
        print_message("%8.3f %s: told after %.1f s, well after %.1f s\n", (double)mono_ms() / 1000, f->what, f->red_s,
                      f->green_s);
        t->at++;
        stand(t, STAND_IDLE);
    } else if (support_late(t->deadline_ms)) {
        fail_of(s, f, "does not go by itself");
    }
}

static bool is_left_out(const struct fault *f, bool with_long)
{
    const char *only = getenv("FAULTS_ONLY");
    return (f->is_long && !with_long) || (only && !strstr(f->what, only));
}

/* False when all of it is done. */
static bool go_on(struct system *s, struct track *t, const cJSON *verdict, bool with_long)
{
    static void (*const watch[])(struct system *, struct track *, const cJSON *) = {
        [STAND_STAGED] = watch_staged, [STAND_SHOWN] = watch_shown, [STAND_REMOVED] = watch_removed};
    if (t->stand != STAND_IDLE) watch[t->stand](s, t, verdict);
    while (t->stand == STAND_IDLE && t->at < t->lane->count && is_left_out(&t->lane->faults[t->at], with_long)) t->at++;
    if (t->at == t->lane->count) return false;
    if (t->stand == STAND_IDLE) begin(s, t);
    return true;
}

/* ---- all lanes ---- */

static void run(struct system *s, bool with_long)
{
    for (bool is_going = true; is_going; support_pause()) {
        cJSON *verdict = world_verdict(s);
        if (verdict) check_foreigners(s, verdict);
        is_going = false;
        for (struct track *t = tracks; t->lane && verdict; t++) is_going |= go_on(s, t, verdict, with_long);
        if (!verdict) is_going = true; /* web is being restarted */
        cJSON_Delete(verdict);
    }
}

void strike_all(struct system *s, bool with_long)
{
    int n = 0;
    memset(tracks, 0, sizeof tracks);
    for (struct lane *const *l = lanes; *l; l++)
        if (!(*l)->is_alone) tracks[n++].lane = *l;
    run(s, with_long);
    for (struct lane *const *l = lanes; *l; l++) {
        if (!(*l)->is_alone) continue;
        memset(tracks, 0, sizeof tracks);
        tracks[0].lane = *l;
        run(s, with_long);
    }
}
