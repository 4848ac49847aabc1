/* The client of the queue bench: what it takes of a task's time is little, and the same beside every worker.
 *
 *   client SOCKET floor SAMPLES BODY               three Redis round trips one after the other: LPUSH, RPOP, GET
 *   client SOCKET tasks SAMPLES BODY QUEUE ID      puts a task, waits for its result, puts the next one
 *   client - sleep SAMPLES MILLISECONDS            only sleeps, one time after the other: what a runner at best can
 *
 * BODY is a file with the message as it is put; ID is what stands in it wherever its id belongs, of which the last
 * twelve characters become a number. Results are heard by the channels of Celery's result backend. Prints JSON:
 * milliseconds of the median and the 99th of a hundred, and how many a second from the first to the last. */
#include <err.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <hiredis/hiredis.h>

#define DIGITS   12
#define WAIT_S   20
#define WARMED   20
#define BODY_MAX 65536

struct client {
    double sleep_ms;
    redisContext *redis, *heard;
    char body[BODY_MAX];
    size_t size;
    const char *queue, *id;
};

static double now_ms(void)
{
    struct timespec ts;
    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (double)ts.tv_sec * 1e3 + (double)ts.tv_nsec / 1e6;
}

static redisContext *dial(const char *path)
{
    redisContext *c = redisConnectUnix(path);
    if (!c || c->err) errx(1, "%s: %s", path, c ? c->errstr : "no memory");
    if (redisSetTimeout(c, (struct timeval){.tv_sec = WAIT_S}) != REDIS_OK) errx(1, "%s", c->errstr);
    return c;
}

static void settle(redisContext *c, redisReply *reply)
{
    if (!reply) errx(1, "Redis: %s", c->errstr);
    if (reply->type == REDIS_REPLY_ERROR) errx(1, "Redis: %s", reply->str);
    freeReplyObject(reply);
}

static void three_round_trips(struct client *c)
{
    settle(c->redis, redisCommand(c->redis, "LPUSH bench-floor %b", c->body, c->size));
    settle(c->redis, redisCommand(c->redis, "RPOP bench-floor"));
    settle(c->redis, redisCommand(c->redis, "GET bench-floor-result"));
}

static void sleep_only(struct client *c)
{
    const struct timespec ts = {.tv_sec = (time_t)(c->sleep_ms / 1e3),
                                .tv_nsec = (long)(c->sleep_ms * 1e6) % 1000000000};
    nanosleep(&ts, NULL);
}

/* A number in place of the last digits of each id in the body. */
static void number_body(struct client *c, unsigned long number)
{
    size_t len = strlen(c->id), kept = len - DIGITS;
    char digits[DIGITS + 1];
    snprintf(digits, sizeof digits, "%06x%06lx", (unsigned)getpid() & 0xffffffu, number & 0xffffffu);
    for (char *at = c->body; (at = strstr(at, c->id)) != NULL; at += len) memcpy(at + kept, digits, DIGITS);
    static char id[128];
    snprintf(id, sizeof id, "%.*s%s", (int)kept, c->id, digits);
    c->id = id;
}

static void hear_result(struct client *c)
{
    for (;;) {
        redisReply *reply = NULL;
        if (redisGetReply(c->heard, (void **)&reply) != REDIS_OK)
            errx(1, "no result in %d s: %s", WAIT_S, c->heard->errstr);
        const char *text = reply->elements == 4 ? reply->element[3]->str : NULL;
        int is_ours = text && strstr(reply->element[2]->str, c->id) != NULL;
        if (is_ours && strstr(text, "\"FAILURE\"")) errx(1, "the task failed: %s", text);
        is_ours = is_ours && strstr(text, "\"SUCCESS\"");
        freeReplyObject(reply);
        if (is_ours) return;
    }
}

static void task_and_result(struct client *c)
{
    static unsigned long number;
    number_body(c, ++number);
    settle(c->redis, redisCommand(c->redis, "LPUSH %s %b", c->queue, c->body, c->size));
    hear_result(c);
}

static int by_size(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static void measure(struct client *c, void (*one)(struct client *c), int samples)
{
    double *took = calloc((size_t)samples, sizeof *took);
    if (!took) errx(1, "no memory");
    for (int i = 0; i < WARMED && one != sleep_only; i++) one(c);
    double begin = now_ms(), last = begin;
    for (int i = 0; i < samples; i++) {
        one(c);
        double now = now_ms();
        took[i] = now - last;
        last = now;
    }
    qsort(took, (size_t)samples, sizeof *took, by_size);
    printf("{\"p50_ms\": %.4f, \"p99_ms\": %.4f, \"per_second\": %.1f}\n", took[samples / 2],
           took[(long)samples * 99 / 100], samples * 1000 / (last - begin));
    free(took);
}

int main(int argc, char **argv)
{
    int is_floor = argc == 5 && strcmp(argv[2], "floor") == 0, is_tasks = argc == 7 && strcmp(argv[2], "tasks") == 0;
    bool is_sleep = argc == 5 && strcmp(argv[2], "sleep") == 0;
    if (!is_floor && !is_tasks && !is_sleep)
        errx(2, "usage: client SOCKET floor|tasks|sleep SAMPLES BODY|MILLISECONDS [QUEUE ID]");
    static struct client c;
    int samples = (int)strtol(argv[3], NULL, 10);
    if (is_sleep) {
        c.sleep_ms = strtod(argv[4], NULL);
        measure(&c, sleep_only, samples < 1 ? 1 : samples);
        return 0;
    }
    FILE *f = fopen(argv[4], "r");
    if (!f || samples < 1) err(1, "%s", argv[4]);
    c.size = fread(c.body, 1, sizeof c.body - 1, f);
    fclose(f);
    c.redis = dial(argv[1]);
    if (is_tasks) {
        c.queue = argv[5];
        c.id = argv[6];
        if (strlen(c.id) <= DIGITS || strlen(c.id) > 100 || !strstr(c.body, c.id))
            errx(2, "no such id in the body: %s", c.id);
        c.heard = dial(argv[1]);
        settle(c.heard, redisCommand(c.heard, "PSUBSCRIBE celery-task-meta-*"));
    } else {
        settle(c.redis, redisCommand(c.redis, "SET bench-floor-result %b", c.body, c.size));
    }
    measure(&c, is_floor ? three_round_trips : task_and_result, samples);
    redisFree(c.redis);
    if (c.heard) redisFree(c.heard);
    return 0;
}
