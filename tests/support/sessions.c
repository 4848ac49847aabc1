/* See sessions.h. */
#include "tests/support/sessions.h"

#include <stdio.h>
#include <string.h>

#include "services/logikal/request.h"
#include "tests/support/settings.h"

static const char *const kinds[JOB_KIND_COUNT] = {"VISIT",      "DIRECTORIES", "PROJECTS", "PHASES",
                                                  "ELEVATIONS", "THUMBNAIL",   "PARTS",    "DRAWING"};
static char state_text[4096], told_text[4096];

static void on_begins(void *arg, int slot)
{
    buf_printf(&((struct sessions *)arg)->told, "begins %d; ", slot);
}

static void on_failed(void *arg, int slot)
{
    buf_printf(&((struct sessions *)arg)->told, "failed %d; ", slot);
}

static void on_opened(void *arg, int slot, const char *token)
{
    buf_printf(&((struct sessions *)arg)->told, "opened %d %s; ", slot, token);
}

static void on_closed(void *arg, const char *token)
{
    buf_printf(&((struct sessions *)arg)->told, "closed %s; ", token);
}

static void on_learned(void *arg, enum logikal_level level, enum sideways what)
{
    buf_printf(&((struct sessions *)arg)->told, "learned %d %d; ", (int)level, (int)what);
}

static bool is_cancelled(void *arg)
{
    return ((struct sessions *)arg)->is_cancelled;
}

static int on_tick(void *arg, struct err *err)
{
    int rc = ((struct sessions *)arg)->tick_rc;
    return rc < 0 ? err_set(err, (enum err_code) - rc, "the tick says so") : 0;
}

void sessions_open(struct sessions *s, const char *more, enum sideways sideways)
{
    struct err err = {0};
    char text[600];
    enum sideways known[LEVEL_COUNT];
    for (int i = 0; i < LEVEL_COUNT; i++) known[i] = sideways;
    *s = (struct sessions){0};
    snprintf(
        text, sizeof text,
        "logikal: { base_url = \"http://127.0.0.1:1/api//\"; username = \"u\\\"1\"; password = \"w\\\\2\"; %s };\n",
        more);
    s->conf = settings_load(text, &err);
    if (!s->conf) fail_msg("%s", err.text);
    const struct logikal_hooks hooks = {.is_cancelled = is_cancelled,
                                        .tick = on_tick,
                                        .login_begins = on_begins,
                                        .login_failed = on_failed,
                                        .session_opened = on_opened,
                                        .session_closed = on_closed,
                                        .learned = on_learned,
                                        .arg = s};
    s->client = logikal_new(s->conf, &hooks, known, &err);
    if (!s->client) fail_msg("%s", err.text);
    s->client->last_progress_ms = 0;
}

void sessions_close(struct sessions *s)
{
    for (int i = 0; i < s->client->max_sessions; i++) { /* nobody is there to log out of */
        http_call_stop(s->client->sessions[i].call);
        session_leave(&s->client->sessions[i]);
        s->client->sessions[i].state = SESSION_WAITING;
    }
    logikal_free(s->client);
    conf_free(s->conf);
    buf_free(&s->told);
}

/* ---- jobs ---- */

void sessions_place(struct place *p, const char *text)
{
    char copy[200], *words[4] = {copy, NULL, NULL, NULL};
    snprintf(copy, sizeof copy, "%s", text);
    for (int i = 0; i < 4 && words[i]; i++) {
        char *blank = strchr(words[i], ' ');
        if (blank) *blank = '\0';
        if (i < 3) words[i + 1] = blank ? blank + 1 : NULL;
    }
    for (char *c = copy; *c; c++)
        if (*c == '/') *c = CHAIN_SEPARATOR;
    assert_int_equal(place_set(p, words[0], words[1], words[2], words[3]), 0);
}

static void add_place(struct buf *out, const struct place *p)
{
    for (const char *c = p->chain ? p->chain : ""; *c; c++) buf_char(out, *c == CHAIN_SEPARATOR ? '/' : *c);
    if (*p->project) buf_printf(out, " %s", p->project);
    if (*p->phase) buf_printf(out, " %s", p->phase);
    if (*p->elevation) buf_printf(out, " %s", p->elevation);
}

static void on_done(struct logikal_job *job, struct logikal_outcome *outcome)
{
    struct sessions *s = job->arg;
    buf_printf(&s->told, "done %s ", kinds[job->kind]);
    add_place(&s->told, &job->place);
    buf_printf(&s->told, ": %d%s; ", (int)outcome->code, outcome->is_nothing ? " nothing" : "");
    place_clear(&job->place);
    free(job);
}

static bool on_element(struct logikal_job *job, const char *text, size_t len)
{
    struct sessions *s = job->arg;
    return buf_printf(&s->told, "[%.*s]; ", (int)len, text);
}

static void on_restart(struct logikal_job *job)
{
    buf_str(&((struct sessions *)job->arg)->told, "restart; ");
}

struct logikal_job *sessions_job(struct sessions *s, enum job_kind kind, const char *place, int64_t weight)
{
    struct logikal_job *job = calloc(1, sizeof *job);
    assert_non_null(job);
    *job = (struct logikal_job){.kind = kind,
                                .weight = weight,
                                .element = on_element,
                                .bytes = on_element,
                                .restart = on_restart,
                                .done = on_done,
                                .arg = s};
    sessions_place(&job->place, place);
    if (kind == JOB_THUMBNAIL) {
        memcpy(job->object, job->place.elevation, sizeof job->object);
        job->place.elevation[0] = '\0';
    }
    logikal_submit(s->client, job);
    return job;
}

