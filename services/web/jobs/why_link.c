/* Asking why (services/why/gather.h) for a request. See why_link.h. */
#include "services/web/jobs/why_link.h"

#include "ipc/redis/redis.h"
#include "services/web/http/reply.h"

struct why_wait {
    struct req *r;
    struct why_ask *ask; /* NULL: it has answered */
    void (*then)(struct req *r, const struct why_answer *answer);
};

static void on_end(void *arg)
{
    struct why_wait *w = arg;
    if (w->ask) why_ask_forget(w->ask);
    w->ask = NULL;
}

static void on_answer(void *arg, const struct why_answer *answer)
{
    struct why_wait *w = arg;
    w->ask = NULL;
    w->then(w->r, answer);
}

void why_link_ask(struct req *r, const char *of, bool objects_only,
                  void (*then)(struct req *r, const struct why_answer *answer))
{
    const struct web *web = r->web;
    bool is_down = web->redis && !redis_is_up(web->redis);
    const struct why_sources from = {.base = web->base,
                                     .conf = web->conf,
                                     .pool = web->pool,
                                     .queue = web->queue,
                                     .redis_is_down = is_down ? redis_why_down(web->redis) : NULL};
    struct why_wait *w = req_alloc(r, sizeof *w);
    *w = (struct why_wait){.r = r, .then = then};
    req_on_end(r, on_end, w);
    w->ask = why_ask(&from, of, objects_only, on_answer, w);
    if (!w->ask) reply_fault(r, 500, "INTERNAL_ERROR", "There is no memory for it (request %s)", r->id);
}
