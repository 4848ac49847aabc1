/* Remote control of a worker: anything may be published on its channel. What would reach Redis, runners or the loop is
 * replaced, and checks what it is asked for. short run: 8000 */
#include "conf/log.h"
#include "services/worker/worker_internal.h"
#include "tests/fuzz/fuzz.h"

static redis_sub_fn on_message;

struct redis_sub *redis_psubscribe(struct redis *r, const char *pattern, redis_sub_fn fn, void *arg)
{
    (void)r, (void)pattern;
    on_message = fn;
    return arg;
}

int redis_call(struct redis *r, redis_fn fn, void *arg, ...)
{
    (void)r, (void)fn, (void)arg;
    return -ERR_REDIS;
}

int redis_script(struct redis *r, const char *name, redis_fn fn, void *arg, int nkeys, int argc,
                 const char *const *argv, const size_t *lens)
{
    (void)r, (void)name, (void)fn, (void)arg, (void)nkeys, (void)argc, (void)argv, (void)lens;
    return -ERR_REDIS;
}

int64_t redis_round_trips(const struct redis *r)
{
    (void)r;
    return 0;
}

void revoked_apply(struct worker *w, const char *const *ids, size_t count, bool terminate, int signal, int *running)
{
    (void)w, (void)terminate;
    for (size_t i = 0; i < count; i++) PROMISE(ids[i]);
    PROMISE(count > 0 && signal >= 1 && signal <= 64);
    *running = (int)(count % 2);
}

void revoked_list(struct worker *w, cJSON *out)
{
    (void)w, (void)out;
}

void runners_resize(struct worker *w, int size)
{
    (void)w;
    PROMISE(size >= 1 && size <= RUNNERS_MAX);
}

void runners_recycle(struct worker *w)
{
    (void)w;
}

int consumer_add_queue(struct worker *w, const char *name, struct err *err)
{
    (void)w;
    PROMISE(name && *name);
    return strlen(name) < 128 ? 0 : err_set(err, ERR_LIMIT, "too long");
}

int consumer_drop_queue(struct worker *w, const char *name)
{
    (void)w;
    return *name ? 0 : -1;
}

void worker_stop(struct worker *w, const char *why)
{
    (void)w, (void)why;
}

void events_worker(struct worker *w, const char *type)
{
    (void)w, (void)type;
}

int64_t events_clock(struct worker *w)
{
    return ++w->clock;
}

void events_heard(struct worker *w, int64_t clock)
{
    PROMISE(clock >= 0);
    if (clock > w->clock) w->clock = clock;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct worker w;
    struct err err = {0};
    if (!w.conf) {
        w.conf = conf_load(&(struct conf_paths){0}, &err);
        w.pool.size = 2;
        TAILQ_INIT(&w.ready);
        TAILQ_INIT(&w.over);
        snprintf(w.node, sizeof w.node, "logikald@fuzz");
        log_set_level(LOG_CRITICAL);
        PROMISE(w.conf && pidbox_open(&w, &err) == 0 && on_message);
    }
    char *text = fuzz_text(data, size);
    w.clock = 0;
    on_message(&w, REDIS_SUB_MESSAGE, "/0.celery.pidbox", text, size);
    for (size_t row = 0; row < 64; row++) PROMISE(w.rate_per_name[row] >= 0);
    free(text);
    return 0;
}
