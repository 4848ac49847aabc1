/* The requests of the API and how their answers are read: the only place that knows its paths and JSON members. See
 * request.h. */
#include "services/logikal/request.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cjson/cJSON.h>

#include "services/logikal/client_internal.h"
#include "services/logikal/envelope.h"

#define IMAGE_TAIL_BYTES   64
#define PDF_TAIL_BYTES     1024
#define SMALL_ANSWER_BYTES (1024 * 1024)
#define LOGOUT_TIMEOUT_MS  10000

static const char *const select_paths[LEVEL_COUNT] = {
    "", "/directories/select", "/projects/select", "/phases/select", "/elevations/select",
};
static const char *const ask_paths[JOB_KIND_COUNT] = {
    "", "/directories", "/projects", "/phases", "/elevations", "", "/elevations/selected/parts-list",
    /* Its longer side fills a page of A4 at 150 dots an inch. */
    ("/elevations/selected/drawing?width=1600&height=1600&view=Exterior&withGlass=true&withElevation=true"
     "&withVerticalCuts=true&withHorizontalCuts=true")};
/* As large as the pages show it; the exterior is what the ERP prints. */
#define THUMBNAIL_QUERY                                                                                                \
    "/thumbnail?width=300&height=300&format=PNG&view=Exterior&withdimensions=true&withdescription=false"

static bool is_list(enum job_kind kind)
{
    return kind == JOB_DIRECTORIES || kind == JOB_PROJECTS || kind == JOB_PHASES || kind == JOB_ELEVATIONS;
}

static bool on_element(void *arg, const char *text, size_t len)
{
    struct logikal_session *s = arg;
    return s->job->element(s->job, text, len);
}

static bool on_file(void *arg, const char *bytes, size_t len)
{
    struct logikal_session *s = arg;
    return s->job->bytes(s->job, bytes, len);
}

static bool is_full(void *arg)
{
    struct logikal_session *s = arg;
    return s->job->is_full(s->job);
}

bool session_on_bytes(void *arg, const char *bytes, size_t len)
{
    struct logikal_session *s = arg;
    if (s->job && s->job->kind == JOB_PARTS) return json_file_feed(&s->file, bytes, len);
    return json_list_feed(&s->list, bytes, len);
}

static void url_encode(struct buf *out, const char *text)
{
    for (const unsigned char *p = (const unsigned char *)text; *p; p++) {
        if ((*p >= 'a' && *p <= 'z') || (*p >= 'A' && *p <= 'Z') || (*p >= '0' && *p <= '9') || strchr("-_.~", *p))
            buf_char(out, (char)*p);
        else
            buf_printf(out, "%%%02X", *p);
    }
}

static void ask_url(struct logikal_session *s, struct buf *url)
{
    if (s->job->kind == JOB_THUMBNAIL) {
        buf_str(url, "/elevations/");
        url_encode(url, s->job->object);
        buf_str(url, THUMBNAIL_QUERY);
    } else {
        buf_str(url, ask_paths[s->job->kind]);
    }
}

static void select_json(const struct step *step, struct buf *json)
{
    buf_str(json, "{\"identifier\":");
    buf_json_string(json, step->identifier, step->length);
    buf_char(json, '}');
}

