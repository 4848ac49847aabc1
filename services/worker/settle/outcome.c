/* Outcomes: see outcome.h. Each way in which a message can end is one function here; all of them go through hand_on. */
#include "services/worker/settle/outcome.h"

#include <stdlib.h>
#include <string.h>

#include "conf/clock.h"
#include "conf/log.h"
#include "conf/machine/random.h"
#include "ipc/queue/result.h"
#include "services/worker/settle/aftermath.h"
#include "services/worker/events/events.h"
#include "services/worker/settle/finish.h"

/* An outcome that is not whole would cost the task: the supervisor replaces us, and the successor takes what we hold.
 */
static _Noreturn void no_memory(void)
{
    log_critical("no memory for the outcome of a task");
    abort();
}

/* end and run_us as in struct outcome. */
static void hand_on(struct worker *w, struct delivery *d, enum task_end end, int64_t run_us)
{
    d->outcome.end = end;
    d->outcome.run_us = run_us;
    finish_add(w, d);
}

static void note_why(struct delivery *d, const char *why)
{
    free(d->outcome.why);
    d->outcome.why = strdup(why); /* without it the history lacks a word */
}

static char *steal_whole(struct buf *b)
{
    char *text = buf_steal(b);
    if (!text) no_memory();
    return text;
}

static void set_result(struct delivery *d, const char *status, const char *value, const char *traceback)
{
    struct buf json = {0};
    struct result_spec spec = {.task_id = d->m.id,
                               .group = d->m.group,
                               .parent_id = d->m.parent_id,
                               .status = status,
                               .value = value,
                               .traceback = traceback};
    if (!delivery_keeps_failure(d)) return;
    result_encode(&json, &spec);
    d->outcome.json = steal_whole(&json);
}

/* The task ended with an exception, of which no runner has told: its result, and all that is to be told with it. args:
 * the exception's, as JSON without the brackets. */
static void end_badly(struct worker *w, struct delivery *d, const char *status, const char *type, const char *args,
                      const char *module)
{
    struct buf value = {0};
    result_exception_of(&value, type, args, module);
    char *text = steal_whole(&value);
    set_result(d, status, text, NULL);
    if (strcmp(status, "REVOKED") == 0)
        aftermath_revoked(w, d, text);
    else
        aftermath_failed(w, d, text);
    free(text);
}

static void end_with(struct worker *w, struct delivery *d, const char *status, const char *type, const char *message,
                     const char *module)
{
    struct buf args = {0};
    buf_json_string(&args, message, strlen(message));
    char *text = steal_whole(&args);
    end_badly(w, d, status, type, text, module);
    free(text);
}

static void set_dead(struct delivery *d, const char *reason, int deliveries)
{
    char now[CLOCK_TEXT_SIZE];
    struct buf dead = {0};
    buf_str(&dead, "{\"reason\": ");
    buf_json_string(&dead, reason, strlen(reason));
    buf_str(&dead, ", \"queue\": ");
    buf_json_string(&dead, d->queue, strlen(d->queue));
    buf_str(&dead, ", \"list\": ");
    buf_json_string(&dead, d->list, strlen(d->list));
    buf_str(&dead, ", \"id\": ");
    if (d->m.id)
        buf_json_string(&dead, d->m.id, strlen(d->m.id));
    else
        buf_str(&dead, "null");
    buf_str(&dead, ", \"task\": ");
    if (d->m.task)
        buf_json_string(&dead, d->m.task, strlen(d->m.task));
    else
        buf_str(&dead, "null");
    buf_printf(&dead, ", \"deliveries\": %d, \"at\": \"%s\", \"size_bytes\": %zu, \"message\": ", deliveries,
               clock_iso_ms(wall_ms(), now), d->raw_len);
    buf_json_string(&dead, d->raw, d->raw_len);
    buf_char(&dead, '}');
    d->outcome.dead = steal_whole(&dead);
}

