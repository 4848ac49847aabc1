/* Registers this worker, renews the lease on all it holds, takes over from dead workers, and leaves. */
#include "services/worker/broker/membership.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "conf/clock.h"
#include "conf/log.h"
#include "conf/machine/random.h"
#include "conf/text/whole.h"
#include "ipc/redis/script_call.h"
#include "services/worker/complaint.h"
#include "services/worker/broker/consumer.h"
#include "services/worker/events/events.h"
#include "services/worker/settle/finish.h"
#include "services/worker/settle/handback.h"
#include "services/worker/settle/handback_call.h"
#include "services/worker/runners/runners.h"

/* Tags begin with the epoch in hex: longer than 64 bytes, they make Redis keep its hashes as hashes. */
#define EPOCH_BYTES 32
#define MEMBERS_MAX 256
#define LONG_US     500000  /* of shorter tasks it is not told since when they run */
#define ALL_MAX     "20000" /* messages of a dead worker that are given back in one go */

/* What another worker's record was when it was first seen so, and when that was (own monotonic clock). */
struct member {
    char id[160], record[128];
    int64_t since_ms;
    bool is_seen;
};

struct membership {
    struct event *timer;
    struct member members[MEMBERS_MAX];
    int count;
    int64_t asked_ms, told_ms, renewals; /* the question for the members under way, the last answer to one */
    int64_t leased_us;
    char proposed[72], predecessor[256];
    struct complaint refused;
    bool is_registered, is_leasing, is_asking, must_lease, has_taken_over, is_leaving, is_burying;
    char buried[160];
    void (*on_state)(struct worker *w, bool is_news);
};

static void send_lease(struct worker *w);
static void look_for_dead(struct worker *w);

static int64_t lease_ms(const struct worker *w)
{
    return conf_int(w->conf, SET_WORKER_LEASE) * 1000;
}

/* ---- registration and renewal ---- */
static void write_bindings(struct worker *w)
{
    char key[QUEUE_KEY_SIZE], member[QUEUE_KEY_SIZE], exchange[QUEUE_KEY_SIZE];
    for (int i = 0; i < consumer_queue_count(w); i++)
        redis_call(w->redis, NULL, NULL, "SADD", queue_key(&w->keys, key, KEY_BINDING, consumer_queue(w, i)),
                   queue_binding(&w->keys, member, consumer_queue(w, i), consumer_queue(w, i)), REDIS_END);
    redis_call(w->redis, NULL, NULL, "SADD",
               queue_key(&w->keys, key, KEY_BINDING, queue_control_exchange(&w->keys, exchange)),
               queue_node_binding(&w->keys, member, w->node), REDIS_END);
}

static bool is_registration(const redisReply *r)
{
    return r->type == REDIS_REPLY_ARRAY && r->elements == 4 && r->element[0]->type == REDIS_REPLY_INTEGER &&
           r->element[1]->type == REDIS_REPLY_STRING && r->element[2]->type == REDIS_REPLY_ARRAY &&
           r->element[3]->type == REDIS_REPLY_ARRAY;
}

static void registered(struct worker *w, const redisReply *reply)
{
    struct membership *m = w->membership;
    bool is_news = !m->is_registered, must_agree = is_news || m->must_lease || reply->element[0]->integer != 0;
    enum registration how = reply->element[0]->integer == 0   ? REGISTRATION_KEPT
                            : reply->element[0]->integer == 1 ? REGISTRATION_FORGOT
                                                              : REGISTRATION_LOST;
    if (strcmp(w->epoch, reply->element[1]->str) != 0) {
        snprintf(w->epoch, sizeof w->epoch, "%s", reply->element[1]->str);
        random_token_hex(m->proposed, EPOCH_BYTES); /* for the next time */
    }
    m->must_lease = false;
    if (!must_agree) {
        handback_taken(w, reply->element[3]);
        handback_strangers(w, reply->element[2], consumer_may_bring);
        return;
    }
    handback_reconcile(w, how, m->leased_us, reply->element[2], reply->element[3]);
    handback_strangers(w, reply->element[2], consumer_may_bring);
    m->is_registered = true;
    if (is_news) write_bindings(w);
    if (m->on_state) m->on_state(w, is_news);
}

