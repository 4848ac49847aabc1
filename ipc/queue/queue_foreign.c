/* Finds lists and bindings of clients with other broker settings than ours, by the names that they would have. */
#include "ipc/queue/queue_foreign.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "conf/err.h"
#include "ipc/redis/script_call.h"

#define PRIORITIES 10 /* kombu clamps to 0 to 9 */

struct foreign {
    queue_foreign_fn fn;
    void *arg;
};

static void on_answer(void *arg, const struct redis_answer *answer)
{
    struct foreign *f = arg;
    const redisReply *r = answer->reply;
    char problem[700] = "";
    bool is_answer = answer->fault == REDIS_FINE && r->type == REDIS_REPLY_ARRAY;
    for (size_t i = 0; is_answer && i + 1 < r->elements && !problem[0]; i += 2) {
        char name[200];
        size_t n = 0;
        if (r->element[i]->type != REDIS_REPLY_STRING || r->element[i + 1]->type != REDIS_REPLY_INTEGER) continue;
        for (const char *c = r->element[i]->str; *c && n + 5 < sizeof name; c++)
            n += (size_t)((unsigned char)*c < 32 ? snprintf(name + n, sizeof name - n, "\\x%02x", *c)
                                                 : snprintf(name + n, sizeof name - n, "%c", *c));
        name[n] = '\0';
        if (r->element[i + 1]->integer < 0)
            snprintf(
                problem, sizeof problem,
                "there are bindings in %s that are written with another separator: set REDIS_SEP to the sep of the "
                "clients' broker_transport_options, or remove them when no client writes them any more",
                name);
        else
            snprintf(problem, sizeof problem,
                     "%lld tasks wait in the list %s, where no worker looks: set REDIS_PRIORITY_STEPS and REDIS_SEP to "
                     "priority_steps and sep of the clients' broker_transport_options",
                     r->element[i + 1]->integer, name);
    }
    if (is_answer) f->fn(f->arg, problem);
    free(f);
}

static bool is_served(const struct queue_keys *keys, const char *name, const char *list)
{
    char key[QUEUE_KEY_SIZE];
    for (int step = 0; step < keys->step_count; step++)
        if (strcmp(queue_step_key(keys, key, name, step), list) == 0) return true;
    return false;
}

/* The names that a list of this queue may have with kombu's separator, with the one of its documentation, and with
 * ours.
 */
static int add_lists(struct script_call *c, const struct queue_keys *keys, const char *name)
{
    const char *const seps[] = {keys->sep, QUEUE_SEP, ":"};
    int count = 0;
    for (int s = 0; s < 3; s++) {
        bool is_double = (s > 0 && strcmp(seps[s], seps[0]) == 0);
        for (int priority = 1; priority < PRIORITIES && !is_double; priority++) {
            char list[QUEUE_KEY_SIZE], suffix[32];
            snprintf(suffix, sizeof suffix, "%s%d", seps[s], priority);
            queue_key(keys, list, name, suffix);
            if (is_served(keys, name, list)) continue;
            script_call_add_key(c, list);
            count++;
        }
    }
    return count;
}

int queue_foreign_ask(struct redis *redis, const struct queue_keys *keys, const char *const *names, int count,
                      queue_foreign_fn fn, void *arg)
{
    struct script_call c = {0};
    struct foreign *f = malloc(sizeof *f);
    char key[QUEUE_KEY_SIZE];
    int lists = 0;
    if (!f) return -ERR_NOMEM;
    *f = (struct foreign){fn, arg};
    for (int i = 0; i < count; i++) lists += add_lists(&c, keys, names[i]);
    for (int i = 0; i < count; i++) script_call_add_key(&c, queue_key(keys, key, KEY_BINDING, names[i]));
    script_call_number(&c, lists);
    script_call_text(&c, keys->sep);
    int rc = script_call_run(&c, redis, "foreign", on_answer, f);
    if (rc != 0) free(f);
    return rc;
}
