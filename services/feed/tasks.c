/* The tasks that deliver webhooks, and send a test to one. */
#include "services/feed/tasks.h"

#include <stdio.h>
#include <string.h>

#include "conf/clock.h"
#include "conf/machine/random.h"
#include "services/feed/deliver.h"
#include "services/feed/endpoint.h"
#include "services/feed/format.h"
#include "services/feed/nudge.h"
#include "services/store/db/db.h"

#define BUDGET_MS 20000 /* then another task goes on, so that a runner is not occupied for ever */
#define POLL_MS   100

int task_deliver_webhooks(struct task_ctx *ctx, const cJSON *args, const cJSON *kwargs, cJSON **result, struct err *err)
{
    (void)args, (void)kwargs;
    struct deliver_counts n;
    int rc;
    do {
        rc = deliver(ctx, BUDGET_MS, &n, err);
    } while (rc == 0 && n.is_cut && !ctx->ops->is_cancelled(ctx->self) && feed_send(ctx) != 0);
    if (rc < 0) return rc;
    *result = cJSON_CreateObject();
    cJSON_AddTrueToObject(*result, "success");
    cJSON_AddNumberToObject(*result, "posts", (double)n.posts);
    cJSON_AddNumberToObject(*result, "changes", (double)n.changes);
    cJSON_AddNumberToObject(*result, "refused", (double)n.refused);
    return 0;
}

/* ---- a test ---- */

struct endpoint_test {
    struct webhook w;
    struct post_answer answer;
    bool is_answered;
};

static void on_answer(void *arg, const struct post_answer *answer)
{
    struct endpoint_test *t = arg;
    t->answer = *answer;
    t->is_answered = true;
}

static int send_test(struct task_ctx *ctx, struct endpoint_test *t, struct err *err)
{
    struct buf body = {0}, signature = {0};
    char id[WEBHOOK_ID_SIZE], uuid[UUID_TEXT_SIZE];
    struct posts *posts = posts_new(ctx->conf, err);
    if (!posts) return err_result(err);
    snprintf(id, sizeof id, "msg_%s", random_uuid4(uuid));
    format_test(format_of(t->w.format), &body);
    struct post_request request = {.url = t->w.url, .body = body.data, .id = id, .timestamp_s = wall_ms() / 1000};
    int rc = body.failed ? err_set(err, ERR_NOMEM, "no memory for a message")
                         : endpoint_sign(&t->w, ctx->conf, id, request.timestamp_s, body.data, &signature, err);
    request.signature = signature.data;
    if (rc == 0) rc = post_start(posts, &request, on_answer, t, err);
    while (rc == 0 && !t->is_answered) {
        posts_poll(posts, POLL_MS);
        if (ctx->ops->is_cancelled(ctx->self)) rc = err_set(err, ERR_CANCELLED, "the test was cancelled");
    }
    posts_free(posts);
    buf_free(&body);
    buf_free(&signature);
    return rc;
}

int task_test_webhook(struct task_ctx *ctx, const cJSON *args, const cJSON *kwargs, cJSON **result, struct err *err)
{
    const cJSON *id = task_arg(args, kwargs, 0, "webhook_id");
    struct endpoint_test t = {0};
    if (!cJSON_IsNumber(id) || id->valuedouble < 1 || id->valuedouble > 9e15) {
        ctx->exc_type = "ValueError";
        return err_set(err, ERR_INPUT, "webhook_id is missing, or no number");
    }
    struct db *db = db_open_conf(ctx->conf, false, "logikald webhooks", err);
    int rc = db ? webhook_load(db, (int64_t)id->valuedouble, &t.w, err) : -ERR_DB;
    db_close(db);
    if (rc == 0) rc = err_set(err, ERR_NOT_FOUND, "there is no webhook %.0f", id->valuedouble);
    if (rc == 1) rc = send_test(ctx, &t, err);
    webhook_free(&t.w);
    if (rc < 0) return rc;
    *result = cJSON_CreateObject();
    cJSON_AddBoolToObject(*result, "success", !*t.answer.why);
    if (t.answer.status)
        cJSON_AddNumberToObject(*result, "status", t.answer.status);
    else
        cJSON_AddNullToObject(*result, "status");
    cJSON_AddNumberToObject(*result, "took_ms", (double)t.answer.took_ms);
    cJSON_AddStringToObject(*result, "message", *t.answer.why ? t.answer.why : "taken");
    return 0;
}
