/* See redis_rights.h. */
#include "ipc/redis_rights.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ipc/script_call.h"

struct rights {
    redis_rights_fn fn;
    void *arg;
};

static const char *advice(const char *text)
{
    if (strstr(text, "CROSSSLOT") || strstr(text, "MOVED") || strstr(text, "cluster"))
        return "Redis Cluster is not supported: name a single server, or one behind a Sentinel's address";
    if (strstr(text, "PUBLISH") || strstr(text, "channel"))
        return "grant the user all channels (ACL SETUSER ... allchannels), or those of this database and of results";
    if (strstr(text, "NOPERM")) return "grant the user these commands and keys (ACL SETUSER ... +@all ~*)";
    return "Redis 6.2 or later, or Valkey, is needed, with scripts";
}

static void on_answer(void *arg, const struct redis_answer *answer)
{
    struct rights *r = arg;
    char problem[700] = "";
    bool is_told = answer->fault == REDIS_FINE || answer->fault == REDIS_REFUSED || answer->fault == REDIS_NOAUTH;
    const char *text =
        answer->fault == REDIS_FINE && answer->reply->type == REDIS_REPLY_STRING ? answer->reply->str : answer->text;
    if (text[0]) {
        int shown = (int)strcspn(text, "\n");
        snprintf(problem, sizeof problem, "%.*s%s: %s", shown > 400 ? 400 : shown, text,
                 text[shown] == '\n' ? " (and more)" : "", advice(text));
    }
    if (is_told) r->fn(r->arg, problem);
    free(r);
}

int redis_rights_ask(struct redis *redis, const struct queue_keys *keys, redis_rights_fn fn, void *arg)
{
    static const char *const names[] = {KEY_UNACKED, KEY_UNACKED_INDEX, KEY_REGISTERED, KEY_DEAD,
                                        "_kombu.binding.celery.pidbox"};
    struct script_call c = {0};
    char key[QUEUE_KEY_SIZE];
    struct rights *r = calloc(1, sizeof *r);
    if (!r) return -ERR_NOMEM;
    r->fn = fn;
    r->arg = arg;
    script_call_keys(&c, keys, names, 5, 0, "");
    script_call_key(&c, queue_result_key(keys, key, "logikald.rights"));
    script_call_key(&c, queue_key(keys, key, "logikald.rights", ""));
    script_call_copy(&c, queue_result_key(keys, key, "logikald.rights"));
    script_call_copy(&c, queue_channel(keys, key, "celeryev/logikald.rights"));
    script_call_copy(&c, queue_channel(keys, key, "celery.pidbox.rights"));
    int rc = script_call_run(&c, redis, "rights", on_answer, r);
    if (rc != 0) free(r);
    return rc;
}
