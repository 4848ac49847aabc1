/* Why a directory, a project or an elevation is as old as it is, or what is amiss with it. What keeps its type from
 * being synced keeps it, too, so the chain of its type is one of its causes. */
#include <stdio.h>
#include <string.h>

#include "services/why/explain.h"
#include "services/why/link.h"
#include "services/why/plant.h"
#include "services/why/sync.h"

static cJSON *no_object(const cJSON *facts, const char *kind, const char *key)
{
    cJSON *link = why_link(WHY_UNKNOWN, "Nothing is known now of %s %s", kind, key);
    why_because(link, plant_database(facts));
    return link;
}

/* "Project X was read 3 h ago", or that it is gone. */
static cJSON *read_at(const cJSON *facts, const char *kind, const cJSON *o)
{
    const char *name = fact_text(o, "name"), *gone = fact_text(o, "deleted_at"), *at = fact_text(o, "read_at");
    double seconds = (fact_number(facts, "now_ms") - why_ms(o, "read_at")) / 1000;
    char span[SPAN_TEXT_SIZE];
    cJSON *link;
    if (*gone) {
        link = why_link(WHY_FINE, "%s %s is gone: Logikal does not have it any more; what was read of it is kept", kind,
                        name);
        why_since(link, gone);
        why_next(link, NULL, "If Logikal lists it again, the next sync takes it back");
    } else if (!*at) {
        link = why_link(WHY_WAITS, "%s %s was never read whole yet", kind, name);
    } else {
        link = why_link(WHY_FINE, "%s %s is as it was read %s ago", kind, name, span_text(seconds, span));
        why_since(link, at);
    }
    return link;
}

/* is_itself: the object is a directory, which may be the excluded one. */
static bool add_exclusion(const cJSON *o, bool is_itself, cJSON *link)
{
    const cJSON *excluded = fact(o, "excluded");
    if (!cJSON_IsObject(excluded)) return false;
    const char *name = fact_text(excluded, "name");
    cJSON *cause =
        is_itself && fact_number(excluded, "distance") == 0
            ? why_link(WHY_STUCK, "Directory %s is excluded from the sync", name)
            : why_link(WHY_STUCK, "It lies in directory %s, which is excluded from the sync: nothing below it is read",
                       name);
    why_do(cause, "Include it again: Browse, or POST /api/v1/directories/%.0f/exclude {\"exclude\": false}",
           fact_number(excluded, "id"));
    why_because(link, cause);
    return true;
}

static void add_missing(const cJSON *o, cJSON *link)
{
    const cJSON *missing = fact(o, "missing");
    if (!cJSON_IsObject(missing)) return;
    const char *state = fact_text(missing, "state");
    double hold = fact_number(missing, "hold");
    cJSON *cause;
    if (strcmp(state, "held") == 0) {
        cause = why_link(WHY_STUCK,
                         "Logikal does not list it, with so much else that it is not believed to be gone (hold "
                         "%.0f, %s): it is kept",
                         hold, fact_text(missing, "reason"));
        why_do(cause,
               "Was it deleted there? logikald hold apply %.0f; else bring it back, or: logikald hold refuse %.0f",
               hold, hold);
    } else if (strcmp(state, "refused") == 0) {
        cause = why_link(WHY_FINE, "Logikal does not list it, and an administrator said to keep it (hold %.0f)", hold);
    } else {
        cause =
            why_link(WHY_WAITS, "Logikal did not list it with the last sync: it is looked for once more before it is "
                                "marked as gone");
        why_next(cause, NULL, "The next sync confirms it, or finds it again");
    }
    why_since(cause, fact_text(missing, "since"));
    why_because(link, cause);
}

/* What failed when it was read last. */
static bool add_failure(const cJSON *facts, const cJSON *o, cJSON *link)
{
    double failures = fact_number(o, "failures");
    const char *error = fact_text(o, "error");
    if (failures <= 0) return false;
    cJSON *cause = why_link(WHY_WAITS, "It could not be read whole, %.0f time%s in a row: %s", failures,
                            failures == 1 ? "" : "s", *error ? error : "no reason was given");
    why_since(cause, fact_text(o, "failed_at"));
    why_next(cause, NULL, "It is asked for again with each sync");
    sync_add_advice(facts, error, cause);
    why_because(link, cause);
    return true;
}

