/* See odoo_stream.h. The walk: the project; each phase with its first elevations, then the rest of them; for the
 * complete document the phases once more. Small phases are gathered into one piece. */
#include "services/web/api/odoo_stream.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "conf/text/buf.h"
#include "services/store/web/odoo_stream_read.h"
#include "services/web/cache/cache.h"
#include "services/web/cache/list.h"
#include "services/web/http/reply.h"
#include "services/web/http/streams.h"

#define PIECE_BYTES (64u << 10) /* what is gathered before it is sent */
#define ROWS_TEXT   "250"
#define ROWS        250 /* elevations of one statement */

enum project_document { DOCUMENT_PROJECT, DOCUMENT_COMPLETE, DOCUMENT_ELEVATIONS };

struct project_walk {
    enum project_document document;
    bool is_second;                                      /* in phases_with_elevations */
    struct buf out;                                      /* not sent yet */
    char project_id[16], phase_id[16], elevation_id[16]; /* where it stands */
    const char *project_end, *summary;                   /* members that come after the phases */
    char phase_end[80];
    int64_t in_phase, phases, elevations; /* sent so far, in this part of the document */
};

static void next_phase(struct req *r);
static void more_elevations(struct req *r);

/* ---- writing ---- */

/* The members of a JSON object, without its braces. */
static void add_members(struct buf *out, const char *object)
{
    buf_add(out, object + 1, strlen(object) - 2);
}

static void go_on(struct req *r, void (*next)(struct req *r))
{
    struct project_walk *w = r->state;
    if (r->is_gone || w->out.failed) {
        r->is_broken = w->out.failed;
        reply_stream_end(r);
        return;
    }
    if (w->out.len < PIECE_BYTES) {
        next(r);
        return;
    }
    bool is_taken = reply_stream_chunk(r, w->out.data, w->out.len, next);
    buf_reset(&w->out);
    if (!is_taken) reply_stream_end(r);
}

static void finish(struct req *r)
{
    struct project_walk *w = r->state;
    r->is_broken = w->out.failed;
    if (!r->is_broken) reply_stream_chunk(r, w->out.data, w->out.len, NULL);
    reply_stream_end(r);
}

static void begin(struct req *r)
{
    reply_stream_begin_gzip(r, 200, TYPE_JSON);
}

/* ---- elevations ---- */

/* Takes the columns count, last id, rows from column on; true when there may be more. */
static bool take_elevations(struct project_walk *w, const PGresult *result, int column)
{
    int64_t n = strtoll(PQgetvalue(result, 0, column), NULL, 10);
    if (n == 0) return false;
    snprintf(w->elevation_id, sizeof w->elevation_id, "%s", PQgetvalue(result, 0, column + 1));
    if (w->in_phase > 0) buf_char(&w->out, ',');
    buf_str(&w->out, PQgetvalue(result, 0, column + 2));
    w->in_phase += n;
    w->elevations += n;
    return n == ROWS;
}

static void end_phase(struct project_walk *w)
{
    buf_printf(&w->out, "],\"elevations_count\":%" PRId64, w->in_phase);
    if (!w->is_second) {
        buf_char(&w->out, ',');
        add_members(&w->out, w->phase_end);
    }
    buf_char(&w->out, '}');
}

static void then_elevations(struct req *r, const PGresult *result)
{
    struct project_walk *w = r->state;
    if (PQntuples(result) > 0 && take_elevations(w, result, 0)) {
        go_on(r, more_elevations);
    } else if (w->document == DOCUMENT_ELEVATIONS) {
        buf_char(&w->out, ']');
        finish(r);
    } else {
        end_phase(w);
        go_on(r, next_phase);
    }
}

static void more_elevations(struct req *r)
{
    struct project_walk *w = r->state;
    req_query(r, &query_odoo_stream_elevations, 3, (const char *[]){w->phase_id, w->elevation_id, ROWS_TEXT},
              then_elevations);
}

/* ---- phases ---- */

static void begin_phases(struct project_walk *w)
{
    snprintf(w->phase_id, sizeof w->phase_id, "0");
    w->phases = w->elevations = 0;
}