/* ---- looking ---- */

static void add_call(struct buf *out, const struct logikal_session *s)
{
    buf_str(out, request_name(s));
    if (s->calling == CALL_LOGIN) {
        buf_str(out, " for ");
        if (s->job) add_place(out, &s->job->place);
    }
    if (s->calling == CALL_SELECT)
        buf_printf(out, " %.*s%s", (int)s->step.length, s->step.identifier, s->step.is_sideways ? " sideways" : "");
    if (s->calling == CALL_ASK && s->job->kind == JOB_THUMBNAIL) buf_printf(out, " %s", s->job->object);
}

const char *sessions_state(struct sessions *s)
{
    struct buf out = {0};
    for (int i = 0; i < s->client->max_sessions; i++) {
        const struct logikal_session *one = &s->client->sessions[i];
        if (one->state == SESSION_CLOSED) continue;
        buf_printf(&out, "%s%d ", out.len ? "; " : "", i);
        if (one->state == SESSION_CALLING) add_call(&out, one);
        if (one->state == SESSION_WAITING) buf_str(&out, "waits");
        if (one->state == SESSION_IDLE) buf_str(&out, one->at.chain ? "idle " : "idle");
        if (one->state == SESSION_IDLE) add_place(&out, &one->at);
    }
    snprintf(state_text, sizeof state_text, "%s", out.len ? out.data : "");
    buf_free(&out);
    return state_text;
}

const char *sessions_told(struct sessions *s)
{
    snprintf(told_text, sizeof told_text, "%s", s->told.len ? s->told.data : "");
    buf_reset(&s->told);
    return told_text;
}

/* ---- answering ---- */

void sessions_answer(struct sessions *s, int slot, struct http_answer answer, const char *body)
{
    struct logikal_session *one = &s->client->sessions[slot];
    struct buf text = {0};
    assert_int_equal(one->state, SESSION_CALLING);
    http_call_stop(one->call);
    bool is_stream = answer.status == 200 && one->calling == CALL_ASK && one->job->kind != JOB_THUMBNAIL &&
                     one->job->kind != JOB_DRAWING;
    if (is_stream)
        session_on_bytes(one, body, strlen(body));
    else
        buf_str(&text, body);
    answer.body = &text;
    answer.type = "";
    answer.why = answer.fault ? "a fault" : "";
    session_on_answer(one, &answer);
    buf_free(&text);
}

void sessions_say(struct sessions *s, int slot, int status, const char *body)
{
    sessions_answer(s, slot, (struct http_answer){.status = status, .retry_after_ms = -1}, body);
}

void sessions_well(struct sessions *s, int slot)
{
    const struct logikal_session *one = &s->client->sessions[slot];
    char token[64];
    const char *body = "{}";
    if (one->calling == CALL_LOGIN) {
        snprintf(token, sizeof token, "{\"data\":{\"token\":\"t%d\"}}", ++s->tokens);
        body = token;
    } else if (one->calling == CALL_ASK && (one->job->kind == JOB_THUMBNAIL || one->job->kind == JOB_DRAWING)) {
        body = "\xff\xd8\xff\xe0 picture \xff\xd9";
    } else if (one->calling == CALL_ASK && one->job->kind != JOB_PARTS) {
        body = "{\"data\":[]}";
    } else if (one->calling == CALL_ASK) {
        body = "{\"data\":\"QUJD\"}";
    }
    sessions_say(s, slot, 200, body);
}

void sessions_until(struct sessions *s, int slot, const char *state)
{
    const struct logikal_session *one = &s->client->sessions[slot];
    for (int i = 0; i < 100; i++) {
        dispatch(s->client);
        if (one->state == SESSION_CALLING && strncmp(request_name(one), state, strlen(state)) == 0) return;
        if (one->state == SESSION_IDLE && strcmp(state, "idle") == 0) return;
        if (one->state != SESSION_CALLING) break;
        sessions_well(s, slot);
    }
    fail_msg("session %d does not come to %s: %s", slot, state, sessions_state(s));
}

void sessions_submit(struct sessions *s, const char *jobs)
{
    static const char *const names[JOB_KIND_COUNT] = {"VISIT ",      "DIRECTORIES ", "PROJECTS ", "PHASES ",
                                                      "ELEVATIONS ", "THUMBNAIL ",   "PARTS ",    "DRAWING "};
    char copy[400], *rest = NULL;
    int64_t weight = 1;
    snprintf(copy, sizeof copy, "%s", jobs);
    for (char *job = strtok_r(copy, ",", &rest); job; job = strtok_r(NULL, ",", &rest)) {
        job += strspn(job, " ");
        if (*job == '+') weight++;
        job += *job == '+';
        for (int kind = 0; kind < JOB_KIND_COUNT; kind++)
            if (strncmp(job, names[kind], strlen(names[kind])) == 0)
                sessions_job(s, (enum job_kind)kind, job + strlen(names[kind]), weight);
    }
}

void sessions_stand(struct sessions *s, int slot, const char *place)
{
    struct logikal_session *one = &s->client->sessions[slot];
    sessions_place(&one->at, place);
    one->state = SESSION_IDLE;
    snprintf(one->token, sizeof one->token, "s%d", slot);
}
