/* The client's life: set up from the settings, the run loop, and the orderly end in which every session is logged out.
 */
#include "services/logikal/client.h"

#include <stdlib.h>
#include <string.h>

#include "conf/clock.h"
#include "conf/log.h"
#include "services/logikal/client_internal.h"

#define BACKOFF_BASE_MS 100
#define BACKOFF_CAP_MS  5000
#define CLOSE_TIME_MS   10000
#define POLL_MS         50

/* As measured in the field, until this server's own figures are known. */
static const int64_t usual_cost_ms[JOB_KIND_COUNT] = {0, 200, 200, 200, 200, 80, 2000, 500};
static const int64_t usual_select_cost_ms[LEVEL_COUNT] = {0, 100, 700, 300, 300};

static void set_sideways(struct logikal *l, const struct conf *conf, const enum sideways known[LEVEL_COUNT])
{
    const char *mode = conf_str(conf, SET_LOGIKAL_SIDEWAYS);
    l->may_learn = strcmp(mode, "auto") == 0;
    for (int i = 0; i < LEVEL_COUNT; i++) {
        if (l->may_learn)
            l->sideways[i] = known[i];
        else
            l->sideways[i] = strcmp(mode, "always") == 0 ? SIDEWAYS_ALLOWED : SIDEWAYS_REFUSED;
    }
}

static int set_login(struct logikal *l, const struct conf *conf)
{
    struct buf json = {0};
    const char *user = conf_str(conf, SET_LOGIKAL_USER), *password = conf_str(conf, SET_LOGIKAL_PASSWORD);
    buf_str(&json, "{\"username\":");
    buf_json_string(&json, user, strlen(user));
    buf_str(&json, ",\"password\":");
    buf_json_string(&json, password, strlen(password));
    buf_str(&json, ",\"erp\":true}");
    l->login_json = buf_steal(&json);
    l->base_url = strdup(conf_str(conf, SET_LOGIKAL_URL));
    if (!l->login_json || !l->base_url) return -1;
    for (size_t n = strlen(l->base_url); n && l->base_url[n - 1] == '/'; n--) l->base_url[n - 1] = '\0';
    return 0;
}

static int make_sessions(struct logikal *l, int count)
{
    l->sessions = calloc((size_t)count, sizeof *l->sessions);
    if (!l->sessions) return -1;
    l->max_sessions = l->session_limit = count;
    for (int i = 0; i < count; i++) {
        struct logikal_session *s = &l->sessions[i];
        s->client = l;
        s->call = http_call_new(l->http, session_on_answer, s);
        backoff_init(&s->backoff, BACKOFF_BASE_MS, BACKOFF_CAP_MS);
        if (!s->call) return -1;
    }
    return 0;
}

static void release(struct logikal *l)
{
    for (int i = 0; i < l->max_sessions; i++) {
        http_call_free(l->sessions[i].call);
        json_list_free(&l->sessions[i].list);
        json_file_free(&l->sessions[i].file);
        place_clear(&l->sessions[i].at);
    }
    free(l->sessions);
    http_free(l->http);
    place_clear(&l->ahead_place);
    free(l->base_url);
    free(l->login_json);
    free(l);
}

struct logikal *logikal_new(const struct conf *conf, const struct logikal_hooks *hooks,
                            const enum sideways sideways[LEVEL_COUNT], struct err *err)
{
    if (!conf_is_set(conf, SET_LOGIKAL_URL))
        return err_set(err, ERR_CONFIG, "LOGIKAL_API_BASE_URL is not set: there is nothing to sync from"), NULL;
    if (!conf_is_set(conf, SET_LOGIKAL_USER) || !conf_is_set(conf, SET_LOGIKAL_PASSWORD))
        return err_set(err, ERR_CONFIG, "LOGIKAL_AUTH_USERNAME and LOGIKAL_AUTH_PASSWORD are not both set"), NULL;
    struct logikal *l = calloc(1, sizeof *l);
    if (!l) return err_set(err, ERR_NOMEM, "no memory"), NULL;
    l->pending_end = &l->pending;
    l->hooks = *hooks;
    l->call_timeout_ms = conf_int(conf, SET_LOGIKAL_CALL_TIMEOUT);
    l->budget_ms = conf_int(conf, SET_LOGIKAL_RETRY_BUDGET) * 1000;
    l->stall_ms = conf_int(conf, SET_LOGIKAL_STALL) * 1000;
    l->max_answer_bytes = (size_t)conf_int(conf, SET_LOGIKAL_MAX_ANSWER);
    l->login_cost_ms = 4500;
    memcpy(l->cost_ms, usual_cost_ms, sizeof usual_cost_ms);
    memcpy(l->select_cost_ms, usual_select_cost_ms, sizeof usual_select_cost_ms);
    set_sideways(l, conf, sideways);
    const struct http_tls tls = {conf_str(conf, SET_LOGIKAL_CA_FILE), conf_str(conf, SET_LOGIKAL_CERT_FILE),
                                 conf_str(conf, SET_LOGIKAL_KEY_FILE)};
    l->http = http_new(&tls, err);
    if (!l->http) {
        release(l);
        return NULL;
    }
    if (set_login(l, conf) == 0 && make_sessions(l, (int)conf_int(conf, SET_LOGIKAL_SESSIONS)) == 0) return l;
    err_set(err, ERR_NOMEM, "no memory");
    release(l);
    return NULL;
}

