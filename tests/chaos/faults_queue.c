/* Faults of the queue: a worker that is frozen long enough to be taken for dead and then wakes, messages that kill
 * every runner and have no tag of their own, rights that are taken away and given back. What they must not do is
 * counted by check_follow_ups and check_poison. */
#include "tests/chaos/chaos.h"

#include <hiredis/hiredis.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "conf/text/buf.h"
#include "conf/clock.h"
#include "conf/machine/random.h"
#include "ipc/queue/queue_message.h"
#include "tests/support/support_internal.h"

#define FROZEN_MS   7000 /* longer than a lease of 4 s, as others see it */
#define POISON_S    15   /* after which a poisonous message is of no use to anybody */
#define OUTSIDER_MS 60000

/* A worker beside the system's own, on the same queue, as on another machine. */
static void start_outsider(struct chaos *c, struct process *p)
{
    char text[4][400], asan[1000];
    snprintf(text[0], sizeof text[0], "REDIS_URL=%s", c->sys.redis.url);
    snprintf(text[1], sizeof text[1], "DATABASE_URL=%s", c->sys.pg.url);
    snprintf(text[2], sizeof text[2], "LOGIKAL_API_BASE_URL=%s", c->sys.sim.base_url);
    snprintf(asan, sizeof asan, "%s:quarantine_size_mb=8:log_path=%s", c->shim.sanitizer, c->sanitizer_logs);
    char *env[] = {text[0],
                   text[1],
                   text[2],
                   asan,
                   "LOGIKAL_AUTH_USERNAME=demo",
                   "LOGIKAL_AUTH_PASSWORD=demo",
                   "DIAGNOSTIC_TASKS=true",
                   "BACKGROUND_SYNC_ENABLED=true",
                   "WORKER_CONCURRENCY=2",
                   "WORKER_QUEUES=followed",
                   "WORKER_LEASE_SECONDS=4",
                   "WORKER_GRACE_SECONDS=10", /* longer than its longest task */
                   "TASK_MAX_DELIVERIES=50",
                   NULL};
    char *argv[] = {(char *)(uintptr_t)support_program("logikald-roles"), "worker", NULL};
    process_start(p, "outsider", argv, env);
}

static void end_outsider(struct chaos *c, struct process *p)
{
    kill(p->pid, SIGCONT);
    process_signal(p, SIGTERM);
    for (int64_t deadline = mono_ms() + OUTSIDER_MS; process_running(p); support_pause())
        if (mono_ms() > deadline) chaos_fail(c, "a worker that was frozen does not end");
    process_stop(p);
}

/* The message of a task of queue followed, with a follow-up that nobody takes. */
static void send_followed(struct chaos *c, redisContext *redis, const char *task, const char *args)
{
    char id[UUID_TEXT_SIZE];
    struct buf after = {0}, message = {0};
    FILE *ledger = fopen(c->follow_ups, "ae");
    if (!ledger) chaos_fail(c, "no ledger of follow-ups");
    random_uuid4(id);
    buf_printf(&after,
               "[{\"task\": \"tasks.diagnostics.noop\", \"args\": [], \"kwargs\": {}, \"immutable\": true, "
               "\"options\": {\"queue\": \"followups\", \"task_id\": \"after-%s\"}}]",
               id);
    cJSON *list = cJSON_Parse(after.data), *values = cJSON_Parse(args);
    struct message_spec spec = {
        .task = task, .id = id, .queue = "followed", .args = values, .callbacks = list, .errbacks = list};
    message_encode(&message, &spec);
    redisReply *reply = redisCommand(redis, "LPUSH followed %b", message.data, message.len);
    if (reply && reply->type == REDIS_REPLY_INTEGER) fprintf(ledger, "%s\n", id);
    if (reply) freeReplyObject(reply);
    fclose(ledger);
    cJSON_Delete(list);
    cJSON_Delete(values);
    buf_free(&after);
    buf_free(&message);
}

