/* What it is that somebody asks about: "project", "worker.0", "Pos. 001", "queue:sync", "elevation:#12". See
 * subject.h. */
#include "services/why/subject.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "conf/text/utf8.h"
#include "ipc/redis/queue_keys.h"
#include "services/why/link.h"

#define QUEUES_MAX 16

static const char *const kinds[] = {"type", "queue", "process", "task", "directory", "project", "elevation"};
static const char *const types[] = {"directory",     "project",         "phase",         "elevation",
                                    "sqlite_parser", "elevation_glass", "parsing_errors"};
static const char *const processes[] = {"supervisor", "web", "worker", "beat", "migrate"};
#define OBJECTS_FROM 4 /* of the kinds */
#define COUNT(list)  (sizeof(list) / sizeof *(list))

void subject_read(const char *of, struct subject *out)
{
    memset(out, 0, sizeof *out);
    for (size_t i = 0; i < COUNT(kinds); i++) {
        size_t len = strlen(kinds[i]);
        if (strncmp(of, kinds[i], len) != 0 || of[len] != ':') continue;
        snprintf(out->kind, sizeof out->kind, "%s", kinds[i]);
        of += len + 1;
        break;
    }
    of += strspn(of, " ");
    snprintf(out->name, sizeof out->name, "%.*s", (int)utf8_cut(of, sizeof out->name - 1), of);
}

static bool is_one_of(const char *text, const char *const *list, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (strcmp(text, list[i]) == 0) return true;
    return false;
}

static bool is_object(const char *kind)
{
    return is_one_of(kind, kinds + OBJECTS_FROM, COUNT(kinds) - OBJECTS_FROM);
}

static bool may_be(const struct subject *s, const char *kind)
{
    if (s->objects_only && !is_object(kind)) return false;
    return !*s->kind || strcmp(s->kind, kind) == 0;
}

static bool is_uuid(const char *text)
{
    return strlen(text) == 36 && strspn(text, "0123456789abcdefABCDEF-") == 36 && text[8] == '-' && text[13] == '-' &&
           text[18] == '-' && text[23] == '-';
}

bool subject_may_be_object(const struct subject *s)
{
    return may_be(s, "directory") || may_be(s, "project") || may_be(s, "elevation");
}

bool subject_may_be_task(const struct subject *s)
{
    return may_be(s, "task") && (*s->kind || is_uuid(s->name));
}

static void add(cJSON *list, const char *kind, const char *key, const char *name, const char *way)
{
    cJSON *one = cJSON_CreateObject();
    char of[600];
    snprintf(of, sizeof of, "%s:%s", kind, key);
    cJSON_AddStringToObject(one, "of", of);
    cJSON_AddStringToObject(one, "kind", kind);
    cJSON_AddStringToObject(one, "key", key);
    cJSON_AddStringToObject(one, "name", name);
    if (*way) cJSON_AddStringToObject(one, "way", way);
    cJSON_AddItemToArray(list, one);
}

static void add_types(const struct subject *s, const cJSON *facts, cJSON *list)
{
    const cJSON *known = fact(fact(facts, "plant"), "types"), *t;
    bool is_added = false;
    cJSON_ArrayForEach(t, known) {
        bool is_it = strcmp(fact_text(t, "type"), s->name) == 0 || strcasecmp(fact_text(t, "name"), s->name) == 0;
        if (is_it) add(list, "type", fact_text(t, "type"), fact_text(t, "name"), "");
        is_added = is_added || is_it;
    }
    if (!is_added && is_one_of(s->name, types, COUNT(types))) add(list, "type", s->name, s->name, "");
}

static bool is_served(const struct subject *s, const cJSON *facts)
{
    char names[QUEUES_MAX][128];
    if (why_find(fact(fact(facts, "stats"), "queues"), "name", s->name)) return true;
    const char *all = fact_text(fact(fact(facts, "settings"), "WORKER_QUEUES"), "value");
    int n = queue_names(all, names, QUEUES_MAX);
    for (int i = 0; i < n; i++)
        if (strcmp(names[i], s->name) == 0) return true;
    return false;
}