int request_start(struct logikal_session *s, struct err *err)
{
    struct logikal *l = s->client;
    struct buf url = {0}, json = {0};
    struct http_request request = {
        .method = "GET", .timeout_ms = l->call_timeout_ms, .limit_bytes = SMALL_ANSWER_BYTES};
    buf_str(&url, l->base_url);
    switch (s->calling) {
    case CALL_LOGIN:
        request.method = "POST";
        request.json = l->login_json;
        request.is_fresh = true;
        buf_str(&url, "/auth");
        break;
    case CALL_LOGOUT:
        request.method = "DELETE";
        if (request.timeout_ms > LOGOUT_TIMEOUT_MS) request.timeout_ms = LOGOUT_TIMEOUT_MS;
        buf_str(&url, "/auth");
        break;
    case CALL_SELECT:
        request.method = "POST";
        buf_str(&url, select_paths[s->step.level]);
        select_json(&s->step, &json);
        request.json = json.data;
        break;
    case CALL_ASK:
        request.limit_bytes = l->max_answer_bytes;
        if (s->job->limit_bytes && s->job->limit_bytes < request.limit_bytes) request.limit_bytes = s->job->limit_bytes;
        ask_url(s, &url);
        if (is_list(s->job->kind)) {
            json_list_init(&s->list, on_element, s);
            request.sink = session_on_bytes;
        } else if (s->job->kind == JOB_PARTS) {
            json_file_init(&s->file, on_file, s);
            request.sink = session_on_bytes;
            request.is_full = s->job->is_full ? is_full : NULL;
        }
        break;
    }
    request.url = url.data;
    request.token = s->calling == CALL_LOGIN ? NULL : s->token;
    int rc = url.failed || json.failed ? err_set(err, ERR_NOMEM, "no memory for a call to Logikal")
                                       : http_call_start(s->call, &request, err);
    buf_free(&url);
    buf_free(&json);
    return rc;
}

const char *request_name(const struct logikal_session *s)
{
    static const char *const selects[LEVEL_COUNT] = {
        "", "POST /directories/select", "POST /projects/select", "POST /phases/select", "POST /elevations/select",
    };
    static const char *const asks[JOB_KIND_COUNT] = {
        "",
        "GET /directories",
        "GET /projects",
        "GET /phases",
        "GET /elevations",
        "GET /elevations/{id}/thumbnail",
        "GET /elevations/selected/parts-list",
        "GET /elevations/selected/drawing",
    };
    switch (s->calling) {
    case CALL_LOGIN: return "POST /auth";
    case CALL_LOGOUT: return "DELETE /auth";
    case CALL_SELECT: return selects[s->step.level];
    case CALL_ASK: break;
    }
    return s->job ? asks[s->job->kind] : "";
}

/* A body as JSON; a byte order mark before it is none of it. cJSON_Delete it. */
static cJSON *parse(const struct buf *body)
{
    size_t skip = body->len >= 3 && memcmp(body->data, "\xef\xbb\xbf", 3) == 0 ? 3 : 0;
    return body->len > skip ? cJSON_ParseWithLength(body->data + skip, body->len - skip) : NULL;
}

/* The token becomes part of a header: visible ASCII and nothing else. */
static const char *check_token(const char *text, size_t size)
{
    size_t len = 0;
    if (!text || !*text) return "no token in it";
    while (text[len] > ' ' && text[len] < 0x7f) len++;
    if (text[len]) return "its token cannot be sent in a header";
    return len < size ? NULL : "its token is longer than 8191 characters";
}

const char *request_read_token(const struct buf *body, char *token, size_t size)
{
    cJSON *json = parse(body);
    const cJSON *data = cJSON_GetObjectItemCaseSensitive(json, "data");
    const char *text = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(data, "token"));
    const char *why = check_token(text, size);
    if (!why) memcpy(token, text, strlen(text) + 1);
    cJSON_Delete(json);
    return why;
}

/* A select's answer has nothing to say but that it is one. */
static const char *check_selected(struct logikal_session *s, const struct http_answer *answer)
{
    if (answer->status == 204) return NULL;
    cJSON *json = parse(answer->body);
    const char *why = !cJSON_IsObject(json) ? "not the JSON that was expected" : NULL;
    if (!why && envelope_is_error(json)) why = envelope_error(json, s->words);
    cJSON_Delete(json);
    return why;
}

/* Both forms of a picture say where they end; what follows may be padding. */
static bool ends_with(const struct buf *body, const void *end, size_t len, size_t tail)
{
    if (tail > body->len) tail = body->len;
    return memmem(body->data + body->len - tail, tail, end, len) != NULL;
}

