/* Answers: every one comes to session_on_answer. What was hoped for takes the job a step on; all else is trouble. */
#include <stdio.h>

#include "conf/clock.h"
#include "services/logikal/client_internal.h"
#include "services/logikal/request.h"

static void average(int64_t *mean_ms, int64_t took_ms)
{
    *mean_ms += (took_ms - *mean_ms) / 4;
}

static void count_cost(struct logikal_session *s, int64_t took_ms)
{
    struct logikal *l = s->client;
    if (s->calling == CALL_LOGIN) average(&l->login_cost_ms, took_ms);
    if (s->calling == CALL_SELECT) average(&l->select_cost_ms[s->step.level], took_ms);
    if (s->calling == CALL_ASK) average(&l->cost_ms[s->job->kind], took_ms);
}

static void on_logged_in(struct logikal_session *s)
{
    struct logikal *l = s->client;
    int open = 0;
    l->stats.logins++;
    s->must_renew = false;
    place_clear(&s->at);
    if (allowance_is_shared(s)) return;
    s->logged_in_at = l->good_calls;
    for (int i = 0; i < l->max_sessions; i++) open += l->sessions[i].token[0] != 0;
    allowance_seen(l, open);
    if (l->hooks.session_opened) l->hooks.session_opened(l->hooks.arg, session_slot(s), s->token);
    session_step(s);
}

static void on_logged_out(struct logikal_session *s)
{
    s->client->stats.logouts++;
    session_forget(s);
    session_step(s);
}

static void on_selected(struct logikal_session *s)
{
    sideways_on_selected(s);
    if (place_take_step(&s->at, &s->step) < 0) fail_run(s->client, ERR_NOMEM, "no memory");
    session_step(s);
}

static void on_asked(struct logikal_session *s, const struct http_answer *answer, bool is_nothing)
{
    struct logikal_outcome outcome = {.text = "",
                                      .body = answer->body,
                                      .type = answer->type,
                                      .warnings = s->words,
                                      .is_nothing = is_nothing && s->job->kind == JOB_PARTS};
    dispatch_opened(s->client, s->job);
    outcome.asked_at_s = answer->server_time_s ? answer->server_time_s : wall_ms() / 1000;
    session_finish_job(s, &outcome);
}

static void go_on(struct logikal_session *s, const struct http_answer *answer, bool is_nothing)
{
    if (s->calling != CALL_LOGOUT) {
        count_cost(s, answer->took_ms);
        trouble_is_over(s);
        s->last_good_at = ++s->client->good_calls;
    }
    switch (s->calling) {
    case CALL_LOGIN: on_logged_in(s); break;
    case CALL_LOGOUT: on_logged_out(s); break;
    case CALL_SELECT: on_selected(s); break;
    case CALL_ASK: on_asked(s, answer, is_nothing); break;
    }
}

static void look_at_others(const struct logikal_session *s, struct policy_facts *facts)
{
    const struct logikal *l = s->client;
    for (int i = 0; i < l->max_sessions; i++) {
        const struct logikal_session *other = &l->sessions[i];
        if (other == s) continue;
        facts->has_others = facts->has_others || other->token[0];
        bool is_new = other->state == SESSION_CALLING && other->calling == CALL_LOGIN && other->job &&
                      other->job->effort.tries == 0;
        facts->has_logins = facts->has_logins || is_new;
    }
    facts->has_been_accepted = l->stats.logins > 0;
}

static struct policy_facts facts_of(const struct logikal_session *s, const struct http_answer *answer)
{
    struct policy_facts facts = {.call = s->calling,
                                 .is_parts = s->calling == CALL_ASK && s->job->kind == JOB_PARTS,
                                 .is_drawing = s->calling == CALL_ASK && s->job->kind == JOB_DRAWING,
                                 .is_sideways = s->calling == CALL_SELECT && s->step.is_sideways,
                                 .status = answer->status,
                                 .fault = answer->fault};
    if (s->job && s->calling != CALL_LOGOUT) {
        facts.tries = s->job->effort.tries;
        facts.is_anew = s->job->effort.is_anew;
        facts.is_second_round = s->job->effort.is_second_round;
    }
    look_at_others(s, &facts);
    return facts;
}

void session_on_answer(void *arg, const struct http_answer *answer)
{
    struct logikal_session *s = arg;
    struct http_answer read = *answer;
    const char *why = NULL;
    char text[ENVELOPE_WORDS + 40];
    struct policy_facts facts = facts_of(s, answer);
    if (!answer->fault && answer->status / 100 == 2) facts.reading = request_read_answer(s, answer, &why);
    if (answer->fault == HTTP_FAULT_SINK) why = "not the JSON that was expected";
    if (why) { /* in words, it is no answer */
        snprintf(text, sizeof text, "an answer that cannot be read (%s)", why);
        read.fault = HTTP_FAULT_SINK;
        read.why = text;
    }
    enum policy policy = policy_decide(&facts);
    if (policy == POLICY_GO_ON || policy == POLICY_NOTHING)
        go_on(s, answer, policy == POLICY_NOTHING || facts.reading == READ_NOTHING);
    else
        trouble_on_answer(s, &read, &facts, policy);
}
