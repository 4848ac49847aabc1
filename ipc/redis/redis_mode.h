/* What a Redis keeps over a restart, in words: append-only file and how it is flushed, snapshots, or nothing. From INFO
 * and, where that is allowed, one CONFIG GET. docs/queue.md tells what each mode loses. */
#ifndef LOGIKALD_IPC_REDIS_REDIS_MODE_H
#define LOGIKALD_IPC_REDIS_REDIS_MODE_H

#include <stdbool.h>
#include <stddef.h>
#include <hiredis/hiredis.h>

#define REDIS_MODE_ASK  "[as][pa][pv]e*" /* for CONFIG GET: save, appendonly, appendfsync and few others */
#define REDIS_MODE_SIZE 120

struct redis_mode {
    bool is_configured; /* CONFIG has told */
    bool has_aof;
    char fsync[16], save[80];
};

void redis_mode_info(struct redis_mode *m, const char *info);
void redis_mode_conf(struct redis_mode *m, const redisReply *reply); /* of CONFIG GET; anything else changes nothing */
/* "append-only file (fsync everysec)", "snapshots (save 3600 1)", "nothing is kept over a restart"; what CONFIG has not
 * told is left out. Returns out. */
const char *redis_mode_words(const struct redis_mode *m, char *out, size_t size);
bool redis_mode_keeps_nothing(const struct redis_mode *m);

#endif