static bool is_process(const struct subject *s, const cJSON *facts)
{
    const cJSON *children = fact(fact(facts, "supervisor"), "children");
    return is_one_of(s->name, processes, COUNT(processes)) || why_find(children, "name", s->name) ||
           why_find(children, "role", s->name);
}

/* What is gone is meant only when nothing else can be. */
static void add_objects(const struct subject *s, const cJSON *facts, cJSON *list)
{
    const cJSON *found = fact(facts, "found"), *o;
    bool has_living = false;
    char key[24];
    cJSON_ArrayForEach(o, found) has_living = has_living || (may_be(s, fact_text(o, "kind")) && !fact_is(o, "is_gone"));
    cJSON_ArrayForEach(o, found) {
        if (!may_be(s, fact_text(o, "kind")) || (has_living && fact_is(o, "is_gone"))) continue;
        snprintf(key, sizeof key, "#%.0f", fact_number(o, "id"));
        add(list, fact_text(o, "kind"), key, fact_text(o, "name"), fact_text(o, "way"));
    }
}

static bool is_task(const struct subject *s, const cJSON *facts)
{
    static const char *const places[] = {"waiting", "unacked", "scheduled", "dead"};
    const cJSON *task = fact(facts, "task");
    for (size_t i = 0; i < COUNT(places); i++)
        if (why_find(fact(task, places[i]), "id", s->name)) return true;
    if (cJSON_IsObject(fact(facts, "history"))) return true;
    return fact(task, "result") != NULL || fact_number(fact(facts, "marks"), "revoked_ms") > 0;
}

cJSON *subject_candidates(const struct subject *s, const cJSON *facts)
{
    cJSON *list = cJSON_CreateArray();
    if (!*s->name) return list;
    if (may_be(s, "type")) add_types(s, facts, list);
    if (may_be(s, "queue") && (*s->kind || is_served(s, facts))) add(list, "queue", s->name, s->name, "");
    if (may_be(s, "process") && is_process(s, facts)) add(list, "process", s->name, s->name, "");
    add_objects(s, facts, list);
    if (subject_may_be_task(s) && (*s->kind || is_task(s, facts) || !list->child))
        add(list, "task", s->name, s->name, "");
    return list;
}

bool subject_is_cut(const cJSON *candidates)
{
    const cJSON *each;
    for (size_t k = OBJECTS_FROM; k < COUNT(kinds); k++) {
        int count = 0;
        cJSON_ArrayForEach(each, candidates) count += strcmp(fact_text(each, "kind"), kinds[k]) == 0;
        if (count >= SUBJECT_MOST) return true;
    }
    return false;
}

bool subject_is_unsure(const struct subject *s, const cJSON *facts)
{
    return subject_may_be_object(s) && !fact_is(fact(facts, "database"), "is_up");
}

void subject_unknown(const struct subject *s, const cJSON *facts, char *out, size_t size)
{
    const cJSON *queues = fact(fact(facts, "settings"), "WORKER_QUEUES");
    char name[100];
    snprintf(name, sizeof name, "%.*s", (int)utf8_cut(s->name, 80), s->name);
    if (subject_is_unsure(s, facts))
        snprintf(out, size,
                 "PostgreSQL is not %s, so it is not known whether something is called \"%s\". Processes, "
                 "queues and tasks can be asked for meanwhile",
                 fact_is(fact(facts, "database"), "is_used") ? "reachable" : "configured", name);
    else
        snprintf(out, size,
                 "There is no %s \"%s\". Known are a type (directory, project, phase, elevation, sqlite_parser ...), a "
                 "queue "
                 "(%.200s), a process (supervisor, web, worker, beat, or worker.0), a task's id, and a directory, "
                 "project or elevation by its whole name, path, GUID or job number; KIND:NAME says which is meant",
                 *s->kind ? s->kind : "thing of the name", name, fact_text(queues, "value"));
}
