/* See attempts.h. A try is in the list from its start to its verdict: waiting for its turn, held up, or under way. What
 * is remembered are marks: of an address with an account, of an address, and of a kind over all addresses. Keys are
 * hashes under a secret of this process, so that nobody can choose accounts that push each other out. */
#include "services/web/gate/credentials/attempts.h"

#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <sodium.h>

#include "conf/clock.h"
#include "conf/text/address.h"
#include "services/web/http/reply.h"

#define WAIT_MAX_S 900
#define MANY_HERE  20  /* failures from an address in an hour, from which on its tries are held up */
#define MANY_ALL   100 /* the same of a kind, over all addresses */
#define HOLD_MS    1000
#define HOUR_MS    3600000
#define DAY_MS     86400000
#define ROWS       1024
#define WAYS       4
#define KEY_SIZE   16

struct mark {
    unsigned char key[KEY_SIZE];
    int failures; /* since none happened for an hour */
    int64_t failed_ms, succeeded_ms, locked_until_ms;
};

enum attempt_state { ATTEMPT_WAITS, ATTEMPT_HELD, ATTEMPT_RUNS };
struct attempt {
    TAILQ_ENTRY(attempt) link;
    struct req *req;
    struct attempts *attempts;
    enum attempt_kind kind;
    enum attempt_state state;
    unsigned char own[KEY_SIZE], place[KEY_SIZE];
    struct event *held;
    void (*go)(struct req *r);
};
TAILQ_HEAD(attempt_list, attempt);

struct attempts {
    struct web *web;
    struct attempt_list list; /* in the order in which they came */
    struct event *turn;       /* one has ended: whose turn is it */
    struct mark *marks;       /* made when first needed */
    struct mark all[ATTEMPT_KINDS];
    unsigned char secret[crypto_generichash_KEYBYTES];
};

/* ---- keys and marks ---- */

static void key_of(const struct attempts *a, const char *group, enum attempt_kind kind, const char *account,
                   unsigned char out[KEY_SIZE])
{
    crypto_generichash_state state;
    unsigned char word = (unsigned char)kind;
    crypto_generichash_init(&state, a->secret, sizeof a->secret, KEY_SIZE);
    crypto_generichash_update(&state, &word, 1);
    crypto_generichash_update(&state, (const unsigned char *)group, strlen(group) + 1);
    if (account) crypto_generichash_update(&state, (const unsigned char *)account, strlen(account) + 1);
    crypto_generichash_final(&state, out, KEY_SIZE);
}

/* How much would be lost with it. */
static int64_t worth(const struct mark *m, int64_t now)
{
    int64_t recent = m->failed_ms > m->succeeded_ms ? m->failed_ms : m->succeeded_ms;
    if (m->locked_until_ms > now) return INT64_MAX / 2 + m->locked_until_ms;
    if (now - m->failed_ms < HOUR_MS && m->failures > 1) return INT64_MAX / 4 + m->failures;
    return recent;
}

static void age(struct mark *m, int64_t now)
{
    if (m->failures > 0 && now - m->failed_ms >= HOUR_MS) m->failures = 0;
}

static struct mark *find(const struct attempts *a, const unsigned char key[KEY_SIZE])
{
    uint32_t row;
    memcpy(&row, key, sizeof row);
    struct mark *first = a->marks ? &a->marks[row % ROWS * WAYS] : NULL;
    for (struct mark *m = first; m && m < first + WAYS; m++)
        if (memcmp(m->key, key, KEY_SIZE) == 0) {
            age(m, mono_ms());
            return m;
        }
    return NULL;
}

static struct mark *make(struct attempts *a, const unsigned char key[KEY_SIZE])
{
    struct mark *found = find(a, key);
    uint32_t row;
    if (found) return found;
    if (!a->marks) a->marks = calloc((size_t)ROWS * WAYS, sizeof *a->marks);
    if (!a->marks) return NULL;
    memcpy(&row, key, sizeof row);
    struct mark *first = &a->marks[row % ROWS * WAYS], *least = first;
    int64_t now = mono_ms();
    for (struct mark *m = first; m < first + WAYS; m++)
        if (worth(m, now) < worth(least, now)) least = m;
    *least = (struct mark){0};
    memcpy(least->key, key, KEY_SIZE);
    return least;
}

static bool is_known(const struct mark *own, int64_t now)
{
    return own && own->succeeded_ms && now - own->succeeded_ms < DAY_MS;
}

/* ---- one after the other ---- */

static int count(const struct attempts *a, const struct attempt *like, bool is_running, bool is_own)
{
    const struct attempt *t;
    int n = 0;
    TAILQ_FOREACH(t, &a->list, link) {
        if ((t->state != ATTEMPT_WAITS) != is_running) continue;
        n += memcmp(is_own ? t->own : t->place, is_own ? like->own : like->place, KEY_SIZE) == 0;
    }
    return n;
}

/* The request is no try any more; without a try nothing happens. */
static void leave(struct req *r)
{
    struct attempt *t = r->attempt;
    if (!t) return;
    r->attempt = NULL;
    if (t->state != ATTEMPT_RUNS) req_on_gone(r, NULL, NULL);
    TAILQ_REMOVE(&t->attempts->list, t, link);
    if (t->held) event_free(t->held);
    if (!TAILQ_EMPTY(&t->attempts->list)) event_active(t->attempts->turn, EV_TIMEOUT, 0);
}

static void refuse(struct req *r, int wait_s)
{
    leave(r);
    reply_header(r, "Retry-After", req_printf(r, "%d", wait_s));
    reply_detail(r, 429, "Too many failed logins; try again in %d s", wait_s);
}