static const char *check_image(const struct buf *body)
{
    static const unsigned char png[] = {0x89, 'P', 'N', 'G', '\r', '\n', 0x1a, '\n'}, jpeg[] = {0xff, 0xd8, 0xff},
                               jpeg_end[] = {0xff, 0xd9};
    bool is_png = body->len > sizeof png && memcmp(body->data, png, sizeof png) == 0;
    bool is_jpeg = body->len > sizeof jpeg && memcmp(body->data, jpeg, sizeof jpeg) == 0;
    if (is_png) return ends_with(body, "IEND", 4, IMAGE_TAIL_BYTES) ? NULL : "half an image";
    if (is_jpeg) return ends_with(body, jpeg_end, sizeof jpeg_end, IMAGE_TAIL_BYTES) ? NULL : "half an image";
    return "not an image";
}

/* But for zeros behind it. */
static char last_byte(const struct buf *body)
{
    size_t len = body->len;
    while (len > 1 && body->data[len - 1] == 0) len--;
    return body->data[len - 1];
}

/* Says the number at a place how long it all is, and is it as long? Some write 0 there. */
static bool is_as_long_as_at(const struct buf *body, size_t place)
{
    const unsigned char *p = (const unsigned char *)body->data + place;
    size_t said = p[0] | (size_t)p[1] << 8 | (size_t)p[2] << 16 | (size_t)p[3] << 24;
    return said <= body->len;
}

/* The description leaves open which form a drawing has: what Windows programs make of one is taken as it is, when it is
 * whole. */
static const char *check_drawing(const struct buf *body)
{
    static const char emf[] = {1, 0, 0, 0};
    const char *bytes = body->data;
    bool is_whole;
    if (body->len > 88 && memcmp(bytes, emf, sizeof emf) == 0 && memcmp(bytes + 40, " EMF", 4) == 0)
        is_whole = is_as_long_as_at(body, 48);
    else if (body->len > 26 && memcmp(bytes, "BM", 2) == 0)
        is_whole = is_as_long_as_at(body, 2);
    else if (body->len > 26 && memcmp(bytes, "GIF8", 4) == 0)
        is_whole = last_byte(body) == ';';
    else if (body->len > 26 && memcmp(bytes, "%PDF-", 5) == 0)
        is_whole = ends_with(body, "%%EOF", 5, PDF_TAIL_BYTES);
    else
        return check_image(body);
    return is_whole ? NULL : "half an image";
}

/* A list may be whole, and yet be all that there was when something went wrong. */
static const char *check_list(struct logikal_session *s)
{
    if (!json_list_finish(&s->list)) return "not the JSON that was expected";
    const struct buf *outer = &s->list.outer;
    cJSON *json = outer->len ? cJSON_ParseWithLength(outer->data, outer->len) : NULL;
    const char *why = envelope_is_error(json) ? envelope_error(json, s->words) : NULL;
    if (!why) envelope_warnings(json, s->words);
    cJSON_Delete(json);
    return why;
}

static enum reading read_asked(struct logikal_session *s, const struct http_answer *answer, const char **why)
{
    if (s->job->kind == JOB_PARTS)
        return answer->status == 204 ? READ_NOTHING : json_file_finish(&s->file, s->words, why);
    if (!is_list(s->job->kind)) {
        *why = s->job->kind == JOB_DRAWING ? check_drawing(answer->body) : check_image(answer->body);
    } else if (answer->status == 204) {
        return READ_NOTHING;
    } else {
        *why = check_list(s);
    }
    return *why ? READ_BADLY : READ_WELL;
}

enum reading request_read_answer(struct logikal_session *s, const struct http_answer *answer, const char **why)
{
    *why = NULL;
    s->words[0] = '\0';
    switch (s->calling) {
    case CALL_LOGIN: *why = request_read_token(answer->body, s->token, sizeof s->token); break;
    case CALL_LOGOUT: break;
    case CALL_SELECT: *why = check_selected(s, answer); break;
    case CALL_ASK: return read_asked(s, answer, why);
    }
    return *why ? READ_BADLY : READ_WELL;
}
