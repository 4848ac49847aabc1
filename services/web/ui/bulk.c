/* See bulk.h. What waits, is scheduled or dead is changed in Redis itself (queue_sweep), step by step until all of
 * it was looked at; what runs is asked to stop. The answer, and the log of actions, tell how many it were. */
#include "services/web/ui/bulk.h"

#include <string.h>

#include "ipc/queue/queue.h"
#include "services/web/gate/handlers.h"
#include "services/web/http/fault.h"
#include "services/web/http/reply.h"

#define PAGE 1000 /* of running tasks */

bool ui_bulk_matches(const cJSON *entry, const char *text)
{
    static const char *const members[] = {"id", "task", "reason", "queue", "worker"};
    if (!text || !*text) return true;
    for (size_t i = 0; i < sizeof members / sizeof *members; i++) {
        const char *value = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(entry, members[i]));
        if (value && strcasestr(value, text)) return true;
    }
    return false;
}

static void done(struct req *r, int64_t count, const struct err *err)
{
    static const struct {
        const char *action, *one, *many;
    } words[] = {{"cancel", "task was cancelled", "tasks were cancelled"},
                 {"retry", "dead letter was sent again", "dead letters were sent again"},
                 {"delete", "dead letter was deleted", "dead letters were deleted"}};
    const char *action = req_body_str(r, "action"), *said = "";
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (strcmp(words[i].action, action) == 0) said = count == 1 ? words[i].one : words[i].many;
    cJSON_AddNumberToObject(r->body, "count", (double)count); /* for the log of actions */
    if (err) {
        reply_unavailable(r, 5, "%lld %s; then: %s. Do it again for the rest.", (long long)count, said,
                          fault_told(r, err));
        return;
    }
    cJSON *out = cJSON_CreateObject();
    cJSON_AddNumberToObject(out, "count", (double)count);
    cJSON_AddStringToObject(out, "message", req_printf(r, "%lld %s.", (long long)count, said));
    reply_cjson_take(r, 200, out);
}

static void on_swept(void *arg, int64_t count, bool is_whole, const cJSON *entries, const struct err *err)
{
    (void)is_whole, (void)entries;
    done(arg, count, err);
}

/* ---- what runs ---- */

struct stopping {
    int64_t offset, found, count;
};

static int stop_page(struct req *r, struct err *err);

static void on_revoked(void *arg, const struct err *err)
{
    struct req *r = arg;
    struct stopping *s = r->state;
    struct err own = {0};
    if (!err) s->count += s->found;
    if (err || s->offset == 0)
        done(r, s->count, err);
    else if (stop_page(r, &own) < 0)
        done(r, s->count, &own);
}

/* How many from the first on were looked at, which is one at least: behind large ones the rest is only counted. */
static int looked_at(const cJSON *entries)
{
    int n = 0;
    const cJSON *each;
    cJSON_ArrayForEach(each, entries) {
        if (n > 0 && cJSON_IsNull(cJSON_GetObjectItemCaseSensitive(each, "size_bytes"))) break;
        n++;
    }
    return n;
}

static void on_running(void *arg, const cJSON *entries, const struct err *err)
{
    struct req *r = arg;
    struct stopping *s = r->state;
    struct err own = {0};
    if (err) {
        done(r, s->count, err);
        return;
    }
    const char **ids = req_alloc(r, PAGE * sizeof *ids), *text = req_body_str(r, "q");
    const cJSON *each;
    size_t n = 0;
    cJSON_ArrayForEach(each, entries) {
        const char *id = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(each, "id"));
        if (id && n < PAGE && ui_bulk_matches(each, text)) ids[n++] = id;
    }
    int told = cJSON_GetArraySize(entries), looked = looked_at(entries);
    s->offset = looked < told || told == PAGE ? s->offset + looked : 0;
    s->found = (int64_t)n;
    if (n == 0)
        on_revoked(r, NULL);
    else if (queue_revoke(r->web->queue, ids, n, true, on_revoked, r, &own) < 0)
        done(r, s->count, &own);
}

static int stop_page(struct req *r, struct err *err)
{
    const struct stopping *s = r->state;
    return queue_list(r->web->queue, QUEUE_UNACKED, NULL, s->offset, PAGE, on_running, r, err);
}

/* ---- the request ---- */

void web_tasks_bulk(struct req *r)
{
    struct err err = {0};
    const char *list = req_body_str(r, "list"), *action = req_body_str(r, "action");
    bool is_dead = strcmp(list, "dead") == 0, is_cancel = strcmp(action, "cancel") == 0;
    struct queue_sweep what = {.view = is_dead                        ? QUEUE_DEAD
                                       : strcmp(list, "waiting") == 0 ? QUEUE_WAITING
                                                                      : QUEUE_SCHEDULED,
                               .text = req_body_str(r, "q")};
    int rc;
    if (!r->web->queue) {
        reply_unavailable(r, 60, "Redis is not configured: there are no queues");
        return;
    }
    if (is_dead == is_cancel) {
        reply_invalid(r, "body", "action", "value_error",
                      is_dead ? "Dead letters are retried or deleted" : "Tasks are cancelled");
        return;
    }
    if (strcmp(list, "running") == 0) {
        r->state = req_alloc(r, sizeof(struct stopping));
        rc = stop_page(r, &err);
    } else {
        rc = queue_sweep(r->web->queue, &what,
                         is_cancel                      ? SWEEP_CANCEL
                         : strcmp(action, "retry") == 0 ? SWEEP_RETRY
                                                        : SWEEP_DELETE,
                         on_swept, r, &err);
    }
    if (rc < 0) reply_err(r, &err);
}
