/* One session doing one job: log in, descend select by select, ask, and what to do when an answer is not what was hoped
 * for. Every answer comes to session_on_answer, which acts on its verdict and takes the next step. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cjson/cJSON.h>

#include "conf/clock.h"
#include "conf/log.h"
#include "services/logikal/client_internal.h"
#include "services/logikal/request.h"

#define RENEWALS_MAX 30 /* new sessions that one job may cost */
#define DENIALS_MAX  3  /* refused logins before the first that works */
#define GARBLED_MAX  5  /* unreadable answers in a row before an object is given up */

/* What a sideways move looks like to this session: where it is finding out, it goes straight. */
static struct step next_step(struct session *s)
{
    enum sideways sideways[LEVEL_COUNT];
    memcpy(sideways, s->client->sideways, sizeof(sideways));
    if (s->probed) sideways[s->probed] = SIDEWAYS_REFUSED;
    return place_next_step(&s->at, &s->job->place, sideways);
}

static void fail_run(struct logikal *l, enum err_code code, const char *text)
{
    if (!l->fatal.code) err_set(&l->fatal, code, "%s", text);
}

static int slot_of(const struct session *s)
{
    return (int)(s - s->client->sessions);
}

/* A login that gave no token: refused, or without an answer that could be read. */
static void note_failed_login(struct session *s, const struct http_answer *answer)
{
    struct logikal *l = s->client;
    bool is_unknown = answer->status == 200 || answer->fault == HTTP_FAULT_TIMEOUT || answer->fault == HTTP_FAULT_CUT;
    l->stats.sessions_unknown += is_unknown;
    if (l->hooks.login_failed) l->hooks.login_failed(l->hooks.arg, slot_of(s));
}

static void start_call(struct session *s, enum session_call calling)
{
    struct logikal *l = s->client;
    if (calling == CALL_LOGIN && l->hooks.login_begins) l->hooks.login_begins(l->hooks.arg, slot_of(s));
    s->calling = calling;
    s->state = SESSION_CALLING;
    struct err err = {0};
    if (request_start(s, &err) == 0) {
        l->stats.calls++;
        return;
    }
    s->state = s->token[0] ? SESSION_IDLE : SESSION_CLOSED;
    fail_run(l, err.code, err.text);
}

static void wait_ms(struct session *s, int64_t ms)
{
    s->state = SESSION_WAITING;
    s->wait_until_ms = mono_ms() + ms;
}

void session_begin(struct session *s, struct logikal_job *job)
{
    s->job = job;
    s->renewals = 0;
    s->failing_since_ms = 0;
    backoff_reset(&s->backoff);
    s->client->running_count++;
    session_step(s);
}

void session_step(struct session *s)
{
    struct logikal *l = s->client;
    if (l->pause_until_ms > mono_ms()) {
        wait_ms(s, l->pause_until_ms - mono_ms());
        return;
    }
    if (s->must_renew && s->token[0]) {
        start_call(s, CALL_LOGOUT);
        return;
    }
    if (!s->job) {
        s->state = s->token[0] ? SESSION_IDLE : SESSION_CLOSED;
        return;
    }
    if (!s->token[0]) {
        start_call(s, CALL_LOGIN);
        return;
    }
    s->step = next_step(s);
    if (s->step.kind == STEP_NEW_SESSION) {
        s->must_renew = true;
        start_call(s, CALL_LOGOUT);
    } else if (s->step.kind == STEP_SELECT) {
        start_call(s, CALL_SELECT);
    } else if (s->job->kind == JOB_VISIT) {
        session_finish_job(s, &(struct logikal_outcome){.text = ""});
    } else {
        start_call(s, CALL_ASK);
    }
}

void session_finish_job(struct session *s, struct logikal_outcome *outcome)
{
    struct logikal_job *job = s->job;
    s->job = NULL;
    s->state = s->token[0] ? SESSION_IDLE : SESSION_CLOSED;
    s->client->running_count--;
    if (outcome->code) s->client->stats.failures++;
    job->done(job, outcome);
}

/* The session may still be open, and stays noted; this one goes on without it. */
static void session_leave(struct session *s)
{
    s->token[0] = '\0';
    s->must_renew = false;
    place_clear(&s->at);
}

void session_forget(struct session *s)
{
    if (s->token[0] && s->client->hooks.session_closed) s->client->hooks.session_closed(s->client->hooks.arg, s->token);
    session_leave(s);
}

void session_close(struct session *s)
{
    if (s->token[0]) start_call(s, CALL_LOGOUT);
}