static redisContext *talk(struct chaos *c)
{
    redisContext *redis = redisConnectWithTimeout("127.0.0.1", c->sys.redis.port, (struct timeval){.tv_sec = 5});
    if (!redis || redis->err) chaos_fail(c, "Redis cannot be reached");
    return redis;
}

/* Some that are through soon, some that last through the freeze, some that fail. */
static void send_many(struct chaos *c, redisContext *redis)
{
    for (int i = 0; i < 30; i++) send_followed(c, redis, "tasks.diagnostics.noop", "[]");
    for (int i = 0; i < 4; i++) send_followed(c, redis, "tasks.diagnostics.sleep", i % 2 ? "[1]" : "[3]");
    for (int i = 0; i < 4; i++) send_followed(c, redis, "tasks.diagnostics.fail", "[\"on purpose\"]");
}

static void empty_queue(struct chaos *c)
{
    for (int64_t deadline = mono_ms() + OUTSIDER_MS; chaos_redis_number(c, "--raw llen followed") != 0; support_pause())
        if (mono_ms() > deadline) chaos_fail(c, "a worker does not come to the end of its queue");
}

/* Two workers of one queue; one is frozen, its runners go on, the other takes it for dead, and it wakes. */
void frozen_worker(struct chaos *c)
{
    struct process frozen = {0}, other = {0};
    redisContext *redis = talk(c);
    start_outsider(c, &frozen);
    start_outsider(c, &other);
    send_many(c, redis);
    chaos_pass(c, 500, 1500);
    send_many(c, redis);
    chaos_say(c, "SIGSTOP a worker (%d) beside another", (int)frozen.pid);
    kill(frozen.pid, SIGSTOP);
    send_many(c, redis);
    chaos_pass(c, FROZEN_MS, FROZEN_MS + 3000);
    chaos_say(c, "SIGCONT the worker");
    kill(frozen.pid, SIGCONT);
    send_many(c, redis);
    chaos_pass(c, 500, 1500);
    end_outsider(c, &frozen);
    for (bool is_empty = false; !is_empty;) {
        empty_queue(c);
        end_outsider(c, &other);
        is_empty = chaos_redis_number(c, "--raw llen followed") == 0; /* else it gave back what it had not begun */
        if (!is_empty) start_outsider(c, &other);
    }
    redisFree(redis);
}

/* Messages that kill their runner each time, with tags that say nothing: they expire after a while. */
void poison(struct chaos *c)
{
    static const char *const tags[] = {"", ", \"delivery_tag\": 7", ", \"delivery_tag\": \"\"",
                                       ", \"delivery_tag\": null", ", \"delivery_tag\": \"php\""};
    const char *tag = tags[chaos_random(c, sizeof tags / sizeof *tags)];
    redisContext *redis = talk(c);
    chaos_say(c, "poison, its tag: %s", tag);
    for (int i = 0; i < 2; i++) {
        redisReply *reply = redisCommand(
            redis,
            "LPUSH sync "
            "{\"body\":\"W1tdLHt9LHt9XQ==\",\"content-encoding\":\"utf-8\",\"content-type\":\"application/json\","
            "\"headers\":{\"task\":\"tasks.diagnostics.crash\",\"id\":\"poison-%d\",\"expires\":%lld},"
            "\"properties\":{\"body_encoding\":\"base64\"%s}}",
            ++c->poisons, (long long)(wall_ms() / 1000 + POISON_S), tag);
        if (reply) freeReplyObject(reply);
    }
    redisFree(redis);
}

