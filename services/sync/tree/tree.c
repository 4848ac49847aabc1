/* Walking the directories: see tree.h. A directory's children are visited once its list is whole. */
#include "services/sync/tree/tree.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "services/logikal/objects.h"
#include "services/store/sync/staging/sync_tree.h"
#include "services/sync/tree/listing.h"

/* The children that a directory's list has shown so far. */
struct children {
    struct walk *walk;
    char *identifier; /* of the directory; NULL = the root */
    char *chain;
    char **items;
    size_t count, cap;
};

static void children_clear(struct children *c)
{
    for (size_t i = 0; i < c->count; i++) free(c->items[i]);
    c->count = 0;
}

static void children_free(struct children *c)
{
    children_clear(c);
    free(c->items);
    free(c->identifier);
    free(c->chain);
    free(c);
}

static bool children_add(struct children *c, const char *identifier)
{
    if (c->count == c->cap) {
        size_t cap = c->cap ? c->cap * 2 : 16;
        char **items = realloc(c->items, cap * sizeof *items);
        if (!items) return false;
        c->items = items;
        c->cap = cap;
    }
    return (c->items[c->count] = strdup(identifier)) != NULL && ++c->count;
}

static int chain_level(const char *chain)
{
    int level = 1;
    for (const char *p = chain; *p; p++) level += *p == CHAIN_SEPARATOR;
    return level;
}

static bool is_excluded(const struct walk *w, const char *identifier)
{
    for (int i = 0; i < w->excluded_count; i++)
        if (strcmp(w->excluded[i], identifier) == 0) return true;
    return false;
}

static void show(struct walk *w)
{
    run_progress(w->run, w->listed, w->submitted, "listing directories and projects");
}

/* Is it the directory that a request names: by its identifier, or the last part of it? */
static bool is_directory(const char *identifier, const char *wanted)
{
    const char *name = strrchr(identifier, '/');
    return strcmp(identifier, wanted) == 0 || (name && strcmp(name + 1, wanted) == 0);
}

/* Is it what the walk looks for? A name may be found more than once. */
static bool is_found(struct walk *w, const struct logikal_project *p, const char *directory)
{
    if (guid_equal(p->id, w->find)) return w->is_found = w->is_exact = true;
    if (w->is_exact || !p->name || strcmp(p->name, w->find) != 0 || p->is_deleted) return false;
    if (w->find_in && !is_directory(directory, w->find_in)) return false;
    const cJSON *known;
    cJSON_ArrayForEach(known, w->candidates) {
        if (guid_equal(p->id, cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(known, "project_id")))) return true;
    }
    if (!w->candidates) w->candidates = cJSON_CreateArray();
    cJSON *each = cJSON_CreateObject();
    cJSON_AddStringToObject(each, "project_id", p->id);
    cJSON_AddStringToObject(each, "name", p->name);
    cJSON_AddStringToObject(each, "directory_id", directory);
    cJSON_AddItemToArray(w->candidates, each);
    return w->is_found = true;
}

static int read_project(struct listing *l, const char *text, size_t len, struct err *err)
{
    struct walk *w = l->owner;
    struct logikal_project p;
    int rc = logikal_project_read(text, len, &p, err);
    if (rc < 0) return rc;
    listing_odd(l, "project", p.id, &p.odd);
    const char *chain = l->job.place.chain, *last = strrchr(chain, CHAIN_SEPARATOR);
    const char *directory = last ? last + 1 : chain;
    if (!w->find || is_found(w, &p, directory)) {
        const struct stage_project row = {.directory = directory,
                                          .id = p.id,
                                          .upstream_id = p.upstream_id,
                                          .name = p.name,
                                          .job_number = p.job_number,
                                          .offer_number = p.offer_number,
                                          .person_in_charge = p.person_in_charge,
                                          .created_s = p.created_s,
                                          .changed_s = p.changed_s,
                                          .is_deleted = p.is_deleted,
                                          .is_estimated = p.is_estimated,
                                          .has_estimated = p.has_estimated};
        rc = stage_add_project(&w->run->stage, l->number, &row, err);
        if (w->find) {
            w->found_changed_s = p.changed_s;
            snprintf(w->found_guid, sizeof w->found_guid, "%s", p.id);
        }
    }
    cJSON_Delete(p.json);
    return rc;
}

