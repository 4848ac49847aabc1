/* What became of a message, put into the form that finish.lua takes: flags, the result object, follow-ups, a dead
 * letter, a later message. Tells the monitors, and hands the message on to finish.c. */
#include "services/worker/worker_internal.h"

#include <stdlib.h>
#include <string.h>

#include "conf/clock.h"
#include "conf/log.h"
#include "conf/random.h"
#include "ipc/result.h"

void outcome_free(struct outcome *o)
{
    for (size_t i = 0; i < o->push_count; i++) free(o->pushes[i].raw);
    free(o->pushes);
    free(o->json);
    free(o->dead);
    free(o->later_raw);
    *o = (struct outcome){0};
}

static bool keeps_result(const struct held *h)
{
    return h->m.id && !h->m.ignores_result && !(h->def && h->def->ignores_result);
}

/* In finish.lua's order. */
static void set_flags(struct outcome *o)
{
    char *f = o->flags;
    if (o->json) *f++ = 's';
    if (o->push_count) *f++ = 'p';
    if (o->later_raw) *f++ = 'r';
    if (o->dead) *f++ = 'x';
    *f++ = 'a';
    *f = '\0';
}

/* end and run_us as in struct held. */
static void hand_on(struct worker *w, struct held *h, enum task_end end, int64_t run_us)
{
    h->end = end;
    h->run_us = run_us;
    if (h->outcome.json) queue_result_key(&w->keys, h->outcome.key, h->m.id);
    set_flags(&h->outcome);
    finish_add(w, h);
}

/* An outcome that is not whole would cost the task: the supervisor replaces us, and the successor takes what we hold.
 */
static _Noreturn void no_memory(void)
{
    log_critical("no memory for the outcome of a task");
    abort();
}

static char *steal_whole(struct buf *b)
{
    char *text = buf_steal(b);
    if (!text) no_memory();
    return text;
}

static void set_result(struct held *h, const char *status, const char *value, const char *traceback)
{
    struct buf json = {0};
    struct result_spec spec = {.task_id = h->m.id,
                               .group = h->m.group,
                               .parent_id = h->m.parent_id,
                               .status = status,
                               .value = value,
                               .traceback = traceback};
    if (!keeps_result(h)) return;
    result_encode(&json, &spec);
    h->outcome.json = steal_whole(&json);
}

static void set_exception(struct held *h, const char *status, const char *type, const char *message, const char *module)
{
    struct buf value = {0};
    result_exception(&value, type, message, module);
    char *text = steal_whole(&value);
    set_result(h, status, text, NULL);
    free(text);
}

static void set_dead(struct held *h, const char *reason)
{
    char now[CLOCK_TEXT_SIZE];
    struct buf dead = {0};
    buf_str(&dead, "{\"reason\": ");
    buf_json_string(&dead, reason, strlen(reason));
    buf_str(&dead, ", \"queue\": ");
    buf_json_string(&dead, h->queue, strlen(h->queue));
    buf_str(&dead, ", \"list\": ");
    buf_json_string(&dead, h->list, strlen(h->list));
    buf_str(&dead, ", \"id\": ");
    if (h->m.id)
        buf_json_string(&dead, h->m.id, strlen(h->m.id));
    else
        buf_str(&dead, "null");
    buf_str(&dead, ", \"task\": ");
    if (h->m.task)
        buf_json_string(&dead, h->m.task, strlen(h->m.task));
    else
        buf_str(&dead, "null");
    buf_printf(&dead, ", \"deliveries\": %d, \"at\": \"%s\", \"size_bytes\": %zu, \"message\": ", h->deliveries,
               clock_iso_ms(wall_ms(), now), h->raw_len);
    buf_json_string(&dead, h->raw, h->raw_len);
    buf_char(&dead, '}');
    h->outcome.dead = steal_whole(&dead);
}

void outcome_malformed(struct worker *w, struct held *h, const char *reason)
{
    log_warning("malformed message in queue %s (task %s, id %s), kept as a dead letter: %s", h->queue,
                h->m.task ? h->m.task : "?", h->m.id ? h->m.id : "?", reason);
    set_dead(h, reason);
    if (h->m.id) {
        set_exception(h, "FAILURE", "DecodeError", reason, "kombu.exceptions");
        events_task(w, EVENT_FAILED, h, reason, NULL, 0);
    }
    hand_on(w, h, TASK_DEAD, -1);
}