/* A user who loses a right for a while. */
void rights_change(struct chaos *c)
{
    static const char *const rights[] = {"-publish", "-evalsha", "-lpush", "-hset", "-zadd", "-blmove",      "-rpop",
                                         "-hdel",    "-zrem",    "-set",   "-get",  "-eval", "resetchannels"};
    char command[80];
    const char *right = rights[chaos_random(c, sizeof rights / sizeof *rights)];
    snprintf(command, sizeof command, "acl setuser default %s", right);
    chaos_say(c, "redis: %s", command);
    free(redis_cli(&c->sys.redis, command));
    if (chaos_random(c, 2)) free(redis_cli(&c->sys.redis, "client kill type pubsub"));
    chaos_pass(c, 300, 2500);
    free(redis_cli(&c->sys.redis, "acl setuser default +@all allchannels"));
    chaos_say(c, "redis: all rights again");
}

/* ---- what must hold ---- */
/* Each of these tasks, whose message Redis took, has told of its end exactly once, however often it ran. */
static int check_ledger(struct chaos *c, redisContext *redis, const char *path)
{
    char id[80];
    int sent = 0;
    FILE *ledger = fopen(path, "re");
    while (ledger && fscanf(ledger, "%79s", id) == 1) {
        redisReply *reply = redisCommand(redis, "HGET follow-up-counts %s", id);
        sent++;
        if (!reply || reply->type != REDIS_REPLY_STRING) chaos_fail(c, "task %s has sent no follow-up", id);
        if (strcmp(reply->str, "1") != 0) chaos_fail(c, "task %s has sent %s follow-ups", id, reply->str);
        freeReplyObject(reply);
    }
    if (ledger) fclose(ledger);
    return sent;
}

static int lines_of(const char *path)
{
    int count = 0;
    char *text = support_read_file(path);
    for (const char *at = text; at && (at = strchr(at, '\n')); at++) count++;
    free(text);
    return count;
}

/* An effect shows a moment before its end is told. */
static bool is_every_end_told(struct chaos *c)
{
    int accepted = lines_of(c->load.ledger) + (access(c->follow_ups, F_OK) == 0 ? lines_of(c->follow_ups) : 0);
    return chaos_redis_number(c, "--raw llen followups") >= accepted;
}

void check_follow_ups(struct chaos *c)
{
    chaos_wait(c, "the follow-ups of all accepted tasks", is_every_end_told);
    redisContext *redis = talk(c);
    redisReply *total =
        redisCommand(redis, "EVAL %s 0",
                     "local most, n = 0, 0 for _, m in ipairs(redis.call('LRANGE', 'followups', 0, -1)) do "
                     "local id = string.match(m, '\"id\": \"after%-([%w-]+)\"') n = n + 1 "
                     "most = math.max(most, redis.call('HINCRBY', 'follow-up-counts', id, 1)) end return {most, n}");
    if (!total || total->type != REDIS_REPLY_ARRAY) chaos_fail(c, "the follow-ups cannot be counted");
    long long most = total->element[0]->integer, all = total->element[1]->integer;
    freeReplyObject(total);
    int sent = check_ledger(c, redis, c->follow_ups) + check_ledger(c, redis, c->load.ledger);
    printf("follow-ups: %lld of %d tasks that were accepted, none lost, none twice\n", all, sent);
    if (most > 1) chaos_fail(c, "a follow-up was sent %lld times", most);
    freeReplyObject(redisCommand(redis, "DEL followups follow-up-counts"));
    redisFree(redis);
}

static bool is_poison_gone(struct chaos *c)
{
    return chaos_redis_number(c, "--raw zcard logikald.scheduled") == 0;
}

/* What kills its runner is tried again more and more slowly, whatever its tag. */
void check_poison(struct chaos *c)
{
    int crashes = 0;
    chaos_wait(c, "poison to have expired", is_poison_gone);
    char *log = support_read_file(c->log);
    for (const char *at = log; (at = strstr(at, "in task tasks.diagnostics.crash[poison-")); at++) crashes++;
    free(log);
    printf("poison: %d messages, %d crashes\n", c->poisons, crashes);
    if (crashes > c->poisons * 12) chaos_fail(c, "%d poisonous messages made %d crashes", c->poisons, crashes);
}
