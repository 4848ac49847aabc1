/* Judges the copy: failed, partial, stale and held syncs, and Logikal's answers. */
#include "services/web/watch/problems/problems_sync.h"

#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "services/store/sync/sync_config.h"
#include "services/web/watch/problems/problems.h"

#define TROUBLE_S    5  /* that a call is tried again for so long is worth a word */
#define SKEW_S       30 /* between the clocks of the database and of this process */
#define FUTURE_S     60
#define OFF_FOR_LONG 3 /* times its staleness threshold */
#define LIST_SIZE    300
#define TYPES_MAX    16 /* that depend on each other */
#define SIGN_SIZE    256

/* ", " between; what does not fit is left out, with "..." in its place. */
static void list_add(char list[LIST_SIZE], const char *name)
{
    size_t len = strlen(list);
    if (len + strlen(name) + 8 < LIST_SIZE)
        snprintf(list + len, LIST_SIZE - len, "%s%s", len ? ", " : "", name);
    else if (len > 3 && strcmp(list + len - 3, "...") != 0)
        snprintf(list + len, LIST_SIZE - len, " ...");
}

static bool has_failed(const cJSON *type)
{
    return fact_is(type, "is_on") && strcmp(fact_text(type, "finished"), "failed") == 0;
}

static bool is_partial(const cJSON *type)
{
    return fact_is(type, "is_on") && strcmp(fact_text(type, "finished"), "partial") == 0;
}

/* Why a type ended so. One that was left out because another had failed has that one's reason. */
static const char *reason_of(const cJSON *intervals, const cJSON *type, bool (*is_so)(const cJSON *type))
{
    size_t len = strlen(SYNC_LEFT_OUT);
    for (int hops = 0; hops < TYPES_MAX && strncmp(fact_text(type, "error"), SYNC_LEFT_OUT, len) == 0; hops++) {
        const char *name = fact_text(type, "error") + len;
        const cJSON *i, *cause = NULL;
        cJSON_ArrayForEach(i, intervals) {
            size_t n = strlen(fact_text(i, "type"));
            if (n > 0 && strncmp(fact_text(i, "type"), name, n) == 0 && name[n] == ' ' && is_so(i)) cause = i;
        }
        if (!cause) break;
        type = cause;
    }
    return fact_text(type, "error");
}

/* Is it a unit, and no word that begins like one, as a name may behind a number? */
static bool is_unit(const char *text)
{
    static const char *const units[] = {" ms", " millisecond", " s",   " second", " min", " minute", " byte",
                                        " B",  " kB",          " KiB", " MB",     " MiB", " %",      " time"};
    for (size_t i = 0; i < sizeof units / sizeof *units; i++) {
        size_t len = strlen(units[i]);
        if (strncmp(text, units[i], len) != 0) continue;
        const char *behind = text + len + (len > 4 && text[len] == 's'); /* of words also several */
        if (!isalnum((unsigned char)*behind) && !((unsigned char)*behind & 0x80)) return true;
    }
    return false;
}

/* What a reason is the same by the next time: the measures in it are others with each try. */
static void sign_of(const char *error, char sign[SIGN_SIZE])
{
    size_t n = 0;
    while (*error && n < SIGN_SIZE - 1) {
        size_t digits = strspn(error, "0123456789"), len = strspn(error, "0123456789.,");
        if (digits && is_unit(error + len)) {
            sign[n++] = '#';
            error += len;
        } else {
            size_t step = digits ? len : 1;
            for (; step > 0 && n < SIGN_SIZE - 1; step--) sign[n++] = *error++;
        }
    }
    sign[n] = 0;
}

static bool is_alike(const char *error, const char *sign)
{
    char other[SIGN_SIZE];
    sign_of(error, other);
    return strcmp(other, sign) == 0;
}

