/* What the upstream answers: lists as they stream in, each object of each kind, the token of a login, files. The first
 * byte chooses; lists come in pieces of its value. short run: 15000 */
#include <math.h>

#include "conf/clock.h"
#include "services/logikal/client_internal.h"
#include "services/logikal/json_list.h"
#include "services/logikal/objects.h"
#include "services/logikal/request.h"
#include "tests/fuzz/fuzz.h"

static bool read_object(void *arg, const char *text, size_t len)
{
    struct err err = {0};
    struct logikal_directory d;
    struct logikal_project p;
    struct logikal_phase ph;
    struct logikal_elevation e;
    (*(size_t *)arg)++;
    PROMISE(text[len] == 0);
    if (logikal_directory_read(text, len, &d, &err) == 0) {
        PROMISE(d.path && *d.path);
        cJSON_Delete(d.json);
    }
    if (logikal_project_read(text, len, &p, &err) == 0) {
        PROMISE(p.id && *p.id && strlen(p.id) < LOGIKAL_ID_SIZE && p.created_s >= 0 && p.changed_s >= 0);
        cJSON_Delete(p.json);
    }
    if (logikal_phase_read(text, len, &ph, &err) == 0) {
        PROMISE(ph.id && *ph.id);
        cJSON_Delete(ph.json);
    }
    if (logikal_elevation_read(text, len, &e, &err) == 0) {
        PROMISE(e.id && *e.id && isfinite(e.width) && isfinite(e.height) && isfinite(e.amount));
        PROMISE(e.created_s >= 0 && e.changed_s >= 0);
        cJSON_Delete(e.json);
    }
    return true;
}

static bool read_list(const char *text, size_t size, size_t piece, size_t *count)
{
    struct json_list list = {0};
    json_list_init(&list, read_object, count);
    for (size_t at = 0; at < size; at += piece)
        if (!json_list_feed(&list, text + at, size - at < piece ? size - at : piece)) break;
    bool is_whole = json_list_finish(&list);
    json_list_free(&list);
    return is_whole;
}

static void read_token(const char *text, size_t size)
{
    char token[TOKEN_SIZE];
    struct buf body = {0};
    buf_add(&body, text, size);
    if (!request_read_token(&body, token, sizeof token))
        for (const char *p = token; *p; p++) PROMISE(*p > ' ' && *p < 0x7f);
    buf_free(&body);
}

static size_t taken;

static bool take_bytes(struct logikal_job *job, const char *bytes, size_t len)
{
    (void)job, (void)bytes;
    taken += len;
    return true;
}

static bool on_file(void *arg, const char *bytes, size_t len)
{
    struct logikal_session *s = arg;
    return s->job->bytes(s->job, bytes, len);
}

static void read_file(const char *text, size_t size, enum job_kind kind)
{
    struct buf body = {0};
    struct logikal_job job = {.kind = kind, .bytes = take_bytes};
    static struct logikal_session session;
    session = (struct logikal_session){.job = &job, .calling = CALL_ASK};
    json_file_init(&session.file, on_file, &session);
    taken = 0;
    struct http_answer answer = {.status = 200, .why = "", .body = &body, .type = "", .retry_after_ms = -1};
    char shown[512];
    buf_add(&body, text, size);
    PROMISE(strlen(answer_text(&answer, "a call", "", shown, sizeof shown)) < sizeof shown);
    const char *why = NULL;
    if (kind == JOB_PARTS) json_file_feed(&session.file, text, size);
    enum reading reading = request_read_answer(&session, &answer, &why);
    PROMISE(reading == READ_BADLY ? why && *why : !why);
    PROMISE(reading != READ_WELL || (kind == JOB_PARTS ? taken : body.len) > 0);
    json_file_free(&session.file);
    buf_free(&body);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 1) return 0;
    char *text = fuzz_text(data + 1, size - 1);
    size_t count = 0, again = 0;
    switch (data[0] % 8) {
    case 0: read_token(text, size - 1); break;
    case 1: read_file(text, size - 1, JOB_PARTS); break;
    case 2: read_file(text, size - 1, JOB_THUMBNAIL); break;
    case 3: read_object(&count, text, size - 1); break;
    default: /* however it is cut into pieces, it is the same list */
        PROMISE(read_list(text, size - 1, data[0] / 8 + 1, &count) == read_list(text, size - 1, SIZE_MAX / 2, &again));
        PROMISE(count == again);
    }
    free(text);
    return 0;
}
