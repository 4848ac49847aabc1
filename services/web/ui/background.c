/* See ui.h. Samples and actions are written and forgotten: one that PostgreSQL cannot take now is lost, and the log
 * line of the request still tells. */
#include "services/web/ui/ui.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "conf/clock.h"
#include "conf/log.h"
#include "conf/text/utf8.h"
#include "ipc/mask.h"
#include "ipc/snapshot.h"
#include "services/store/db/pool.h"
#include "services/store/ui/ui_actions.h"
#include "services/store/ui/ui_overview.h"
#include "services/web/gate/route.h"
#include "services/web/ui/live.h"
#include "services/web/ui/page.h"

#define SAMPLE_S 60

struct ui {
    struct web *web;
    struct ui_live *live;
    struct event *sampler;
    unsigned samples;
};

/* ---- memory ---- */

static void on_written(void *arg, const PGresult *result, const struct err *err)
{
    (void)result;
    if (err) log_debug("%s was not stored: %s", (const char *)arg, err->text);
}

static void take_sample(struct ui *ui, const struct snapshot *s)
{
    int64_t total = s->pss_bytes > 0 ? s->pss_bytes : s->rss_bytes;
    cJSON *children = cJSON_CreateArray();
    for (int i = 0; i < s->count && i < SNAPSHOT_CHILDREN_MAX; i++) {
        const struct snapshot_child *c = &s->children[i];
        int64_t bytes = c->pss_bytes > 0 ? c->pss_bytes : c->rss_bytes;
        if (c->is_program || bytes <= 0) continue;
        total += bytes;
        cJSON *each = cJSON_CreateObject();
        cJSON_AddStringToObject(each, "name", c->name);
        cJSON_AddNumberToObject(each, "bytes", (double)bytes);
        cJSON_AddItemToArray(children, each);
    }
    char number[24];
    char *text = cJSON_PrintUnformatted(children);
    snprintf(number, sizeof number, "%lld", (long long)total);
    if (text && total > 0)
        pool_query(ui->web->pool, &ui_query_sample_add, 2, (const char *[]){number, text}, on_written,
                   "a memory sample");
    cJSON_free(text);
    cJSON_Delete(children);
}

static void on_sample(evutil_socket_t fd, short what, void *arg)
{
    (void)fd, (void)what;
    struct ui *ui = arg;
    struct snapshot *s = calloc(1, sizeof *s);
    if (!ui->web->pool || !s) {
        free(s);
        return;
    }
    if (snapshot_read(conf_str(ui->web->conf, SET_RUN_DIR), s, NULL) == 0 && !snapshot_is_stale(s, wall_ms()))
        take_sample(ui, s);
    free(s);
    if (ui->samples++ % 60 == 0)
        pool_query(ui->web->pool, &ui_query_samples_trim, 0, NULL, on_written, "the trimming of samples");
}

/* ---- actions ---- */

/* What was sent, without secrets; the caller's to cJSON_free, or NULL. */
static char *detail_of(const struct req *r)
{
    if (!r->body) return NULL;
    cJSON *copy = cJSON_Duplicate(r->body, 1);
    mask_secrets(copy);
    char *text = cJSON_PrintUnformatted(copy);
    cJSON_Delete(copy);
    return text;
}

void ui_action_record(const struct req *r)
{
    static const struct {
        enum evhttp_cmd_type method;
        const char *name;
    } changes[] = {
        {EVHTTP_REQ_POST, "POST"}, {EVHTTP_REQ_PUT, "PUT"}, {EVHTTP_REQ_DELETE, "DELETE"}, {EVHTTP_REQ_PATCH, "PATCH"}};
    const char *method = NULL;
    for (size_t i = 0; i < sizeof changes / sizeof *changes; i++)
        if (evhttp_request_get_command(r->ev) == changes[i].method) method = changes[i].name;
    if (!method || !r->route || r->who.kind != WHO_ADMIN || !r->web->pool || r->web->is_stopping) return;
    if (r->who.is_viewer) return; /* nothing was changed; the access log has it, and nobody fills the table by trying */
    char status[12];
    char *detail = detail_of(r), *path = strdup(r->path);
    if (path) utf8_repair(path, strlen(path)); /* who asks with other bytes is recorded all the same */
    if (detail) utf8_repair(detail, strlen(detail));
    snprintf(status, sizeof status, "%d", r->status);
    pool_query(r->web->pool, &ui_query_action_add, 7,
               (const char *[]){r->who.name, r->address, method, path, status, r->id, detail}, on_written, "an action");
    cJSON_free(detail);
    free(path);
}

/* ---- the whole ---- */

struct ui *ui_new(struct web *web)
{
    struct ui *ui = calloc(1, sizeof *ui);
    if (!ui) return NULL;
    ui->web = web;
    ui->live = ui_live_new(web);
    ui->sampler = event_new(web->base, -1, EV_PERSIST, on_sample, ui);
    if (ui->sampler) event_add(ui->sampler, &(struct timeval){.tv_sec = SAMPLE_S});
    return ui;
}

void ui_free(struct ui *ui)
{
    if (!ui) return;
    if (ui->sampler) event_free(ui->sampler);
    ui_live_free(ui->live);
    ui_pages_free();
    free(ui);
}
