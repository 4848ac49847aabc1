/* A redis-server, workers and beats for the tests of the queue, and a blocking connection to look and to send with. */
#ifndef LOGIKALD_TESTS_SUPPORT_RIG_H
#define LOGIKALD_TESTS_SUPPORT_RIG_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <hiredis/hiredis.h>

#include "ipc/queue/queue_message.h"
#include "tests/support/support.h"

struct rig {
    struct redis_server server;
    redisContext *redis;
    char url[128]; /* for the roles, when they do not go straight to the server */
};

void rig_open(struct rig *rig, const char *const extra[]); /* extra: redis-server arguments or NULL */
void rig_reconnect(struct rig *rig);                       /* after the server was restarted */
void rig_close(struct rig *rig);

/* A role of logikald-roles with the rig's Redis and diagnostic tasks; env: more NAME=value, NULL-terminated, or NULL.
 */
void rig_role(struct rig *rig, struct process *p, const char *name, const char *role, const char *const env[]);
/* A worker by the same; it has registered with Redis when this returns. */
void rig_worker(struct rig *rig, struct process *p, const char *name, const char *const env[]);
void rig_check(struct process *p); /* fails the test when the process reported a sanitizer's finding */
/* Stops what runs, frozen or not, and checks it; nothing when it was not started. *p is as new. */
void rig_end(struct process *p);
/* `logikald queue VERB --json WORD`: its exit status; *output is to be freed. */
int rig_tool(struct rig *rig, const char *verb, const char *word, char **output);

/* The rig of a test program, `rig`, its workers `first` and `second`, and fixtures that start and end them. */
#define RIG_WORLD                                                                                                      \
    static struct rig rig;                                                                                             \
    static struct process first, second;                                                                               \
    FIXTURE(set_up)                                                                                                    \
    {                                                                                                                  \
        rig_open(&rig, NULL);                                                                                          \
        return 0;                                                                                                      \
    }                                                                                                                  \
    FIXTURE(tear_down)                                                                                                 \
    {                                                                                                                  \
        rig_end(&first);                                                                                               \
        rig_end(&second);                                                                                              \
        rig_close(&rig);                                                                                               \
        return 0;                                                                                                      \
    }

/* A number from Redis: an integer answer, a string read as one, -1 for anything else. The command as printf. */
int64_t rig_int(struct rig *rig, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* The text of a string answer ("" for anything else) in a buffer that the next call overwrites. */
const char *rig_text(struct rig *rig, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

void rig_push(struct rig *rig, const char *queue, const char *bytes, size_t len);
void rig_send_spec(struct rig *rig, const struct message_spec *spec);
/* LPUSHes a task onto the queue (without a dot it is one of tasks.diagnostics); args is JSON. */
void rig_send(struct rig *rig, const char *queue, const char *task, const char *id, const char *args);

/* Messages in sync and scheduler (those of priority 0), in hands, and waiting for their time, at one moment. */
int64_t rig_left(struct rig *rig);
bool rig_has_state(struct rig *rig, const char *id, const char *status);

#endif
