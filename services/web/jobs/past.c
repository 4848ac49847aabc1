/* Tasks that web has run in children of its own, for the history that workers write of theirs. See past.h. */
#include "services/web/jobs/past.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "conf/clock.h"
#include "conf/log.h"
#include "ipc/mask.h"
#include "services/store/task_history.h"

#define KEPT_BYTES 16384 /* of a result */

static void on_written(void *arg, const PGresult *result, const struct err *err)
{
    (void)arg, (void)result;
    if (err) log_warning("the history of a task is lost: %s", err->text);
}

/* Without what is secret in it: is it whole? */
static bool add_masked(cJSON *row, const char *name, const cJSON *value)
{
    cJSON *copy = cJSON_Duplicate(value, true);
    bool is_masked = mask_secrets(copy);
    char *text = copy ? cJSON_PrintUnformatted(copy) : NULL;
    size_t len = text ? strlen(text) : 0;
    if (text && len <= KEPT_BYTES)
        cJSON_AddStringToObject(row, name, text);
    else if (text)
        cJSON_AddNumberToObject(row, "result_bytes", (double)len);
    cJSON_free(text);
    cJSON_Delete(copy);
    return !is_masked;
}

/* Digits, never an exponent. */
static void add_us(cJSON *row, const char *name, int64_t us)
{
    char text[24];
    snprintf(text, sizeof text, "%lld", (long long)us);
    cJSON_AddRawToObject(row, name, text);
}

void past_note(struct web *web, const struct action *a, const char *queue, const char *state, const char *error,
               int64_t run_us)
{
    if (!web->pool || conf_int(web->conf, SET_TASK_HISTORY_DAYS) == 0) return;
    char host[128] = "", worker[160];
    cJSON *list = cJSON_CreateArray(), *row = cJSON_CreateObject();
    int64_t now = wall_us();
    gethostname(host, sizeof host - 1);
    snprintf(worker, sizeof worker, "web@%s", host);
    cJSON_AddItemToArray(list, row);
    cJSON_AddStringToObject(row, "id", a->id);
    cJSON_AddStringToObject(row, "name", a->task);
    cJSON_AddStringToObject(row, "queue", queue);
    cJSON_AddStringToObject(row, "args", "[]");
    cJSON_AddStringToObject(row, "arguments", add_masked(row, "kwargs", a->kwargs) ? "whole" : "masked");
    cJSON_AddStringToObject(row, "state", state);
    cJSON_AddNumberToObject(row, "try", 1);
    cJSON_AddNumberToObject(row, "delivery", 1);
    cJSON_AddStringToObject(row, "worker", worker);
    add_us(row, "started_us", now - run_us);
    add_us(row, "ended_us", now);
    cJSON_AddNumberToObject(row, "run_ms", (double)run_us / 1000);
    char *masked = error ? mask_text(error) : NULL;
    if (masked) cJSON_AddStringToObject(row, "error", masked);
    free(masked);
    if (a->result) add_masked(row, "result", a->result);
    char *json = cJSON_PrintUnformatted(list);
    if (!json || !pool_query(web->pool, &query_history_write, 1, (const char *[]){json}, on_written, NULL))
        log_warning("the history of a task is lost: no memory");
    cJSON_free(json);
    cJSON_Delete(list);
}
