/* Webhooks: registered, changed, tested and replayed by administrators, and by clients who have webhooks:manage, each
 * its own. Delivery is a task (services/feed/). A secret is shown once, when it is made. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sodium.h>

#include "conf/clock.h"
#include "conf/log.h"
#include "conf/machine/random.h"
#include "services/feed/post.h"
#include "services/feed/tasks.h"
#include "services/store/seal.h"
#include "services/store/web/feed/changes_read.h"
#include "services/store/web/feed/webhooks_read.h"
#include "services/web/api/feed/change_cursor.h"
#include "services/web/gate/handlers.h"
#include "services/web/http/period.h"
#include "services/web/http/fault.h"
#include "services/web/http/reply.h"
#include "services/web/jobs/actions.h"
#include "services/web/jobs/feed_watch.h"

#define SECRET_BYTES   32
#define SECRET_SIZE    80
#define TEST_EXTRA_MS  15000 /* a test waits for its turn and for the receiver */
#define NOT_FOUND_TEXT "Webhook not found"

/* NULL for administrators, who see all. */
static const char *owner_of(const struct req *r)
{
    return r->who.kind == WHO_CLIENT ? r->who.name : NULL;
}

/* The path and the query of a receiver may be a secret of its own. */
static const char *urls_for(const struct req *r)
{
    return r->who.is_viewer ? "short" : NULL;
}

/* ---- what is given ---- */

static bool is_url_fit(struct req *r, const char *url)
{
    struct err err = {0};
    if (!url || post_check_url(url, conf_str(r->web->conf, SET_WEBHOOK_ALLOW), &err) == 0) return true;
    reply_invalid(r, "body", "url", "value_error", err.text);
    return false;
}

static bool are_projects_fit(struct req *r)
{
    const cJSON *p;
    cJSON_ArrayForEach(p, cJSON_GetObjectItemCaseSensitive(r->body, "projects")) {
        if (!strchr(p->valuestring, ',')) continue;
        reply_invalid(r, "body", "projects", "value_error", "An identifier has no comma");
        return false;
    }
    return true;
}

/* Asks which of the projects given nobody knows; without any it goes on at once, with NULL. */
static void ask_projects(struct req *r, void (*then)(struct req *r, const PGresult *unknown))
{
    const cJSON *p;
    const char *all = NULL;
    cJSON_ArrayForEach(p, cJSON_GetObjectItemCaseSensitive(r->body, "projects"))
        all = all ? req_printf(r, "%s,%s", all, p->valuestring) : p->valuestring;
    if (all)
        req_query(r, &query_changes_unknown, 1, (const char *[]){all}, then);
    else
        then(r, NULL);
}

/* Of a project that nobody knows nothing would ever be told. */
static bool are_projects_known(struct req *r, const PGresult *unknown)
{
    if (!unknown || !*PQgetvalue(unknown, 0, 0)) return true;
    reply_invalid(r, "body", "projects", "value_error",
                  req_printf(r, "No project is known as %.200s: look for it with GET /api/v1/projects",
                             PQgetvalue(unknown, 0, 0)));
    return false;
}

/* now, start, a cursor or a time; in the form for the statement, or NULL when it is answered. */
static const char *since_of(struct req *r)
{
    char iso[CLOCK_TEXT_SIZE];
    const char *text = req_body_str(r, "since");
    int64_t unix_us = 0;
    struct change_cursor cursor;
    if (strcmp(text, "now") == 0 || strcmp(text, "start") == 0) return text;
    if (change_cursor_read(&cursor, text)) { /* what a snapshot has beyond its place comes again */
        cursor.snapshot = NULL;
        return change_cursor_text(r, &cursor);
    }
    if (strlen(text) > 9 && clock_parse_iso_loose(text, &unix_us) == 0)
        return period_has_begun(r, "body", "since", unix_us) ? req_printf(r, "%sZ", clock_iso_us(unix_us, iso)) : NULL;
    reply_invalid(r, "body", "since", "value_error", "now, start, a cursor of the journal, or a time as ISO 8601");
    return NULL;
}

/* A new secret, and how it is kept (the caller's to free). NULL when it is answered. */
static char *make_secret(struct req *r, char secret[SECRET_SIZE])
{
    unsigned char bytes[SECRET_BYTES];
    struct err err = {0};
    const char *key = conf_str(r->web->conf, SET_SECRET_KEY);
    random_bytes(bytes, sizeof bytes);
    memcpy(secret, "whsec_", 6);
    sodium_bin2base64(secret + 6, SECRET_SIZE - 6, bytes, sizeof bytes, sodium_base64_VARIANT_ORIGINAL);
    sodium_memzero(bytes, sizeof bytes);
    if (!*key) log_warning("SECRET_KEY is not set: the secrets of webhooks are not encrypted in the database");
    char *sealed = seal_close(key, secret, &err);
    if (!sealed) reply_err(r, &err);
    return sealed;
}

/* ---- reading ---- */

void web_webhook_list(struct req *r)
{
    req_json(r, &query_webhook_list, 2, (const char *[]){owner_of(r), urls_for(r)}, NULL);
}

void web_webhook_get(struct req *r)
{
    req_json(r, &query_webhook_get, 3, (const char *[]){req_param(r, 0), owner_of(r), urls_for(r)}, NOT_FOUND_TEXT);
}

