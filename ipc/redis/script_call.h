/* A call of one of the scripts of ipc/lua, put together word by word: every key it touches is declared as a key
 * (servers that route by key, and those that lock by key, ask for that), and arguments name keys by their number.
 * Zero-initialise; a lack of memory shows at the end, in script_call_run. */
#ifndef LOGIKALD_IPC_REDIS_SCRIPT_CALL_H
#define LOGIKALD_IPC_REDIS_SCRIPT_CALL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ipc/redis/queue_keys.h"
#include "ipc/redis/redis.h"

struct script_words {
    const char **at;
    size_t *len;
    int count, cap;
};
struct script_call {
    struct script_words keys, words;
    struct script_chunk *chunks; /* texts of our own */
    bool has_failed;
};

/* Copied. Returns its number, as KEYS in Lua counts; the same key as one of the last few has the same number. */
int script_call_key(struct script_call *c, const char *key);
void script_call_add_key(struct script_call *c, const char *key); /* always as one more */
/* Keys of the queue by their names (see queue_key); suffix goes to those whose bit is set in with_suffix. */
void script_call_keys(struct script_call *c, const struct queue_keys *keys, const char *const *names, int count,
                      unsigned with_suffix, const char *suffix);
void script_call_word(struct script_call *c, const char *bytes, size_t len); /* must live until run */
void script_call_text(struct script_call *c, const char *text);              /* the same, NUL-terminated */
void script_call_number(struct script_call *c, int64_t number);
void script_call_copy(struct script_call *c, const char *text);
/* As redis_script; the call is freed. */
int script_call_run(struct script_call *c, struct redis *r, const char *script, redis_fn fn, void *arg);
void script_call_free(struct script_call *c);

#endif
