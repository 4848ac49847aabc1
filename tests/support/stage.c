/* See stage.h. */
#include "tests/shim/shim.h"
#include "tests/support/stage.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <hiredis/hiredis.h>

#include "conf/clock.h"
#include "ipc/queue/queue_message.h"
#include "tests/support/servers/hooks.h"
#include "tests/support/support_internal.h"

#define WORDS_MAX 12

static PGconn *lock; /* a transaction that stays open */

static int split(char *text, char *words[WORDS_MAX])
{
    int n = 0;
    for (char *rest = text; n < WORDS_MAX - 1 && (words[n] = strtok_r(n == 0 ? rest : NULL, " ", &rest)); n++) continue;
    words[n] = NULL;
    return n;
}

static void sql(struct system *s, const char *statements)
{
    pg_exec(&s->pg, statements);
}

static void redis(struct system *s, const char *command)
{
    free(redis_cli(&s->redis, command));
}

/* A command of logikald, with these words before those of the text. */
static void logikald(struct system *s, const char *command, const char *text)
{
    char copy[400], run_dir[300], *output = NULL;
    char *words[WORDS_MAX + 2] = {(char *)(uintptr_t)support_program("logikald"), (char *)(uintptr_t)command};
    support_format(copy, sizeof copy, "%s", text);
    split(copy, words + 2);
    support_format(run_dir, sizeof run_dir, "LOGIKALD_RUN_DIR=%s", s->run_dir);
    int status = process_run(words, (char *[]){run_dir, NULL}, &output);
    if (status != 0) fail_msg("logikald %s %s: %d %s", command, text, status, output);
    free(output);
}

static void ctl(struct system *s, const char *words)
{
    logikald(s, "ctl", words);
}

static void queue(struct system *s, const char *words)
{
    logikald(s, "queue", words);
}

/* PATH JSON */
static void simulator(struct system *s, const char *text)
{
    char path[60];
    size_t n = strcspn(text, " ");
    support_format(path, sizeof path, "%.*s", (int)n, text);
    sim_post(&s->sim, path, text[n] ? text + n + 1 : "{}");
}

/* What is written to the configuration file, and read again. */
static void config(struct system *s, const char *text)
{
    system_write_config(s, text);
    process_signal(&s->logikald, SIGHUP);
}

/* Every type but one, with which a table may do something else meanwhile, is due, though not stale. */
static void due(struct system *s, const char *nothing)
{
    (void)nothing;
    pg_exec(&s->pg, "UPDATE object_sync_configs SET last_sync = now() - interval '700 minutes', last_attempt = NULL,"
                    " retry_count = 0, next_retry_at = NULL WHERE object_type <> 'elevation_glass'");
}

/* ROLE SIGNAL, also "supervisor" */
static void signal_it(struct system *s, const char *text)
{
    char copy[60], *words[WORDS_MAX];
    static const struct {
        const char *name;
        int sig;
    } signals[] = {{"KILL", SIGKILL}, {"STOP", SIGSTOP}, {"CONT", SIGCONT}};
    support_format(copy, sizeof copy, "%s", text);
    if (split(copy, words) != 2) fail_msg("signal: %s", text);
    bool is_supervisor = strcmp(words[0], "supervisor") == 0;
    int pid = is_supervisor ? (int)s->logikald.pid : system_child(s, words[0]);
    for (size_t i = 0; i < sizeof signals / sizeof *signals; i++)
        if (pid > 0 && strcmp(signals[i].name, words[1]) == 0) kill(pid, signals[i].sig);
}

/* Kills the role's process, and the next one, until the supervisor calls it a crash loop. */
static void crash(struct system *s, const char *role)
{
    int64_t deadline = support_patience(60000);
    for (bool is_loop = false; !is_loop; support_pause()) {
        struct snapshot *shot = test_malloc(sizeof *shot);
        if (support_late(deadline)) fail_msg("%s comes into no crash loop", role);
        if (snapshot_read(s->run_dir, shot, NULL) == 0)
            for (int i = 0; i < shot->count; i++) {
                const struct snapshot_child *c = &shot->children[i];
                if (strcmp(c->role, role) != 0) continue;
                is_loop = is_loop || c->is_crash_loop;
                if (c->pid > 0 && !is_loop) kill(c->pid, SIGKILL);
            }
        test_free(shot);
    }
}

/* A server: kill, start, freeze, thaw. */
static void postgres(struct system *s, const char *what)
{
    if (strcmp(what, "kill") == 0) pg_kill(&s->pg);
    if (strcmp(what, "start") == 0) pg_restart(&s->pg);
    if (strcmp(what, "freeze") == 0) pg_signal(&s->pg, SIGSTOP);
    if (strcmp(what, "thaw") == 0) pg_signal(&s->pg, SIGCONT);
}

static void redis_server(struct system *s, const char *what)
{
    if (strcmp(what, "kill") == 0) redis_server_kill(&s->redis);
    if (strcmp(what, "start") == 0) redis_server_restart(&s->redis);
    if (strcmp(what, "freeze") == 0) process_signal(&s->redis.process, SIGSTOP);
    if (strcmp(what, "thaw") == 0) process_signal(&s->redis.process, SIGCONT);
}

