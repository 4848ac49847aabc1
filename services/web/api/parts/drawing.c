/* The upstream's drawing of an elevation: what is stored of the elevation's version is sent, else it is fetched by a
 * task that the first one who asks starts; all who ask meanwhile are told to come again. */
#include <stdlib.h>
#include <string.h>

#include "conf/log.h"
#include "conf/machine/random.h"
#include "services/store/web/parts/images_read.h"
#include "services/web/api/parts/images.h"
#include "services/web/api/sync_api.h"
#include "services/web/gate/handlers.h"
#include "services/web/http/fault.h"
#include "services/web/http/reply.h"
#include "services/web/jobs/actions.h"

#define COME_AGAIN_S  5
#define TASK_LASTS_MS 600000

/* Who has claimed it: of the process, since the request is over by then. */
struct claim {
    struct web *web;
    char elevation[24], who[UUID_TEXT_SIZE];
};

static void accepted(struct req *r)
{
    cJSON *out = cJSON_CreateObject();
    cJSON_AddStringToObject(out, "status", "accepted");
    cJSON_AddNumberToObject(out, "elevation_id", (double)strtoll(req_param(r, 0), NULL, 10));
    cJSON_AddNumberToObject(out, "retry_after", COME_AGAIN_S);
    cJSON_AddStringToObject(
        out, "message", req_printf(r, "The drawing is fetched from Logikal: ask again in %d seconds", COME_AGAIN_S));
    reply_header(r, "Retry-After", req_printf(r, "%d", COME_AGAIN_S));
    reply_cjson_take(r, 202, out);
}

/* ---- fetching ---- */

static void ignore(void *arg, const PGresult *result, const struct err *err)
{
    (void)arg, (void)result;
    if (err) log_warning("the claim of a drawing could not be given back: %s", err->text);
}

/* When there is only no room for it here now, the next one who asks tries again; else it is told for a while. */
static void give_up(const struct claim *c, const struct err *why)
{
    const char *values[] = {c->elevation, c->who, why->text};
    bool is_told = why->code != ERR_LIMIT;
    if (!c->web->pool) return;
    pool_query(c->web->pool, is_told ? &query_drawing_unclaim : &query_drawing_release, is_told ? 3 : 2, values, ignore,
               NULL);
}

/* A task that came to an end has stored what came of it. */
static void on_end(void *arg, const cJSON *result, const struct err *err)
{
    struct claim *c = arg;
    (void)result;
    bool goes_on = err && (err->code == ERR_TIMEOUT || err->code == ERR_CANCELLED);
    if (err && !goes_on) give_up(c, err);
    free(c);
}

static void start(struct req *r, const char *who)
{
    struct err err = {0};
    struct claim *c = calloc(1, sizeof *c);
    if (!c) {
        reply_detail(r, 500, "No memory");
        return;
    }
    *c = (struct claim){.web = r->web};
    snprintf(c->elevation, sizeof c->elevation, "%s", req_param(r, 0));
    snprintf(c->who, sizeof c->who, "%s", who);
    cJSON *kwargs = cJSON_CreateObject();
    cJSON_AddNumberToObject(kwargs, "elevation_id", (double)strtoll(c->elevation, NULL, 10));
    if (action_start(r->web->actions, TASK_SYNC "fetch_drawing_task", "sync", kwargs, TASK_LASTS_MS, on_end, c, &err)) {
        accepted(r);
        return;
    }
    give_up(c, &err);
    free(c);
    reply_err(r, &err);
}

static void then_claimed(struct req *r, const PGresult *result)
{
    if (PQntuples(result) > 0)
        start(r, r->state);
    else
        accepted(r); /* somebody else was faster */
}

static void claim(struct req *r)
{
    char who[UUID_TEXT_SIZE];
    r->state = req_strdup(r, random_uuid4(who));
    req_query(r, &query_drawing_claim, 2, (const char *[]){req_param(r, 0), r->state}, then_claimed);
}

/* ---- answering ---- */

/* What went wrong lately; it is not asked again for every one who asks. */
static void refuse(struct req *r, const char *word, const char *error, const char *name)
{
    const char *why = fault_without_places(r, error);
    if (strcmp(word, "not_found") == 0)
        reply_detail(r, 404, "Logikal has no drawing of elevation \"%.120s\": %.600s", name, why);
    else if (strcmp(word, "auth") == 0)
        reply_detail(r, 502, "Logikal refuses the drawing of elevation \"%.120s\": %.600s", name, why);
    else if (strcmp(word, "input") == 0)
        reply_detail(r, 502, "What Logikal sent as the drawing of elevation \"%.120s\" is none: %.600s", name, why);
    else if (strcmp(word, "limit") == 0)
        reply_detail(r, 502, "The drawing of elevation \"%.120s\" is not taken: %.600s", name, why);
    else
        reply_unavailable(r, 30, "The drawing of elevation \"%.120s\" could not be fetched: %.600s", name, why);
}

static void then_drawing(struct req *r, const PGresult *result)
{
    if (PQntuples(result) == 0) {
        reply_detail(r, 404, "Elevation not found");
        return;
    }
    const char *state = PQgetvalue(result, 0, 1), *name = PQgetvalue(result, 0, 5);
    if (strcmp(state, "stored") == 0)
        image_reply(r, PQgetvalue(result, 0, 3), PQgetvalue(result, 0, 2), (size_t)PQgetlength(result, 0, 2));
    else if (strcmp(state, "gone") == 0)
        reply_detail(r, 410,
                     "Logikal does not have elevation \"%.120s\" any more, and nobody asked for its drawing before",
                     name);
    else if (strcmp(state, "coming") == 0)
        accepted(r);
    else if (strcmp(state, "wanted") == 0 && r->who.kind == WHO_ADMIN && r->who.is_viewer)
        reply_detail(r, 403,
                     "The drawing of elevation \"%.120s\" is not fetched, and a viewer starts nothing: ask for it as "
                     "administrator",
                     name);
    else if (strcmp(state, "wanted") == 0)
        claim(r);
    else
        refuse(r, state, PQgetvalue(result, 0, 4), name);
}

void web_elevation_drawing(struct req *r)
{
    req_query(r, &query_drawing, 1, (const char *[]){req_param(r, 0)}, then_drawing);
}
