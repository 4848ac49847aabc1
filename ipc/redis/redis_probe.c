/* Does this server let us do what we need? Asked in the greeting of each connection and from time to time afterwards,
 * on keys and channels of our own, because a right that is missing shows nowhere else until a task is half finished. A
 * connection that lacks something is not up, and says what to grant; it is tried again, so that it heals by itself.
 * Only without channels it goes on, and says so. The script raises the witness, too (redis_witness.c). */
#include "ipc/redis/redis_internal.h"

#include <stdlib.h>
#include <string.h>

#include "conf/clock.h"
#include "conf/embedded.h"
#include "conf/log.h"
#include "ipc/redis/queue_keys.h"

#define PROBE_MS 6000 /* between two looks */
#define DOUBT_MS 5000 /* after a refusal */

const char *redis_missing(const struct redis *r)
{
    return r->missing;
}

/* Without its channels the queue still works: who waits for a result looks for it, and health is red. */
static bool is_of_channels(const char *name)
{
    return strcmp(name, "PUBLISH") == 0 || strcmp(name, "SUBSCRIBE") == 0 || strcmp(name, "PSUBSCRIBE") == 0;
}

static void lacks(struct redis *r, const char *name, const char *error)
{
    size_t len = strlen(r->missing);
    if (!is_of_channels(name)) r->must_not_go_up = true;
    if (strstr(r->missing, name)) return;
    snprintf(r->missing + len, sizeof r->missing - len, "%s%s", len ? ", " : "", name);
    reply_line(r->missing + len);
    if (!r->missing_error[0]) snprintf(r->missing_error, sizeof r->missing_error, "%s", error);
    reply_line(r->missing_error);
}

static bool is_right_or_command(const char *error)
{
    static const char *const signs[] = {"NOPERM",    "ermission",    "unknown command",
                                        "can't run", "can't access", "can't publish"};
    for (size_t i = 0; i < sizeof signs / sizeof *signs; i++)
        if (strstr(error, signs[i])) return true;
    return false;
}

static void on_subscribe(void *arg, const struct redis_answer *answer)
{
    if (answer->reply && answer->fault != REDIS_FINE && is_right_or_command(answer->text))
        lacks(arg, "SUBSCRIBE", answer->text);
}

static void on_psubscribe(void *arg, const struct redis_answer *answer)
{
    if (answer->reply && answer->fault != REDIS_FINE && is_right_or_command(answer->text))
        lacks(arg, "PSUBSCRIBE", answer->text);
}

static void say_channels(struct redis *r)
{
    const char *user = r->url.user[0] ? r->url.user : "default";
    if (!r->is_told_channels)
        log_error(
            "the Redis user %.64s lacks %s (%s): results are waited for by looking, and remote control is deaf; ACL "
            "SETUSER %.64s allchannels +publish +subscribe +psubscribe",
            user, r->missing, r->missing_error, user);
    r->is_told_channels = true;
}

static void drop_for_rights(struct redis *r)
{
    const char *user = r->url.user[0] ? r->url.user : "default";
    if (strstr(r->missing, "LMOVE") && strstr(r->missing_error, "nknown"))
        redis_drop(r, REDIS_LOST, "this Redis is too old (it has no LMOVE): 6.2 or later is needed");
    else
        redis_drop(r, REDIS_LOST,
                   "the Redis user %.64s lacks %s (%s): ACL SETUSER %.64s on +@all -@dangerous +info ~* &*", user,
                   r->missing, r->missing_error, user);
}

static void take_missing(struct redis *r, const redisReply *reply)
{
    for (size_t i = 2; i < reply->elements; i++) {
        const redisReply *item = reply->element[i];
        char name[32];
        if (item->type != REDIS_REPLY_STRING) continue;
        snprintf(name, sizeof name, "%.*s", (int)strcspn(item->str, ":"), item->str);
        const char *error = strchr(item->str, ':');
        lacks(r, name, error && error[1] ? error + 2 : "");
    }
}

