/* See history_row.h. What may be of any length is cut, or left out and said so. */
#include "services/worker/events/history_row.h"

#include <stdlib.h>
#include <string.h>

#include "conf/clock.h"
#include "conf/text/json.h"
#include "conf/text/utf8.h"
#include "ipc/mask.h"

#define NAME_LIMIT   255
#define WHY_LIMIT    2000
#define BODY_LIMIT   (16u << 10)
#define RESULT_LIMIT (16u << 10)
#define TRIES_MAX    1000000000

/* ---- taking ---- */
static char *keep(struct history_row *r, const char *text, size_t most)
{
    if (!text) return NULL;
    size_t len = strlen(text);
    char *copy = strndup(text, len > most ? utf8_cut(text, most) : len);
    r->bytes += copy ? strlen(copy) : 0;
    return copy;
}

/* Without secrets, which a cut could open. */
static char *keep_error(struct history_row *r, const char *text)
{
    char *masked = text ? mask_text(text) : NULL, *kept = keep(r, masked, WHY_LIMIT);
    free(masked);
    return kept;
}

static void keep_body(struct history_row *r, const struct message *m)
{
    r->arguments = m->packing != PACKING_NONE ? "packed" : m->body_len > BODY_LIMIT ? "large" : NULL;
    if (!m->body || r->arguments) return;
    r->body = keep(r, m->body, BODY_LIMIT);
}

static void keep_result(struct history_row *r, const char *json)
{
    size_t len = json ? strlen(json) : 0;
    if (len > RESULT_LIMIT)
        r->result_bytes = (int64_t)len;
    else
        r->result = keep(r, json, RESULT_LIMIT);
}

struct history_row *history_row_new(const struct delivery *d, const char *state, const char *why)
{
    struct history_row *r = calloc(1, sizeof *r);
    const struct outcome *o = &d->outcome;
    if (!r) return NULL;
    r->bytes = sizeof *r;
    r->state = state;
    r->id = keep(r, d->m.id ? d->m.id : d->tag, NAME_LIMIT);
    r->name = keep(r, d->m.task ? d->m.task : "?", NAME_LIMIT);
    r->queue = keep(r, d->queue, NAME_LIMIT);
    r->parent = keep(r, d->m.parent_id, NAME_LIMIT);
    r->root = keep(r, d->m.root_id, NAME_LIMIT);
    r->group = keep(r, d->m.group, NAME_LIMIT);
    r->why = keep_error(r, why ? why : o->why);
    keep_body(r, &d->m);
    if (!why) keep_result(r, o->json);
    r->try_number = d->m.retries > 0 && d->m.retries < TRIES_MAX ? d->m.retries + 1 : 1;
    r->delivery = d->deliveries;
    r->run_us = why ? -1 : o->run_us;
    int64_t now = wall_us();
    r->received_us = now - (mono_us() - d->taken_us);
    r->ended_us = o->ended_us                                ? o->ended_us
                  : d->started_wall_us > 0 && r->run_us >= 0 ? d->started_wall_us + r->run_us
                                                             : now;
    if (r->id && r->name && r->queue) return r;
    history_row_free(r);
    return NULL;
}

void history_row_free(struct history_row *r)
{
    char *texts[] = {r->id, r->name, r->queue, r->parent, r->root, r->group, r->why, r->body, r->result};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) free(texts[i]);
    free(r);
}

/* ---- putting into words ---- */
static void add_text(struct buf *out, const char *name, const char *text)
{
    if (!text) return;
    buf_printf(out, ",\"%s\":", name);
    buf_json_string(out, text, strlen(text));
}

static void add_number(struct buf *out, const char *name, int64_t number)
{
    buf_printf(out, ",\"%s\":%lld", name, (long long)number);
}

/* Its text; numbers as they came. */
static void add_json(struct buf *out, const char *name, cJSON *value)
{
    json_exact(value);
    char *text = cJSON_PrintUnformatted(value);
    add_text(out, name, text);
    cJSON_free(text);
}

static cJSON *ours(const cJSON *value)
{
    return (cJSON *)(uintptr_t)value;
}

static void add_arguments(struct buf *out, const struct history_row *r)
{
    struct message_body body = {0};
    struct err err = {0};
    const char *state = r->arguments ? r->arguments : "unreadable";
    if (r->body && message_body_parse(r->body, strlen(r->body), &body, &err) == 0) {
        cJSON *args = cJSON_Duplicate(body.args, true), *kwargs = cJSON_Duplicate(ours(body.kwargs), true);
        bool is_masked = mask_secrets(args);
        is_masked = mask_secrets(kwargs) || is_masked;
        state = is_masked ? "masked" : "whole";
        add_json(out, "args", args);
        add_json(out, "kwargs", kwargs);
        cJSON_Delete(args);
        cJSON_Delete(kwargs);
    }
    add_text(out, "arguments", state);
    message_body_free(&body);
}

/* The value, and the error of a task that came to its end and says of itself that it failed. */
static void add_result(struct buf *out, const struct history_row *r)
{
    cJSON *whole = r->result ? json_parse(r->result, strlen(r->result)) : NULL;
    cJSON *value = cJSON_DetachItemFromObjectCaseSensitive(whole, "result");
    const char *why = r->why;
    mask_secrets(value);
    if (!why && strcmp(r->state, "failure") == 0) {
        why = json_text(value, "message");
        if (!why) why = json_text(value, "error");
        if (!why) why = "its result says that it did not succeed";
    }
    if (why) {
        char text[WHY_LIMIT + 1];
        snprintf(text, sizeof text, "%.*s", (int)utf8_cut(why, WHY_LIMIT), why);
        add_text(out, "error", text);
    }
    if (value && !cJSON_IsNull(value)) add_json(out, "result", value);
    if (r->result_bytes > 0) add_number(out, "result_bytes", r->result_bytes);
    cJSON_Delete(value);
    cJSON_Delete(whole);
}

void history_row_print(struct buf *out, const struct history_row *r, const char *worker)
{
    buf_str(out, "{\"state\":");
    buf_json_string(out, r->state, strlen(r->state));
    add_text(out, "id", r->id);
    add_text(out, "name", r->name);
    add_text(out, "queue", r->queue);
    add_text(out, "worker", worker);
    add_text(out, "parent_id", r->parent);
    add_text(out, "root_id", r->root);
    add_text(out, "group_id", r->group);
    add_number(out, "try", r->try_number);
    add_number(out, "delivery", r->delivery);
    if (r->delivery > 0) add_number(out, "received_us", r->received_us); /* else no worker had it */
    if (r->run_us >= 0) {
        add_number(out, "started_us", r->ended_us - r->run_us);
        buf_printf(out, ",\"run_ms\":%lld.%03d", (long long)(r->run_us / 1000), (int)(r->run_us % 1000));
    }
    add_number(out, "ended_us", r->ended_us);
    add_arguments(out, r);
    add_result(out, r);
    buf_char(out, '}');
}
