/* The names of the queue's keys and channels in Redis: each is spelled here and nowhere else. See queue_keys.h. */
#include "ipc/redis/queue_keys.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "conf/text/copy.h"
#include "ipc/redis/redis_url.h"

static void read_steps(struct queue_keys *keys, const char *text)
{
    for (keys->step_count = 0; *text && keys->step_count < QUEUE_STEPS; text += *text == ',') {
        char *end;
        keys->steps[keys->step_count++] = (int)strtol(text, &end, 10);
        if (end == text) break;
        text = end + strcspn(end, ",");
    }
}

/* As kombu formats it. */
static void read_fanout(struct queue_keys *keys, const char *text)
{
    const char *db = strstr(text, "{db}");
    if (db)
        snprintf(keys->fanout, sizeof keys->fanout, "%.*s%d%s", (int)(db - text), text, keys->db, db + 4);
    else
        snprintf(keys->fanout, sizeof keys->fanout, "%s", text);
}

void queue_keys_of(struct queue_keys *keys, const struct redis_url *url)
{
    memset(keys, 0, sizeof *keys);
    snprintf(keys->prefix, sizeof keys->prefix, "%s", url->prefix);
    snprintf(keys->result_prefix, sizeof keys->result_prefix, "%s", url->result_prefix);
    snprintf(keys->control, sizeof keys->control, "%s", url->control);
    snprintf(keys->events, sizeof keys->events, "%s", url->events);
    keys->db = url->db;
    read_fanout(keys, url->fanout);
}

void queue_keys_init(struct queue_keys *keys, const struct conf *conf, const struct redis_url *url)
{
    const char *sep = conf_str(conf, SET_REDIS_SEP);
    memset(keys, 0, sizeof *keys);
    snprintf(keys->prefix, sizeof keys->prefix, "%s", conf_str(conf, SET_REDIS_PREFIX));
    snprintf(keys->result_prefix, sizeof keys->result_prefix, "%s", conf_str(conf, SET_REDIS_RESULT_PREFIX));
    snprintf(keys->control, sizeof keys->control, "%s", conf_str(conf, SET_REDIS_CONTROL));
    snprintf(keys->events, sizeof keys->events, "%s", conf_str(conf, SET_REDIS_EVENTS));
    snprintf(keys->sep, sizeof keys->sep, "%s", sep[0] ? sep : QUEUE_SEP);
    keys->db = url ? url->db : 0;
    read_steps(keys, conf_str(conf, SET_REDIS_STEPS));
    read_fanout(keys, conf_str(conf, SET_REDIS_FANOUT));
}

const char *queue_key(const struct queue_keys *keys, char *out, const char *name, const char *suffix)
{
    const char *last = &out[QUEUE_KEY_SIZE - 1];
    text_append(text_append(text_append(out, last, keys->prefix), last, name), last, suffix);
    return out;
}

const char *queue_step_key(const struct queue_keys *keys, char *out, const char *queue, int step)
{
    char number[TEXT_NUMBER_SIZE], suffix[sizeof keys->sep + sizeof number];
    if (keys->steps[step] == 0) return queue_key(keys, out, queue, "");
    text_number(number, keys->steps[step]);
    const char *last = suffix + sizeof suffix - 1;
    text_append(text_append(suffix, last, keys->sep), last, number);
    return queue_key(keys, out, queue, suffix);
}

/* The largest step that is not above the priority; below all of them it is the last one, as in kombu. */
const char *queue_list_key(const struct queue_keys *keys, char *out, const char *queue, int priority)
{
    int step = keys->step_count - 1;
    while (step > 0 && keys->steps[step] > priority) step--;
    if (step >= 0 && keys->steps[step] > priority) step = keys->step_count - 1;
    return queue_step_key(keys, out, queue, step < 0 ? 0 : step);
}

const char *queue_result_key(const struct queue_keys *keys, char *out, const char *task_id)
{
    const char *last = &out[QUEUE_KEY_SIZE - 1];
    text_append(text_append(text_append(out, last, keys->result_prefix), last, "celery-task-meta-"), last, task_id);
    return out;
}

const char *queue_group_key(const struct queue_keys *keys, char *out, const char *group_id, const char *suffix)
{
    snprintf(out, QUEUE_KEY_SIZE, "%scelery-taskset-meta-%s%s", keys->result_prefix, group_id, suffix);
    return out;
}

const char *queue_channel(const struct queue_keys *keys, char *out, const char *rest)
{
    snprintf(out, QUEUE_KEY_SIZE, "%s%s%s", keys->prefix, keys->fanout, rest);
    return out;
}

const char *queue_event_channel(const struct queue_keys *keys, char *out, const char *routing_key)
{
    char rest[256];
    snprintf(rest, sizeof rest, "%s/%s", keys->events, routing_key);
    return queue_channel(keys, out, rest);
}

const char *queue_control_exchange(const struct queue_keys *keys, char *out)
{
    snprintf(out, QUEUE_KEY_SIZE, "%s.pidbox", keys->control);
    return out;
}

const char *queue_reply_exchange(const struct queue_keys *keys, char *out)
{
    snprintf(out, QUEUE_KEY_SIZE, "reply.%s.pidbox", keys->control);
    return out;
}

const char *queue_binding(const struct queue_keys *keys, char *out, const char *routing_key, const char *queue)
{
    snprintf(out, QUEUE_KEY_SIZE, "%s%s%s%s", routing_key, keys->sep, keys->sep, queue);
    return out;
}

const char *queue_node_binding(const struct queue_keys *keys, char *out, const char *node)
{
    snprintf(out, QUEUE_KEY_SIZE, "%s%s%s.%s.pidbox", keys->sep, keys->sep, node, keys->control);
    return out;
}

bool queue_binding_cut(const struct queue_keys *keys, const char *member, size_t *key_len, const char **queue)
{
    size_t len = strlen(keys->sep);
    const char *first = len > 0 ? strstr(member, keys->sep) : NULL;
    const char *second = first ? strstr(first + len, keys->sep) : NULL;
    if (!second) return false;
    *key_len = (size_t)(first - member);
    *queue = second + len;
    return true;
}

const char *queue_of_list(const struct queue_keys *keys, char *out, const char *list, size_t len)
{
    size_t skip = strlen(keys->prefix);
    if (len >= skip && strncmp(list, keys->prefix, skip) == 0) {
        list += skip;
        len -= skip;
    }
    snprintf(out, QUEUE_KEY_SIZE, "%.*s", (int)len, list);
    size_t sep = strlen(keys->sep);
    for (char *at = sep ? strstr(out, keys->sep) : NULL; at; at = strstr(at + 1, keys->sep))
        if (at[sep] && strspn(at + sep, "0123456789") == strlen(at + sep)) {
            *at = '\0';
            break;
        }
    return out;
}

int queue_names(const char *list, char names[][128], int max)
{
    int count = 0;
    while (*list && count < max) {
        size_t len = strcspn(list, ","), skip = strspn(list, " \t");
        const char *at = list + (skip < len ? skip : len);
        size_t n = len - (size_t)(at - list);
        while (n > 0 && strchr(" \t", at[n - 1])) n--;
        if (n > 0 && n < 128) {
            memcpy(names[count], at, n);
            names[count++][n] = '\0';
        }
        list += len + (list[len] == ',');
    }
    return count;
}
