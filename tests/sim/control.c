/* The table of control calls and the simple ones: see control.h. Changes are in control_change.c. */
#include "tests/sim/control.h"

#include <event2/buffer.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/sim/dump.h"

static int get_health(struct sim *sim, const cJSON *json, struct buf *body)
{
    (void)json;
    buf_printf(body, "{\"status\":\"ok\",\"port\":%d,\"seed\":%llu", sim->port,
               (unsigned long long)sim->options.shape.seed);
    for (int k = 0; k < KIND_COUNT; k++)
        buf_printf(body, ",\"%s_count\":%u", kind_name((enum kind)k), sim->world->count[k]);
    buf_char(body, '}');
    return 200;
}

static int get_stats(struct sim *sim, const cJSON *json, struct buf *body)
{
    (void)json;
    stats_add_json(&sim->stats, &sim->sessions, body);
    return 200;
}

static int reset_stats(struct sim *sim, const cJSON *json, struct buf *body)
{
    (void)json;
    stats_reset(&sim->stats, &sim->sessions);
    buf_str(body, "{\"ok\":true}");
    return 200;
}

static int set_sideways(struct sim *sim, const cJSON *json, struct buf *body)
{
    const cJSON *allow = cJSON_GetObjectItemCaseSensitive(json, "allow");
    if (!cJSON_IsBool(allow)) return control_refuse(body, 400, "expected {\"allow\": true or false}");
    sim->options.is_sideways_allowed = cJSON_IsTrue(allow);
    buf_str(body, "{\"ok\":true}");
    return 200;
}

/* {"auth": 100, "list": 20, ..., "scale": 0.5}: only what is named changes. */
static int set_delays(struct sim *sim, const cJSON *json, struct buf *body)
{
    double delay_ms[DELAY_COUNT], scale = sim->options.delay_scale;
    memcpy(delay_ms, sim->options.delay_ms, sizeof delay_ms);
    const cJSON *item;
    cJSON_ArrayForEach(item, json) {
        int d = 0;
        while (d < DELAY_NONE && strcmp(delay_name((enum delay)d), item->string) != 0) d++;
        if (!cJSON_IsNumber(item) || item->valuedouble < 0 || item->valuedouble > 3600e3)
            return control_refuse(body, 400, "\"%s\" has to be milliseconds", item->string);
        if (strcmp(item->string, "scale") == 0)
            scale = item->valuedouble;
        else if (d == DELAY_NONE)
            return control_refuse(body, 400, "there is no delay \"%s\"", item->string);
        else
            delay_ms[d] = item->valuedouble;
    }
    memcpy(sim->options.delay_ms, delay_ms, sizeof delay_ms);
    sim->options.delay_scale = scale;
    buf_str(body, "{\"ok\":true}");
    return 200;
}

static int get_faults(struct sim *sim, const cJSON *json, struct buf *body)
{
    (void)json;
    faults_add_json(&sim->faults, body);
    return 200;
}

static int set_faults(struct sim *sim, const cJSON *json, struct buf *body)
{
    struct err err = {0};
    if (faults_read(&sim->faults, json, &err) < 0) return control_refuse(body, 400, "%s", err.text);
    faults_add_json(&sim->faults, body);
    return 200;
}

static int clear_faults(struct sim *sim, const cJSON *json, struct buf *body)
{
    (void)json;
    faults_clear(&sim->faults);
    buf_str(body, "{\"ok\":true}");
    return 200;
}

static int get_lies(struct sim *sim, const cJSON *json, struct buf *body)
{
    (void)json;
    lies_add_json(&sim->lies, sim->world, body);
    return 200;
}

static int set_lies(struct sim *sim, const cJSON *json, struct buf *body)
{
    struct err err = {0};
    if (lies_read(&sim->lies, json, &err) < 0) return control_refuse(body, 400, "%s", err.text);
    buf_str(body, "{\"ok\":true}");
    return 200;
}

