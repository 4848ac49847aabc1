/* `logikald why X`: why something is as it is. PostgreSQL, Redis and the supervisor's snapshot are asked directly, by
 * the same rooms as in web, so that it answers also while web is down, and says what is not known while one of those
 * is. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <event2/event.h>

#include "conf/text/buf.h"
#include "conf/exit.h"
#include "conf/log.h"
#include "conf/text/utf8.h"
#include "services/role.h"
#include "services/store/db/pool.h"
#include "services/why/gather.h"
#include "services/why/print.h"

#define CONNECT_S 3

static const char usage[] =
    "usage: logikald why [--json] X\n"
    "\n"
    "Why is X as it is: what is so, since when, because of what, what happens next, what one can do. X is\n"
    "  a type          directory, project, phase, elevation, sqlite_parser ...\n"
    "  a queue         sync, scheduler ...\n"
    "  a process       supervisor, web, worker, beat, or one of them: worker.0\n"
    "  a task          its id\n"
    "  an object       a directory, project or elevation by its whole name, path, GUID or job number\n"
    "What can be several things is asked for as KIND:X (queue:sqlite_parser, project:Smith, task:ID); a list of what "
    "is\n"
    "meant is printed otherwise. PostgreSQL, Redis and the supervisor's status file are asked directly, not web: it\n"
    "answers while web is down, and says what is not known while one of those is.\n"
    "Exit status: 0 answered, 1 several things are meant, 66 there is no X, 69 it may be in what cannot be reached.\n";

struct why_tool {
    struct event_base *base;
    struct why_sources from;
    struct redis *redis;
    const char *of;
    bool is_json, is_asked;
    int status;
};

static void print_answer(const struct why_tool *t, const struct why_answer *answer)
{
    struct buf out = {0};
    if (t->is_json) {
        char *json = cJSON_Print(answer->chain ? answer->chain : answer->candidates);
        puts(json ? json : "null");
        free(json);
    } else if (answer->chain) {
        why_print(&out, answer->chain);
    } else {
        why_print_candidates(&out, answer->candidates);
    }
    if (out.len > 0) fwrite(out.data, 1, out.len, stdout);
    buf_free(&out);
}

static void on_answer(void *arg, const struct why_answer *answer)
{
    struct why_tool *t = arg;
    if (answer->chain || answer->candidates->child)
        print_answer(t, answer);
    else
        fprintf(stderr, "logikald why: %s\n", answer->unknown);
    t->status = answer->chain               ? 0
                : answer->candidates->child ? EXIT_FAILED
                : answer->is_unsure         ? EXIT_UNAVAILABLE
                                            : EXIT_NO_SUCH;
    event_base_loopbreak(t->base);
}

static void ask(struct why_tool *t)
{
    if (t->is_asked) return;
    t->is_asked = true;
    if (!why_ask(&t->from, t->of, false, on_answer, t)) event_base_loopbreak(t->base);
}

static void on_redis(void *arg, bool is_up, const char *why)
{
    struct why_tool *t = arg;
    static char down[400];
    if (t->is_asked) return;
    if (!is_up) {
        snprintf(down, sizeof down, "%.390s", why);
        t->from.redis_is_down = down;
    }
    ask(t);
}

static void on_late(evutil_socket_t fd, short what, void *arg)
{
    (void)fd, (void)what;
    struct why_tool *t = arg;
    if (!t->is_asked) t->from.redis_is_down = "it does not answer";
    ask(t);
}

static void open_sources(struct why_tool *t)
{
    struct redis_url url;
    struct err err = {0};
    t->from.base = t->base;
    if (conf_is_set(t->from.conf, SET_DATABASE_URL)) {
        t->from.pool = pool_new(t->base, t->from.conf, "logikald why", &err);
        if (!t->from.pool) fprintf(stderr, "logikald why: %s\n", err.text);
    }
    if (redis_url_from_conf(t->from.conf, &url, &err) == 0) t->redis = redis_new(t->base, &url, "logikald-why", &err);
    if (t->redis) t->from.queue = queue_new(t->base, t->redis, t->from.conf, &err);
    if (!t->from.queue) {
        event_base_once(t->base, -1, EV_TIMEOUT, on_late, t, &(struct timeval){0});
        return;
    }
    redis_on_state(t->redis, on_redis, t);
    redis_start(t->redis);
    event_base_once(t->base, -1, EV_TIMEOUT, on_late, t, &(struct timeval){.tv_sec = CONNECT_S});
}

static bool read_words(struct why_tool *t, int argc, char **argv)
{
    for (int i = 0; i < argc; i++) {
        if (strcmp(argv[i], "--json") == 0)
            t->is_json = true;
        else if (t->of || argv[i][0] == '-' || !argv[i][0] || !utf8_is_valid(argv[i], strlen(argv[i])))
            return false;
        else
            t->of = argv[i];
    }
    return t->of != NULL;
}

int why_main(struct conf *conf, int argc, char **argv)
{
    struct why_tool t = {.status = EXIT_INTERNAL, .from = {.conf = conf}};
    bool is_help = argc == 1 && strcmp(argv[0], "--help") == 0;
    if (is_help || !read_words(&t, argc, argv)) {
        fputs(usage, is_help ? stdout : stderr);
        conf_free(conf);
        return is_help ? 0 : EXIT_USAGE;
    }
    log_set_level(LOG_CRITICAL); /* what is away is part of the answer */
    t.base = event_base_new();
    if (t.base) {
        open_sources(&t);
        event_base_dispatch(t.base);
    }
    queue_free(t.from.queue);
    redis_free(t.redis);
    pool_free(t.from.pool);
    why_asks_free();
    if (t.base) event_base_free(t.base);
    conf_free(conf);
    return t.status;
}
