/* See shown_world.h. */
#include "tests/support/answers/shown_world.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "conf/clock.h"
#include "conf/text/buf.h"
#include "ipc/flight.h"
#include "ipc/snapshot.h"

#define WAITING   130 /* more than a page */
#define SCHEDULED 3
#define DEAD      60 /* more than a page */

/* A command with bytes for its last %b. */
static void with_bytes(struct rig *rig, const char *fmt, int n, const struct buf *bytes)
{
    redisReply *reply = redisCommand(rig->redis, fmt, n, bytes->data, bytes->len);
    if (!reply || reply->type == REDIS_REPLY_ERROR) fail_msg("%s: %s", fmt, reply ? reply->str : "no answer");
    freeReplyObject(reply);
}

static void add_waiting(struct rig *rig)
{
    for (int i = 0; i < WAITING; i++) {
        char id[32], args[64];
        snprintf(id, sizeof id, "w-%d", i);
        snprintf(args, sizeof args, "[%d, \"%s\"]", i, i % 2 ? "zwei & <drei>" : "eins");
        rig_send(rig, i % 10 == 9 ? "sqlite_parser" : "sync", i % 2 ? "tasks.odd" : "tasks.even", id, args);
    }
    rig_int(rig, "LPUSH sync {\"no\":\"message\"}");
}

static void add_scheduled(struct rig *rig)
{
    for (int i = 0; i < SCHEDULED; i++) {
        char id[32];
        struct buf message = {0}, value = {0};
        snprintf(id, sizeof id, "s-%d", i);
        struct message_spec spec = {.task = "tasks.later", .id = id, .queue = "sync"};
        message_encode(&message, &spec);
        buf_printf(&value, "sync\n%s\n", id);
        buf_add(&value, message.data, message.len);
        rig_int(rig, "ZADD logikald.scheduled %lld tag-%d", 2000000000000LL + i * 60000LL, i);
        with_bytes(rig, "HSET logikald.scheduled.messages tag-%d %b", i, &value);
        rig_int(rig, "HSET logikald.scheduled.ids %s tag-%d", id, i);
        buf_free(&message);
        buf_free(&value);
    }
}

/* The last one is what a worker could not read. */
static void add_dead(struct rig *rig)
{
    for (int i = 0; i < DEAD; i++) {
        struct buf message = {0}, entry = {0};
        char id[32];
        snprintf(id, sizeof id, "d-%d", i);
        struct message_spec spec = {.task = "tasks.broken", .id = id, .queue = "sync"};
        message_encode(&message, &spec);
        buf_printf(&entry,
                   "{\"reason\": \"it was Tuesday\", \"queue\": \"sync\", \"list\": \"sync\", \"id\": \"%s\", "
                   "\"task\": \"tasks.broken\", \"deliveries\": %d, \"at\": \"2020-01-01T00:00:00Z\", \"message\": ",
                   id, i % 4 + 1);
        buf_json_string(&entry, message.data, message.len);
        buf_char(&entry, '}');
        rig_push(rig, "logikald.dead", entry.data, entry.len);
        buf_free(&message);
        buf_free(&entry);
    }
    rig_int(rig, "LPUSH logikald.dead nonsense");
}

/* A worker that lives long enough, and has two tasks. */
static void add_running(struct rig *rig)
{
    static const char *const ids[] = {"t-3", "r-1"};
    long long now = wall_ms() / 1000;
    rig_int(rig, "ZADD logikald.workers %lld h/worker.0/77", now + 3600);
    rig_int(rig, "HSET logikald.registered h/worker.0/77 %s", "7.1 30 5");
    char text[400];
    int len = snprintf(
        text, sizeof text,
        "{\"node\": \"celery@h\", \"pid\": 77, \"concurrency\": 4, \"active\": 2, \"processed\": 9, \"queues\": "
        "[\"sync\"], \"began\": {\"7.1.1\": \"%lld\"}}",
        (now - 3LL * 3600) * 1000);
    with_bytes(rig, "HSET logikald.about h/worker.%d/77 %b", 0, &(struct buf){.data = text, .len = (size_t)len});
    for (int i = 0; i < 2; i++) {
        struct buf message = {0}, entry = {0};
        struct message_spec spec = {.task = "tasks.running", .id = ids[i], .queue = "sync"};
        message_encode(&message, &spec);
        buf_char(&entry, '[');
        buf_add(&entry, message.data, message.len);
        buf_str(&entry, ", \"\", \"sync\"]");
        with_bytes(rig, "HSET unacked 7.1.%d %b", i + 1, &entry);
        rig_int(rig, "ZADD unacked_index %d 7.1.%d", 1577836800 + i, i + 1);
        buf_free(&message);
        buf_free(&entry);
    }
}