void outcome_malformed(struct worker *w, struct delivery *d, const char *reason)
{
    log_warning("malformed message in queue %s (task %s, id %s), kept as a dead letter: %s", d->queue,
                d->m.task ? d->m.task : "?", d->m.id ? d->m.id : "?", reason);
    note_why(d, reason);
    set_dead(d, reason, d->deliveries);
    if (d->m.id) {
        end_with(w, d, "FAILURE", "DecodeError", reason, "kombu.exceptions");
        events_task(w, EVENT_FAILED, d, reason, NULL, 0);
    }
    hand_on(w, d, TASK_DEAD, -1);
}

void outcome_unknown(struct worker *w, struct delivery *d)
{
    char reason[MESSAGE_ID_LIMIT + 40];
    log_error("task %s (id %s) is not known here: answered NotRegistered, kept as a dead letter", d->m.task, d->m.id);
    snprintf(reason, sizeof reason, "NotRegistered('%s')", d->m.task);
    note_why(d, reason);
    set_dead(d, reason, d->deliveries);
    end_with(w, d, "FAILURE", "NotRegistered", d->m.task, "celery.exceptions");
    events_task(w, EVENT_FAILED, d, reason, NULL, 0);
    hand_on(w, d, TASK_DEAD, -1);
}

void outcome_revoked(struct worker *w, struct delivery *d, const char *word)
{
    log_info("task %s[%s] %s", d->m.task, d->m.id, word);
    note_why(d, word);
    end_with(w, d, "REVOKED", "TaskRevokedError", word, "celery.exceptions");
    events_task(w, EVENT_REVOKED, d, word, NULL, 0);
    hand_on(w, d, TASK_REVOKED, -1);
}

void outcome_overran(struct worker *w, struct delivery *d, bool is_hard)
{
    char args[32] = "", text[80];
    const char *type = is_hard ? "TimeLimitExceeded" : "SoftTimeLimitExceeded";
    if (is_hard && d->limit_ms > 0) snprintf(args, sizeof args, "%g", (double)d->limit_ms / 1000);
    log_error("task %s[%s] failed: it ran into its %stime limit", d->m.task, d->m.id, is_hard ? "" : "soft ");
    end_badly(w, d, "FAILURE", type, args, "billiard.exceptions");
    snprintf(text, sizeof text, "%s(%s%s)", type, args, args[0] ? "," : "");
    note_why(d, text);
    events_task(w, EVENT_FAILED, d, text, NULL, 0);
    int64_t run_us = d->started_wall_us > 0 ? wall_us() - d->started_wall_us : 0;
    hand_on(w, d, TASK_FAILURE, run_us > 0 ? run_us : 0);
}

void outcome_lost(struct worker *w, struct delivery *d, int times)
{
    char reason[120];
    snprintf(reason, sizeof reason, "delivered %d times, and its runner or worker died each time", times);
    log_error("task %s[%s] becomes a dead letter: %s", d->m.task, d->m.id, reason);
    note_why(d, reason);
    set_dead(d, reason, times);
    end_with(w, d, "FAILURE", "WorkerLostError", reason, "billiard.exceptions");
    events_task(w, EVENT_FAILED, d, reason, NULL, 0);
    hand_on(w, d, TASK_DEAD, -1);
}

static void set_later(struct delivery *d, char *raw, int64_t delay_ms)
{
    if (!raw) no_memory();
    d->outcome.delay_ms = delay_ms > 0 ? delay_ms : 0;
    random_uuid4(d->outcome.later_tag);
    d->outcome.later_raw = raw;
}

void outcome_later(struct worker *w, struct delivery *d, int64_t delay_ms)
{
    set_later(d, strdup(d->raw), delay_ms);
    d->outcome.later_is_same = true;
    hand_on(w, d, TASK_ENDS, -1);
}

