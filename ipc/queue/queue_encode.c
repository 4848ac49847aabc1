/* Encoding of messages as kombu and Celery write them: see queue_message.h. The text is written straight into a
 * buffer: nothing here reads it back. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "conf/clock.h"
#include "conf/machine/random.h"
#include "ipc/queue/queue_message.h"
#include "ipc/task.h"

static void add_json(struct buf *out, const cJSON *value, const char *absent)
{
    char *text = value ? cJSON_PrintUnformatted(value) : NULL;
    if (value && !text) out->failed = true;
    buf_str(out, text ? text : absent);
    free(text);
}

static void add_time(struct buf *out, const char *name, int64_t unix_us)
{
    char text[CLOCK_TEXT_SIZE];
    if (unix_us > 0)
        buf_printf(out, ", \"%s\": \"%s+00:00\"", name, clock_iso_us(unix_us, text));
    else
        buf_printf(out, ", \"%s\": null", name);
}

static void add_limit(struct buf *out, int64_t ms)
{
    if (ms > 0)
        buf_printf(out, "%g", (double)ms / 1000);
    else
        buf_str(out, "null");
}

static void add_repr(struct buf *out, const char *name, const char *given, const cJSON *value, bool is_args)
{
    struct buf text = {0};
    if (given)
        buf_str(&text, given);
    else if (value)
        python_repr(&text, value, is_args, 1024);
    else
        buf_str(&text, is_args ? "()" : "{}");
    if (text.failed) out->failed = true;
    buf_json_member(out, name, text.data);
    buf_free(&text);
}

static const char *origin(void)
{
    static char text[300];
    static pid_t pid;
    char host[256] = "";
    if (pid == getpid()) return text;
    gethostname(host, sizeof host - 1);
    pid = getpid();
    snprintf(text, sizeof text, "gen%d@%s", (int)pid, host);
    return text;
}

/* Headers of the caller's own; what is ours is not overridden. */
static void add_more_headers(struct buf *out, const cJSON *headers)
{
    static const char ours[] = " lang task id shadow eta expires group group_index retries timelimit root_id parent_id "
                               "argsrepr kwargsrepr origin ignore_result sent_at_ms stamped_headers stamps ";
    const cJSON *one;
    if (!cJSON_IsObject(headers)) return;
    cJSON_ArrayForEach(one, headers) {
        char name[64];
        snprintf(name, sizeof name, " %.60s ", one->string);
        if (strstr(ours, name)) continue;
        buf_str(out, ", ");
        buf_json_string(out, one->string, strlen(one->string));
        buf_str(out, ": ");
        /* Alone: printing goes on with what comes behind it in its list otherwise. */
        cJSON *alone = cJSON_Duplicate(one, true);
        add_json(out, alone, "null");
        cJSON_Delete(alone);
    }
}

static void add_headers(struct buf *out, const struct message_spec *s)
{
    buf_str(out, "{\"lang\": \"py\"");
    buf_json_member(out, "task", s->task);
    buf_json_member(out, "id", s->id);
    buf_json_member(out, "shadow", s->shadow);
    add_time(out, "eta", s->eta_us);
    add_time(out, "expires", s->expires_us);
    buf_json_member(out, "group", s->group);
    buf_str(out, ", \"group_index\": ");
    add_json(out, s->group_index, "null");
    buf_printf(out, ", \"retries\": %d, \"timelimit\": [", s->retries);
    add_limit(out, s->hard_limit_ms);
    buf_str(out, ", ");
    add_limit(out, s->soft_limit_ms);
    buf_char(out, ']');
    buf_json_member(out, "root_id", s->root_id ? s->root_id : s->id);
    buf_json_member(out, "parent_id", s->parent_id);
    add_repr(out, "argsrepr", s->args_repr, s->args, true);
    add_repr(out, "kwargsrepr", s->kwargs_repr, s->kwargs, false);
    buf_json_member(out, "origin", origin());
    buf_printf(out, ", \"ignore_result\": %s, \"sent_at_ms\": %" PRId64, s->ignores_result ? "true" : "false",
               wall_ms());
    if (s->stamped_headers) {
        buf_str(out, ", \"stamped_headers\": ");
        add_json(out, s->stamped_headers, "null");
        buf_str(out, ", \"stamps\": ");
        add_json(out, s->stamps, "{}");
    }
    add_more_headers(out, s->headers);
    buf_char(out, '}');
}