void outcome_unknown(struct worker *w, struct held *h)
{
    char reason[MESSAGE_ID_LIMIT + 40];
    log_error("task %s (id %s) is not known here: answered NotRegistered, kept as a dead letter", h->m.task, h->m.id);
    snprintf(reason, sizeof reason, "NotRegistered('%s')", h->m.task);
    set_dead(h, reason);
    set_exception(h, "FAILURE", "NotRegistered", h->m.task, "celery.exceptions");
    events_task(w, EVENT_FAILED, h, reason, NULL, 0);
    hand_on(w, h, TASK_DEAD, -1);
}

void outcome_revoked(struct worker *w, struct held *h, const char *word)
{
    log_info("task %s[%s] %s", h->m.task, h->m.id, word);
    set_exception(h, "REVOKED", "TaskRevokedError", word, "celery.exceptions");
    events_task(w, EVENT_REVOKED, h, word, NULL, 0);
    hand_on(w, h, TASK_REVOKED, -1);
}

void outcome_failed(struct worker *w, struct held *h, const char *exc_type, const char *message, const char *module)
{
    struct buf text = {0};
    log_error("task %s[%s] failed: %s: %s", h->m.task, h->m.id, exc_type, message);
    set_exception(h, "FAILURE", exc_type, message, module);
    buf_printf(&text, "%s('%s')", exc_type, message);
    events_task(w, EVENT_FAILED, h, text.data, NULL, 0);
    buf_free(&text);
    int64_t run_us = h->started_wall_us > 0 ? wall_us() - h->started_wall_us : 0;
    hand_on(w, h, TASK_FAILURE, run_us > 0 ? run_us : 0);
}

static void set_later(struct held *h, char *raw, int64_t delay_ms)
{
    h->outcome.delay_ms = delay_ms > 0 ? delay_ms : 0;
    random_uuid4(h->outcome.later_tag);
    snprintf(h->outcome.later_list, sizeof h->outcome.later_list, "%s", h->list);
    h->outcome.later_raw = raw;
}

void outcome_later(struct worker *w, struct held *h, int64_t delay_ms)
{
    char *raw = strdup(h->raw);
    if (!raw) {
        standing_hand_back(w, &h, 1, false);
        return;
    }
    set_later(h, raw, delay_ms);
    hand_on(w, h, TASK_ENDS, -1);
}

/* The message again with one more try, not before its time, and a tag of its own; all else as it came. */
static char *retry_message(const struct held *h, int64_t delay_ms)
{
    char eta[CLOCK_TEXT_SIZE], text[CLOCK_TEXT_SIZE + 8], tag[UUID_TEXT_SIZE];
    cJSON *envelope = cJSON_Duplicate(h->m.envelope, true);
    cJSON *headers = cJSON_GetObjectItemCaseSensitive(envelope, "headers");
    cJSON *properties = cJSON_GetObjectItemCaseSensitive(envelope, "properties");
    snprintf(text, sizeof text, "%s+00:00", clock_iso_us(wall_us() + delay_ms * 1000, eta));
    if (!cJSON_IsObject(properties)) {
        cJSON_DeleteItemFromObjectCaseSensitive(envelope, "properties");
        properties = cJSON_AddObjectToObject(envelope, "properties");
    }
    static const char *const replaced[] = {"retries", "eta", "parent_id"};
    for (int i = 0; i < 3; i++) cJSON_DeleteItemFromObjectCaseSensitive(headers, replaced[i]);
    cJSON_AddNumberToObject(headers, "retries", h->m.retries + 1);
    cJSON_AddStringToObject(headers, "eta", text);
    cJSON_AddStringToObject(headers, "parent_id", h->m.id);
    cJSON_DeleteItemFromObjectCaseSensitive(properties, "delivery_tag");
    cJSON_AddStringToObject(properties, "delivery_tag", random_uuid4(tag));
    char *raw = cJSON_PrintUnformatted(envelope);
    cJSON_Delete(envelope);
    return raw;
}

