/* How many sessions the upstream allows us. It may say so by refusing one more login, by ending an older session at
 * each new one, or by giving the same session to all logins: then what one of them selects, all have selected, and a
 * list is of wherever another one went. The rest of the work is done with fewer; one more is tried after a while. */
#include <stdint.h>
#include <string.h>

#include "conf/clock.h"
#include "conf/log.h"
#include "services/logikal/client_internal.h"

#define WAIT_MS   5000 /* before one session more is tried */
#define CAP_MS    120000
#define ENDED_MAX 3 /* sessions in a row that were refused as soon as another one of ours had logged in */

static void give_back(struct logikal *l, struct logikal_job *job)
{
    job->effort.since_ms = job->effort.tries = 0;
    if (job->kind == JOB_VISIT)
        job->done(job, &(struct logikal_outcome){.text = ""});
    else
        pending_add(l, job);
}

void allowance_fewer(struct logikal_session *s, const char *text)
{
    struct logikal *l = s->client;
    int others = 0;
    for (int i = 0; i < l->max_sessions; i++) others += &l->sessions[i] != s && l->sessions[i].token[0] != 0;
    l->limit_wait_ms = l->limit_wait_ms ? l->limit_wait_ms * 2 : WAIT_MS;
    if (l->limit_wait_ms > CAP_MS) l->limit_wait_ms = CAP_MS;
    l->limit_until_ms = mono_ms() + l->limit_wait_ms;
    if (others < l->session_limit) {
        l->session_limit = others > 0 ? others : 1;
        log_info("going on with %d sessions: %s", l->session_limit, text);
    }
    give_back(l, session_let_job(s));
}

void allowance_more(struct logikal *l)
{
    if (l->has_one_session || l->session_limit >= l->max_sessions || mono_ms() < l->limit_until_ms) return;
    l->session_limit++;
    l->limit_until_ms = mono_ms() + l->limit_wait_ms;
}

void allowance_seen(struct logikal *l, int open)
{
    if (open > l->session_limit && !l->has_one_session) l->session_limit = open;
}

bool allowance_is_ended_by_ours(struct logikal_session *s)
{
    struct logikal *l = s->client;
    bool is_it = false;
    for (int i = 0; i < l->max_sessions; i++) {
        const struct logikal_session *other = &l->sessions[i];
        is_it = is_it || (other != s && other->token[0] && other->logged_in_at > s->last_good_at);
    }
    l->ended_in_row = is_it ? l->ended_in_row + 1 : 0;
    if (l->ended_in_row < ENDED_MAX) return false;
    l->ended_in_row = 0;
    return true;
}

/* Wherever it is now, it is not where it thinks: the answer to its call is none to its question. */
static void recall(struct logikal_session *s)
{
    bool is_at_work = s->state == SESSION_CALLING && (s->calling == CALL_SELECT || s->calling == CALL_ASK);
    s->must_renew = true;
    if (!is_at_work) return;
    http_call_stop(s->call);
    if (s->calling == CALL_ASK && s->job->restart) s->job->restart(s->job);
    give_back(s->client, session_let_job(s));
}

bool allowance_is_shared(struct logikal_session *s)
{
    struct logikal *l = s->client;
    struct logikal_session *twin = NULL;
    for (int i = 0; i < l->max_sessions; i++) {
        struct logikal_session *other = &l->sessions[i];
        if (other != s && strcmp(other->token, s->token) == 0) twin = other;
    }
    if (!twin) return false;
    if (!l->has_one_session)
        log_warning("Logikal gives one session to all logins of the user: one does all the work, which takes longer");
    l->has_one_session = true;
    if (l->hooks.login_failed) l->hooks.login_failed(l->hooks.arg, session_slot(s)); /* it has none of its own */
    s->token[0] = '\0';
    recall(twin);
    allowance_fewer(s, "there is only one");
    return true;
}

bool logikal_has_one_session(const struct logikal *l)
{
    return l && l->has_one_session;
}