/* The message again with one more try, not before its time, and a tag of its own; all else as it came. */
static char *retry_message(const struct delivery *d, int64_t delay_ms)
{
    char eta[CLOCK_TEXT_SIZE], text[CLOCK_TEXT_SIZE + 8], tag[UUID_TEXT_SIZE];
    cJSON *envelope = message_envelope(&d->m);
    cJSON *headers = cJSON_GetObjectItemCaseSensitive(envelope, "headers");
    cJSON *properties = cJSON_GetObjectItemCaseSensitive(envelope, "properties");
    snprintf(text, sizeof text, "%s+00:00", clock_iso_us(wall_us() + delay_ms * 1000, eta));
    if (!cJSON_IsObject(properties)) {
        cJSON_DeleteItemFromObjectCaseSensitive(envelope, "properties");
        properties = cJSON_AddObjectToObject(envelope, "properties");
    }
    static const char *const replaced[] = {"retries", "eta", "parent_id"};
    for (int i = 0; i < (d->m.parent_id ? 2 : 3); i++) cJSON_DeleteItemFromObjectCaseSensitive(headers, replaced[i]);
    cJSON_AddNumberToObject(headers, "retries", d->m.retries + 1);
    cJSON_AddStringToObject(headers, "eta", text);
    if (!d->m.parent_id) cJSON_AddStringToObject(headers, "parent_id", d->m.id); /* as Celery has it */
    cJSON_DeleteItemFromObjectCaseSensitive(properties, "delivery_tag");
    cJSON_AddStringToObject(properties, "delivery_tag", random_uuid4(tag));
    json_exact(envelope);
    char *raw = cJSON_PrintUnformatted(envelope);
    cJSON_Delete(envelope);
    return raw;
}

void outcome_ran(struct worker *w, struct delivery *d, const struct wire *frame)
{
    const char *error = frame->text[DONE_ERROR] ? frame->text[DONE_ERROR] : "";
    enum wire_status status = (enum wire_status)frame->status;
    if (status == RAN_MALFORMED) {
        outcome_malformed(w, d, error);
        return;
    }
    bool is_failure = status != RAN_OK && status != RAN_UNSUCCESSFUL && status != RAN_RETRY;
    bool is_kept = is_failure ? delivery_keeps_failure(d) : delivery_keeps_result(d);
    if (is_kept && frame->text[DONE_JSON] && !(d->outcome.json = strdup(frame->text[DONE_JSON]))) no_memory();
    if (frame->text[DONE_SENDS]) aftermath_take(&d->outcome, frame->text[DONE_SENDS], frame->len[DONE_SENDS]);
    enum task_end end = status == RAN_OK ? TASK_SUCCESS : status == RAN_RETRY ? TASK_RETRY : TASK_FAILURE;
    if (status == RAN_OK || status == RAN_UNSUCCESSFUL) {
        log_debug("task %s[%s] succeeded in %.3f ms", d->m.task, d->m.id, (double)frame->run_us / 1000);
        events_task(w, EVENT_SUCCEEDED, d, frame->text[DONE_REPR], NULL, frame->run_us);
    } else if (status == RAN_RETRY) {
        log_warning("task %s[%s] failed, try %d in %.1f s: %s", d->m.task, d->m.id, d->m.retries + 2,
                    (double)frame->delay_ms / 1000, error);
        note_why(d, error);
        events_task(w, EVENT_RETRIED, d, frame->text[DONE_REPR], frame->text[DONE_TRACEBACK], 0);
        set_later(d, retry_message(d, frame->delay_ms), frame->delay_ms);
    } else {
        log_error("task %s[%s] failed: %s", d->m.task, d->m.id, error);
        note_why(d, error);
        events_task(w, EVENT_FAILED, d, frame->text[DONE_REPR], frame->text[DONE_TRACEBACK], 0);
        aftermath_rest(d);
    }
    hand_on(w, d, end, frame->run_us);
}