/* Types whose last attempt ended so, one problem for each different reason. */
static void judge_endings(struct findings *f, const cJSON *intervals, bool (*is_so)(const cJSON *type),
                          enum severity severity, const char *what)
{
    const cJSON *i, *k;
    cJSON_ArrayForEach(i, intervals) {
        const char *error = reason_of(intervals, i, is_so);
        char names[LIST_SIZE] = "", sign[SIGN_SIZE];
        int count = 0;
        bool is_first = is_so(i);
        sign_of(error, sign);
        for (k = intervals->child; k && is_first; k = k->next) {
            if (!is_so(k) || !is_alike(reason_of(intervals, k, is_so), sign)) continue;
            if (k != i && count == 0) is_first = false; /* told with that one */
            list_add(names, fact_text(k, "name"));
            count++;
        }
        if (!is_first) continue;
        char hits[LIST_SIZE + 40];
        snprintf(hits, sizeof hits, "%d type%s: %s", count, count == 1 ? "" : "s", names);
        if (f->ended && strstr(error, "certificate")) {
            problem_hits(f, f->ended, severity, hits);
            continue;
        }
        cJSON *p = problem(f, severity, "sync", sign, "%s: %s", what, *error ? error : "no reason was given");
        problem_hits(f, p, severity, hits);
        problem_text(p, "next", fact_text(i, "next"));
        problem_text(p, "link", "/ui/sync-logs");
        problem_why(p, "type:", fact_text(i, "type"));
        if (severity == SEVERITY_LOOK && !f->partial) f->partial = p;
        problem_blocks(f, p);
    }
}

static void judge_troubles(struct findings *f, const cJSON *sync)
{
    const cJSON *r;
    cJSON_ArrayForEach(r, fact(sync, "runs")) {
        const char *trouble = fact_text(r, "trouble");
        char hits[200];
        if (!*trouble || fact_number(r, "trouble_s") < TROUBLE_S) continue;
        cJSON *p = problem(f, SEVERITY_LOOK, "Logikal", "", "%s; it is being tried again", trouble);
        snprintf(hits, sizeof hits, "the sync under way (%.120s)", fact_text(r, "scope"));
        problem_hits(f, p, SEVERITY_LOOK, hits);
        problem_text(p, "since", fact_text(r, "since"));
        problem_text(p, "link", "/ui/tasks");
        problem_blocks(f, p);
        return;
    }
}

static void judge_holds(struct findings *f, const cJSON *holds)
{
    const cJSON *h;
    cJSON_ArrayForEach(h, holds) {
        char name[32];
        snprintf(name, sizeof name, "%.0f", fact_number(h, "id"));
        cJSON *p = problem(f, SEVERITY_WRONG, "hold", name,
                           "Not believed to be gone (%s): %.0f directories, %.0f projects, %.0f phases and %.0f "
                           "elevations are missing in Logikal",
                           fact_text(h, "reason"), fact_number(h, "directories"), fact_number(h, "projects"),
                           fact_number(h, "phases"), fact_number(h, "elevations"));
        problem_advice(p, "They are served as before. Were they deleted there? Then apply it. Else bring them back, "
                          "which releases the hold, or refuse it.");
        problem_text(p, "since", fact_text(h, "since"));
        cJSON_AddNumberToObject(p, "hold", fact_number(h, "id"));
        cJSON_AddItemToObject(p, "missing", cJSON_Duplicate(fact(h, "missing"), true));
    }
}

static void judge_age(struct findings *f, const cJSON *i, char stale[LIST_SIZE], char never[LIST_SIZE])
{
    const char *name = fact_text(i, "name");
    const cJSON *age = fact(i, "age_s");
    double seconds = fact_number(i, "age_s"), limit = fact_number(i, "stale_s");
    char span[SPAN_TEXT_SIZE];
    if (cJSON_IsFalse(fact(i, "is_known")))
        problem_advice(
            problem(f, SEVERITY_LOOK, "type", fact_text(i, "type"), "Nothing in this program syncs %s", name),
            "Is its name misspelt? Correct it, or delete the type.");
    else if (!fact_is(i, "is_on") && seconds > OFF_FOR_LONG * limit && limit > 0)
        problem_advice(problem(f, SEVERITY_LOOK, "type", fact_text(i, "type"), "%s is switched off, and %s old", name,
                               span_text(seconds, span)),
                       "Switch it on when its data is needed.");
    else if (fact_is(i, "is_on") && !cJSON_IsNumber(age))
        list_add(never, name);
    else if (fact_is(i, "is_on") && seconds < -FUTURE_S)
        problem_advice(problem(f, SEVERITY_WRONG, "type", fact_text(i, "type"),
                               "The last sync of %s lies %s in the future: a clock was wrong", name,
                               span_text(-seconds, span)),
                       "It is not synced until then: sync it by hand.");
    else if (fact_is(i, "is_on") && limit > 0 && seconds > limit)
        list_add(stale, name);
}

