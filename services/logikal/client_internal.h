/* The inside of the client: sessions and what they share. Only for services/logikal. */
#ifndef LOGIKALD_SERVICES_LOGIKAL_CLIENT_INTERNAL_H
#define LOGIKALD_SERVICES_LOGIKAL_CLIENT_INTERNAL_H

#include "conf/backoff.h"
#include "services/logikal/client.h"
#include "services/logikal/envelope.h"
#include "services/logikal/http.h"
#include "services/logikal/json_file.h"
#include "services/logikal/json_list.h"
#include "services/logikal/policy.h"

#define TOKEN_SIZE 8192 /* a server that takes longer headers is rare */

#define OPENED_KEPT 64

enum session_state {
    SESSION_CLOSED,  /* not logged in, nothing to do */
    SESSION_IDLE,    /* logged in, nothing to do */
    SESSION_CALLING, /* a call is on its way */
    SESSION_WAITING  /* for a retry */
};
struct logikal_session {
    struct logikal *client;
    struct http_call *call;
    enum session_state state;
    enum session_call calling;
    char token[TOKEN_SIZE]; /* "" = not logged in */
    struct place at;
    struct logikal_job *job;   /* being done; NULL = none */
    struct step step;          /* CALL_SELECT */
    bool must_renew;           /* the session is of no use any more: log out, then in again */
    enum logikal_level probed; /* a sideways select failed at this level; is it the direction or the object? 0 = none */
    struct backoff backoff;    /* of logging out */
    int64_t logged_in_at, last_good_at; /* by the client's count of calls that went well */
    int64_t wait_until_ms;
    struct json_list list;
    struct json_file file;
    char words[ENVELOPE_WORDS]; /* beside the data of the answer at hand: its error, or a list's warnings */
};

struct logikal {
    char *base_url, *login_json;
    int64_t call_timeout_ms, budget_ms, stall_ms;
    size_t max_answer_bytes;
    int max_sessions;                      /* slots */
    int session_limit;                     /* how many of them the server seems to allow */
    int64_t limit_wait_ms, limit_until_ms; /* one more is tried then */
    bool has_one_session;                  /* the server gives the same to all logins */
    int ended_in_row;                      /* sessions of ours that ended when another one logged in */
    bool may_learn;
    enum sideways sideways[LEVEL_COUNT];
    int sideways_doubts[LEVEL_COUNT]; /* refusals in a row where it is allowed */
    struct logikal_hooks hooks;
    struct http *http;
    struct logikal_session *sessions; /* max_sessions of them */
    struct logikal_job *pending, **pending_end;
    size_t pending_count, running_count;
    char opened[OPENED_KEPT][LOGIKAL_ID_SIZE]; /* the last projects that the upstream has opened for a file */
    int opened_next;
    struct place ahead_place;
    int ahead_count;
    int64_t cost_ms[JOB_KIND_COUNT], login_cost_ms, select_cost_ms[LEVEL_COUNT]; /* moving averages */
    int64_t pause_until_ms;   /* the server asked everybody to wait */
    int64_t last_progress_ms; /* mono time of the last call that went well */
    int64_t last_tick_ms;
    int64_t good_calls;
    int given_up[JOB_KIND_COUNT]; /* jobs */
    int silent_in_row;            /* jobs given up without any answer, since the last call that went well */
    struct err fatal;
    bool is_closing;
    struct logikal_stats stats;
};

/* session.c: the steps of a job */
void session_begin(struct logikal_session *s, struct logikal_job *job); /* of an idle or closed session */
void session_step(struct logikal_session *s);                           /* go on with the job */
void session_wait(struct logikal_session *s, int64_t ms);               /* then session_step */
void session_finish_job(struct logikal_session *s, struct logikal_outcome *outcome);
struct logikal_job *session_let_job(
    struct logikal_session *s);                 /* it is not this session's any more; NULL = it has none */
void session_close(struct logikal_session *s);  /* starts a logout when it is idle */
void session_leave(struct logikal_session *s);  /* goes on without the token, which stays noted */
void session_forget(struct logikal_session *s); /* the token is of no use any more */
int session_slot(const struct logikal_session *s);
void fail_run(struct logikal *l, enum err_code code, const char *text);

/* reply.c: answers that came as hoped, and all others by the policy */
void session_on_answer(void *arg, const struct http_answer *answer);
bool session_on_bytes(void *arg, const char *bytes, size_t len);
/* trouble.c: carries the policy out */
void trouble_on_answer(struct logikal_session *s, const struct http_answer *answer, const struct policy_facts *facts,
                       enum policy policy);
void trouble_is_over(struct logikal_session *s); /* a call went well */

/* allowance.c: how many sessions the server lets us have */
void allowance_fewer(struct logikal_session *s, const char *text); /* without this one; its job goes to the others */
void allowance_more(struct logikal *l);                            /* one, when it is time to try */
void allowance_seen(struct logikal *l, int open);                  /* so many are open */
/* A session was refused that had been good: was it because another one of ours has logged in since, again and again? */
bool allowance_is_ended_by_ours(struct logikal_session *s);
/* Has this login been given the session of another one? Then it goes on without, and the other one begins anew. */
bool allowance_is_shared(struct logikal_session *s);

/* sideways.c: what is learned about sibling selects */
void sideways_on_selected(struct logikal_session *s); /* before the step is taken */

/* pending.c: the jobs that no session has */
void pending_add(struct logikal *l, struct logikal_job *job);
struct logikal_job *pending_take(struct logikal *l, struct logikal_job **link);
bool pending_is_ready(const struct logikal_job *job);
void pending_postpone(struct logikal *l, const struct place *locked); /* those inside it */
void pending_wake(struct logikal *l);                                 /* when there is nothing else to do */
/* Those inside a place (NULL = all) are done with this outcome. */
void pending_fail(struct logikal *l, const struct place *inside, enum err_code code, const char *text);

/* answer.c: text for people: "Logikal answered 409 to POST /projects/select (project G): it is locked". out is
 * returned; it is valid UTF-8. */
const char *answer_text(const struct http_answer *answer, const char *what, const char *where, char *out, size_t size);
const char *answer_where(const struct logikal_session *s, char *out, size_t size); /* "" for a login */

/* dispatch.c */
void dispatch(struct logikal *l); /* gives pending jobs to sessions, opens and renews sessions */
void dispatch_opened(struct logikal *l, const struct logikal_job *job); /* a job's question was answered */
bool dispatch_is_opened(const struct logikal *l, const struct logikal_job *job);

#endif
