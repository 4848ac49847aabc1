/* Which connection takes a statement, so that one which waits (for a lock, for a report) holds up nothing else.
 *
 * A connection that has not answered for STUCK_MS is stuck: nothing more is put behind what it does, and what already
 * stands there goes elsewhere, if it only reads. One statement, however often it is asked for, is on one connection
 * until it was answered, and then on half of them: all of a kind wait for the same. The first connection is kept for
 * the statements that find out who asks. While one is stuck, another is left for what has not been asked yet: neither a
 * statement that has one already takes it, nor one that nobody waits for. */
#include "services/store/db/pool_internal.h"

#include <stdlib.h>
#include <strings.h>

#include "conf/clock.h"

#define REFUSED_MS 5000 /* so long no more connections are tried after one was refused */
#define STUCK_MS   100
#define KNOWN_MS   1000 /* so long an answer tells that the next one comes, too */
#define PATIENT_MS                                                                                                     \
    500             /* so long who is patient leaves the last idle one, for it may turn out that others are stuck      \
                     */
#define MOVES_MAX 3 /* a statement is taken from behind another one */

/* PostgreSQL has refused a connection lately. */
static bool pool_is_short(const struct pool *p)
{
    return p->refused_ms && mono_ms() - p->refused_ms < REFUSED_MS;
}

static bool is_read(const struct pool_call *call)
{
    return strncasecmp(call->query->sql, "SELECT", 6) == 0;
}

static bool is_stuck(const struct pool_conn *c, int64_t now)
{
    return c->state == CONN_READY && c->in_flight > 0 && now - c->since_ms >= STUCK_MS;
}

/* How things stand for one statement; of the connections that it may have. */
struct outlook {
    int carrying; /* it is on them */
    int stuck;    /* or may be: what web asks by itself is on them */
    int others;   /* they are not stuck, and it is not on them: something else would be answered there */
    int idle;     /* or not open yet */
    bool is_opening;
};

static int first_of(const struct pool *p, const struct query *query)
{
    return !query->is_quick && p->size > 1 && !pool_is_short(p);
}

static struct outlook look(const struct pool *p, const struct pool_call *call, int64_t now)
{
    struct outlook o = {0};
    for (int i = 0; i < p->size; i++) {
        const struct pool_conn *c = p->conns[i];
        bool is_open = c && c->state != CONN_CLOSED, is_carrying = is_open && c->carried[call->query_id] > 0;
        bool has_own = c && c->patient_in_flight > 0 && !call->query->is_patient; /* it may turn out to be stuck */
        bool has_stuck = c && (is_stuck(c, now) || has_own);
        o.is_opening = o.is_opening || (is_open && c->state != CONN_READY);
        o.carrying += is_carrying;
        if (i < first_of(p, call->query)) continue;
        o.stuck += has_stuck;
        o.others += !has_stuck && !is_carrying;
        o.idle += !is_open || c->in_flight == 0;
    }
    return o;
}

/* The ready connection with the least to do; room behind slow statements only when nothing else is left. */
static struct pool_conn *least_busy(const struct pool *p, const struct pool_call *call, bool only_carrying, int64_t now)
{
    struct pool_conn *best = NULL;
    for (int i = first_of(p, call->query); i < p->size; i++) {
        struct pool_conn *c = p->conns[i];
        if (!c || c->state != CONN_READY || c->in_flight >= POOL_PIPELINE || is_stuck(c, now)) continue;
        if (only_carrying && c->carried[call->query_id] == 0) continue;
        if (!best || c->slow_in_flight < best->slow_in_flight ||
            (c->slow_in_flight == best->slow_in_flight && c->in_flight < best->in_flight))
            best = c;
    }
    return best;
}

/* On how many connections it may be at a time. */
static int share_of(const struct pool *p, const struct pool_call *call, int64_t now)
{
    bool is_known = now - p->answered_ms[call->query_id] < KNOWN_MS;
    return is_known && p->size > 3 ? p->size / 2 : 1;
}

/* Those that nobody waits for have one connection together, and leave the last one to others. */
static bool waits_for_others(const struct pool *p, const struct pool_call *call, const struct outlook *o)
{
    bool is_new = mono_us() - call->asked_us < PATIENT_MS * 1000;
    for (int i = 0; i < p->size; i++)
        if (p->conns[i] && p->conns[i]->patient_in_flight > 0) return true;
    return (o->stuck > 0 && o->others < 2) || (is_new && o->idle < 2);
}

enum choice pool_choose(struct pool *p, const struct pool_call *call, struct pool_conn **chosen)
{
    int64_t now = mono_ms();
    bool is_slow = call->query->is_slow, is_quick = call->query->is_quick, is_shared = p->size > 1 && !pool_is_short(p);
    struct outlook o = look(p, call, now);
    bool is_last = o.carrying > 0 && o.stuck > 0 && o.others < 2;
    bool has_its_share = is_shared && !is_quick && (is_last || o.carrying >= share_of(p, call, now));
    if (call->query->is_patient && is_shared && p->size > 2 && waits_for_others(p, call, &o)) return CHOICE_WAIT;
    if (has_its_share && is_slow) return CHOICE_WAIT;
    struct pool_conn *c = *chosen = least_busy(p, call, has_its_share, now);
    bool is_busy =
        !c || c->in_flight >= 8 || c->slow_in_flight > 0 || ((is_slow || !is_read(call)) && c->in_flight > 0);
    if (!is_busy || (c && has_its_share)) return CHOICE_TAKE;
    if (has_its_share || p->is_down) return c ? CHOICE_TAKE : CHOICE_WAIT;
    if (!o.is_opening && !pool_is_short(p)) o.is_opening = pool_open_another(p);
    if (!c) return CHOICE_WAIT;
    bool waits_rather = is_slow ? c->slow_in_flight > 0 : !is_read(call) && c->in_flight > 0;
    return waits_rather && o.is_opening ? CHOICE_WAIT : CHOICE_TAKE;
}

/* What was sent cannot be taken back: a call that nobody asked for stays in its place, to take the answer. */
static bool take_back(struct pool_conn *c, struct pool_call *call)
{
    struct pool_call *ghost = calloc(1, sizeof *ghost);
    if (!ghost) return false;
    *ghost = (struct pool_call){.query = call->query,
                                .query_id = call->query_id,
                                .asked_us = call->asked_us,
                                .is_led = call->is_led,
                                .is_ghost = true};
    c->carried[call->query_id]--;
    TAILQ_INSERT_BEFORE(call, ghost, link);
    TAILQ_REMOVE(&c->calls, call, link);
    call->is_led = false;
    call->moves++;
    TAILQ_INSERT_HEAD(&c->pool->waiting, call, link);
    c->pool->waiting_count++;
    return true;
}

void pool_rescue(struct pool *p)
{
    int64_t now = mono_ms();
    for (int i = 0; i < p->size; i++) {
        struct pool_conn *c = p->conns[i];
        if (!c || !is_stuck(c, now)) continue;
        struct pool_call *call = TAILQ_LAST(&c->calls, pool_calls), *before;
        for (; call && call != TAILQ_FIRST(&c->calls); call = before) { /* last first: they keep their order */
            before = TAILQ_PREV(call, pool_calls, link);
            if (call->fn && !call->result && call->moves < MOVES_MAX && is_read(call)) take_back(c, call);
        }
    }
}