static void on_probe(void *arg, const struct redis_answer *answer)
{
    struct redis *r = arg;
    if (!answer->reply) return; /* the connection went away meanwhile */
    r->is_probing = false;
    r->probed_ms = mono_ms();
    if (answer->fault != REDIS_FINE && is_right_or_command(answer->text)) lacks(r, "EVAL", answer->text);
    if (answer->fault == REDIS_FINE && answer->reply->type == REDIS_REPLY_ARRAY && answer->reply->elements > 1) {
        const char *error = answer->reply->element[1]->str;
        take_missing(r, answer->reply);
        witness_judge(r, answer->reply->element[0]->integer, error && !is_right_or_command(error) ? error : "");
    } else if (redis_fault_is_passing(answer->fault)) {
        witness_judge(r, 0, answer->text);
    }
    if (strncmp(answer->text, "CROSSSLOT", 9) == 0 || strncmp(answer->text, "MOVED", 5) == 0 ||
        strncmp(answer->text, "CLUSTERDOWN", 11) == 0)
        redis_drop(r, REDIS_LOST, "this is a Redis Cluster: use a Redis without cluster mode");
    else if (r->must_not_go_up)
        drop_for_rights(r);
    else if (witness_is_replica(r))
        witness_drop_replica(r);
    else if (answer->fault == REDIS_LOADING || answer->fault == REDIS_READONLY)
        redis_drop(r, REDIS_LOST, "%s", answer->text);
    else if (r->state == REDIS_HANDSHAKE)
        redis_went_up(r);
    if (!r->missing[0]) r->is_told_channels = false;
    if (r->missing[0] && !r->must_not_go_up) say_channels(r);
}

/* Written as all ids of tasks are: clients that listen to all results end when they hear of another one. */
#define NO_TASK "00000000-0000-0000-0000-000000000000"

/* What it asks for by name: channels as the worker and whoever waits use them, keys as probe.lua lists them. */
struct probe_names {
    char result[QUEUE_KEY_SIZE], resumed[QUEUE_KEY_SIZE], control[QUEUE_KEY_SIZE], event[QUEUE_KEY_SIZE];
    char keys[11][QUEUE_KEY_SIZE];
};

static void name_all(struct probe_names *n, const struct redis *r)
{
    char control[QUEUE_KEY_SIZE];
    const char *const names[][2] = {{KEY_PROBE, "s"},  {KEY_PROBE, "l"},        {KEY_PROBE, "m"},
                                    {KEY_PROBE, "h"},  {KEY_PROBE, "e"},        {KEY_PROBE, "z"},
                                    {KEY_UNACKED, ""}, {KEY_UNACKED_INDEX, ""}, {KEY_REGISTERED, ""},
                                    {KEY_DEAD, ""},    {KEY_BINDING, control}};
    struct queue_keys keys;
    queue_keys_of(&keys, &r->url);
    queue_control_exchange(&keys, control);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) queue_key(&keys, n->keys[i], names[i][0], names[i][1]);
    queue_result_key(&keys, n->result, NO_TASK);
    queue_channel(&keys, n->resumed, CHANNEL_RESUMED);
    queue_channel(&keys, n->control, control);
    queue_event_channel(&keys, n->event, "logikald.probe");
}

/* One that is on the way to its channels and back hears what is said there meanwhile, and knows nobody to tell it to.
 */
static void try_channel(struct redis *r, redis_fn fn, const char *on_word, const char *off_word, const char *channel)
{
    const char *on[] = {on_word, channel}, *off[] = {off_word, channel};
    redis_send_now(r, fn, r, 2, on);
    redis_send_now(r, NULL, NULL, 2, off);
}

void probe_send(struct redis *r)
{
    static const struct embedded *script;
    static struct probe_names n;
    const char *eval[3 + 13 + 3] = {"EVAL", NULL, "13"};
    int words = 3;
    if (!script) script = embedded_find(embedded_lua, "probe.lua");
    name_all(&n, r);
    eval[1] = (const char *)script->data;
    for (int i = 0; i < 6; i++) eval[words++] = n.keys[i];
    eval[words++] = witness_key(r);
    eval[words++] = n.result;
    for (int i = 6; i < 11; i++) eval[words++] = n.keys[i];
    eval[words++] = n.result;
    eval[words++] = n.event;
    eval[words++] = n.resumed;
    r->missing[0] = r->missing_error[0] = '\0';
    r->must_not_go_up = false;
    r->is_probing = true;
    r->witness_ms = mono_ms();
    try_channel(r, on_subscribe, "SUBSCRIBE", "UNSUBSCRIBE", n.result);
    try_channel(r, on_subscribe, "SUBSCRIBE", "UNSUBSCRIBE", n.resumed);
    try_channel(r, on_psubscribe, "PSUBSCRIBE", "PUNSUBSCRIBE", n.control);
    redis_send_now(r, on_probe, r, words, eval);
}

/* A connection for subscriptions takes no other commands; its partner for commands looks for both. */
static bool may_probe(const struct redis *r)
{
    return r->state == REDIS_UP && r->has_commands && !r->is_subscriber && !r->is_probing;
}

void probe_in_time(struct redis *r)
{
    if (may_probe(r) && mono_ms() - r->probed_ms >= PROBE_MS) probe_send(r);
}

void probe_doubt(struct redis *r)
{
    if (may_probe(r) && mono_ms() - r->probed_ms >= DOUBT_MS) probe_send(r);
}