/* Follow-ups leave with the outcome, all of them or none. */
static void take_sends(struct outcome *o, const char *block, size_t len)
{
    struct wire send;
    int64_t size;
    while (len > 0 && (size = wire_take(block, len, &send)) > 0 && send.text[SEND_LIST] && send.text[SEND_MESSAGE]) {
        struct push *grown = realloc(o->pushes, (o->push_count + 1) * sizeof *grown);
        char *raw = strdup(send.text[SEND_MESSAGE]);
        if (grown) o->pushes = grown;
        if (!grown || !raw) no_memory();
        struct push *push = &o->pushes[o->push_count++];
        snprintf(push->list, sizeof push->list, "%s", send.text[SEND_LIST]);
        push->raw = raw;
        push->len = send.len[SEND_MESSAGE];
        block += size;
        len -= (size_t)size;
    }
}

static void cancelled(struct worker *w, struct held *h, const struct wire *frame)
{
    switch (h->cancel) {
    case CANCEL_SOFT_LIMIT:
        outcome_failed(w, h, "SoftTimeLimitExceeded", "the task ran into its soft time limit", "billiard.exceptions");
        break;
    case CANCEL_HARD_LIMIT:
        outcome_failed(w, h, "TimeLimitExceeded", "the task ran into its time limit", "billiard.exceptions");
        break;
    case CANCEL_STOPPING: standing_hand_back(w, &h, 1, false); break;
    case CANCEL_LOST: held_free(w, h); break;
    case CANCEL_NONE:
        log_warning("task %s[%s] stopped by itself: %s", h->m.task, h->m.id, frame ? frame->text[DONE_ERROR] : "");
        outcome_revoked(w, h, "terminated");
        break;
    case CANCEL_REVOKED: outcome_revoked(w, h, "terminated"); break;
    }
}

void outcome_done(struct worker *w, struct held *h, const struct wire *frame)
{
    const char *error = frame->text[DONE_ERROR] ? frame->text[DONE_ERROR] : "";
    enum wire_status status = (enum wire_status)frame->status;
    if (h->cancel == CANCEL_LOST) {
        held_free(w, h); /* somebody else has it */
        return;
    }
    if (status == RAN_MALFORMED) {
        outcome_malformed(w, h, error);
        return;
    }
    if (status == RAN_CANCELLED) {
        cancelled(w, h, frame);
        return;
    }
    if (keeps_result(h) && frame->text[DONE_JSON] && !(h->outcome.json = strdup(frame->text[DONE_JSON]))) no_memory();
    if (frame->text[DONE_SENDS]) take_sends(&h->outcome, frame->text[DONE_SENDS], frame->len[DONE_SENDS]);
    enum task_end end = status == RAN_OK ? TASK_SUCCESS : status == RAN_RETRY ? TASK_RETRY : TASK_FAILURE;
    if (status == RAN_OK || status == RAN_UNSUCCESSFUL) {
        log_debug("task %s[%s] succeeded in %.3f ms", h->m.task, h->m.id, (double)frame->run_us / 1000);
        events_task(w, EVENT_SUCCEEDED, h, frame->text[DONE_REPR], NULL, frame->run_us);
    } else if (status == RAN_RETRY) {
        log_warning("task %s[%s] failed, try %d in %.1f s: %s", h->m.task, h->m.id, h->m.retries + 2,
                    (double)frame->delay_ms / 1000, error);
        events_task(w, EVENT_RETRIED, h, frame->text[DONE_REPR], frame->text[DONE_TRACEBACK], 0);
        char *raw = retry_message(h, frame->delay_ms);
        if (!raw) {
            standing_hand_back(w, &h, 1, false);
            return;
        }
        set_later(h, raw, frame->delay_ms);
    } else {
        log_error("task %s[%s] failed: %s", h->m.task, h->m.id, error);
        events_task(w, EVENT_FAILED, h, frame->text[DONE_REPR], frame->text[DONE_TRACEBACK], 0);
    }
    hand_on(w, h, end, frame->run_us);
}
