/* A client of the queue in the test program itself, on a Redis of its own (of which keys begin with k:, results with
 * r:), and the answer to what it asked last: for the tests of the queue's client. */
#ifndef LOGIKALD_TESTS_SUPPORT_ASKED_H
#define LOGIKALD_TESTS_SUPPORT_ASKED_H

#include "ipc/queue/queue.h"
#include "ipc/queue/task_counts.h"
#include "tests/support/rig.h"

extern struct asked_world {
    struct rig rig;
    struct event_base *base;
    struct conf *conf;
    struct redis *redis;
    struct queue *queue;
    redisContext *ear; /* hears all that is said on channels */
    struct asked_answer {
        bool is_over;
        int64_t count;
        char *json;
        char error[600];
        struct queue_stats stats;
        struct task_count_list counts;
    } answer;
    struct err refused;
} asked;

int asked_start(void **state);
int asked_stop(void **state);
/* A row of a test program with a world of its own. */
#define ASKED_ROW(name) cmocka_unit_test_setup_teardown(name, asked_start, asked_stop)

/* Before a question, and until it is answered. */
void asked_begin(void);
void asked_wait(void);
void asked_on_list(void *arg, const cJSON *entries, const struct err *err);
void asked_on_count(void *arg, int64_t count, const struct err *err);
void asked_on_done(void *arg, const struct err *err);
/* The answer's count, of a call that takes &asked.refused. */
int64_t asked_count(int rc);
#define ASKED_COUNT(wanted, call)                                                                                      \
    do {                                                                                                               \
        asked_begin();                                                                                                 \
        assert_int_equal(asked_count(call), wanted);                                                                   \
    } while (0)

/* A command with two words, or three. */
void asked_put(const char *command, const char *a, const char *b, const char *c);

#define ASKED_MESSAGE(members, body)                                                                                   \
    "{\"body\": \"" body "\", \"content-type\": \"application/json\", \"headers\": {" members "}, \"properties\": "    \
    "{\"priority\": 4}}"
/* A message with all that is shown of one. */
#define ASKED_FULL                                                                                                     \
    ASKED_MESSAGE("\"task\": \"t\", \"id\": \"i\", \"retries\": 2, \"eta\": \"2099-01-01T00:00:00\", \"expires\": "    \
                  "\"2099-01-02T00:00:00\"",                                                                           \
                  "[[1], {\\\"k\\\": 2}, {}]")

#endif