static void on_gone(void *arg)
{
    struct req *r = arg;
    leave(r);
    reply_unavailable(r, 1, "Nobody waits for this login any more");
}

static void run(struct attempt *t)
{
    struct req *r = t->req;
    if (t->held) event_free(t->held);
    t->held = NULL;
    t->state = ATTEMPT_RUNS;
    req_on_gone(r, NULL, NULL);
    t->go(r);
}

static void on_held(evutil_socket_t fd, short what, void *arg)
{
    (void)fd, (void)what;
    run(arg);
}

static bool must_be_held(const struct attempts *a, const struct attempt *t)
{
    int64_t now = mono_ms();
    const struct mark *here = find(a, t->place), *all = &a->all[t->kind];
    if (is_known(find(a, t->own), now)) return false;
    return (here && here->failures >= MANY_HERE) || (all->failures >= MANY_ALL && now - all->failed_ms < HOUR_MS);
}

static void start(struct attempt *t)
{
    struct attempts *a = t->attempts;
    if (must_be_held(a, t)) {
        t->state = ATTEMPT_HELD;
        req_on_gone(t->req, on_gone, t->req);
        t->held = evtimer_new(a->web->base, on_held, t);
        if (t->held && event_add(t->held, &(struct timeval){.tv_sec = HOLD_MS / 1000}) == 0) return;
    }
    run(t);
}

/* Those under way may all turn out to be wrong: with them the free ones are used up, and this one has to see. */
static bool must_wait(const struct attempts *a, const struct attempt *t, const struct mark *own)
{
    int pending = count(a, t, true, true);
    return count(a, t, true, false) >= ATTEMPTS_AT_ONCE ||
           (pending > 0 && (own ? own->failures : 0) + pending >= ATTEMPTS_FREE);
}

static void consider(struct attempt *t)
{
    struct attempts *a = t->attempts;
    const struct mark *own = find(a, t->own);
    int64_t now = mono_ms();
    if (own && own->locked_until_ms > now)
        refuse(t->req, (int)((own->locked_until_ms - now + 999) / 1000));
    else if (!must_wait(a, t, own))
        start(t);
}

static void on_turn(evutil_socket_t fd, short what, void *arg)
{
    (void)fd, (void)what;
    struct attempts *a = arg;
    for (struct attempt *t = TAILQ_FIRST(&a->list), *next; t; t = next) {
        next = TAILQ_NEXT(t, link);
        if (t->state == ATTEMPT_WAITS) consider(t);
    }
}

static void on_end(void *req)
{
    leave(req);
}

void attempt_begin(struct req *r, enum attempt_kind kind, const char *account, void (*go)(struct req *r))
{
    struct attempts *a = r->web->attempts;
    struct attempt *t = req_alloc(r, sizeof *t);
    char group[ADDRESS_TEXT];
    address_group_print(r->address, group);
    *t = (struct attempt){.req = r, .attempts = a, .kind = kind, .go = go};
    key_of(a, group, kind, account, t->own);
    key_of(a, group, kind, NULL, t->place);
    int in_line = count(a, t, false, false);
    r->attempt = t;
    req_on_end(r, on_end, r);
    TAILQ_INSERT_TAIL(&a->list, t, link);
    if (in_line >= ATTEMPTS_IN_LINE) {
        refuse(r, 1);
        return;
    }
    req_on_gone(r, on_gone, r);
    if (in_line == 0) consider(t);
}

/* ---- the verdict ---- */

enum attempt_rank attempt_rank(const struct req *r)
{
    const struct attempt *t = r->attempt;
    const struct mark *here = t ? find(t->attempts, t->place) : NULL;
    if (t && is_known(find(t->attempts, t->own), mono_ms())) return ATTEMPT_KNOWN;
    return here && here->failures > 0 ? ATTEMPT_SUSPECT : ATTEMPT_NEW;
}

static void count_failure(struct mark *m, int64_t now)
{
    if (!m) return;
    age(m, now);
    m->failures++;
    m->failed_ms = now;
}

void attempt_failed(struct req *r)
{
    struct attempt *t = r->attempt;
    int64_t now = mono_ms();
    if (!t) return;
    count_failure(make(t->attempts, t->place), now);
    count_failure(&t->attempts->all[t->kind], now);
    struct mark *own = make(t->attempts, t->own);
    count_failure(own, now);
    if (own && own->failures >= ATTEMPTS_FREE) {
        int over = own->failures - ATTEMPTS_FREE;
        int64_t wait_s = over > 10 ? WAIT_MAX_S : (int64_t)2 << over;
        own->locked_until_ms = now + (wait_s > WAIT_MAX_S ? WAIT_MAX_S : wait_s) * 1000;
    }
    leave(r);
}

void attempt_succeeded(struct req *r)
{
    struct attempt *t = r->attempt;
    struct mark *own = t ? make(t->attempts, t->own) : NULL;
    if (own) {
        own->failures = 0;
        own->locked_until_ms = 0;
        own->succeeded_ms = mono_ms();
    }
    leave(r);
}

/* ---- life ---- */

struct attempts *attempts_new(struct web *web)
{
    struct attempts *a = calloc(1, sizeof *a);
    if (!a) return NULL;
    a->web = web;
    TAILQ_INIT(&a->list);
    randombytes_buf(a->secret, sizeof a->secret);
    a->turn = event_new(web->base, -1, 0, on_turn, a);
    if (a->turn) return a;
    attempts_free(a);
    return NULL;
}

void attempts_free(struct attempts *a)
{
    if (!a) return;
    if (a->turn) event_free(a->turn);
    free(a->marks);
    free(a);
}
