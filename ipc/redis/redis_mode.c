/* What a Redis keeps over a restart: see redis_mode.h. */
#include "ipc/redis/redis_mode.h"

#include <stdio.h>
#include <string.h>

void redis_mode_info(struct redis_mode *m, const char *info)
{
    const char *at = strstr(info, "\naof_enabled:");
    if (at) m->has_aof = at[strlen("\naof_enabled:")] == '1';
}

void redis_mode_conf(struct redis_mode *m, const redisReply *reply)
{
    if (!reply || reply->type != REDIS_REPLY_ARRAY) return;
    for (size_t i = 0; i + 1 < reply->elements; i += 2) {
        const redisReply *name = reply->element[i], *value = reply->element[i + 1];
        if (!name->str || !value->str) continue;
        if (strcmp(name->str, "appendfsync") == 0) snprintf(m->fsync, sizeof m->fsync, "%s", value->str);
        if (strcmp(name->str, "appendonly") == 0) m->has_aof = strcmp(value->str, "yes") == 0;
        if (strcmp(name->str, "save") != 0) continue;
        snprintf(m->save, sizeof m->save, "%s", value->str);
        m->is_configured = true;
    }
}

bool redis_mode_keeps_nothing(const struct redis_mode *m)
{
    return m->is_configured && !m->has_aof && !m->save[0];
}

const char *redis_mode_words(const struct redis_mode *m, char *out, size_t size)
{
    const char *how = m->is_configured ? m->fsync : "";
    if (m->has_aof)
        snprintf(out, size, "append-only file%s%s%s", *how ? " (fsync " : "", how, *how ? ")" : "");
    else if (!m->is_configured)
        snprintf(out, size, "no append-only file");
    else if (m->save[0])
        snprintf(out, size, "snapshots (save %s)", m->save);
    else
        snprintf(out, size, "nothing is kept over a restart");
    return out;
}
