/* What a phase and an elevation offer: thumbnails, drawings, parts lists. See api.h. */
#include "tests/sim/api.h"

#include <event2/keyvalq_struct.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "tests/sim/files/parts.h"

#define BAD_REQUEST                                                                                                    \
    "The request is in an invalid format, is missing required properties or can't be performed on the requested "      \
    "object."

/* The query string of the call; the caller clears it. */
static void query_of(const struct call *call, struct evkeyvalq *query)
{
    const char *text = evhttp_uri_get_query(evhttp_request_get_evhttp_uri(call->req));
    TAILQ_INIT(query);
    if (text) evhttp_parse_query_str(text, query);
}

static bool read_pixels(const struct evkeyvalq *query, const char *name, unsigned *out)
{
    const char *text = evhttp_find_header(query, name);
    char *end;
    if (!text || !*text) return false;
    unsigned long v = strtoul(text, &end, 10);
    if (*end || v < 1 || v > PICTURE_SIZE_MAX) return false;
    *out = (unsigned)v;
    return true;
}

/* One of two words; *is_first tells which. */
static bool read_either(const struct evkeyvalq *query, const char *name, const char *first, const char *second,
                        bool *is_first)
{
    const char *text = evhttp_find_header(query, name);
    *is_first = text && strcasecmp(text, first) == 0;
    return *is_first || (text && strcasecmp(text, second) == 0);
}

bool picture_read(const struct evkeyvalq *query, struct picture *out)
{
    const char *format = evhttp_find_header(query, "format");
    return read_pixels(query, "width", &out->width) && read_pixels(query, "height", &out->height) && format &&
           strcasecmp(format, "PNG") == 0 && read_either(query, "view", "Interior", "Exterior", &out->is_interior) &&
           read_either(query, "withdimensions", "true", "false", &out->with_dimensions) &&
           read_either(query, "withdescription", "true", "false", &out->with_description);
}

static void send_picture(struct call *call, uint32_t elevation)
{
    struct evkeyvalq query;
    struct picture picture;
    query_of(call, &query);
    if (elevation == NO_INDEX || !picture_read(&query, &picture)) {
        call_error(call, 400, BAD_REQUEST);
    } else {
        call->status = 200;
        call->content_type = "application/octet-stream";
        picture_add_png(call->sim->world, elevation, &picture, &call->body);
    }
    evhttp_clear_headers(&query);
}

void api_thumbnail(struct call *call)
{
    const struct world *w = call->sim->world;
    if (call->session->place != IN_PHASE) {
        call_error(call, 405, "This operation expects the session to be in a phase.");
        return;
    }
    char *id = evhttp_uridecode(call->id, 0, NULL); /* braces come encoded */
    uint32_t elevation = id ? call_find(call, KIND_ELEVATION, id, NO_INDEX) : NO_INDEX;
    free(id);
    if (elevation != NO_INDEX && world_parent(w, KIND_ELEVATION, elevation) != call->session->at[KIND_PHASE])
        elevation = NO_INDEX;
    send_picture(call, elevation);
}

/* The selected elevation, if the session is in one that still exists; else the call is answered. */
static bool in_elevation(struct call *call)
{
    if (call->session->place != IN_ELEVATION) {
        call_error(call, 405, "This operation expects the session to be in an elevation.");
        return false;
    }
    if (world_exists(call->sim->world, KIND_ELEVATION, call->session->at[KIND_ELEVATION])) return true;
    call_error(call, 400, BAD_REQUEST);
    return false;
}

void api_thumbnail_selected(struct call *call)
{
    if (in_elevation(call)) send_picture(call, call->session->at[KIND_ELEVATION]);
}

void api_parts(struct call *call)
{
    if (!in_elevation(call)) return;
    struct buf database = {0};
    parts_add_database(call->sim->world, call->session->at[KIND_ELEVATION], &database);
    call->status = 200;
    buf_str(&call->body, "{\"data\":\"");
    base64_add(&call->body, database.data, database.len);
    buf_str(&call->body, "\",\"hints\":[],\"warnings\":[]}");
    buf_free(&database);
}

void api_drawing(struct call *call)
{
    if (!in_elevation(call)) return;
    struct evkeyvalq query;
    struct picture picture = {.with_dimensions = true};
    bool ignored;
    query_of(call, &query);
    bool ok = read_pixels(&query, "width", &picture.width) && read_pixels(&query, "height", &picture.height) &&
              read_either(&query, "view", "Interior", "Exterior", &picture.is_interior) &&
              read_either(&query, "withGlass", "true", "false", &ignored) &&
              read_either(&query, "withElevation", "true", "false", &picture.with_description) &&
              read_either(&query, "withVerticalCuts", "true", "false", &ignored) &&
              read_either(&query, "withHorizontalCuts", "true", "false", &ignored);
    evhttp_clear_headers(&query);
    if (!ok) {
        call_error(call, 400, BAD_REQUEST);
        return;
    }
    call->status = 200;
    call->content_type = "application/octet-stream";
    picture_add_png(call->sim->world, call->session->at[KIND_ELEVATION], &picture, &call->body);
}
