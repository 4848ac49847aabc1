/* Carrying out the policy for an answer that was not hoped for. What a job has cost is kept with the job, which may go
 * from session to session; it is over when the step that failed has succeeded. */
#include <stdio.h>
#include <string.h>

#include "conf/clock.h"
#include "conf/log.h"
#include "conf/text/utf8.h"
#include "services/logikal/client_internal.h"
#include "services/logikal/request.h"

#define RENEWALS_MAX    30    /* new sessions that one job may cost */
#define LOCK_PAUSE_MS   200   /* between two short tries */
#define LOGOUT_TRIES    3     /* then it is left to the next run */
#define SHORT_BUDGET_MS 2000  /* at least, for a kind of call that has failed before */
#define SILENCE_MAX     10    /* jobs in a row without any answer: the upstream is gone */
#define SILENCE_MS      10000 /* or this long without a call that went well, or the whole budget */
#define DEPTH_ASK       1000000

static int depth_of(const struct logikal_session *s)
{
    if (s->calling == CALL_LOGIN) return 0;
    return s->calling == CALL_SELECT ? place_depth(&s->at) + !s->step.is_sideways : DEPTH_ASK;
}

void trouble_is_over(struct logikal_session *s)
{
    s->client->last_progress_ms = mono_ms();
    s->client->silent_in_row = 0;
    if (!s->job || depth_of(s) < s->job->effort.depth) return; /* on the way to where it failed */
    struct logikal_effort *effort = &s->job->effort;
    bool is_second_round = effort->is_second_round;
    int renewals = effort->renewals;
    backoff_reset(&effort->backoff);
    *effort =
        (struct logikal_effort){.backoff = effort->backoff, .is_second_round = is_second_round, .renewals = renewals};
}

static void note_trouble(struct logikal_session *s)
{
    struct logikal_effort *effort = &s->job->effort;
    int depth = depth_of(s);
    if (depth > effort->depth || !effort->since_ms) {
        effort->tries = 0;
        effort->is_anew = false;
        effort->depth = depth;
        effort->since_ms = mono_ms();
    }
    effort->tries++;
}

/* How long a job may be in trouble. Where others get on, a kind of call that has failed for good before is not waited
 * for as long again: many that will never succeed would hold up everything. */
static int64_t budget_ms(const struct logikal_session *s)
{
    const struct logikal *l = s->client;
    if (l->last_progress_ms < s->job->effort.since_ms) return l->budget_ms;
    int64_t ms = l->budget_ms / (1 + l->given_up[s->job->kind]);
    return ms > SHORT_BUDGET_MS || l->budget_ms < SHORT_BUDGET_MS ? ms : SHORT_BUDGET_MS;
}

static bool is_spent(const struct logikal_session *s, int64_t pause_ms)
{
    const struct logikal_effort *effort = &s->job->effort;
    return mono_ms() + pause_ms - effort->since_ms > budget_ms(s) || effort->renewals > RENEWALS_MAX;
}

static void finish(struct logikal_session *s, enum err_code code, const char *text)
{
    log_warning("%s", text);
    session_finish_job(s, &(struct logikal_outcome){.code = code, .text = text});
}

/* The run ends, with what is to be done about it. */
static void on_denied(struct logikal_session *s, enum policy policy, const char *text)
{
    struct logikal *l = s->client;
    char full[sizeof l->fatal.text];
    const char *advice = policy == POLICY_DENIED ? "check LOGIKAL_AUTH_USERNAME and LOGIKAL_AUTH_PASSWORD"
                         : policy == POLICY_UNTRUSTED
                             ? "its certificate is not trusted, or ours is missing: set "
                               "LOGIKAL_CA_FILE to the authority's PEM file (LOGIKAL_CERT_FILE "
                               "and LOGIKAL_KEY_FILE to a certificate of ours)"
                             : "set LOGIKAL_API_BASE_URL to the address where the API is";
    snprintf(full, sizeof full, "%s: %s. %.*s",
             policy == POLICY_UNTRUSTED ? "no trust between Logikal and us" : "Logikal refuses the login", advice,
             (int)utf8_cut(text, 400), text);
    fail_run(l, policy == POLICY_DENIED ? ERR_AUTH : ERR_CONFIG, full);
    finish(s, ERR_AUTH, full);
}

