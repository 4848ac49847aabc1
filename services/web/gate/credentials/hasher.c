/* See hasher.h. A thread lives as long as there are jobs; it shares nothing with the loop but the two lists, and wakes
 * it through an eventfd. */
#include "services/web/gate/credentials/hasher.h"

#include <crypt.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/queue.h>
#include <unistd.h>
#include <sodium.h>

#include "conf/machine/lock.h"

#define RANKS    3
#define COST_MAX 14 /* of bcrypt, that is made up for: a quarter of a second is 12 */

/* Of no secret. */
static const char nobodys_hash[crypto_pwhash_STRBYTES] =
    "$argon2id$v=19$m=19456,t=2,p=1$c29tZXNhbHRzb21lc2FsdA$3q0vVZ6m0mRcV3XbRzjYv1rF0oTzV0oW5Ff7c4cJp6U";
#define OPS    2
#define MEMORY (19u << 20)

struct job {
    TAILQ_ENTRY(job) link;
    char *secret;
    char hash[256]; /* to compare with, and then the result; "" = none */
    int dearest;
    enum attempt_rank rank;
    bool is_verify, is_right, is_outdated;
    hash_fn on_hash;
    hash_verify_fn on_verify;
    void *arg;
};
TAILQ_HEAD(jobs, job);

struct hasher {
    struct web *web;
    pthread_mutex_t lock; /* over what follows */
    struct jobs waiting[RANKS], done;
    bool is_running, is_ending;
    pthread_t thread;
    bool has_thread; /* one to be joined */
    int count;       /* jobs not yet answered; the loop's own */
    int wake;        /* eventfd */
    struct event *event;
};

static void job_free(struct job *j)
{
    if (j->secret) explicit_bzero(j->secret, strlen(j->secret));
    free(j->secret);
    free(j);
}

/* ---- in the thread ---- */

static bool is_old(const char *hash)
{
    return strncmp(hash, "$2", 2) == 0 && strlen(hash) == 60;
}

static void verify_old(struct job *j)
{
    struct crypt_data *data = calloc(1, sizeof *data);
    const char *again = data ? crypt_r(j->secret, j->hash, data) : NULL;
    size_t len = strlen(j->hash);
    j->is_right = again && strlen(again) == len && sodium_memcmp(again, j->hash, len) == 0;
    j->is_outdated = j->is_right;
    free(data);
}

static void spend_old(const char *secret, int cost)
{
    char setting[40];
    struct crypt_data *data = calloc(1, sizeof *data);
    snprintf(setting, sizeof setting, "$2b$%02d$abcdefghijklmnopqrstuu", cost);
    if (data) crypt_r(secret, setting, data);
    free(data);
}

/* What a wrong secret has not cost yet. With the rounds of a cheaper hash, its own, the double of it and so on add up
 * to the dearest. */
static void spend_rest(const struct job *j)
{
    int dearest = j->dearest > COST_MAX ? COST_MAX : j->dearest;
    if (!is_old(j->hash)) {
        if (dearest > 0) spend_old(j->secret, dearest);
        return;
    }
    if (crypto_pwhash_str_verify(nobodys_hash, j->secret, strlen(j->secret)) == 0) return; /* it never is */
    for (int cost = (int)strtol(j->hash + 4, NULL, 10); cost >= 4 && cost < dearest; cost++) spend_old(j->secret, cost);
}

static void verify(struct job *j)
{
    size_t len = strlen(j->secret);
    bool is_known = strncmp(j->hash, "$argon2id$", 10) == 0;
    if (is_old(j->hash)) {
        verify_old(j);
    } else {
        bool fits = crypto_pwhash_str_verify(is_known ? j->hash : nobodys_hash, j->secret, len) == 0;
        j->is_right = fits && is_known;
        j->is_outdated = j->is_right && crypto_pwhash_str_needs_rehash(j->hash, OPS, MEMORY) != 0;
    }
    if (!j->is_right) spend_rest(j);
}

static void work(struct job *j)
{
    size_t len = strlen(j->secret);
    if (!j->is_verify) {
        if (crypto_pwhash_str_alg(j->hash, j->secret, len, OPS, MEMORY, crypto_pwhash_ALG_ARGON2ID13) != 0)
            j->hash[0] = 0;
    } else {
        verify(j);
    }
}

static struct job *job_take(struct hasher *h)
{
    for (int rank = 0; rank < RANKS; rank++) {
        struct job *j = TAILQ_FIRST(&h->waiting[rank]);
        if (!j) continue;
        TAILQ_REMOVE(&h->waiting[rank], j, link);
        return j;
    }
    return NULL;
}

