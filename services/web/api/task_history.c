/* The history of tasks that workers have written, and doing one of them again. */
#include "services/store/web/watch/history_read.h"

#include <stdlib.h>
#include <string.h>

#include "conf/machine/random.h"
#include "ipc/queue/queue.h"
#include "ipc/queue/queue_message.h"
#include "services/web/gate/handlers.h"
#include "services/web/http/reply.h"

void web_task_history(struct req *r)
{
    const char *before = req_arg(r, "before"), *limit = req_arg(r, "limit");
    if (before && *before && !history_is_cursor(before)) {
        reply_invalid(r, "query", "before", "cursor", "next of the page before");
        return;
    }
    const char *values[] = {req_arg(r, "name"),
                            req_arg(r, "state"),
                            req_arg(r, "queue"),
                            req_arg(r, "since"),
                            req_arg(r, "until"),
                            req_arg(r, "text"),
                            before,
                            limit ? limit : "100"};
    req_json(r, &query_history_list, 8, values, NULL);
}

void web_task_history_one(struct req *r)
{
    req_json(r, &query_history_task, 1, (const char *[]){req_param(r, 0)},
             "No such task in the history: it succeeded at once, is not at its end, or has been deleted for its age");
}

/* ---- again ---- */

struct again {
    char id[UUID_TEXT_SIZE];
};

static void on_sent(void *arg, const struct err *err)
{
    struct req *r = arg;
    const struct again *a = r->state;
    if (err) {
        reply_err(r, err);
        return;
    }
    cJSON *out = cJSON_CreateObject();
    cJSON_AddBoolToObject(out, "success", true);
    cJSON_AddStringToObject(out, "task_id", a->id);
    cJSON_AddStringToObject(out, "again_of", req_param(r, 0));
    cJSON_AddStringToObject(out, "message", "The task waits in its queue: alone, without what followed it in a chain");
    reply_cjson_take(r, 200, out);
}

static const char *why_not(const char *arguments)
{
    static const struct {
        const char *arguments, *why;
    } reasons[] = {
        {"masked", "its arguments hold a secret, which is not kept"},
        {"large", "its arguments are larger than what is kept (16 KiB)"},
        {"packed", "its arguments came compressed, and are not kept"},
        {"unreadable", "its message could not be read"},
    };
    for (size_t i = 0; i < sizeof reasons / sizeof *reasons; i++)
        if (strcmp(arguments, reasons[i].arguments) == 0) return reasons[i].why;
    return "its arguments are not kept";
}

static void then_again(struct req *r, const PGresult *row)
{
    if (PQntuples(row) == 0) {
        reply_detail(r, 404, "No such task in the history");
        return;
    }
    const char *arguments = PQgetvalue(row, 0, 4);
    if (strcmp(arguments, "whole") != 0) {
        reply_fault(r, 409, "CANNOT_RUN_AGAIN", "The task cannot be sent again: %s", why_not(arguments));
        return;
    }
    struct again *a = r->state = req_alloc(r, sizeof *a);
    struct task_options options = {
        .queue = PQgetvalue(row, 0, 1), .parent_id = req_param(r, 0), .root_id = PQgetvalue(row, 0, 5)};
    struct err err = {0};
    cJSON *args = json_parse(PQgetvalue(row, 0, 2), strlen(PQgetvalue(row, 0, 2)));
    cJSON *kwargs = json_parse(PQgetvalue(row, 0, 3), strlen(PQgetvalue(row, 0, 3)));
    json_exact(args);
    json_exact(kwargs);
    if (!args || !kwargs)
        reply_fault(r, 409, "CANNOT_RUN_AGAIN", "The task cannot be sent again: its arguments cannot be read");
    else if (queue_send(r->web->queue, PQgetvalue(row, 0, 0), args, kwargs, &options, a->id, on_sent, r, &err) != 0)
        reply_err(r, &err);
    cJSON_Delete(args);
    cJSON_Delete(kwargs);
}

void web_task_again(struct req *r)
{
    if (!r->web->queue) {
        reply_fault(r, 409, "CANNOT_RUN_AGAIN", "The task cannot be sent again: there is no queue without REDIS_URL");
        return;
    }
    req_query(r, &query_history_again, 1, (const char *[]){req_param(r, 0)}, then_again);
}