static void on_leased(void *arg, const struct redis_answer *answer)
{
    struct worker *w = arg;
    struct membership *m = w->membership;
    if (!m) return;
    m->is_leasing = false;
    if (answer->fault == REDIS_FINE && is_registration(answer->reply)) {
        if (!m->is_leaving) registered(w, answer->reply);
        return;
    }
    m->must_lease = true; /* by the timer */
    if (answer->fault == REDIS_LOST || answer->fault == REDIS_LATE || answer->fault == REDIS_CLOSED) return;
    if (complaint_is_due(&m->refused, answer->text))
        log_error("this worker cannot register with Redis, will be tried again: %s", answer->text);
}

/* Since when each task runs that has run for a while: renewals write over what Redis knows of that. */
static void add_began(struct worker *w, struct buf *about)
{
    const char *between = "";
    buf_str(about, ", \"began\": {");
    for (int slot = 0; slot < RUNNERS_MAX; slot++) {
        const struct delivery *d = TAILQ_FIRST(deliveries_sent(w, slot));
        if (!d || !d->is_started_told || wall_us() - d->started_wall_us < LONG_US) continue;
        buf_printf(about, "%s\"%s\": \"%lld\"", between, d->tag, (long long)(d->started_wall_us / 1000));
        between = ", ";
    }
    buf_char(about, '}');
}

static void send_lease(struct worker *w)
{
    static const char *const names[] = {KEY_WORKERS, KEY_HELD, KEY_UNACKED_INDEX, KEY_ABOUT, KEY_SWEPT, KEY_REGISTERED};
    struct membership *m = w->membership;
    struct script_call c = {0};
    struct buf about = {0};
    if (m->is_leasing) return;
    buf_printf(&about, "{\"node\": \"%s\", \"pid\": %d, \"active\": %d, \"processed\": %lld, \"concurrency\": %d",
               w->node, (int)getpid(), deliveries_count(w, DELIVERY_SENT), (long long)events_done_count(w),
               runners_size(w));
    add_began(w, &about);
    buf_char(&about, '}');
    script_call_keys(&c, &w->keys, names, 6, 1u << 1 | 1u << 4, w->id);
    script_call_text(&c, w->id);
    script_call_text(&c, about.failed ? "{}" : about.data);
    script_call_text(&c, w->epoch);
    script_call_text(&c, m->proposed);
    script_call_number(&c, lease_ms(w) / 1000);
    script_call_number(&c, ++m->renewals);
    m->leased_us = mono_us();
    m->is_leasing = script_call_run(&c, w->redis, "lease", on_leased, w) == 0;
    buf_free(&about);
}

void membership_check(struct worker *w)
{
    struct membership *m = w->membership;
    m->must_lease = true;
    if (redis_is_up(w->redis) && !m->is_leaving) send_lease(w);
}

/* ---- the dead ---- */
static void count_back(struct worker *w, int64_t back)
{
    struct membership *m = w->membership;
    if (!m) return;
    m->is_burying = false;
    if (back >= 0)
        log_warning(
            "a worker is dead: %s has given no sign for a whole lease; %lld of its messages go back to their queues",
            m->buried, (long long)back);
    if (back >= 0) look_for_dead(w); /* there may be more of them */
    deliveries_changed(w);
}

static void count_taken_over(struct worker *w, int64_t back)
{
    if (!w->membership || back < 0) return; /* at the next connection */
    if (back > 0) log_info("took over %lld messages from this worker's predecessor", (long long)back);
    w->membership->has_taken_over = true;
    deliveries_changed(w);
}

static void bury(struct worker *w, const char *id, const char *record, redis_fn fn)
{
    static const char *const names[] = {KEY_WORKERS, KEY_REGISTERED, KEY_HELD, KEY_UNACKED_INDEX, KEY_ABOUT, KEY_SWEPT};
    struct script_call c = {0};
    script_call_keys(&c, &w->keys, names, 6, 1u << 2 | 1u << 5, id);
    script_call_text(&c, id);
    script_call_text(&c, record);
    script_call_text(&c, ALL_MAX);
    script_call_run(&c, w->redis, "bury", fn, w);
}