static void *thread_main(void *arg)
{
    struct hasher *h = arg;
    lock_take(&h->lock);
    for (struct job *j; !h->is_ending && (j = job_take(h)) != NULL;) {
        lock_give(&h->lock);
        work(j);
        lock_take(&h->lock);
        TAILQ_INSERT_TAIL(&h->done, j, link);
        uint64_t one = 1;
        if (write(h->wake, &one, sizeof one) < 0) h->is_ending = true; /* cannot happen: the counter is far from full */
    }
    h->is_running = false;
    lock_give(&h->lock);
    return NULL;
}

/* ---- in the loop ---- */

static void on_wake(evutil_socket_t fd, short what, void *arg)
{
    (void)what;
    struct hasher *h = arg;
    uint64_t count;
    struct jobs done = TAILQ_HEAD_INITIALIZER(done);
    if (read(fd, &count, sizeof count) < 0) return;
    lock_take(&h->lock);
    TAILQ_CONCAT(&done, &h->done, link);
    lock_give(&h->lock);
    for (struct job *j; (j = TAILQ_FIRST(&done)) != NULL;) {
        TAILQ_REMOVE(&done, j, link);
        h->count--;
        if (j->is_verify)
            j->on_verify(j->arg, j->is_right, j->is_outdated);
        else
            j->on_hash(j->arg, *j->hash ? j->hash : NULL);
        job_free(j);
    }
}

static bool job_start(struct hasher *h, struct job *j)
{
    static const int room[RANKS] = {[ATTEMPT_KNOWN] = 64, [ATTEMPT_NEW] = 48, [ATTEMPT_SUSPECT] = 24};
    if (h->count >= room[j->rank] || !j->secret) {
        job_free(j);
        return false;
    }
    lock_take(&h->lock);
    TAILQ_INSERT_TAIL(&h->waiting[j->rank], j, link);
    bool must_start = !h->is_running;
    h->is_running = true;
    lock_give(&h->lock);
    h->count++;
    if (!must_start) return true;
    if (h->has_thread) pthread_join(h->thread, NULL); /* it has ended already */
    sigset_t all, old;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &old); /* signals are the loop's */
    h->has_thread = pthread_create(&h->thread, NULL, thread_main, h) == 0;
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    if (h->has_thread) return true;
    h->is_running = false;
    TAILQ_REMOVE(&h->waiting[j->rank], j, link);
    h->count--;
    job_free(j);
    return false;
}

bool hasher_hash(struct hasher *h, const char *secret, hash_fn fn, void *arg)
{
    struct job *j = calloc(1, sizeof *j);
    if (!j) return false;
    j->secret = strdup(secret);
    j->on_hash = fn;
    j->arg = arg;
    return job_start(h, j);
}

bool hasher_verify(struct hasher *h, const struct hash_check *check, hash_verify_fn fn, void *arg)
{
    struct job *j = calloc(1, sizeof *j);
    if (!j) return false;
    j->is_verify = true;
    j->secret = strdup(check->secret);
    snprintf(j->hash, sizeof j->hash, "%s", check->hash ? check->hash : "");
    j->dearest = check->dearest;
    j->rank = check->rank;
    j->on_verify = fn;
    j->arg = arg;
    return job_start(h, j);
}

struct hasher *hasher_new(struct web *web)
{
    struct hasher *h = calloc(1, sizeof *h);
    if (!h) return NULL;
    h->web = web;
    for (int rank = 0; rank < RANKS; rank++) TAILQ_INIT(&h->waiting[rank]);
    TAILQ_INIT(&h->done);
    lock_init(&h->lock);
    h->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    h->event = event_new(web->base, h->wake, EV_READ | EV_PERSIST, on_wake, h);
    if (h->wake >= 0 && h->event && event_add(h->event, NULL) == 0) return h;
    hasher_free(h);
    return NULL;
}

static void jobs_free(struct jobs *jobs)
{
    for (struct job *j; (j = TAILQ_FIRST(jobs)) != NULL;) {
        TAILQ_REMOVE(jobs, j, link);
        job_free(j);
    }
}

void hasher_free(struct hasher *h)
{
    if (!h) return;
    lock_take(&h->lock);
    h->is_ending = true;
    lock_give(&h->lock);
    if (h->has_thread) pthread_join(h->thread, NULL);
    for (int rank = 0; rank < RANKS; rank++) jobs_free(&h->waiting[rank]);
    jobs_free(&h->done);
    pthread_mutex_destroy(&h->lock);
    if (h->event) event_free(h->event);
    if (h->wake >= 0) close(h->wake);
    free(h);
}
