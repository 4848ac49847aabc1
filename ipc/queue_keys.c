/* Key names: see queue_keys.h. */
#include "ipc/queue_keys.h"

#include <stdio.h>
#include <string.h>

#include "ipc/redis_url.h"

void queue_keys_init(struct queue_keys *keys, const struct conf *conf, const struct redis_url *url)
{
    snprintf(keys->prefix, sizeof keys->prefix, "%s", conf_str(conf, SET_REDIS_PREFIX));
    snprintf(keys->result_prefix, sizeof keys->result_prefix, "%s", conf_str(conf, SET_REDIS_RESULT_PREFIX));
    keys->db = url ? url->db : 0;
}

void queue_keys_of(struct queue_keys *keys, const struct redis_url *url)
{
    snprintf(keys->prefix, sizeof keys->prefix, "%s", url->prefix);
    snprintf(keys->result_prefix, sizeof keys->result_prefix, "%s", url->result_prefix);
    keys->db = url->db;
}

const char *queue_key(const struct queue_keys *keys, char *out, const char *name, const char *suffix)
{
    snprintf(out, QUEUE_KEY_SIZE, "%s%s%s", keys->prefix, name, suffix);
    return out;
}

const char *queue_list_key(const struct queue_keys *keys, char *out, const char *queue, int priority)
{
    static const char *const steps[] = {"", QUEUE_SEP "3", QUEUE_SEP "6", QUEUE_SEP "9"};
    int step = priority < 3 ? 0 : priority < 6 ? 1 : priority < 9 ? 2 : 3;
    return queue_key(keys, out, queue, steps[step]);
}

const char *queue_result_key(const struct queue_keys *keys, char *out, const char *task_id)
{
    snprintf(out, QUEUE_KEY_SIZE, "%scelery-task-meta-%s", keys->result_prefix, task_id);
    return out;
}

const char *queue_channel(const struct queue_keys *keys, char *out, const char *rest)
{
    snprintf(out, QUEUE_KEY_SIZE, "%s/%d.%s", keys->prefix, keys->db, rest);
    return out;
}

const char *queue_binding(char *out, const char *queue)
{
    snprintf(out, QUEUE_KEY_SIZE, "%s" QUEUE_SEP QUEUE_SEP "%s", queue, queue);
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
