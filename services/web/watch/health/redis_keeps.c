/* Whether Redis keeps anything over a restart: neither an append-only file nor snapshots means that what waits is lost
 * then. See redis_keeps.h. */
#include "services/web/watch/health/redis_keeps.h"

#include <stdlib.h>
#include <string.h>

#include "conf/clock.h"

#define UNSAVED_S 7200 /* twice what the slowest save point that Redis has by default lets a change wait */

static void on_conf(void *arg, const struct redis_answer *answer)
{
    struct redis_keeps *k = arg;
    const redisReply *reply = answer->reply;
    k->is_asked = false;
    if (reply && reply->type == REDIS_REPLY_ERROR) k->is_refused = true;
    redis_mode_conf(&k->mode, reply);
    if (k->mode.is_configured) k->is_forgetful = redis_mode_keeps_nothing(&k->mode);
}

static int64_t number_of(const char *info, const char *name)
{
    const char *at = strstr(info, name);
    return at ? strtoll(at + strlen(name), NULL, 10) : -1;
}

/* Where nobody may ask: changes for hours, and none of them was saved. */
static bool saves_nothing(const char *info)
{
    int64_t saved_s = number_of(info, "\nrdb_last_save_time:");
    bool is_changed = number_of(info, "\nrdb_changes_since_last_save:") > 0;
    return is_changed && saved_s > 0 && wall_ms() / 1000 - saved_s > UNSAVED_S;
}

void redis_keeps_learn(struct redis_keeps *k, struct redis *redis, const char *info)
{
    redis_mode_info(&k->mode, info);
    if (number_of(info, "\naof_enabled:") != 0) k->is_forgetful = false;
    if (k->is_refused && !k->mode.has_aof) k->is_forgetful = saves_nothing(info);
    if (!k->is_refused && !k->is_asked)
        k->is_asked = redis_call(redis, on_conf, k, "CONFIG", "GET", REDIS_MODE_ASK, REDIS_END) == 0;
}
