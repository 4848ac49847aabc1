/* Webhooks under test: see webhook.h. */
#include "tests/support/webhook.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct hook_world hooked;

int hook_start(void **state __attribute__((unused)))
{
    static char ca[340];
    certificates_make(&hooked.made);
    snprintf(ca, sizeof ca, "WEBHOOK_CA_FILE=%s", hooked.made.ca);
    const char *environment[] = {"LOG_LEVEL=info",
                                 "WEBHOOK_ALLOW_NETWORKS=10.1.0.0/16, 127.0.0.0/8",
                                 "WEBHOOK_TICK_SECONDS=1",
                                 "WEBHOOK_TIMEOUT_SECONDS=2",
                                 "WEBHOOK_GIVE_UP_HOURS=1",
                                 "http_proxy=http://127.0.0.1:9", /* nobody's: who used it would not get through */
                                 "https_proxy=http://127.0.0.1:9",
                                 ca,
                                 NULL};
    web_servers(&hooked.web);
    receiver_start(&hooked.receiver);
    web_run(&hooked.web, environment, true);
    web_log_in(&hooked.web);
    pg_exec(&hooked.web.pg, "INSERT INTO projects (logikal_id, name) VALUES ('p-1', 'Haus'), ('p-2', 'Hof')");
    pg_exec(&hooked.web.pg, "INSERT INTO phases (logikal_id, name, project_id) VALUES ('h', 'Phase', 1)");
    pg_exec(&hooked.web.pg,
            "INSERT INTO elevations (logikal_id, name, phase_id, project_id) VALUES ('e', 'P01', 1, 1)");
    return 0;
}

int hook_stop(void **state __attribute__((unused)))
{
    process_stop(&hooked.receiver.process);
    web_end(&hooked.web);
    return 0;
}

cJSON *hook_call(const char *method, const char *path, const char *body, int status)
{
    struct http_reply reply = web_call(&hooked.web, method, path, hooked.web.admin, body);
    if (reply.status != status) fail_msg("%s %s %s: %d %s", method, path, body ? body : "", reply.status, reply.body);
    cJSON *out = cJSON_Parse(reply.body);
    assert_non_null(out);
    http_reply_free(&reply);
    return out;
}

const char *hook_text(const cJSON *object, const char *name)
{
    const char *text = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(object, name));
    return text ? text : "";
}

int hook_number(const cJSON *object, const char *name)
{
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(object, name);
    return cJSON_IsNumber(item) ? item->valueint : -1;
}

struct hook hook_make(const char *path, const char *more)
{
    struct hook h = {0};
    char body[600];
    snprintf(h.path, sizeof h.path, "%s", path);
    snprintf(body, sizeof body, "{\"url\":\"%s%s\"%s}", hooked.receiver.url, path, more);
    pg_settle(&hooked.web.pg);
    cJSON *added = hook_call("POST", "/api/v1/webhooks", body, 200);
    h.id = hook_number(added, "id");
    snprintf(h.secret, sizeof h.secret, "%s", hook_text(added, "secret"));
    assert_int_equal(strncmp(h.secret, "whsec_", 6), 0);
    assert_string_equal(hook_text(added, "state"), "active");
    cJSON_Delete(added);
    hooked.newest = h.id;
    return h;
}

cJSON *hook_look(const struct hook *h)
{
    char path[60];
    snprintf(path, sizeof path, "/api/v1/webhooks/%d", h->id);
    return hook_call("GET", path, NULL, 200);
}

void hook_act(const struct hook *h, const char *method, const char *verb, const char *body)
{
    char path[80];
    snprintf(path, sizeof path, "/api/v1/webhooks/%d%s", h->id, verb);
    cJSON_Delete(hook_call(method, path, body, 200));
}

void hook_drop(const struct hook *h)
{
    hook_act(h, "DELETE", "", NULL);
}

static char shown[400];

const char *hook_member(const struct hook *h, const char *name)
{
    cJSON *w = hook_look(h), *item = cJSON_GetObjectItemCaseSensitive(w, name);
    snprintf(shown, sizeof shown, "%s", hook_text(w, name));
    if (cJSON_IsNumber(item)) snprintf(shown, sizeof shown, "%d", item->valueint);
    cJSON_Delete(w);
    return shown;
}

int hook_tries(const struct hook *h)
{
    return (int)strtol(hook_member(h, "failures"), NULL, 10);
}

void hook_tell(void)
{
    char path[60];
    snprintf(path, sizeof path, "/api/v1/webhooks/%d", hooked.newest);
    web_status(&hooked.web, "PATCH", path, hooked.web.admin, "{\"description\":\"told\"}");
}

void hook_wait_for_rest(const struct hook *h)
{
    char sql[100];
    snprintf(sql, sizeof sql, "SELECT count(*) FROM logikald_webhooks_due() WHERE id = %d", h->id);
    WAIT_UNTIL(pg_int(&hooked.web.pg, sql) == 0, 20000);
}

void hook_write_change(void)
{
    char sql[160];
    snprintf(sql, sizeof sql, "UPDATE elevations SET description = 'w-%d' WHERE logikal_id = 'e'", ++hooked.writes);
    pg_exec(&hooked.web.pg, sql);
    hook_tell();
}