/* What could not be read whole is not judged, and everything else is. */
static void note_unchecked(struct walk *w, const char *what, const char *directory, const char *why)
{
    w->run->counts.places_unchecked++;
    run_note_error(w->run, "%s of directory %s could not be listed: %s; deletions are not checked there", what,
                   directory ? directory : "(the root)", why);
}

static void on_projects(struct listing *l, const struct logikal_outcome *outcome)
{
    struct walk *w = l->owner;
    struct err err = {0};
    const char *chain = l->job.place.chain, *last = strrchr(chain, CHAIN_SEPARATOR);
    w->listed++;
    show(w);
    if (outcome->code == ERR_CANCELLED) return;
    if (outcome->code) {
        w->run->counts.failed_directories++;
        note_unchecked(w, "projects", last ? last + 1 : chain, outcome->text);
        return;
    }
    if (w->is_exact && w->is_search) logikal_drop_pending(w->run->client);
    if (l->refused)
        note_unchecked(w, "projects", last ? last + 1 : chain, "some of them could not be read");
    else
        run_check(w->run, tree_mark_listed(&w->run->stage, 'p', last ? last + 1 : chain, &err), &err);
}

static void list_projects(struct walk *w, const char *chain)
{
    struct listing *l = listing_new(w->run, JOB_PROJECTS, chain, NULL, NULL);
    if (!l) return;
    l->read = read_project;
    l->done = on_projects;
    l->owner = w;
    w->submitted++;
    listing_submit(l);
}

static int read_directory(struct listing *l, const char *text, size_t len, struct err *err)
{
    struct children *c = l->owner;
    struct logikal_directory d;
    int rc = logikal_directory_read(text, len, &d, err);
    if (rc < 0) return rc;
    listing_odd(l, "directory", d.path, &d.odd);
    char *chain = chain_append(c->chain, d.path);
    if (chain && visited_is_cycle(chain)) {
        rc = err_set(err, ERR_INPUT, "directory %s is listed below itself, which is not followed", d.path);
    } else if (!chain || !children_add(c, d.path)) {
        rc = err_set(err, ERR_NOMEM, "no memory");
    } else {
        const struct stage_directory row = {
            .identifier = d.path, .name = d.name, .chain = chain, .parent = c->identifier, .level = chain_level(chain)};
        rc = stage_add_directory(&c->walk->run->stage, l->number, &row, err);
    }
    free(chain);
    cJSON_Delete(d.json);
    return rc;
}

static void forget_children(struct listing *l)
{
    children_clear(l->owner);
}

static bool is_known(struct walk *w, const char *identifier)
{
    struct err err = {0};
    const char *values[] = {identifier};
    PGresult *r = db_query(
        w->run->db, &err,
        "SELECT FROM directories WHERE logikal_id = logikald_directory_key($1) AND deleted_at IS NULL", 1, values);
    if (!run_check(w->run, r ? 0 : -ERR_DB, &err)) return true;
    bool known = PQntuples(r) > 0;
    PQclear(r);
    return known;
}

static void list_directories(struct walk *w, const char *identifier, const char *parent_chain);

/* Each directory once: is this one to be visited, and what is below it? */
static enum visit judge(struct walk *w, const char *chain, const char *identifier)
{
    const char *other;
    enum visit visit = visited_add(&w->visited, chain, &other);
    if (visit == VISIT_NO_MEMORY)
        run_check(w->run, -ERR_NOMEM, &(struct err){.code = ERR_NOMEM, .text = "no memory"});
    else if (visit == VISIT_DEEP)
        run_note_error(w->run, "directory %s is %d levels deep: what is below it is not looked at", identifier,
                       VISITED_DEPTH);
    else if (visit == VISIT_ELSEWHERE)
        run_note_error(w->run, "directory %s is listed in two places: it is followed in one of them", identifier);
    return visit;
}

static void visit_child(struct walk *w, const struct children *c, const char *identifier)
{
    char *chain = chain_append(c->chain, identifier);
    if (!chain) run_check(w->run, -ERR_NOMEM, &(struct err){.code = ERR_NOMEM, .text = "no memory"});
    if (!chain || is_excluded(w, identifier) || w->is_exact) {
        free(chain);
        return;
    }
    enum visit visit = judge(w, chain, identifier);
    bool is_visited = visit == VISIT_NEW || visit == VISIT_DEEP;
    bool has_projects =
        w->projects == WALK_ALL_PROJECTS || (w->projects == WALK_PROJECTS_OF_NEW && !is_known(w, identifier));
    if (is_visited && has_projects) list_projects(w, chain);
    if (visit == VISIT_NEW) list_directories(w, identifier, c->chain);
    free(chain);
}

