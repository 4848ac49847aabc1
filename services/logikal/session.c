/* One session doing one job: log in, descend select by select, ask. Answers come in the room reply, which takes the
 * next step here. */
#include <string.h>

#include "conf/clock.h"
#include "services/logikal/client_internal.h"
#include "services/logikal/request.h"

/* What a sideways move looks like to this session: where it is finding out, it goes straight. */
static struct step next_step(struct logikal_session *s)
{
    enum sideways sideways[LEVEL_COUNT];
    memcpy(sideways, s->client->sideways, sizeof sideways);
    if (s->probed) sideways[s->probed] = SIDEWAYS_REFUSED;
    return place_next_step(&s->at, &s->job->place, sideways);
}

void fail_run(struct logikal *l, enum err_code code, const char *text)
{
    if (!l->fatal.code) err_set(&l->fatal, code, "%s", text);
}

int session_slot(const struct logikal_session *s)
{
    return (int)(s - s->client->sessions);
}

static void start_call(struct logikal_session *s, enum session_call calling)
{
    struct logikal *l = s->client;
    if (calling == CALL_LOGIN && l->hooks.login_begins) l->hooks.login_begins(l->hooks.arg, session_slot(s));
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

void session_wait(struct logikal_session *s, int64_t ms)
{
    s->state = SESSION_WAITING;
    s->wait_until_ms = mono_ms() + ms;
}

void session_begin(struct logikal_session *s, struct logikal_job *job)
{
    s->job = job;
    s->probed = LEVEL_ROOT;
    backoff_reset(&s->backoff);
    s->client->running_count++;
    session_step(s);
}

void session_step(struct logikal_session *s)
{
    struct logikal *l = s->client;
    if (l->pause_until_ms > mono_ms()) {
        session_wait(s, l->pause_until_ms - mono_ms());
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

struct logikal_job *session_let_job(struct logikal_session *s)
{
    struct logikal_job *job = s->job;
    s->job = NULL;
    s->probed = LEVEL_ROOT;
    s->state = s->token[0] ? SESSION_IDLE : SESSION_CLOSED;
    if (job) s->client->running_count--;
    return job;
}

void session_finish_job(struct logikal_session *s, struct logikal_outcome *outcome)
{
    /* Where a session stands whose select failed is anybody's guess. */
    if (outcome->code && outcome->code != ERR_CANCELLED && s->calling == CALL_SELECT) s->must_renew = true;
    struct logikal_job *job = session_let_job(s);
    if (outcome->code) s->client->stats.failures++;
    job->done(job, outcome);
}

/* The session may still be open, and stays noted; this one goes on without it. */
void session_leave(struct logikal_session *s)
{
    s->token[0] = '\0';
    s->must_renew = false;
    place_clear(&s->at);
}

void session_forget(struct logikal_session *s)
{
    if (s->token[0] && s->client->hooks.session_closed) s->client->hooks.session_closed(s->client->hooks.arg, s->token);
    session_leave(s);
}

void session_close(struct logikal_session *s)
{
    if (s->token[0]) start_call(s, CALL_LOGOUT);
}