void logikal_open_ahead(struct logikal *l, const struct place *place, int count)
{
    if (place_copy(&l->ahead_place, place) == 0) l->ahead_count = count < l->max_sessions ? count : l->max_sessions;
}

void logikal_wake(struct logikal *l)
{
    http_wake(l->http);
}

size_t logikal_pending(const struct logikal *l)
{
    return l->pending_count + l->running_count;
}

bool logikal_is_over(const struct logikal *l)
{
    return l->fatal.code != ERR_NONE || l->is_closing;
}

const struct logikal_stats *logikal_stats(const struct logikal *l)
{
    return &l->stats;
}

int logikal_max_sessions(const struct logikal *l)
{
    return l->max_sessions;
}

void logikal_renew(struct logikal *l)
{
    for (int i = 0; i < l->max_sessions; i++)
        if (l->sessions[i].token[0]) l->sessions[i].must_renew = true;
}

/* Every job is told that the run has ended. Logins on their way are left alone: their token is needed to log out. */
static void cancel_jobs(struct logikal *l, enum err_code code, const char *text)
{
    for (int i = 0; i < l->max_sessions; i++) {
        struct logikal_session *s = &l->sessions[i];
        bool is_kept = s->state == SESSION_CALLING && (s->calling == CALL_LOGIN || s->calling == CALL_LOGOUT);
        enum session_state state = s->state;
        if (!is_kept) http_call_stop(s->call);
        if (s->job) session_finish_job(s, &(struct logikal_outcome){.code = code, .text = text});
        if (is_kept) s->state = state;
    }
    pending_fail(l, NULL, code, text);
}

void logikal_fail(struct logikal *l, enum err_code code, const char *text)
{
    if (l->fatal.code) return;
    err_set(&l->fatal, code, "%s", text);
    cancel_jobs(l, code, text);
}

static void wake_waiting(struct logikal *l)
{
    int64_t now_ms = mono_ms();
    for (int i = 0; i < l->max_sessions; i++)
        if (l->sessions[i].state == SESSION_WAITING && l->sessions[i].wait_until_ms <= now_ms)
            session_step(&l->sessions[i]);
}

static int poll_time_ms(const struct logikal *l)
{
    int64_t ms = POLL_MS, now_ms = mono_ms();
    for (int i = 0; i < l->max_sessions; i++) {
        const struct logikal_session *s = &l->sessions[i];
        if (s->state == SESSION_WAITING && s->wait_until_ms - now_ms < ms) ms = s->wait_until_ms - now_ms;
    }
    return ms < 1 ? 1 : (int)ms;
}

static void check_run(struct logikal *l)
{
    int64_t now_ms = mono_ms();
    struct err err = {0};
    if (now_ms - l->last_tick_ms < POLL_MS) return;
    l->last_tick_ms = now_ms;
    if (l->hooks.is_cancelled && l->hooks.is_cancelled(l->hooks.arg))
        err_set(&l->fatal, ERR_CANCELLED, "the sync was cancelled");
    else if (l->hooks.tick && l->hooks.tick(l->hooks.arg, &err) < 0)
        l->fatal = err;
    else if (now_ms - l->last_progress_ms > l->stall_ms)
        err_set(&l->fatal, ERR_UPSTREAM, "the sync was stopped: no progress for %d s", (int)(l->stall_ms / 1000));
}

int logikal_run(struct logikal *l, struct err *err)
{
    l->last_progress_ms = mono_ms();
    while (logikal_pending(l) > 0 && !l->fatal.code) {
        dispatch(l);
        http_poll(l->http, poll_time_ms(l));
        wake_waiting(l);
        if (l->hooks.turn) l->hooks.turn(l->hooks.arg);
        check_run(l);
    }
    if (!l->fatal.code) return 0;
    struct err fatal = l->fatal;
    cancel_jobs(l, fatal.code, fatal.text);
    return err_set(err, fatal.code, "%s", fatal.text);
}

static bool is_all_closed(struct logikal *l)
{
    bool is_closed = true;
    for (int i = 0; i < l->max_sessions; i++) {
        struct logikal_session *s = &l->sessions[i];
        if (s->state == SESSION_IDLE || (s->state == SESSION_WAITING && s->token[0])) session_close(s);
        if (s->state == SESSION_WAITING && !s->token[0]) s->state = SESSION_CLOSED;
        is_closed = is_closed && s->state == SESSION_CLOSED;
    }
    return is_closed;
}

void logikal_free(struct logikal *l)
{
    if (!l) return;
    int64_t deadline_ms = mono_ms() + CLOSE_TIME_MS;
    l->is_closing = true;
    l->pause_until_ms = 0;
    cancel_jobs(l, ERR_CANCELLED, "the sync has ended");
    while (!is_all_closed(l) && mono_ms() < deadline_ms) http_poll(l->http, POLL_MS);
    for (int i = 0; i < l->max_sessions; i++)
        if (l->sessions[i].token[0])
            log_warning("a Logikal session could not be logged out; the next sync tries again");
    release(l);
}

const char *logikal_trouble(const struct logikal *l, int64_t *ms)
{
    int64_t since_ms = 0;
    for (int i = 0; i < l->max_sessions; i++) {
        const struct logikal_job *job = l->sessions[i].job;
        if (job && job->effort.since_ms && (!since_ms || job->effort.since_ms < since_ms))
            since_ms = job->effort.since_ms;
    }
    *ms = since_ms ? mono_ms() - since_ms : 0;
    return since_ms && l->stats.last_fault[0] ? l->stats.last_fault : NULL;
}