static int clear_lies(struct sim *sim, const cJSON *json, struct buf *body)
{
    (void)json;
    lies_clear(&sim->lies);
    buf_str(body, "{\"ok\":true}");
    return 200;
}

/* Ends every session at once, as a restart of the upstream's service does; their owners get 401. */
static int expire_sessions(struct sim *sim, const cJSON *json, struct buf *body)
{
    (void)json;
    buf_printf(body, "{\"count\":%u}", sim->sessions.open);
    session_expire_due(&sim->sessions, INT64_MAX);
    return 200;
}

static int get_index(struct sim *sim, const cJSON *json, struct buf *body);

static const struct {
    enum evhttp_cmd_type method;
    const char *path;
    int (*handle)(struct sim *sim, const cJSON *json, struct buf *body);
} routes[] = {
    {EVHTTP_REQ_GET, "/", get_index},
    {EVHTTP_REQ_GET, "/health", get_health},
    {EVHTTP_REQ_GET, "/stats", get_stats},
    {EVHTTP_REQ_POST, "/stats/reset", reset_stats},
    {EVHTTP_REQ_POST, "/change", control_change},
    {EVHTTP_REQ_POST, "/add", control_add},
    {EVHTTP_REQ_POST, "/delete", control_delete},
    {EVHTTP_REQ_POST, "/restore", control_restore},
    {EVHTTP_REQ_POST, "/move", control_move},
    {EVHTTP_REQ_POST, "/mutate", control_mutate},
    {EVHTTP_REQ_GET, "/faults", get_faults},
    {EVHTTP_REQ_POST, "/faults", set_faults},
    {EVHTTP_REQ_POST, "/faults/clear", clear_faults},
    {EVHTTP_REQ_GET, "/lies", get_lies},
    {EVHTTP_REQ_POST, "/lies", set_lies},
    {EVHTTP_REQ_POST, "/lies/clear", clear_lies},
    {EVHTTP_REQ_POST, "/sessions/expire", expire_sessions},
    {EVHTTP_REQ_POST, "/sideways", set_sideways},
    {EVHTTP_REQ_POST, "/delays", set_delays},
};
#define ROUTES (sizeof routes / sizeof routes[0])

static int get_index(struct sim *sim, const cJSON *json, struct buf *body)
{
    (void)sim, (void)json;
    buf_str(body, "{\"calls\":[");
    for (size_t i = 0; i < ROUTES; i++)
        buf_printf(body, "%s\"%s " CONTROL_PREFIX "%s\"", i ? "," : "",
                   routes[i].method == EVHTTP_REQ_GET ? "GET" : "POST", routes[i].path);
    buf_str(body, ",\"GET " CONTROL_PREFIX "/dump\"]}");
    return 200;
}

int control_refuse(struct buf *body, int status, const char *fmt, ...)
{
    char text[256];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    buf_reset(body);
    buf_str(body, "{\"error\":");
    buf_json_string(body, text, strlen(text));
    buf_char(body, '}');
    return status;
}

void control_handle(struct sim *sim, struct evhttp_request *req, const char *path)
{
    struct buf body = {0};
    enum evhttp_cmd_type method = evhttp_request_get_command(req);
    if (strcmp(path, "/dump") == 0 && method == EVHTTP_REQ_GET) {
        dump_send(sim, req);
        return;
    }
    size_t i = 0;
    while (i < ROUTES && (strcmp(routes[i].path, path) != 0 || routes[i].method != method)) i++;
    int status;
    if (i == ROUTES) {
        status = control_refuse(&body, 404, "there is no such call; GET " CONTROL_PREFIX "/ lists them");
    } else {
        cJSON *json = method == EVHTTP_REQ_POST ? request_json(req) : NULL;
        bool is_empty = evbuffer_get_length(evhttp_request_get_input_buffer(req)) == 0;
        if (json || is_empty)
            status = routes[i].handle(sim, json, &body);
        else
            status = control_refuse(&body, 400, "the body is not JSON");
        cJSON_Delete(json);
    }
    server_reply(sim, req, status, "application/json; charset=utf-8", &body);
}
