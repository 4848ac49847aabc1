/* Load by HTTP: see http_load.h. One thread for each connection; counts are in shared memory. */
#include "tests/support/http_load.h"

#include <curl/curl.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

#include "tests/support/support_internal.h"

struct job {
    struct http_load *load;
    const char *const *urls;
    const char *bearer;
    int first;
};

static size_t swallow(char *bytes, size_t size, size_t count, void *arg)
{
    (void)bytes, (void)arg;
    return size * count;
}

static void count(struct http_load *l, CURLcode code, long status, double seconds)
{
    if (code != CURLE_OK) {
        __atomic_fetch_add(&l->cut, 1, __ATOMIC_RELAXED);
        nanosleep(&(struct timespec){0, 20000000}, NULL); /* a client that reconnects in a spin measures itself */
        return;
    }
    if (status != 200 && status != 304) {
        __atomic_fetch_add(&l->refused, 1, __ATOMIC_RELAXED);
        __atomic_store_n(&l->last_refusal, (int)status, __ATOMIC_RELAXED);
        return;
    }
    int ms = (int)(seconds * 1000);
    __atomic_fetch_add(&l->slots[ms < HTTP_LOAD_SLOTS ? ms : HTTP_LOAD_SLOTS - 1], 1, __ATOMIC_RELAXED);
    __atomic_fetch_add(&l->answered, 1, __ATOMIC_RELAXED);
}

static void *run(void *arg)
{
    struct job *job = arg;
    char header[2200];
    snprintf(header, sizeof header, "Authorization: Bearer %s", job->bearer ? job->bearer : "none");
    struct curl_slist *headers = curl_slist_append(NULL, header);
    CURL *c = curl_easy_init();
    curl_easy_setopt(c, CURLOPT_WRITEFUNCTION, swallow);
    curl_easy_setopt(c, CURLOPT_HTTPHEADER, headers);
    curl_easy_setopt(c, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(c, CURLOPT_PROXY, "");
    curl_easy_setopt(c, CURLOPT_TIMEOUT_MS, 30000L);
    int urls = 0;
    while (job->urls[urls]) urls++;
    if (urls == 0) abort();
    for (int i = job->first;; i++) {
        long status = 0;
        double seconds = 0;
        curl_easy_setopt(c, CURLOPT_URL, job->urls[i % urls]);
        CURLcode code = curl_easy_perform(c);
        curl_easy_getinfo(c, CURLINFO_RESPONSE_CODE, &status);
        curl_easy_getinfo(c, CURLINFO_TOTAL_TIME, &seconds);
        count(job->load, code, status, seconds);
    }
    return NULL;
}

void http_load_start(struct http_loader *l, const char *const urls[], const char *bearer, int connections)
{
    l->shared = mmap(NULL, sizeof *l->shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (l->shared == MAP_FAILED) abort();
    pid_t parent = getpid();
    l->pid = fork();
    if (l->pid != 0) return;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent) _exit(1);
    curl_global_init(CURL_GLOBAL_DEFAULT);
    struct job *jobs = calloc((size_t)connections, sizeof *jobs);
    for (int i = 0; jobs && i < connections; i++) {
        pthread_t thread;
        jobs[i] = (struct job){l->shared, urls, bearer, i};
        pthread_create(&thread, NULL, run, &jobs[i]);
    }
    for (;;) pause();
}

void http_load_stop(struct http_loader *l)
{
    struct process p = {.pid = l->pid, .is_running = l->pid > 0};
    process_signal(&p, SIGKILL);
    process_wait(&p, 10000);
    l->pid = 0;
}

void http_load_free(struct http_loader *l)
{
    munmap(l->shared, sizeof *l->shared);
    l->shared = NULL;
}

int http_load_percentile_ms(const struct http_load *l, double percent)
{
    int64_t wanted = (int64_t)((double)l->answered * percent / 100), seen = 0;
    for (int ms = 0; ms < HTTP_LOAD_SLOTS; ms++) {
        seen += l->slots[ms];
        if (seen > wanted) return ms;
    }
    return HTTP_LOAD_SLOTS;
}