static void on_buried(void *arg, const struct redis_answer *answer)
{
    struct worker *w = arg;
    if (!w->membership) return;
    if (answer->fault == REDIS_FINE && answer->reply->type == REDIS_REPLY_ARRAY)
        handback_all_of(w, w->membership->buried, answer->reply, true, count_back);
    else
        w->membership->is_burying = false;
}

static void on_taken_over(void *arg, const struct redis_answer *answer)
{
    struct worker *w = arg;
    if (w->membership && answer->fault == REDIS_FINE && answer->reply->type == REDIS_REPLY_ARRAY)
        handback_all_of(w, w->membership->predecessor, answer->reply, true, count_taken_over);
}

static struct member *member_of(struct membership *m, const char *id)
{
    for (int i = 0; i < m->count; i++)
        if (strcmp(m->members[i].id, id) == 0) return &m->members[i];
    if (m->count == MEMBERS_MAX) return NULL;
    m->members[m->count] = (struct member){0};
    snprintf(m->members[m->count].id, sizeof m->members[m->count].id, "%s", id);
    return &m->members[m->count++];
}

/* The lease that its record names ("epoch lease renewals"), or this worker's own. */
static int64_t lease_of(const struct worker *w, const char *record)
{
    const char *blank = strchr(record, ' ');
    int64_t lease = blank && strncmp(record, "score ", 6) != 0 ? whole_read(blank + 1, NULL) * 1000 : 0;
    return lease > lease_ms(w) && lease <= 3600000 ? lease : lease_ms(w);
}

static void look_at(struct worker *w, const char *id, const char *record)
{
    struct membership *m = w->membership;
    struct member *other = strcmp(id, w->id) != 0 ? member_of(m, id) : NULL;
    if (!other) return;
    other->is_seen = true;
    if (strcmp(other->record, record) != 0) {
        snprintf(other->record, sizeof other->record, "%s", record);
        other->since_ms = mono_ms();
    }
    bool is_dead = strcmp(record, "dead") == 0; /* and whoever was at it has not finished */
    if (m->asked_ms - other->since_ms < (is_dead ? lease_ms(w) / 3 : lease_of(w, record)) || m->is_burying) return;
    m->is_burying = true;
    snprintf(m->buried, sizeof m->buried, "%s", id);
    bury(w, id, record, on_buried);
}

static void forget_unseen(struct membership *m)
{
    for (int i = m->count - 1; i >= 0; i--) {
        if (!m->members[i].is_seen) m->members[i] = m->members[--m->count];
        m->members[i].is_seen = false;
    }
}

static void on_members(void *arg, const struct redis_answer *answer)
{
    struct worker *w = arg;
    struct membership *m = w->membership;
    const redisReply *r = answer->reply;
    if (!m) return;
    m->is_asking = false;
    if (answer->fault != REDIS_FINE || r->type != REDIS_REPLY_ARRAY) return;
    int64_t now = mono_ms(), gap = now - m->told_ms;
    m->told_ms = now;
    /* This process slept, or Redis did: the others may have slept, too, or had nobody to tell that they live. What was
     * seen before does not count. */
    if (gap > lease_ms(w) * 2 / 3) m->count = 0;
    for (size_t i = 0; i + 1 < r->elements; i += 2)
        if (r->element[i]->type == REDIS_REPLY_STRING && r->element[i + 1]->type == REDIS_REPLY_STRING)
            look_at(w, r->element[i]->str, r->element[i + 1]->str);
    forget_unseen(m);
}

static void look_for_dead(struct worker *w)
{
    static const char *const names[] = {KEY_WORKERS, KEY_REGISTERED};
    struct membership *m = w->membership;
    if (!redis_is_up(w->redis) || m->is_leaving || !m->is_registered || m->is_asking) return;
    struct script_call c = {0};
    m->asked_ms = mono_ms();
    script_call_keys(&c, &w->keys, names, 2, 0, "");
    m->is_asking = script_call_run(&c, w->redis, "members", on_members, w) == 0;
}

static void on_timer(evutil_socket_t fd, short what, void *arg)
{
    (void)fd, (void)what;
    struct worker *w = arg;
    if (!redis_is_up(w->redis) || w->membership->is_leaving) return;
    send_lease(w);
    look_for_dead(w);
}