/* The type's own chain; of a fresh one only what comes next. */
static void add_type(const cJSON *facts, const char *type, bool is_kept_out, cJSON *link)
{
    cJSON *of_type = why_type(facts, type);
    if (!is_kept_out && *fact_text(of_type, "next"))
        why_next(link, fact_text(of_type, "next_at"), "%s", fact_text(of_type, "next"));
    if (is_kept_out && why_worst(of_type) == WHY_FINE)
        cJSON_Delete(of_type);
    else
        why_because(link, of_type);
}

cJSON *why_directory(const cJSON *facts, const char *key)
{
    const cJSON *o = fact(facts, "object");
    if (!o) return no_object(facts, "directory", key);
    cJSON *link = read_at(facts, "Directory", o);
    if (*fact_text(o, "deleted_at")) return link;
    bool is_out = add_exclusion(o, true, link);
    add_missing(o, link);
    add_type(facts, "directory", is_out, link);
    if (!is_out) why_do(link, "To read it now: POST /api/v1/sync/force/directories");
    return link;
}

static void add_project(const cJSON *facts, const cJSON *o, cJSON *link, const char *type)
{
    char scope[330];
    bool is_out = add_exclusion(o, false, link);
    add_missing(o, link);
    snprintf(scope, sizeof scope, "project:%s", fact_text(o, "project_guid"));
    sync_add_run(facts, scope, link);
    add_failure(facts, o, link);
    add_type(facts, type, is_out, link);
    if (!is_out) why_do(link, "To read it now: POST /api/v1/sync/force/project/%s", fact_text(o, "project_guid"));
}

cJSON *why_project(const cJSON *facts, const char *key)
{
    const cJSON *o = fact(facts, "object");
    if (!o) return no_object(facts, "project", key);
    cJSON *link = read_at(facts, "Project", o);
    if (!*fact_text(o, "deleted_at")) add_project(facts, o, link, "project");
    return link;
}

/* ---- elevations ---- */

/* A file that could not be fetched. */
static void add_file(const cJSON *facts, const cJSON *file, const char *what, cJSON *link)
{
    const char *error = fact_text(file, "error");
    double tries = fact_number(file, "tries");
    if (!*error) return;
    bool is_large = strstr(error, "PARTS_MAX_BYTES") != NULL;
    cJSON *cause = why_link(is_large ? WHY_STUCK : WHY_WAITS, "Its %s could not be fetched%s: %s", what,
                            fact_is(file, "has_former") ? ", and the former one is shown" : "", error);
    why_since(cause, fact_text(file, "tried_at"));
    sync_add_advice(facts, error, cause);
    if (*fact_text(file, "retry_at"))
        why_next(cause, fact_text(file, "retry_at"), "It is asked for again then with a sync (after try %.0f)", tries);
    else
        why_next(cause, NULL, "It is asked for again with the next sync");
    why_because(link, cause);
}

static void add_reading(const cJSON *facts, const cJSON *o, cJSON *link)
{
    const char *status = fact_text(o, "parse_status"), *error = fact_text(o, "parse_error");
    cJSON *cause = NULL;
    if (strcmp(status, "failed") == 0 || strcmp(status, "error") == 0) {
        cause = why_link(WHY_STUCK, "Its parts list could not be read (try %.0f): %s", fact_number(o, "parse_tries"),
                         *error ? error : "no reason was given");
        sync_add_advice(facts, error, cause);
        why_do(cause, "Read it again: POST /api/v1/elevations/%.0f/enrichment/trigger?force=true",
               fact_number(o, "id"));
    } else if (strcmp(status, "partial") == 0) {
        cause =
            why_link(WHY_WAITS, "Its parts list was read in part: %s", *error ? error : "something is missing in it");
    } else if (fact_is(o, "has_parts") && (strcmp(status, "pending") == 0 || strcmp(status, "in_progress") == 0)) {
        cause = why_link(WHY_WAITS, "Its parts list is fetched and has not been read yet (%s)", status);
        plant_add_queue(facts, "sqlite_parser", cause);
        why_next(cause, NULL, "A task of queue sqlite_parser reads it");
    }
    if (cause) why_since(cause, fact_text(o, "parsed_at"));
    why_because(link, cause);
}

cJSON *why_elevation(const cJSON *facts, const char *key)
{
    const cJSON *o = fact(facts, "object");
    if (!o) return no_object(facts, "elevation", key);
    cJSON *link = read_at(facts, "Elevation", o);
    if (*fact_text(o, "deleted_at")) return link;
    add_file(facts, fact(o, "parts"), "parts list", link);
    add_file(facts, fact(o, "thumbnail"), "image", link);
    add_reading(facts, o, link);
    add_project(facts, o, link, "elevation");
    return link;
}
