/* A counter in Redis that each connection raises while it writes. One that comes back lower than we knew it tells that
 * the server has forgotten what it had acknowledged (a replica that was behind became the master); one that cannot be
 * raised, that the server takes no writes. The keys have the same names after a restart, and expire, so there are
 * never more of them than connections of a day. */
#include "ipc/redis/redis_internal.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "conf/clock.h"
#include "conf/log.h"
#include "ipc/redis/queue_keys.h"

#define WITNESS_MS   500      /* between two raises, while there is something to say */
#define FORGOTTEN_MS 82800000 /* unseen for so long, it may have expired */

#define SAME_MS 10000 /* several connections, of several processes, notice the same */
#define TOLD_S  "86400"

static long went_back;
static int64_t went_back_ms, heard_first_ms;

long redis_went_back(void)
{
    return went_back;
}

int64_t redis_went_back_ms(void)
{
    return went_back_ms;
}

static void count(int64_t at_ms)
{
    if (at_ms - went_back_ms > SAME_MS) went_back++;
    if (at_ms > went_back_ms) went_back_ms = at_ms;
}

/* What was noticed before we asked for the first time is told, and not counted. */
static void on_heard(void *arg, const struct redis_answer *answer)
{
    (void)arg;
    int64_t at_ms = answer->fault == REDIS_FINE && answer->reply->type == REDIS_REPLY_STRING
                        ? strtoll(answer->reply->str, NULL, 10)
                        : 0;
    if (at_ms > heard_first_ms)
        count(at_ms);
    else if (at_ms > went_back_ms)
        went_back_ms = at_ms;
}

static const char *told_key(const struct redis *r, char key[QUEUE_KEY_SIZE])
{
    struct queue_keys keys;
    queue_keys_of(&keys, &r->url);
    return queue_key(&keys, key, KEY_WENT_BACK, "");
}

void redis_went_back_ask(struct redis *r)
{
    char key[QUEUE_KEY_SIZE];
    if (!heard_first_ms) heard_first_ms = wall_ms();
    redis_call(r, on_heard, NULL, "GET", told_key(r, key), REDIS_END);
}

/* For those who count and show: whoever notices need not be web. */
static void tell(struct redis *r)
{
    char key[QUEUE_KEY_SIZE], now[24];
    snprintf(now, sizeof now, "%lld", (long long)wall_ms());
    const char *words[] = {"SET", told_key(r, key), now, "EX", TOLD_S};
    count(wall_ms());
    redis_send_now(r, NULL, NULL, 5, words);
}

const char *redis_unwritable(const struct redis *r)
{
    return r->unwritable;
}

const char *witness_key(struct redis *r)
{
    static unsigned counter;
    char host[65] = "", suffix[140], key[QUEUE_KEY_SIZE];
    struct queue_keys keys;
    if (r->witness_key[0]) return r->witness_key;
    gethostname(host, sizeof host - 1);
    queue_keys_of(&keys, &r->url);
    snprintf(suffix, sizeof suffix, "%s.%.60s.%u", host, r->name, counter++ % 100);
    snprintf(r->witness_key, sizeof r->witness_key, "%.199s", queue_key(&keys, key, KEY_WITNESS, suffix));
    return r->witness_key;
}

static void note_writes(struct redis *r, const char *error)
{
    bool was_unwritable = r->unwritable[0] != '\0';
    snprintf(r->unwritable, sizeof r->unwritable, "%.*s", (int)strcspn(error, "\r\n"), error);
    reply_line(r->unwritable);
    if (*error && !was_unwritable && strncmp(error, "READONLY", 8) != 0)
        log_error("Redis takes no writes: %.150s", r->unwritable);
    if (!*error && was_unwritable) log_info("Redis takes writes again");
}

void witness_judge(struct redis *r, int64_t count, const char *error)
{
    int64_t now = mono_ms();
    note_writes(r, error);
    if (count <= 0) return;
    bool may_have_expired = count == 1 && now - r->witnessed_ms > FORGOTTEN_MS;
    if (r->witness && count <= r->witness && !may_have_expired) {
        tell(r);
        log_error(
            "Redis went back in time: about %.1f s of what it had acknowledged is gone (a replica that was behind "
            "became the master, or its data were restored): tasks sent and results stored then may be lost",
            (double)((r->witness - count + 1) * WITNESS_MS) / 1000);
    }
    r->witness = count;
    r->witnessed_ms = now;
}

bool witness_is_replica(const struct redis *r)
{
    return strncmp(r->unwritable, "READONLY", 8) == 0;
}

void witness_drop_replica(struct redis *r)
{
    redis_drop(r, REDIS_LOST, "it is a read-only replica: REDIS_URL must lead to the primary (%.100s)", r->unwritable);
}

/* A right that is missing is the probe's to tell. */
static void on_witness(void *arg, const struct redis_answer *answer)
{
    struct redis *r = arg;
    if (answer->fault == REDIS_FINE && answer->reply->type == REDIS_REPLY_INTEGER)
        witness_judge(r, answer->reply->integer, "");
    else if (answer->reply && redis_fault_is_passing(answer->fault))
        witness_judge(r, 0, answer->text);
    if (answer->reply && witness_is_replica(r)) witness_drop_replica(r);
}

void witness_write(struct redis *r)
{
    int64_t now = mono_ms();
    if (r->state != REDIS_UP || r->is_subscriber || now - r->witness_ms < WITNESS_MS) return;
    const char *words[] = {"INCR", witness_key(r)};
    r->has_commands = true;
    r->witness_ms = now;
    redis_send_now(r, on_witness, r, 2, words);
}