/* Nothing helped in all the time that there was. */
static void give_up(struct logikal_session *s, const struct http_answer *answer, const struct policy_facts *facts,
                    const char *text)
{
    struct logikal *l = s->client;
    bool is_silent = answer->fault && answer->fault != HTTP_FAULT_SINK;
    bool is_down = is_silent || answer->status == 502 || answer->status == 503 || answer->status == 504;
    if (s->calling == CALL_LOGIN && facts->has_others) {
        allowance_fewer(s, text);
        return;
    }
    bool is_elsewhere = answer->status == 404 || answer->status == 405 || answer->status == 410;
    if (s->calling == CALL_LOGIN && is_elsewhere && !facts->has_been_accepted) {
        on_denied(s, POLICY_REDIRECTED, text); /* something answers there, and it is not the API */
        return;
    }
    l->silent_in_row += is_silent;
    l->given_up[s->job->kind]++;
    int64_t silence_ms = l->budget_ms > SILENCE_MS ? l->budget_ms : SILENCE_MS;
    bool is_gone = is_down && mono_ms() - l->last_progress_ms > silence_ms * 3 / 4;
    if (s->calling == CALL_LOGIN || l->silent_in_row >= SILENCE_MAX || is_gone) fail_run(l, ERR_UPSTREAM, text);
    finish(s, ERR_UPSTREAM, text);
}

static void restart_list(struct logikal_session *s)
{
    if (s->job && s->job->restart && s->calling == CALL_ASK) s->job->restart(s->job);
}

static void try_again(struct logikal_session *s, const struct http_answer *answer, const struct policy_facts *facts,
                      enum policy policy, const char *text)
{
    struct logikal *l = s->client;
    struct logikal_effort *effort = &s->job->effort;
    int64_t pause_ms = answer->retry_after_ms;
    bool is_at_once = policy == POLICY_ANEW && answer->status >= 300 && answer->status < 500;
    if (is_at_once) pause_ms = 0;
    if (pause_ms < 0) pause_ms = answer->status == 409 ? LOCK_PAUSE_MS : backoff_next_ms(&effort->backoff);
    if (policy == POLICY_ANEW) {
        effort->renewals++;
        effort->is_anew = effort->is_anew || is_at_once;
        s->must_renew = true;
    }
    if (is_spent(s, pause_ms)) {
        give_up(s, answer, facts, text);
        return;
    }
    l->stats.retries++;
    snprintf(l->stats.last_fault, sizeof l->stats.last_fault, "%.*s",
             (int)utf8_cut(text, sizeof l->stats.last_fault - 1), text);
    log_debug("%s; again in %d ms", text, (int)pause_ms);
    if (s->calling != CALL_LOGIN && (answer->status == 429 || answer->status == 503))
        l->pause_until_ms = mono_ms() + pause_ms;
    session_wait(s, pause_ms);
}

/* The token is said not to be known any more: a new one, and the way again. Only the answer to a logout is believed; a
 * session that was refused once and lives on would stay open. */
static void log_in_again(struct logikal_session *s, const char *text)
{
    log_debug("a Logikal session expired; logging in again");
    s->must_renew = true;
    if (allowance_is_ended_by_ours(s)) {
        allowance_fewer(s, text);
        session_step(s);
        return;
    }
    if (++s->job->effort.renewals > RENEWALS_MAX)
        finish(s, ERR_UPSTREAM, text);
    else
        session_step(s);
}

/* The place that turned out to be locked: what was to be selected, or where the question was asked. */
static int locked_place(const struct logikal_session *s, struct place *out)
{
    if (place_copy(out, s->calling == CALL_SELECT ? &s->at : &s->job->place) < 0) return -1;
    return s->calling == CALL_SELECT ? place_take_step(out, &s->step) : 0;
}