static void end_phases(struct req *r)
{
    struct project_walk *w = r->state;
    buf_str(&w->out, w->is_second ? "],\"summary\":{" : "],");
    buf_printf(&w->out, "\"phases_count\":%" PRId64 ",\"total_elevations\":%" PRId64 ",", w->phases, w->elevations);
    add_members(&w->out, w->is_second ? w->summary : w->project_end);
    buf_str(&w->out, w->is_second ? "}}" : "}");
    if (w->document != DOCUMENT_COMPLETE || w->is_second) {
        finish(r);
        return;
    }
    buf_str(&w->out, ",\"phases_with_elevations\":[");
    w->is_second = true;
    begin_phases(w);
    next_phase(r);
}

static void then_phase(struct req *r, const PGresult *result)
{
    struct project_walk *w = r->state;
    if (PQntuples(result) == 0) {
        end_phases(r);
        return;
    }
    snprintf(w->phase_id, sizeof w->phase_id, "%s", PQgetvalue(result, 0, 0));
    snprintf(w->phase_end, sizeof w->phase_end, "%s", PQgetvalue(result, 0, 2));
    if (w->phases++ > 0) buf_char(&w->out, ',');
    if (w->is_second) {
        buf_printf(&w->out, "{\"phase\":%s", PQgetvalue(result, 0, 3));
    } else {
        buf_char(&w->out, '{');
        add_members(&w->out, PQgetvalue(result, 0, 1));
    }
    buf_str(&w->out, ",\"elevations\":[");
    w->in_phase = 0;
    if (take_elevations(w, result, 4)) {
        go_on(r, more_elevations);
    } else {
        end_phase(w);
        go_on(r, next_phase);
    }
}

static void next_phase(struct req *r)
{
    struct project_walk *w = r->state;
    req_query(r, &query_odoo_stream_phase, 3, (const char *[]){w->project_id, w->phase_id, ROWS_TEXT}, then_phase);
}

/* ---- beginning ---- */

static void then_project(struct req *r, const PGresult *result)
{
    struct project_walk *w = r->state;
    if (PQntuples(result) == 0) { /* it was there a moment ago */
        reply_detail(r, 404, "Project not found");
        return;
    }
    snprintf(w->project_id, sizeof w->project_id, "%s", PQgetvalue(result, 0, 0));
    w->project_end = req_strdup(r, PQgetvalue(result, 0, 2));
    w->summary = req_strdup(r, PQgetvalue(result, 0, 3));
    begin(r);
    buf_str(&w->out, w->document == DOCUMENT_COMPLETE ? "{\"project\":{" : "{");
    add_members(&w->out, PQgetvalue(result, 0, 1));
    buf_str(&w->out, ",\"phases\":[");
    begin_phases(w);
    next_phase(r);
}

static void then_place(struct req *r, const PGresult *result)
{
    struct project_walk *w = r->state;
    if (PQntuples(result) == 0) {
        reply_detail(r, 404, "Phase not found");
        return;
    }
    snprintf(w->phase_id, sizeof w->phase_id, "%s", PQgetvalue(result, 0, 0));
    snprintf(w->elevation_id, sizeof w->elevation_id, "0");
    begin(r);
    buf_char(&w->out, '[');
    more_elevations(r);
}

static void forget_walk(void *walk)
{
    struct project_walk *w = walk;
    buf_free(&w->out);
}

static void on_place(struct req *r)
{
    struct project_walk *w = r->state;
    const char *values[] = {req_param(r, 0), w->document == DOCUMENT_ELEVATIONS ? req_param(r, 1) : NULL};
    if (w->document == DOCUMENT_ELEVATIONS)
        req_query(r, &query_odoo_stream_place, 2, values, then_place);
    else
        req_query(r, &query_odoo_stream_project, 1, values, then_project);
}

/* Nothing in these documents ages by itself, so they are current while the tables stand. */
static void walk_start(struct req *r, enum project_document document)
{
    if (cache_unchanged(r, 0)) return;
    struct project_walk *w = req_alloc(r, sizeof *w);
    w->document = document;
    r->state = w;
    req_on_end(r, forget_walk, w);
    streams_admit(r, on_place);
}

void odoo_stream_project(struct req *r)
{
    walk_start(r, DOCUMENT_PROJECT);
}

void odoo_stream_complete(struct req *r)
{
    walk_start(r, DOCUMENT_COMPLETE);
}

void odoo_stream_elevations(struct req *r)
{
    walk_start(r, DOCUMENT_ELEVATIONS);
}
