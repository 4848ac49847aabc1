/* Puts the words of a call of finish.lua together, and reads its answer. */
#include "services/worker/settle/finish_call.h"

#include <stdio.h>
#include <string.h>

#include "conf/text/copy.h"

#define FINISH_KEYS 10

void finish_call_begin(struct worker *w, struct script_call *c, int slot, const char *batch, const char *marks)
{
    static const char *const names[FINISH_KEYS] = {
        KEY_UNACKED,   KEY_UNACKED_INDEX,      KEY_HELD,          KEY_HISTORY,    KEY_DEAD,
        KEY_SCHEDULED, KEY_SCHEDULED_MESSAGES, KEY_SCHEDULED_IDS, KEY_REGISTERED, KEY_DONE};
    char name[TEXT_NUMBER_SIZE] = "";
    if (slot >= 0) text_number(name, slot);
    script_call_keys(c, &w->keys, names, FINISH_KEYS, 1u << 2 | 1u << 9, w->id);
    script_call_text(c, w->id);
    script_call_text(c, w->epoch);
    script_call_copy(c, name);
    script_call_text(c, batch);
    script_call_number(c, conf_int(w->conf, SET_RESULT_EXPIRES));
    script_call_number(c, DEAD_LETTERS_MAX);
    script_call_text(c, marks);
}

static void add_result(struct worker *w, struct script_call *c, const char *id, const char *json)
{
    char key[QUEUE_KEY_SIZE];
    script_call_add_key(c, queue_result_key(&w->keys, key, id));
    script_call_text(c, json);
}

static void add_pushes(struct script_call *c, const struct push *pushes, size_t count)
{
    if (count) script_call_number(c, (int64_t)count);
    for (size_t i = 0; i < count; i++) {
        script_call_add_key(c, pushes[i].list);
        script_call_word(c, pushes[i].raw, pushes[i].len);
    }
}

static void add_parts(struct script_call *c, const struct outcome *o)
{
    if (!o->parts) return;
    script_call_number(c, (int64_t)o->part_key_count);
    for (size_t i = 0; i < o->part_key_count; i++) script_call_add_key(c, o->part_keys[i]);
    script_call_text(c, o->parts);
}

/* In finish.lua's order: p v r x a d s c k. */
void finish_call_outcome(struct worker *w, struct script_call *c, const struct delivery *d)
{
    const struct outcome *o = &d->outcome;
    char flags[12], *f = flags;
    if (o->push_count) *f++ = 'p';
    if (o->set_count) *f++ = 'v';
    if (o->later_raw) *f++ = 'r';
    if (o->dead) *f++ = 'x';
    *f++ = 'a';
    if (d->history[0]) *f++ = 'd';
    if (o->json) *f++ = 's';
    if (o->rest_count) *f++ = 'c';
    if (o->parts) *f++ = 'k';
    *f = '\0';
    script_call_text(c, d->tag);
    script_call_copy(c, flags);
    add_pushes(c, o->pushes, o->push_count);
    add_pushes(c, o->sets, o->set_count);
    if (o->later_raw) {
        script_call_number(c, o->delay_ms);
        script_call_text(c, o->later_tag);
        script_call_add_key(c, d->list);
        script_call_text(c, strchr(d->m.id, '\n') ? "-" : d->m.id);
        script_call_text(c, o->later_raw);
        script_call_text(c, o->later_is_same ? "1" : "2");
    }
    if (o->dead) script_call_text(c, o->dead);
    if (d->history[0]) script_call_text(c, d->history);
    if (o->json) add_result(w, c, d->m.id, o->json);
    if (o->rest_count) script_call_number(c, (int64_t)o->rest_count);
    for (size_t i = 0; i < o->rest_count; i++) add_result(w, c, o->rest[i].list, o->rest[i].raw);
    add_parts(c, o);
}

void finish_call_send(struct script_call *c, const char *tag, bool is_value, const char *list, const char *raw,
                      size_t len)
{
    script_call_text(c, tag);
    script_call_text(c, is_value ? "v" : "p");
    script_call_text(c, "1");
    script_call_add_key(c, list);
    script_call_word(c, raw, len);
}

void finish_call_state(struct worker *w, struct script_call *c, const struct delivery *d, const char *mark,
                       const char *json)
{
    script_call_text(c, d->tag);
    script_call_text(c, mark && json ? "ms" : json ? "s" : "m");
    if (mark) script_call_text(c, mark);
    if (json) add_result(w, c, d->m.id, json);
}

size_t finish_call_size(const struct delivery *d)
{
    const struct outcome *o = &d->outcome;
    size_t bytes = (o->json ? strlen(o->json) : 0) + (o->dead ? strlen(o->dead) : 0);
    for (size_t i = 0; i < o->rest_count; i++) bytes += o->rest[i].len;
    for (size_t i = 0; i < o->push_count; i++) bytes += o->pushes[i].len;
    if (o->parts) bytes += strlen(o->parts);
    return bytes;
}

bool finish_call_is_answer(const redisReply *r, size_t count)
{
    return r->type == REDIS_REPLY_ARRAY && r->elements == 3 && r->element[0]->type == REDIS_REPLY_STRING &&
           r->element[0]->len == count && r->element[1]->type == REDIS_REPLY_STRING &&
           r->element[2]->type == REDIS_REPLY_STRING;
}
