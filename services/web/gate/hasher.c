/* See hasher.h. A thread lives as long as there are jobs; it shares nothing with the loop but the two lists, and wakes
 * it through an eventfd. */
#include "services/web/gate/hasher.h"

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

#define JOBS_MAX 64
#define OPS      2
#define MEMORY   (19u << 20)

struct job {
    TAILQ_ENTRY(job) link;
    char *secret;
    char hash[256]; /* to compare with, and then the result */
    bool is_verify, is_right, is_outdated;
    hash_fn on_hash;
    hash_verify_fn on_verify;
    void *arg;
};
TAILQ_HEAD(jobs, job);

struct hasher {
    struct web *web;
    pthread_mutex_t lock; /* over what follows */
    struct jobs waiting, done;
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

static void verify_old(struct job *j)
{
    struct crypt_data *data = calloc(1, sizeof(*data));
    const char *again = data ? crypt_r(j->secret, j->hash, data) : NULL;
    size_t len = strlen(j->hash);
    j->is_right = again && strlen(again) == len && sodium_memcmp(again, j->hash, len) == 0;
    j->is_outdated = j->is_right;
    free(data);
}

static void work(struct job *j)
{
    size_t len = strlen(j->secret);
    if (!j->is_verify) {
        if (crypto_pwhash_str_alg(j->hash, j->secret, len, OPS, MEMORY, crypto_pwhash_ALG_ARGON2ID13) != 0)
            j->hash[0] = 0;
    } else if (strncmp(j->hash, "$2", 2) == 0) {
        verify_old(j);
    } else {
        j->is_right = crypto_pwhash_str_verify(j->hash, j->secret, len) == 0;
        j->is_outdated = j->is_right && crypto_pwhash_str_needs_rehash(j->hash, OPS, MEMORY) != 0;
    }
}

static void *thread_main(void *arg)
{
    struct hasher *h = arg;
    pthread_mutex_lock(&h->lock);
    for (struct job *j; !h->is_ending && (j = TAILQ_FIRST(&h->waiting)) != NULL;) {
        TAILQ_REMOVE(&h->waiting, j, link);
        pthread_mutex_unlock(&h->lock);
        work(j);
        pthread_mutex_lock(&h->lock);
        TAILQ_INSERT_TAIL(&h->done, j, link);
        uint64_t one = 1;
        if (write(h->wake, &one, sizeof(one)) < 0)
            h->is_ending = true; /* cannot happen: the counter is far from full */
    }
    h->is_running = false;
    pthread_mutex_unlock(&h->lock);
    return NULL;
}

/* ---- in the loop ---- */

static void on_wake(evutil_socket_t fd, short what, void *arg)
{
    (void)what;
    struct hasher *h = arg;
    uint64_t count;
    struct jobs done = TAILQ_HEAD_INITIALIZER(done);
    if (read(fd, &count, sizeof(count)) < 0) return;
    pthread_mutex_lock(&h->lock);
    TAILQ_CONCAT(&done, &h->done, link);
    pthread_mutex_unlock(&h->lock);
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
    if (h->count >= JOBS_MAX || !j->secret) return job_free(j), false;
    pthread_mutex_lock(&h->lock);
    TAILQ_INSERT_TAIL(&h->waiting, j, link);
    bool must_start = !h->is_running;
    h->is_running = true;
    pthread_mutex_unlock(&h->lock);
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
    TAILQ_REMOVE(&h->waiting, j, link);
    h->count--;
    job_free(j);
    return false;
}

bool hasher_hash(struct hasher *h, const char *secret, hash_fn fn, void *arg)
{
    struct job *j = calloc(1, sizeof(*j));
    if (!j) return false;
    j->secret = strdup(secret);
    j->on_hash = fn;
    j->arg = arg;
    return job_start(h, j);
}

bool hasher_verify(struct hasher *h, const char *secret, const char *hash, hash_verify_fn fn, void *arg)
{
    struct job *j = calloc(1, sizeof(*j));
    if (!j) return false;
    j->is_verify = true;
    j->secret = strdup(secret);
    snprintf(j->hash, sizeof(j->hash), "%s", hash);
    j->on_verify = fn;
    j->arg = arg;
    return job_start(h, j);
}

struct hasher *hasher_new(struct web *web)
{
    struct hasher *h = calloc(1, sizeof(*h));
    if (!h) return NULL;
    h->web = web;
    TAILQ_INIT(&h->waiting);
    TAILQ_INIT(&h->done);
    pthread_mutex_init(&h->lock, NULL);
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
    pthread_mutex_lock(&h->lock);
    h->is_ending = true;
    pthread_mutex_unlock(&h->lock);
    if (h->has_thread) pthread_join(h->thread, NULL);
    jobs_free(&h->waiting);
    jobs_free(&h->done);
    pthread_mutex_destroy(&h->lock);
    if (h->event) event_free(h->event);
    if (h->wake >= 0) close(h->wake);
    free(h);
}