static void tell_stale(struct findings *f, const char *stale, const char *never)
{
    char text[LIST_SIZE + 60];
    if (*stale && f->blocker) {
        snprintf(text, sizeof text, "older than their threshold: %s", stale);
        problem_hits(f, f->blocker, SEVERITY_WRONG, text);
    } else if (*stale) {
        cJSON *p = problem(f, SEVERITY_WRONG, "sync", "stale", "Older than their threshold: %s", stale);
        problem_advice(p, "Sync them now; the worker's log tells what it does.");
        problem_text(p, "link", "/ui/sync-intervals");
    }
    if (*never && f->blocker) {
        snprintf(text, sizeof text, "never synced yet: %s", never);
        problem_hits(f, f->blocker, SEVERITY_LOOK, text);
    } else if (*never) {
        problem_advice(problem(f, SEVERITY_LOOK, "sync", "never", "Never synced yet: %s", never),
                       "The scheduler does it.");
    }
}

/* The projects of which a sync was not complete are no second cause. */
static void add_failing(cJSON *partial, double failing, const char *names)
{
    char hits[2 * LIST_SIZE];
    snprintf(hits, sizeof hits, "%.330s; projects (%.0f): %.210s", fact_text(partial, "hits"), failing, names);
    cJSON_ReplaceItemInObjectCaseSensitive(partial, "hits", cJSON_CreateString(hits));
}

static void judge_counts(struct findings *f, const cJSON *sync)
{
    double failing = fact_number(sync, "failing"), unparsed = fact_number(sync, "unparsed"),
           skew = fact_number(sync, "skew_s");
    char span[SPAN_TEXT_SIZE];
    if (failing > 0 && f->partial) {
        add_failing(f->partial, failing, fact_text(sync, "failing_names"));
    } else if (failing > 0) {
        cJSON *p = problem(f, SEVERITY_LOOK, "projects", "", "%.0f project%s could not be synced completely", failing,
                           failing == 1 ? "" : "s");
        problem_text(p, "since", fact_text(sync, "failing_since"));
        problem_text(p, "hits", fact_text(sync, "failing_names"));
        problem_advice(p, "Their pages say why; they are asked again with the next syncs.");
    }
    if (unparsed > 0)
        problem_advice(problem(f, SEVERITY_LOOK, "parts lists", "", "%.0f parts list%s could not be read", unparsed,
                               unparsed == 1 ? "" : "s"),
                       "Their pages say why; parsing can be started again there.");
    if (fabs(skew) > SKEW_S)
        problem_advice(problem(f, SEVERITY_LOOK, "clock", "", "The clock of PostgreSQL is %s %s this machine's",
                               span_text(fabs(skew), span), skew > 0 ? "ahead of" : "behind"),
                       "Set both by NTP: times and intervals are wrong until then.");
}

void judge_sync(struct findings *f, const cJSON *facts)
{
    const cJSON *sync = fact(facts, "sync"), *intervals = fact(sync, "intervals"), *i;
    char stale[LIST_SIZE] = "", never[LIST_SIZE] = "";
    if (!intervals || fact_number(facts, "sync_age_ms") > FACTS_OLD_MS) {
        if (!f->blocker)
            problem(f, SEVERITY_UNKNOWN, "PostgreSQL", "silent", "How old the copy is has not been told yet");
        return;
    }
    judge_troubles(f, sync);
    judge_endings(f, intervals, has_failed, SEVERITY_WRONG, "The last sync failed");
    judge_endings(f, intervals, is_partial, SEVERITY_LOOK, "The last sync was not complete");
    judge_holds(f, fact(sync, "holds"));
    cJSON_ArrayForEach(i, intervals) judge_age(f, i, stale, never);
    tell_stale(f, stale, never);
    judge_counts(f, sync);
    if (!intervals->child)
        problem(f, SEVERITY_LOOK, "sync", "types", "There is no type to be synced: nothing gets fresher");
}

const char *sync_fresh_text(const cJSON *sync, char *out, size_t size)
{
    const cJSON *i;
    double oldest = 0;
    char span[SPAN_TEXT_SIZE];
    cJSON_ArrayForEach(i, fact(sync, "intervals"))
        if (fact_is(i, "is_on") && fact_number(i, "age_s") > oldest) oldest = fact_number(i, "age_s");
    snprintf(out, size, "Fresh: %.0f elevations, all types read in the last %s", fact_number(sync, "elevations"),
             span_text(oldest, span));
    return out;
}