static void receiver(struct system *s, const char *what)
{
    if (strcmp(what, "kill") == 0) receiver_kill(s->receiver);
    if (strcmp(what, "start") == 0) receiver_start(s->receiver);
}

/* Seconds that the clock of logikald's processes is ahead. */
static void clock_is(struct system *s, const char *seconds)
{
    __atomic_store_n(&s->shim->clock_us, strtoll(seconds, NULL, 10) * 1000000, __ATOMIC_RELAXED);
}

/* A transaction that has done this, and stays open until "unlock". */
static void lock_it(struct system *s, const char *statement)
{
    lock = pg_connect(&s->pg);
    PQclear(PQexec(lock, "BEGIN"));
    PGresult *r = PQexec(lock, statement);
    if (PQresultStatus(r) != PGRES_COMMAND_OK && PQresultStatus(r) != PGRES_TUPLES_OK)
        fail_msg("%s: %s", statement, PQerrorMessage(lock));
    PQclear(r);
}

static void unlock(struct system *s, const char *nothing)
{
    (void)s, (void)nothing;
    PQfinish(lock);
    lock = NULL;
}

/* As if it had been sent at another time: of 13 digits as well. */
static void backdate(struct buf *message, int64_t ms)
{
    static const char member[] = "\"sent_at_ms\": ";
    char digits[24], *at = memmem(message->data, message->len, member, strlen(member));
    if (!at) fail_msg("a message does not say when it was sent");
    support_format(digits, sizeof digits, "%013lld", (long long)ms);
    memcpy(at + strlen(member), digits, strlen(digits));
}

/* COUNT QUEUE AGE_S TASK [ARGS]: so many messages, sent so long ago. */
static void send_it(struct system *s, const char *text)
{
    char copy[300], *words[WORDS_MAX];
    support_format(copy, sizeof copy, "%s", text);
    int n = split(copy, words);
    if (n < 4) fail_msg("send: %s", text);
    redisContext *link = redisConnect("127.0.0.1", s->redis.port);
    cJSON *args = cJSON_Parse(n > 4 ? words[4] : "[]");
    long count = strtol(words[0], NULL, 10);
    for (long i = 0; i < count; i++) {
        char id[40];
        static unsigned sent;
        struct buf message = {0};
        support_format(id, sizeof id, "%08x-1111-4222-8333-444444444444", ++sent);
        struct message_spec spec = {.task = words[3], .id = id, .queue = words[1], .args = args};
        message_encode(&message, &spec);
        backdate(&message, wall_ms() - 1000 * strtoll(words[2], NULL, 10));
        redisAppendCommand(link, "LPUSH %s %b", words[1], message.data, message.len);
        buf_free(&message);
    }
    for (long i = 0; i < count; i++) {
        redisReply *reply = NULL;
        if (redisGetReply(link, (void **)&reply) != REDIS_OK) fail_msg("cannot send: %s", link->errstr);
        freeReplyObject(reply);
    }
    cJSON_Delete(args);
    redisFree(link);
}

static const struct {
    const char *name;
    void (*fn)(struct system *s, const char *arguments);
} verbs[] = {
    {"sql", sql},           {"redis", redis},      {"ctl", ctl},
    {"queue", queue},       {"sim", simulator},    {"config", config},
    {"due", due},           {"crash", crash},      {"lock", lock_it},
    {"unlock", unlock},     {"signal", signal_it}, {"postgres", postgres},
    {"send", send_it},      {"clock", clock_is},   {"redis-server", redis_server},
    {"receiver", receiver},
};

/* With the text of each {PLACE}. */
static char *filled_in(const struct system *s, const char *text)
{
    struct buf out = {0};
    while (*text) {
        const struct system_place *p = s->places;
        while (p->name &&
               !(*text == '{' && strncmp(text + 1, p->name, strlen(p->name)) == 0 && text[1 + strlen(p->name)] == '}'))
            p++;
        if (p->name) {
            buf_str(&out, p->text);
            text += strlen(p->name) + 2;
        } else {
            buf_char(&out, *text++);
        }
    }
    return out.data ? buf_steal(&out) : strdup("");
}

static void step(struct system *s, const char *line)
{
    size_t n = strcspn(line, ":");
    char *arguments = filled_in(s, line[n] ? line + n + 1 + strspn(line + n + 1, " ") : "");
    for (size_t i = 0; i < sizeof verbs / sizeof *verbs; i++)
        if (strlen(verbs[i].name) == n && strncmp(verbs[i].name, line, n) == 0) {
            verbs[i].fn(s, arguments);
            free(arguments);
            return;
        }
    fail_msg("no verb stages \"%s\"", line);
}

void stage(struct system *s, const char *steps)
{
    char *copy = steps ? strdup(steps) : NULL, *rest = copy;
    for (char *line; copy && (line = strsep(&rest, "\n"));) step(s, line);
    free(copy);
}
