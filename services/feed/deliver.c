/* See deliver.h. One loop: what is due is taken, each endpoint has one POST under way, and what comes back is written
 * down before the next one goes. */
#include "services/feed/deliver.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "conf/clock.h"
#include "conf/log.h"
#include "services/feed/endpoint.h"
#include "services/store/db/db.h"
#include "services/store/owner.h"

#define AT_ONCE      16
#define POLL_MS      50
#define LOOK_MS      100 /* between two looks for what is due, while something is under way */
#define IDLE_MS      200 /* the same, once two in a row have led to nothing */
#define IDLE_LOOKS   10  /* then it is given up, and told */
#define RECONNECTS   10
#define RECONNECT_US 100000
#define FINISH_MS    3000 /* that a POST under way gets when the task has to stop */

struct deliverer;
struct slot {
    struct deliverer *d;
    struct endpoint endpoint;
    bool is_used, is_posting, is_answered;
    struct post_answer answer;
};

struct deliverer {
    struct task_ctx *ctx;
    struct db *db;
    struct posts *posts;
    struct deliver_counts *counts;
    char owner[LEASE_OWNER_SIZE];
    int64_t looked_ms;
    int idle_looks; /* in a row, of which nothing came although something was due */
    bool has_moved; /* since the last look something was sent, or found to be of no concern */
    int reconnects;
    struct slot slots[AT_ONCE];
};

static void on_answer(void *arg, const struct post_answer *answer)
{
    struct slot *s = arg;
    s->answer = *answer;
    s->is_posting = false;
    s->is_answered = true;
}

static void let_go(struct slot *s)
{
    endpoint_release(&s->endpoint, s->d->db);
    s->is_used = s->is_posting = s->is_answered = false;
}

static int send_next(struct slot *s, struct err *err)
{
    struct deliverer *d = s->d;
    struct webhook_place was = s->endpoint.w.place;
    int rc = endpoint_next(&s->endpoint, d->db, err);
    if (rc == 1) rc = endpoint_post(&s->endpoint, d->db, d->posts, d->ctx->conf, on_answer, s, err);
    s->is_posting = rc == 1;
    d->has_moved = d->has_moved || s->is_posting || strcmp(was.text, s->endpoint.w.place.text) != 0;
    if (rc == 0) let_go(s);
    return rc < 0 ? rc : 0;
}

static struct slot *slot_of(struct deliverer *d, int64_t id)
{
    struct slot *unused = NULL;
    for (int i = 0; i < AT_ONCE; i++) {
        if (d->slots[i].is_used && d->slots[i].endpoint.w.id == id) return NULL;
        if (!d->slots[i].is_used && !unused) unused = &d->slots[i];
    }
    return unused;
}

/* Is it time for a look? What is due and then has nothing, again and again, is a fault of ours: the database is not to
 * pay for it. */
static bool may_look(const struct deliverer *d)
{
    bool is_running = posts_running(d->posts);
    int64_t pause_ms = d->idle_looks > 1 ? IDLE_MS : is_running ? LOOK_MS : 0;
    int64_t left_ms = d->looked_ms + pause_ms - mono_ms();
    if (d->idle_looks == IDLE_LOOKS || (left_ms > 0 && is_running)) return false;
    if (left_ms > 0) usleep((useconds_t)left_ms * 1000);
    return true;
}

static void note_look(struct deliverer *d, int64_t id, bool has_taken)
{
    d->idle_looks = has_taken && !d->has_moved ? d->idle_looks + 1 : 0;
    if (d->idle_looks == IDLE_LOOKS)
        log_warning("webhook %lld was due %d times in a row without anything to send: it is left alone until the next "
                    "change is written (please report this)",
                    (long long)id, IDLE_LOOKS);
}

/* Whoever tells of a commit while this deliverer has the endpoint goes away again: so it looks once more after it has
 * let go. 1 when something was taken. */
static int take_due(struct deliverer *d, struct err *err)
{
    int64_t ids[4 * AT_ONCE], wait_ms;
    if (!may_look(d)) return 0;
    d->looked_ms = mono_ms();
    d->has_moved = false;
    int count = webhooks_due(d->db, ids, 4 * AT_ONCE, &wait_ms, err), taken = 0;
    for (int i = 0; i < count; i++) {
        struct slot *s = slot_of(d, ids[i]);
        if (!s) continue;
        int rc = endpoint_take(&s->endpoint, d->db, d->ctx->conf, ids[i], d->owner, err);
        s->is_used = rc != 0; /* after an error its lease may still have to be released */
        if (rc < 0) return rc;
        if (rc == 0) continue;
        taken = 1;
        rc = send_next(s, err);
        if (rc < 0) return rc;
    }
    if (count >= 0) note_look(d, count > 0 ? ids[0] : 0, taken);
    return count < 0 ? count : taken;
}