/* What is kept of tasks that ended, or tell how far they are. */
static void add_results(struct rig *rig)
{
    static const struct {
        const char *id, *json;
    } results[] = {
        {"x-done", "{\"status\": \"SUCCESS\", \"result\": {\"success\": true, \"items\": 3, \"password\": \"abc\"}, "
                   "\"traceback\": null, \"children\": [], \"date_done\": \"2020-01-08T10:00:00.123456\", \"task_id\": "
                   "\"x-done\"}"},
        {"x-says-no", "{\"status\": \"SUCCESS\", \"result\": {\"success\": false, \"message\": \"no such project\"}, "
                      "\"date_done\": \"2020-01-08T10:00:00+00:00\", \"task_id\": \"x-says-no\"}"},
        {"x-failed",
         "{\"status\": \"FAILURE\", \"result\": {\"exc_type\": \"ValueError\", \"exc_message\": [\"token=abc is "
         "bad\"], \"exc_module\": \"builtins\"}, \"traceback\": \"line 1\\nline 2\", \"date_done\": "
         "\"2020-01-08T11:00:00\", \"task_id\": \"x-failed\"}"},
        {"x-half", "{\"status\": \"PROGRESS\", \"result\": {\"current\": 3, \"total\": 7, \"status\": \"phases\"}, "
                   "\"task_id\": \"x-half\"}"},
        {"x-again", "{\"status\": \"RETRY\", \"result\": {\"exc_type\": \"OSError\", \"exc_message\": [\"gone\"]}, "
                    "\"date_done\": null, \"task_id\": \"x-again\"}"},
        {"x-revoked", "{\"status\": \"REVOKED\", \"result\": {\"exc_type\": \"TaskRevokedError\", \"exc_message\": "
                      "[\"expired\"]}, \"date_done\": \"2020-01-08T12:00:00\", \"task_id\": \"x-revoked\"}"},
        {"x-begun",
         "{\"status\": \"STARTED\", \"result\": {\"pid\": 7, \"hostname\": \"h\"}, \"task_id\": \"x-begun\"}"},
    };
    for (size_t i = 0; i < sizeof results / sizeof *results; i++) {
        redisReply *reply = redisCommand(rig->redis, "SET celery-task-meta-%s %s", results[i].id, results[i].json);
        assert_true(reply && reply->type == REDIS_REPLY_STATUS);
        freeReplyObject(reply);
    }
}

void shown_queue(struct rig *rig)
{
    add_waiting(rig);
    add_scheduled(rig);
    add_dead(rig);
    add_running(rig);
    add_results(rig);
}

static const struct snapshot_child children[6] = {
    {.name = "web.0",
     .role = "web",
     .state = "ready",
     .pid = 1,
     .rss_bytes = 40 << 20,
     .cpu_permille = 15,
     .is_ready = true},
    {.name = "worker.0",
     .role = "worker",
     .state = "ready",
     .status = "2 tasks",
     .pid = 1,
     .restarts = 4,
     .rss_bytes = 30 << 20,
     .pss_bytes = 20 << 20,
     .last_exit = "exit status 1",
     .is_ready = true,
     .is_draining = true},
    {.name = "worker.1",
     .role = "worker",
     .state = "backoff",
     .restarts = 9,
     .last_exit = "killed by SIGKILL",
     .is_crash_loop = true},
    {.name = "beat", .role = "beat", .state = "down", .is_held = true},
    {.name = "my-redis", .role = "my-redis", .state = "down", .is_program = true, .rss_bytes = 5 << 20},
    {.name = "migrate", .role = "migrate", .state = "done"},
};

void shown_report(void)
{
    char run_dir[300];
    struct err err = {0};
    int64_t now = wall_ms();
    struct snapshot *s = calloc(1, sizeof *s);
    *s = (struct snapshot){.written_ms = now + 3600000,
                           .started_ms = now - 10 * 3600000LL,
                           .pid = 1,
                           .version = "1.2.3",
                           .state = "running",
                           .background_sync = true,
                           .background_note = "beat waits",
                           .listening = "127.0.0.1:1",
                           .reloads = 3,
                           .reloads_refused = 1,
                           .reload_ms = now - 2 * 3600000LL,
                           .reload_error = "PORT: 0 is no port",
                           .memory_limit_bytes = 512 << 20,
                           .memory_used_bytes = 100 << 20,
                           .oom_kills = 2,
                           .rss_bytes = 9 << 20,
                           .pss_bytes = 7 << 20,
                           .log_lines_dropped = 5,
                           .count = 6};
    memcpy(s->children, children, sizeof children);
    s->children[0].started_ms = now - 5 * 3600000LL;
    s->children[1].last_exit_ms = now - 6 * 3600000LL;
    s->children[2].next_start_ms = now + 2 * 3600000LL;
    snprintf(run_dir, sizeof run_dir, "%s/run", support_dir());
    mkdir(run_dir, 0700);
    assert_int_equal(snapshot_write(run_dir, s, &err), 0);
    free(s);
    static const char *const told[] = {"start", "held", "released", "reload", "reload-refused", "gate", "stop"};
    for (int i = 0; i < 7; i++) {
        struct flight_event e = {"00000000-0000-4000-8000-00000000000a",
                                 i + 1,
                                 now - (9 - i) * 3600000LL,
                                 "h",
                                 "1.2.3",
                                 told[i],
                                 i % 2 ? "web.0" : "",
                                 i % 2 ? 5 : 0,
                                 "It was told",
                                 i % 3 ? "" : "more"};
        char *line = flight_line(&e);
        assert_int_equal(flight_append(run_dir, line, strlen(line), &err), 0);
        free(line);
    }
}