static void give_up(struct session *s, enum err_code code, const char *text)
{
    struct logikal *l = s->client;
    if (code == ERR_UPSTREAM && s->calling == CALL_LOGIN) fail_run(l, code, text);
    if (code == ERR_UPSTREAM && ++l->failures_in_row >= 10) fail_run(l, code, text);
    log_warning("%s", text);
    session_finish_job(s, &(struct logikal_outcome){.code = code, .text = text});
}

/* Tries again after a while, or gives the job up when that would take longer than the budget allows. */
static void try_later(struct session *s, const struct http_answer *answer, bool is_renewal)
{
    struct logikal *l = s->client;
    int64_t now_ms = mono_ms();
    int64_t pause_ms = answer->retry_after_ms >= 0 ? answer->retry_after_ms : backoff_next_ms(&s->backoff);
    char text[400];
    answer_text(answer, request_name(s), text, sizeof(text));
    if (s->job && s->job->restart && s->calling == CALL_ASK) s->job->restart(s->job);
    if (!s->failing_since_ms) s->failing_since_ms = now_ms;
    if (is_renewal) s->must_renew = true;
    if (!s->job || s->calling == CALL_LOGOUT) { /* tried a few times, then left to the next run, which finds it noted */
        if (s->token[0] && s->backoff.attempt <= 3) {
            wait_ms(s, l->is_closing ? 0 : pause_ms);
        } else {
            session_leave(s);
            session_step(s);
        }
        return;
    }
    if (now_ms + pause_ms - s->failing_since_ms > l->budget_ms || s->renewals > RENEWALS_MAX) {
        give_up(s, ERR_UPSTREAM, text);
        return;
    }
    l->stats.retries++;
    snprintf(l->stats.last_fault, sizeof(l->stats.last_fault), "%.255s", text);
    log_debug("%s; again in %d ms", text, (int)pause_ms);
    if (answer->status == 429 || answer->status == 503) l->pause_until_ms = now_ms + pause_ms;
    wait_ms(s, pause_ms);
}

static void on_renew(struct session *s, const struct http_answer *answer)
{
    s->renewals++;
    if (s->calling == CALL_SELECT && s->step.is_sideways) {
        s->probed = s->step.level;
        s->must_renew = true;
        session_step(s);
        return;
    }
    try_later(s, answer, true);
}

static void learn(struct session *s, enum logikal_level level, enum sideways what)
{
    struct logikal *l = s->client;
    static const char *const names[] = {"", "directories", "projects", "phases", "elevations"};
    if (!l->may_learn || l->sideways[level] == what) return;
    l->sideways[level] = what;
    log_info("learned: this Logikal server %s to select sibling %s without a new session",
             what == SIDEWAYS_ALLOWED ? "allows" : "does not allow", names[level]);
    if (l->hooks.learned) l->hooks.learned(l->hooks.arg, level, what);
}

static void on_selected(struct session *s)
{
    enum logikal_level level = s->step.level;
    if (s->step.is_sideways)
        learn(s, level, SIDEWAYS_ALLOWED);
    else if (s->probed == level)
        learn(s, level, SIDEWAYS_REFUSED); /* the same object could be selected the straight way */
    if (s->probed == level) s->probed = LEVEL_ROOT;
    if (place_take_step(&s->at, &s->step) < 0) fail_run(s->client, ERR_NOMEM, "no memory");
    session_step(s);
}

static void on_logged_out(struct session *s)
{
    s->client->stats.logouts++;
    session_forget(s);
    session_step(s);
}

static void average(int64_t *mean_ms, int64_t took_ms)
{
    *mean_ms += (took_ms - *mean_ms) / 4;
}

static void count_cost(struct session *s, int64_t took_ms)
{
    struct logikal *l = s->client;
    if (s->calling == CALL_LOGIN) average(&l->login_cost_ms, took_ms);
    if (s->calling == CALL_SELECT) average(&l->select_cost_ms[s->step.level], took_ms);
    if (s->calling == CALL_ASK) average(&l->cost_ms[s->job->kind], took_ms);
}

static void on_unreadable(struct session *s, const struct http_answer *answer, const char *why)
{
    struct http_answer garbled = *answer;
    char text[300];
    if (s->calling == CALL_LOGIN) note_failed_login(s, answer);
    snprintf(text, sizeof(text), "an answer that cannot be read (%s)", why);
    garbled.fault = HTTP_FAULT_CUT;
    garbled.why = text;
    if (s->calling == CALL_ASK && s->backoff.attempt >= GARBLED_MAX) {
        char full[400];
        if (s->job->restart) s->job->restart(s->job);
        give_up(s, ERR_INPUT, answer_text(&garbled, request_name(s), full, sizeof(full)));
        return;
    }
    try_later(s, &garbled, false);
}

