/* Lua scripts (ipc/lua) on Redis: called by their SHA1, which the server itself tells us once (SCRIPT LOAD); until it
 * is known, and where the server has forgotten the script, the whole text is sent. */
#include "ipc/redis/redis_internal.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "conf/embedded.h"
#include "conf/text/copy.h"

struct script {
    const struct embedded *text;
    char sha[41]; /* empty until the server told it */
    bool is_asked;
};

#define SCRIPTS_MAX 48
static struct script scripts[SCRIPTS_MAX];

static struct script *script_find(const char *name)
{
    size_t len = strlen(name);
    for (size_t i = 0; i < SCRIPTS_MAX; i++) {
        if (!scripts[i].text) {
            char path[64];
            snprintf(path, sizeof path, "%s.lua", name);
            scripts[i].text = embedded_find(embedded_lua, path);
            assert(scripts[i].text && "no such script in ipc/lua");
            return &scripts[i];
        }
        const char *path = scripts[i].text->path;
        if (strncmp(path, name, len) == 0 && strcmp(path + len, ".lua") == 0) return &scripts[i];
    }
    assert(!"more scripts than SCRIPTS_MAX");
    return NULL;
}

static void on_loaded(void *arg, const struct redis_answer *answer)
{
    struct script *s = arg;
    s->is_asked = false;
    if (answer->fault == REDIS_FINE && answer->reply->type == REDIS_REPLY_STRING && answer->reply->len == 40)
        memcpy(s->sha, answer->reply->str, 41);
}

static void write_call(struct redis *r, const struct redis_call *call, bool by_sha)
{
    const struct script *s = call->script;
    buf_reset(&r->scratch);
    resp_array(&r->scratch, call->words + 2);
    resp_word(&r->scratch, by_sha ? "EVALSHA" : "EVAL", by_sha ? 7 : 4);
    if (by_sha)
        resp_word(&r->scratch, s->sha, 40);
    else
        resp_word(&r->scratch, (const char *)s->text->data, s->text->len);
    redis_write(r, r->scratch.data, r->scratch.len);
    redis_write(r, call->tail, call->tail_len);
}

int redis_script(struct redis *r, const char *name, redis_fn fn, void *arg, int nkeys, int argc,
                 const char *const *argv, const size_t *lens)
{
    if (r->state != REDIS_UP) return -ERR_REDIS;
    if (!redis_has_room(r)) return -ERR_LIMIT;
    struct script *s = script_find(name);
    redis_look(r);
    if (!s->sha[0] && !s->is_asked) {
        const char *load[] = {"SCRIPT", "LOAD", (const char *)s->text->data};
        s->is_asked = redis_command(r, on_loaded, s, 3, load, NULL) == 0;
    }
    struct buf tail = {0};
    char count[TEXT_NUMBER_SIZE];
    resp_word(&tail, count, text_number(count, nkeys));
    for (int i = 0; i < argc; i++) resp_word(&tail, argv[i], lens ? lens[i] : strlen(argv[i]));
    struct redis_call *call = tail.failed ? NULL : redis_push(r, r->timeout_ms, fn, arg);
    if (!call) {
        buf_free(&tail);
        return -ERR_LIMIT;
    }
    call->script = s;
    call->words = argc + 1;
    call->tail_len = tail.len;
    call->tail = buf_steal(&tail);
    write_call(r, call, s->sha[0] != '\0');
    return 0;
}

bool script_repeat(struct redis *r, struct redis_call *call, const redisReply *reply)
{
    if (!call->script || reply->type != REDIS_REPLY_ERROR || strncmp(reply->str, "NOSCRIPT", 8) != 0) return false;
    STAILQ_REMOVE_HEAD(&r->calls, link);
    STAILQ_INSERT_TAIL(&r->calls, call, link);
    write_call(r, call, false);
    return true;
}
