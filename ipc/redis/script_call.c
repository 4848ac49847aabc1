/* Script calls: see script_call.h. Texts made here live in chunks until the call has been written. */
#include "ipc/redis/script_call.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "conf/text/copy.h"

#define CHUNK_BYTES 8192
#define LOOK_BACK   4 /* keys that are compared with a new one */

struct script_chunk {
    struct script_chunk *next;
    size_t used;
    char bytes[CHUNK_BYTES];
};

static bool add(struct script_words *v, const char *bytes, size_t len)
{
    if (v->count == v->cap) {
        int cap = v->cap ? v->cap * 2 : 64;
        const char **at = realloc(v->at, (size_t)cap * sizeof *at);
        if (at) v->at = at;
        size_t *lens = realloc(v->len, (size_t)cap * sizeof *lens);
        if (lens) v->len = lens;
        if (!at || !lens) return false;
        v->cap = cap;
    }
    v->at[v->count] = bytes;
    v->len[v->count++] = len;
    return true;
}

/* A copy that lives as long as the call; NULL without memory. */
static const char *keep(struct script_call *c, const char *text, size_t len)
{
    struct script_chunk *chunk = c->chunks;
    if (len + 1 > CHUNK_BYTES) return NULL;
    if (!chunk || chunk->used + len + 1 > CHUNK_BYTES) {
        chunk = malloc(sizeof *chunk);
        if (!chunk) return NULL;
        chunk->next = c->chunks;
        chunk->used = 0;
        c->chunks = chunk;
    }
    char *at = chunk->bytes + chunk->used;
    memcpy(at, text, len);
    at[len] = '\0';
    chunk->used += len + 1;
    return at;
}

void script_call_add_key(struct script_call *c, const char *key)
{
    size_t len = strlen(key);
    const char *copy = keep(c, key, len);
    if (!copy || !add(&c->keys, copy, len)) c->has_failed = true;
}

int script_call_key(struct script_call *c, const char *key)
{
    size_t len = strlen(key);
    for (int i = c->keys.count - 1; i >= 0 && i >= c->keys.count - LOOK_BACK; i--)
        if (c->keys.len[i] == len && memcmp(c->keys.at[i], key, len) == 0) return i + 1;
    script_call_add_key(c, key);
    return c->keys.count;
}

void script_call_keys(struct script_call *c, const struct queue_keys *keys, const char *const *names, int count,
                      unsigned with_suffix, const char *suffix)
{
    char key[QUEUE_KEY_SIZE];
    for (int i = 0; i < count; i++)
        script_call_add_key(c, queue_key(keys, key, names[i], with_suffix >> i & 1 ? suffix : ""));
}

void script_call_word(struct script_call *c, const char *bytes, size_t len)
{
    if (!add(&c->words, bytes, len)) c->has_failed = true;
}

void script_call_text(struct script_call *c, const char *text)
{
    script_call_word(c, text, strlen(text));
}

void script_call_copy(struct script_call *c, const char *text)
{
    size_t len = strlen(text);
    const char *copy = keep(c, text, len);
    if (copy)
        script_call_word(c, copy, len);
    else
        c->has_failed = true;
}

void script_call_number(struct script_call *c, int64_t number)
{
    char text[TEXT_NUMBER_SIZE];
    text_number(text, number);
    script_call_copy(c, text);
}

int script_call_run(struct script_call *c, struct redis *r, const char *script, redis_fn fn, void *arg)
{
    int nkeys = c->keys.count, rc = -ERR_NOMEM;
    for (int i = 0; i < c->words.count && !c->has_failed; i++)
        c->has_failed = !add(&c->keys, c->words.at[i], c->words.len[i]);
    if (!c->has_failed) rc = redis_script(r, script, fn, arg, nkeys, c->keys.count, c->keys.at, c->keys.len);
    script_call_free(c);
    return rc;
}

void script_call_free(struct script_call *c)
{
    for (struct script_chunk *chunk = c->chunks, *next; chunk; chunk = next) {
        next = chunk->next;
        free(chunk);
    }
    free(c->keys.at);
    free(c->keys.len);
    free(c->words.at);
    free(c->words.len);
    *c = (struct script_call){0};
}