/* ---- writing ---- */

static void reply_with_secret(struct req *r, const PGresult *result)
{
    cJSON *out = cJSON_Parse(PQgetvalue(result, 0, 0));
    if (out) cJSON_AddStringToObject(out, "secret", r->state);
    reply_cjson_take(r, 200, out);
}

static void then_added(struct req *r, const PGresult *result)
{
    if (PQntuples(result) == 0) {
        reply_fault(r, 409, "TOO_MANY", "There are " WEBHOOKS_MAX " webhooks already");
        return;
    }
    log_info("a webhook was made by %.100s", r->who.name);
    reply_with_secret(r, result);
    feed_watch_send(r->web->feed_watch);
}

static void then_add(struct req *r, const PGresult *unknown)
{
    const char *url = req_body_str(r, "url"), *since = are_projects_known(r, unknown) ? since_of(r) : NULL;
    if (!since) return;
    r->state = req_alloc(r, SECRET_SIZE);
    char *sealed = make_secret(r, r->state);
    if (!sealed) return;
    const char *values[] = {url,
                            req_body_str(r, "format"),
                            req_body_text(r, "types"),
                            req_body_text(r, "projects"),
                            req_body_str(r, "description"),
                            since,
                            owner_of(r),
                            sealed};
    req_query(r, &query_webhook_add, 8, values, then_added);
    free(sealed);
}

void web_webhook_add(struct req *r)
{
    if (!since_of(r) || !is_url_fit(r, req_body_str(r, "url")) || !are_projects_fit(r)) return;
    ask_projects(r, then_add);
}

static void then_changed(struct req *r, const PGresult *result)
{
    if (PQntuples(result) == 0) {
        reply_detail(r, 404, NOT_FOUND_TEXT);
        return;
    }
    reply_json(r, 200, PQgetvalue(result, 0, 0));
    feed_watch_send(r->web->feed_watch);
}

static void then_change(struct req *r, const PGresult *unknown)
{
    if (!are_projects_known(r, unknown)) return;
    const char *values[] = {req_param(r, 0),
                            owner_of(r),
                            req_body_str(r, "url"),
                            req_body_str(r, "format"),
                            req_body_text(r, "types"),
                            req_body_text(r, "projects"),
                            req_body_str(r, "description"),
                            req_body_str(r, "state")};
    req_query(r, &query_webhook_change, 8, values, then_changed);
}

void web_webhook_change(struct req *r)
{
    if (is_url_fit(r, req_body_str(r, "url")) && are_projects_fit(r)) ask_projects(r, then_change);
}

void web_webhook_replay(struct req *r)
{
    const char *since = since_of(r);
    if (!since) return;
    req_query(r, &query_webhook_replay, 3, (const char *[]){req_param(r, 0), owner_of(r), since}, then_changed);
}

void web_webhook_delete(struct req *r)
{
    req_json(r, &query_webhook_delete, 2, (const char *[]){req_param(r, 0), owner_of(r)}, NOT_FOUND_TEXT);
}

static void then_rotated(struct req *r, const PGresult *result)
{
    if (PQntuples(result) == 0) {
        reply_detail(r, 404, NOT_FOUND_TEXT);
        return;
    }
    log_info("webhook %s got a new secret from %.100s", req_param(r, 0), r->who.name);
    reply_with_secret(r, result);
}

void web_webhook_rotate(struct req *r)
{
    const char *hours = r->body ? req_body_text(r, "overlap_hours") : NULL;
    r->state = req_alloc(r, SECRET_SIZE);
    char *sealed = make_secret(r, r->state);
    if (!sealed) return;
    const char *values[] = {req_param(r, 0), owner_of(r), hours ? hours : "24", sealed};
    req_query(r, &query_webhook_rotate, 4, values, then_rotated);
    free(sealed);
}

/* ---- a test ---- */

static void on_tested(void *arg, const cJSON *result, const struct err *err)
{
    struct req *r = arg;
    if (!err) {
        char *text = cJSON_PrintUnformatted(result);
        reply_json(r, 200, text ? text : "{}");
        cJSON_free(text);
    } else if (err->code == ERR_UPSTREAM || err->code == ERR_CONFIG || err->code == ERR_INPUT ||
               err->code == ERR_TIMEOUT) {
        reply_fault(r, 409, "NOT_SENT", "%s", fault_told(r, err));
    } else {
        reply_err(r, err);
    }
}

static void then_test(struct req *r, const PGresult *result)
{
    struct err err = {0};
    if (PQntuples(result) == 0) {
        reply_detail(r, 404, NOT_FOUND_TEXT);
        return;
    }
    cJSON *kwargs = cJSON_CreateObject();
    cJSON_AddNumberToObject(kwargs, "webhook_id", strtod(req_param(r, 0), NULL));
    int64_t timeout_ms = conf_int(r->web->conf, SET_WEBHOOK_TIMEOUT) * 1000 + TEST_EXTRA_MS;
    if (!action_start(r->web->actions, FEED_TEST_TASK, FEED_QUEUE, kwargs, timeout_ms, on_tested, r, &err))
        reply_err(r, &err);
}

void web_webhook_test(struct req *r)
{
    req_query(r, &query_webhook_get, 3, (const char *[]){req_param(r, 0), owner_of(r), urls_for(r)}, then_test);
}
