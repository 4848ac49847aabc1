/* Does this server let us do what we need? Asked in the greeting of each connection and from time to time afterwards,
 * on keys and channels of our own, because a right that is missing shows nowhere else until a task is half finished. A
 * connection that lacks something is not up, and says what to grant; it is tried again, so that it heals by itself.
 * Only without channels it goes on, and says so.
 *
 * The script's count is also a witness: it is raised while we write, and one that comes back lower than we knew it
 * tells that the server has forgotten what it had acknowledged (a replica that was behind became the master). */
#include "ipc/redis_internal.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "conf/clock.h"
#include "conf/embedded.h"
#include "conf/log.h"

#define CHANNEL        "logikald.probe"
#define RESULT_CHANNEL "celery-task-meta-logikald.probe"
#define PROBE_MS       30000 /* between two looks */
#define DOUBT_MS       5000  /* after a refusal */
#define WITNESS_MS     500   /* between two raises, while there is something to say */

static long went_back;

long redis_went_back(void)
{
    return went_back;
}

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
    if (!r->missing_error[0]) snprintf(r->missing_error, sizeof r->missing_error, "%s", error);
}

static bool is_right_or_command(const char *error)
{
    return strstr(error, "NOPERM") || strstr(error, "ermission") || strstr(error, "unknown command") ||
           strstr(error, "can't ");
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

/* The witness answered. */
static void judge_witness(struct redis *r, int64_t count)
{
    if (count <= 0) return; /* it could not be raised: Redis is full, or only reads */
    if (r->witness && count <= r->witness) {
        went_back++;
        log_error(
            "Redis went back in time: about %.1f s of what it had acknowledged is gone (a replica that was behind "
            "became the master, or its data were restored): tasks sent and results stored then may be lost",
            (double)((r->witness - count + 1) * WITNESS_MS) / 1000);
    }
    r->witness = count;
}

static void on_witness(void *arg, const struct redis_answer *answer)
{
    struct redis *r = arg;
    if (answer->fault == REDIS_FINE && answer->reply->type == REDIS_REPLY_INTEGER)
        judge_witness(r, answer->reply->integer);
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
    for (size_t i = 1; i < reply->elements; i++) {
        const redisReply *item = reply->element[i];
        char name[32];
        if (item->type != REDIS_REPLY_STRING) continue;
        snprintf(name, sizeof name, "%.*s", (int)strcspn(item->str, ":"), item->str);
        const char *error = strchr(item->str, ':');
        lacks(r, name, error ? error + 2 : "");
    }
}

static void on_probe(void *arg, const struct redis_answer *answer)
{
    struct redis *r = arg;
    if (!answer->reply) return; /* the connection went away meanwhile */
    r->is_probing = false;
    r->probed_ms = mono_ms();
    if (answer->fault != REDIS_FINE && is_right_or_command(answer->text)) lacks(r, "EVAL", answer->text);
    if (answer->fault == REDIS_FINE && answer->reply->type == REDIS_REPLY_ARRAY && answer->reply->elements > 0) {
        take_missing(r, answer->reply);
        judge_witness(r, answer->reply->element[0]->integer);
    }
    if (strncmp(answer->text, "CROSSSLOT", 9) == 0 || strncmp(answer->text, "MOVED", 5) == 0)
        redis_drop(r, REDIS_LOST, "this is a Redis Cluster: use a Redis without cluster mode");
    else if (r->must_not_go_up)
        drop_for_rights(r);
    else if (answer->fault == REDIS_LOADING || answer->fault == REDIS_READONLY)
        redis_drop(r, REDIS_LOST, "%s", answer->text);
    else if (r->state == REDIS_HANDSHAKE)
        redis_went_up(r);
    if (!r->missing[0]) r->is_told_channels = false;
    if (r->missing[0] && !r->must_not_go_up) say_channels(r);
}

static const char *witness_key(struct redis *r)
{
    static unsigned counter;
    if (!r->witness_key[0])
        snprintf(r->witness_key, sizeof r->witness_key, "logikald.witness.%.40s.%d.%lld.%u", r->name, (int)getpid(),
                 (long long)wall_ms(), counter++);
    return r->witness_key;
}

void probe_send(struct redis *r)
{
    static const struct embedded *script;
    if (!script) script = embedded_find(embedded_lua, "probe.lua");
    const char *on[] = {"SUBSCRIBE", CHANNEL}, *off[] = {"UNSUBSCRIBE", CHANNEL};
    const char *p_on[] = {"PSUBSCRIBE", CHANNEL}, *p_off[] = {"PUNSUBSCRIBE", CHANNEL};
    const char *eval[] = {"EVAL",
                          (const char *)script->data,
                          "7",
                          "logikald.probe.s",
                          "logikald.probe.l",
                          "logikald.probe.m",
                          "logikald.probe.h",
                          "logikald.probe.e",
                          "logikald.probe.z",
                          witness_key(r),
                          CHANNEL,
                          RESULT_CHANNEL};
    r->missing[0] = r->missing_error[0] = '\0';
    r->must_not_go_up = false;
    r->is_probing = true;
    r->witness_ms = mono_ms();
    redis_send_now(r, on_subscribe, r, 2, on);
    redis_send_now(r, NULL, NULL, 2, off);
    redis_send_now(r, on_psubscribe, r, 2, p_on);
    redis_send_now(r, NULL, NULL, 2, p_off);
    redis_send_now(r, on_probe, r, sizeof eval / sizeof *eval, eval);
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

void probe_witness(struct redis *r)
{
    int64_t now = mono_ms();
    if (r->state != REDIS_UP || r->is_subscriber || now - r->witness_ms < WITNESS_MS) return;
    const char *words[] = {"INCR", witness_key(r)};
    r->has_commands = true;
    r->witness_ms = now;
    redis_send_now(r, on_witness, r, 2, words);
}