static int settle(struct slot *s, bool goes_on, struct err *err)
{
    struct deliverer *d = s->d;
    int changes = s->endpoint.w.batch.changes;
    int rc = endpoint_settle(&s->endpoint, d->db, d->ctx->conf, &s->answer, err);
    if (rc < 0) return rc; /* the answer is kept, for a connection that lives */
    s->is_answered = false;
    d->counts->posts += rc == 1;
    d->counts->changes += rc == 1 ? changes : 0;
    d->counts->refused += s->answer.why[0] != 0;
    if (rc == 1 && goes_on) return send_next(s, err);
    let_go(s);
    return 0;
}

static bool is_waited_for(const struct deliverer *d)
{
    for (int i = 0; i < AT_ONCE; i++)
        if (d->slots[i].is_posting || d->slots[i].is_answered) return true;
    return false;
}

static int step(struct deliverer *d, bool goes_on, struct err *err)
{
    int rc = 0;
    if (posts_running(d->posts)) posts_poll(d->posts, POLL_MS);
    for (int i = 0; i < AT_ONCE && rc == 0; i++) {
        struct slot *s = &d->slots[i];
        if (!s->is_used) continue;
        rc = s->is_answered ? settle(s, goes_on, err) : lease_renew(d->db, &s->endpoint.lease, err);
        if (rc == -ERR_CONFLICT) rc = 0; /* its successor has it: what comes back is refused by the fence */
    }
    return rc;
}

/* Leases and POSTs outlive a connection to the database that was lost; an endpoint that was about to get its next batch
 * is let go. 0 when there is another one, else the error as it was. */
static int reconnect(struct deliverer *d, int rc, struct err *err)
{
    struct err why = {0};
    if (rc != -ERR_DB || db_is_alive(d->db) || d->reconnects++ == RECONNECTS) return rc;
    db_close(d->db);
    d->db = NULL;
    for (int tries = 0; !d->db && tries < 10 && !d->ctx->ops->is_cancelled(d->ctx->self); tries++) {
        d->db = db_open_conf(d->ctx->conf, false, "logikald webhooks", &why);
        if (!d->db) usleep(RECONNECT_US);
    }
    if (!d->db) return rc;
    log_info("connected to PostgreSQL again: %s", err->text);
    for (int i = 0; i < AT_ONCE; i++)
        if (d->slots[i].is_used && !d->slots[i].is_posting && !d->slots[i].is_answered) let_go(&d->slots[i]);
    *err = (struct err){0};
    return 0;
}

static int work(struct deliverer *d, int64_t budget_ms, struct err *err)
{
    int64_t end_ms = mono_ms() + budget_ms, cut_ms = 0;
    for (;;) {
        bool is_cancelled = d->ctx->ops->is_cancelled(d->ctx->self);
        d->counts->is_cut = is_cancelled || mono_ms() >= end_ms;
        if (d->counts->is_cut && !cut_ms) cut_ms = mono_ms() + FINISH_MS;
        int rc = d->counts->is_cut ? 0 : take_due(d, err);
        if (rc == 0 && !is_waited_for(d)) return 0;
        if (is_cancelled && mono_ms() > cut_ms) return 0;
        if (rc >= 0) rc = step(d, !d->counts->is_cut, err);
        if (rc < 0 && reconnect(d, rc, err) < 0) return rc;
    }
}

/* Most looks find nothing, and need no libcurl then. 1 when there is something to do, 0, or negative. */
static int begin(struct deliverer *d, struct err *err)
{
    int64_t id, wait_ms;
    if (webhooks_take(d->db, err) < 0) return -ERR_DB;
    int count = webhooks_due(d->db, &id, 1, &wait_ms, err);
    if (count <= 0) return count;
    d->posts = posts_new(d->ctx->conf, err);
    return d->posts ? 1 : err_result(err);
}

int deliver(struct task_ctx *ctx, int64_t budget_ms, struct deliver_counts *counts, struct err *err)
{
    struct deliverer *d = calloc(1, sizeof *d);
    if (!d) return err_set(err, ERR_NOMEM, "no memory");
    *counts = (struct deliver_counts){0};
    d->ctx = ctx;
    d->counts = counts;
    owner_self(d->owner, ctx->id);
    for (int i = 0; i < AT_ONCE; i++) d->slots[i].d = d;
    d->db = db_open_conf(ctx->conf, false, "logikald webhooks", err);
    int rc = d->db ? begin(d, err) : err_result(err);
    if (rc == 1) rc = work(d, budget_ms, err);
    posts_free(d->posts); /* before what it sends */
    for (int i = 0; i < AT_ONCE; i++)
        if (d->slots[i].is_used) let_go(&d->slots[i]);
    db_close(d->db);
    free(d);
    return rc;
}
