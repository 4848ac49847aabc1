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

static long went_back;

long redis_went_back(void)
{
    return went_back;
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
    bool is_new = *error && !r->unwritable[0];
    if (is_new && strncmp(error, "READONLY", 8) != 0) log_error("Redis takes no writes: %.150s", error);
    if (!*error && r->unwritable[0]) log_info("Redis takes writes again");
    snprintf(r->unwritable, sizeof r->unwritable, "%.*s", (int)strcspn(error, "\r\n"), error);
}

void witness_judge(struct redis *r, int64_t count, const char *error)
{
    int64_t now = mono_ms();
    note_writes(r, error);
    if (count <= 0) return;
    bool may_have_expired = count == 1 && now - r->witnessed_ms > FORGOTTEN_MS;
    if (r->witness && count <= r->witness && !may_have_expired) {
        went_back++;
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
