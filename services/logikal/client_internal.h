/* The inside of the client: sessions and what they share. Only for services/logikal. */
#ifndef LOGIKALD_SERVICES_LOGIKAL_CLIENT_INTERNAL_H
#define LOGIKALD_SERVICES_LOGIKAL_CLIENT_INTERNAL_H

#include "conf/backoff.h"
#include "services/logikal/client.h"
#include "services/logikal/http.h"
#include "services/logikal/json_list.h"

#define TOKEN_SIZE 512

enum session_state {
    SESSION_CLOSED,  /* not logged in, nothing to do */
    SESSION_IDLE,    /* logged in, nothing to do */
    SESSION_CALLING, /* a call is on its way */
    SESSION_WAITING  /* for a retry */
};
enum session_call { CALL_LOGIN, CALL_LOGOUT, CALL_SELECT, CALL_ASK };

struct session {
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
    struct backoff backoff;
    int64_t failing_since_ms; /* 0 = the present call has not failed yet */
    int64_t wait_until_ms;
    int renewals; /* new sessions that the job has cost because of failures */
    struct json_list list;
};

struct logikal {
    char *base_url, *login_json;
    int64_t call_timeout_ms, budget_ms, stall_ms;
    size_t max_answer_bytes;
    int max_sessions;  /* slots */
    int session_limit; /* how many of them the server seems to allow */
    bool may_learn;
    enum sideways sideways[LEVEL_COUNT];
    struct logikal_hooks hooks;
    struct http *http;
    struct session *sessions; /* max_sessions of them */
    struct logikal_job *pending, **pending_end;
    size_t pending_count, running_count;
    struct place warm_place;
    int warm_count;
    int64_t cost_ms[JOB_KIND_COUNT], login_cost_ms, select_cost_ms[LEVEL_COUNT]; /* moving averages */
    int64_t pause_until_ms;   /* the server asked everybody to wait */
    int64_t last_progress_ms; /* mono time of the last call that went well */
    int64_t last_tick_ms;
    int denials;         /* logins refused so far */
    int failures_in_row; /* jobs given up since the last success */
    struct err fatal;
    bool is_closing;
    struct logikal_stats stats;
};

/* session.c */
void session_begin(struct session *s, struct logikal_job *job); /* of an idle or closed session */
void session_step(struct session *s);                           /* go on with the job */
void session_on_answer(void *arg, const struct http_answer *answer);
bool session_on_bytes(void *arg, const char *bytes, size_t len);
void session_finish_job(struct session *s, struct logikal_outcome *outcome);
void session_close(struct session *s);  /* starts a logout when it is idle */
void session_forget(struct session *s); /* the token is of no use any more */

/* answer.c: what an answer means; pure */
enum verdict {
    VERDICT_OK,
    VERDICT_RETRY,   /* the same call again, later */
    VERDICT_RENEW,   /* where the session stands is not known, or it is not where we thought: a new session, later */
    VERDICT_EXPIRED, /* the token is not known any more */
    VERDICT_GONE,    /* no such object */
    VERDICT_REFUSED, /* this will never be answered (400, 403) */
    VERDICT_TOO_LARGE,
    VERDICT_DENIED /* the login is refused */
};
enum verdict answer_verdict(enum session_call call, bool is_sideways, const struct http_answer *answer);
/* Text for people: "409 from projects/select: the project is locked". out is returned. */
const char *answer_text(const struct http_answer *answer, const char *what, char *out, size_t size);

/* dispatch.c */
void dispatch(struct logikal *l); /* gives pending jobs to sessions, opens and renews sessions */

#endif