static void on_directories(struct listing *l, const struct logikal_outcome *outcome)
{
    struct children *c = l->owner;
    struct walk *w = c->walk;
    struct err err = {0};
    w->listed++;
    show(w);
    if (outcome->code) {
        if (outcome->code != ERR_CANCELLED) {
            w->run->counts.failed_directories++;
            note_unchecked(w, "directories", c->identifier, outcome->text);
        }
    } else {
        if (l->refused)
            note_unchecked(w, "directories", c->identifier, "some of them could not be read");
        else
            run_check(w->run, tree_mark_listed(&w->run->stage, 'd', c->identifier, &err), &err);
        for (size_t i = 0; i < c->count; i++) visit_child(w, c, c->items[i]);
    }
    children_free(c);
}

static void list_directories(struct walk *w, const char *identifier, const char *parent_chain)
{
    struct children *c = calloc(1, sizeof *c);
    struct listing *l = NULL;
    struct err err = {0};
    if (c) {
        c->walk = w;
        c->identifier = identifier ? strdup(identifier) : NULL;
        c->chain = identifier ? chain_append(parent_chain, identifier) : NULL;
        l = listing_new(w->run, JOB_DIRECTORIES, c->chain, NULL, NULL);
    }
    if (!l || (identifier && (!c->identifier || !c->chain))) {
        run_check(w->run, err_set(&err, ERR_NOMEM, "no memory"), &err);
        if (c) children_free(c);
        free(l);
        return;
    }
    l->read = read_directory;
    l->forget = forget_children;
    l->done = on_directories;
    l->owner = c;
    w->submitted++;
    listing_submit(l);
}

static int load_excluded(struct walk *w, struct err *err)
{
    PGresult *r =
        db_query(w->run->db, err, "SELECT coalesce(upstream_path, logikal_id) FROM directories WHERE exclude_from_sync",
                 0, NULL);
    if (!r) return -ERR_DB;
    w->excluded = calloc((size_t)PQntuples(r) + 1, sizeof *w->excluded);
    for (int i = 0; w->excluded && i < PQntuples(r); i++)
        if ((w->excluded[w->excluded_count] = strdup(db_text(r, i, 0)))) w->excluded_count++;
    bool is_whole = w->excluded && w->excluded_count == PQntuples(r);
    PQclear(r);
    return is_whole ? 0 : err_set(err, ERR_NOMEM, "no memory");
}

int walk_finish(struct walk *w, int rc, struct err *err)
{
    for (int i = 0; i < w->excluded_count; i++) free(w->excluded[i]);
    free(w->excluded);
    w->excluded = NULL;
    w->excluded_count = 0;
    visited_free(&w->visited);
    if (rc == 0) rc = stage_flush(&w->run->stage, STAGE_DIRECTORIES, err);
    if (rc == 0) rc = stage_flush(&w->run->stage, STAGE_PROJECTS, err);
    return rc;
}

static int start(struct walk *w, struct err *err)
{
    if (tree_forget_listed(&w->run->stage, err) < 0) return -ERR_DB;
    return load_excluded(w, err);
}

int walk_tree(struct walk *w, struct err *err)
{
    if (start(w, err) < 0) return err_result(err);
    w->is_search = w->find != NULL;
    list_directories(w, NULL, NULL);
    return walk_finish(w, run_jobs(w->run, err), err);
}

int walk_known_directories(struct walk *w, struct err *err)
{
    if (start(w, err) < 0) return err_result(err);
    PGresult *r = tree_directories(w->run->db, err);
    if (!r) return walk_finish(w, -ERR_DB, NULL);
    for (int i = 0; i < PQntuples(r); i++) list_projects(w, db_text(r, i, 1));
    PQclear(r);
    return walk_finish(w, run_jobs(w->run, err), err);
}

int walk_directory_begin(struct walk *w, const char *chain, struct err *err)
{
    if (start(w, err) < 0) return err_result(err);
    list_projects(w, chain);
    return 0;
}