static void on_ok(struct session *s, const struct http_answer *answer)
{
    struct logikal *l = s->client;
    struct logikal_outcome outcome = {.text = "", .body = answer->body, .type = answer->type};
    const char *why = NULL;
    outcome.asked_at_s = answer->server_time_s ? answer->server_time_s : wall_ms() / 1000;
    if (s->calling == CALL_LOGIN && request_read_token(answer->body, s->token) < 0) why = "no token in it";
    if (s->calling == CALL_ASK) why = request_read_answer(s, answer);
    if (why) {
        on_unreadable(s, answer, why);
        return;
    }
    count_cost(s, answer->took_ms);
    backoff_reset(&s->backoff);
    s->failing_since_ms = 0;
    l->last_progress_ms = mono_ms();
    switch (s->calling) {
    case CALL_LOGIN:
        l->stats.logins++;
        s->must_renew = false;
        place_clear(&s->at);
        if (l->hooks.session_opened) l->hooks.session_opened(l->hooks.arg, slot_of(s), s->token);
        session_step(s);
        break;
    case CALL_LOGOUT: on_logged_out(s); break;
    case CALL_SELECT: on_selected(s); break;
    case CALL_ASK:
        l->failures_in_row = 0;
        session_finish_job(s, &outcome);
        break;
    }
}

/* The server has no room for one more session. With others of ours open this one does without; else it waits. */
static void on_session_limit(struct session *s, const struct http_answer *answer)
{
    struct logikal *l = s->client;
    int open = 0;
    for (int i = 0; i < l->max_sessions; i++) open += l->sessions[i].token[0] != 0;
    if (open == 0 || !s->job) {
        try_later(s, answer, false);
        return;
    }
    if (open < l->session_limit) {
        l->session_limit = open;
        log_info("Logikal allows no more than %d sessions now", open);
    }
    struct logikal_job *job = s->job;
    s->job = NULL;
    s->state = SESSION_CLOSED;
    l->running_count--;
    if (job->kind == JOB_VISIT)
        job->done(job, &(struct logikal_outcome){.text = ""});
    else
        logikal_submit(l, job);
}

void session_on_answer(void *arg, const struct http_answer *answer)
{
    struct session *s = arg;
    struct logikal *l = s->client;
    char text[400];
    enum verdict verdict = answer_verdict(s->calling, s->calling == CALL_SELECT && s->step.is_sideways, answer);
    /* A list that was stopped by its reader, or is no JSON, ends as a cut connection with SINK as its fault. */
    if (answer->fault == HTTP_FAULT_SINK) {
        on_unreadable(s, answer, "not the JSON that was expected");
        return;
    }
    if (s->calling == CALL_LOGOUT && verdict != VERDICT_OK && verdict != VERDICT_RETRY) verdict = VERDICT_OK;
    if (s->calling == CALL_LOGIN && verdict != VERDICT_OK) note_failed_login(s, answer);
    switch (verdict) {
    case VERDICT_OK: on_ok(s, answer); break;
    case VERDICT_RETRY: try_later(s, answer, false); break;
    case VERDICT_RENEW: on_renew(s, answer); break;
    case VERDICT_EXPIRED:
        log_debug("a Logikal session expired; logging in again");
        session_forget(s);
        if (s->job->restart && s->calling == CALL_ASK) s->job->restart(s->job);
        if (++s->renewals > RENEWALS_MAX)
            give_up(s, ERR_UPSTREAM, answer_text(answer, request_name(s), text, sizeof(text)));
        else
            session_step(s);
        break;
    case VERDICT_GONE:
        session_finish_job(s,
                           &(struct logikal_outcome){.code = ERR_NOT_FOUND,
                                                     .text = answer_text(answer, request_name(s), text, sizeof(text))});
        break;
    case VERDICT_REFUSED:
        session_finish_job(s, &(struct logikal_outcome){
                                  .code = ERR_AUTH, .text = answer_text(answer, request_name(s), text, sizeof(text))});
        break;
    case VERDICT_TOO_LARGE:
        if (s->job && s->job->restart) s->job->restart(s->job);
        if (s->job)
            give_up(s, ERR_LIMIT, "Logikal's answer is larger than LOGIKAL_MAX_ANSWER_BYTES allows");
        else
            on_logged_out(s);
        break;
    case VERDICT_DENIED:
        /* With a password that was right before, or may be, it can mean that there are too many sessions. */
        if (l->stats.logins > 0 || (s->job && ++l->denials < DENIALS_MAX)) {
            on_session_limit(s, answer);
            break;
        }
        fail_run(s->client, ERR_AUTH,
                 "Logikal refuses the login: check LOGIKAL_AUTH_USERNAME and LOGIKAL_AUTH_PASSWORD");
        s->state = SESSION_CLOSED;
        if (s->job) session_finish_job(s, &(struct logikal_outcome){.code = ERR_AUTH, .text = s->client->fatal.text});
        break;
    }
}