/* Whatever else is to be done in a locked place meets the same lock: it is left for later, or given up, together. */
static void on_locked(struct logikal_session *s, enum policy policy, const char *text)
{
    struct logikal *l = s->client;
    struct place locked = {0};
    bool is_select = s->calling == CALL_SELECT;
    if (locked_place(s, &locked) < 0) fail_run(l, ERR_NOMEM, "no memory");
    if (is_select) s->must_renew = true;
    if (policy == POLICY_LATER) {
        log_info("%s; left for later", text);
        struct logikal_job *job = session_let_job(s);
        struct place own = job->place; /* a file that is locked speaks for itself alone */
        pending_add(l, job);
        pending_postpone(l, is_select ? &locked : &own);
    } else {
        finish(s, ERR_CONFLICT, text);
        if (is_select) pending_fail(l, &locked, ERR_CONFLICT, text);
    }
    place_clear(&locked);
}

/* A login that gave no token: refused, or without an answer that could be read. */
static void note_failed_login(struct logikal_session *s, const struct http_answer *answer)
{
    struct logikal *l = s->client;
    bool is_unknown =
        answer->status / 100 == 2 || answer->fault == HTTP_FAULT_TIMEOUT || answer->fault == HTTP_FAULT_CUT;
    l->stats.sessions_unknown += is_unknown;
    if (l->hooks.login_failed) l->hooks.login_failed(l->hooks.arg, session_slot(s));
}

/* A logout is tried a few times; the next run finds the session noted. */
static void log_out_later(struct logikal_session *s)
{
    int64_t pause_ms = backoff_next_ms(&s->backoff);
    if (s->token[0] && s->backoff.attempt <= LOGOUT_TRIES) {
        session_wait(s, s->client->is_closing ? 0 : pause_ms);
    } else {
        session_leave(s);
        session_step(s);
    }
}

void trouble_on_answer(struct logikal_session *s, const struct http_answer *answer, const struct policy_facts *facts,
                       enum policy policy)
{
    char text[600], where[400];
    if (s->calling == CALL_LOGIN) note_failed_login(s, answer);
    if (s->calling == CALL_LOGOUT || !s->job) {
        log_out_later(s);
        return;
    }
    answer_text(answer, request_name(s), answer_where(s, where, sizeof where), text, sizeof text);
    restart_list(s);
    if (policy != POLICY_LOGIN) note_trouble(s);
    switch (policy) {
    case POLICY_AGAIN:
    case POLICY_ANEW: try_again(s, answer, facts, policy, text); break;
    case POLICY_STRAIGHT:
        s->job->effort.renewals++;
        s->job->effort.is_anew = true;
        s->probed = s->step.level;
        s->must_renew = true;
        session_step(s);
        break;
    case POLICY_LOGIN: log_in_again(s, text); break;
    case POLICY_LATER:
    case POLICY_LOCKED: on_locked(s, policy, text); break;
    case POLICY_GONE: finish(s, ERR_NOT_FOUND, text); break;
    case POLICY_REFUSED: finish(s, ERR_AUTH, text); break;
    case POLICY_UNREADABLE:
        if (s->calling == CALL_LOGIN) fail_run(s->client, ERR_UPSTREAM, text);
        s->client->given_up[s->job->kind]++;
        finish(s, ERR_INPUT, text);
        break;
    case POLICY_TOO_LARGE:
        snprintf(text, sizeof text, "Logikal's answer to %s (%s) is larger than %s allows", request_name(s), where,
                 s->calling == CALL_ASK ? "LOGIKAL_MAX_ANSWER_BYTES" : "such a call");
        finish(s, ERR_LIMIT, text);
        break;
    case POLICY_FEWER: allowance_fewer(s, text); break;
    case POLICY_DENIED:
    case POLICY_UNTRUSTED:
    case POLICY_REDIRECTED: on_denied(s, policy, text); break;
    case POLICY_GO_ON:
    case POLICY_NOTHING:
    case POLICY_COUNT: break;
    }
}