/* ---- connections ---- */
void membership_up(struct worker *w)
{
    struct membership *m = w->membership;
    m->is_leasing = m->is_burying = m->is_asking = false;
    m->count = 0; /* after an outage everybody gets the time to renew before anybody is taken for dead */
    task_counts_doubt(w->counts);
    if (m->predecessor[0] && !m->has_taken_over) bury(w, m->predecessor, "", on_taken_over);
    membership_check(w);
}

void membership_cut(struct worker *w)
{
    w->membership->is_registered = false;
}

bool membership_is_registered(const struct worker *w)
{
    return w->membership->is_registered;
}

bool membership_is_leaving(const struct worker *w)
{
    return w->membership->is_leaving;
}

static void count_left(struct worker *w, int64_t back)
{
    if (back > 0) log_info("%lld messages go back to their queues", (long long)back);
    event_base_loopbreak(w->base);
}

static void on_left(void *arg, const struct redis_answer *answer)
{
    struct worker *w = arg;
    if (w->membership && answer->fault == REDIS_FINE && answer->reply->type == REDIS_REPLY_ARRAY)
        handback_all_of(w, w->id, answer->reply, false, count_left);
    else
        event_base_loopbreak(w->base);
}

void membership_leave(struct worker *w)
{
    char key[QUEUE_KEY_SIZE], member[QUEUE_KEY_SIZE], exchange[QUEUE_KEY_SIZE];
    if (w->membership->is_leaving) return;
    w->membership->is_leaving = true;
    if (!redis_is_up(w->redis)) {
        event_base_loopbreak(w->base); /* the lease runs out, or the successor takes over */
        return;
    }
    events_worker(w, "worker-offline");
    task_counts_tell(w->counts, w->redis);
    redis_call(w->redis, NULL, NULL, "SREM",
               queue_key(&w->keys, key, KEY_BINDING, queue_control_exchange(&w->keys, exchange)),
               queue_node_binding(&w->keys, member, w->node), REDIS_END);
    bury(w, w->id, "", on_left);
}

/* ---- life ---- */
/* host / supervisor / instance / pid: a successor can tell its predecessor's name from its own. */
static void make_ids(struct worker *w)
{
    const char *instance = getenv("LOGIKALD_INSTANCE"), *supervisor = getenv("LOGIKALD_SUPERVISOR_ID");
    const char *previous = getenv("LOGIKALD_PREVIOUS_PID");
    char own[40], host[256] = "";
    gethostname(host, sizeof host - 1);
    if (!supervisor || !supervisor[0]) {
        random_token_hex(own, 8);
        supervisor = own;
        previous = NULL;
    }
    if (!instance || !instance[0]) instance = "worker";
    snprintf(w->id, sizeof w->id, "%.40s/%.40s/%.20s/%d", host, supervisor, instance, (int)getpid());
    long pid = previous ? strtol(previous, NULL, 10) : 0;
    if (pid > 0)
        snprintf(w->membership->predecessor, sizeof w->membership->predecessor, "%.40s/%.40s/%.20s/%ld", host,
                 supervisor, instance, pid);
    if (getenv("LOGIKALD_INSTANCE"))
        snprintf(w->node, sizeof w->node, "%.20s@%.250s", instance, host);
    else
        snprintf(w->node, sizeof w->node, "worker-%d@%.250s", (int)getpid(), host);
}

void membership_on_state(struct worker *w, void (*fn)(struct worker *w, bool is_news))
{
    w->membership->on_state = fn;
}

int membership_open(struct worker *w, struct err *err)
{
    int64_t every = lease_ms(w) / 3;
    struct timeval tv = {.tv_sec = every / 1000, .tv_usec = every % 1000 * 1000};
    struct membership *m = w->membership = calloc(1, sizeof *m);
    if (!m) return err_set(err, ERR_NOMEM, "no memory");
    random_token_hex(m->proposed, EPOCH_BYTES);
    make_ids(w);
    m->timer = event_new(w->base, -1, EV_PERSIST, on_timer, w);
    if (!m->timer || event_add(m->timer, &tv) != 0) return err_set(err, ERR_NOMEM, "no memory for a timer");
    finish_on_doubt(w, membership_check);
    return 0;
}

void membership_close(struct worker *w)
{
    struct membership *m = w->membership;
    if (!m) return;
    if (m->timer) event_free(m->timer);
    free(m);
    w->membership = NULL;
}