static void add_body(struct buf *out, const struct message_spec *s)
{
    struct buf body = {0};
    if (s->body) {
        base64_add(out, s->body, strlen(s->body));
        return;
    }
    buf_char(&body, '[');
    add_json(&body, s->args, "[]");
    buf_str(&body, ", ");
    add_json(&body, s->kwargs, "{}");
    buf_str(&body, ", {\"callbacks\": ");
    add_json(&body, s->callbacks, "null");
    buf_str(&body, ", \"errbacks\": ");
    add_json(&body, s->errbacks, "null");
    buf_str(&body, ", \"chain\": ");
    add_json(&body, s->chain, "null");
    buf_str(&body, ", \"chord\": ");
    add_json(&body, s->chord, "null");
    buf_str(&body, "}]");
    if (body.failed)
        out->failed = true;
    else if (s->is_plain)
        buf_json_string(out, body.data, body.len);
    else
        base64_add(out, body.data, body.len);
    buf_free(&body);
}

struct message_spec message_spec_of(const char *task, const cJSON *args, const cJSON *kwargs,
                                    const struct task_options *o, char id[MESSAGE_ID_LIMIT + 1])
{
    static const struct task_options none;
    int64_t now_us = wall_us();
    if (!o) o = &none;
    if (o->task_id)
        snprintf(id, MESSAGE_ID_LIMIT + 1, "%s", o->task_id);
    else
        random_uuid4(id);
    return (struct message_spec){.task = task,
                                 .id = id,
                                 .queue = o->queue,
                                 .args = args,
                                 .kwargs = kwargs,
                                 .root_id = o->root_id,
                                 .parent_id = o->parent_id,
                                 .eta_us = o->countdown_ms > 0 ? now_us + o->countdown_ms * 1000 : 0,
                                 .expires_us = o->expires_ms > 0 ? now_us + o->expires_ms * 1000 : 0,
                                 .expiration_ms = o->expires_ms,
                                 .retries = o->retries,
                                 .priority = o->priority < 0   ? 0
                                             : o->priority > 9 ? 9
                                                               : o->priority};
}

void message_encode(struct buf *out, const struct message_spec *s)
{
    char tag[UUID_TEXT_SIZE];
    buf_str(out, s->is_plain ? "{\"body\": " : "{\"body\": \"");
    add_body(out, s);
    buf_str(out, s->is_plain ? "" : "\"");
    buf_str(out, ", \"content-encoding\": \"utf-8\", \"content-type\": \"application/json\", \"headers\": ");
    add_headers(out, s);
    buf_str(out, ", \"properties\": {\"correlation_id\": ");
    buf_json_string(out, s->id, strlen(s->id));
    buf_str(out, ", \"reply_to\": \"\", \"delivery_mode\": 2, \"delivery_info\": {\"exchange\": \"\"");
    buf_json_member(out, "routing_key", s->queue);
    buf_printf(out, "}, \"priority\": %d, \"body_encoding\": %s", s->priority, s->is_plain ? "null" : "\"base64\"");
    if (s->expiration_ms > 0) buf_printf(out, ", \"expiration\": \"%" PRId64 "\"", s->expiration_ms);
    buf_printf(out, ", \"delivery_tag\": \"%s\"}}", random_uuid4(tag));
}

void message_wrap(struct buf *out, const char *body, size_t len, const char *headers, const char *exchange,
                  const char *routing_key)
{
    char tag[UUID_TEXT_SIZE];
    buf_str(out, "{\"body\": \"");
    base64_add(out, body, len);
    buf_printf(out,
               "\", \"content-encoding\": \"utf-8\", \"content-type\": \"application/json\", \"headers\": %s, "
               "\"properties\": {\"delivery_mode\": 1, \"delivery_info\": {\"exchange\": \"%s\"",
               headers, exchange);
    buf_json_member(out, "routing_key", routing_key);
    buf_printf(out, "}, \"priority\": 0, \"body_encoding\": \"base64\", \"delivery_tag\": \"%s\"}}", random_uuid4(tag));
}
