/* Changes in the forms that endpoints are sent: as Standard Webhooks have them, or as text for a chat. */
#include "services/feed/format.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cjson/cJSON.h>

#include "conf/clock.h"
#include "conf/text/json_times.h"
#include "services/feed/slack.h"

enum format format_of(const char *word)
{
    return strcmp(word, "odoo") == 0 ? FORMAT_ODOO : strcmp(word, "slack") == 0 ? FORMAT_SLACK : FORMAT_STANDARD;
}

static void add_now(struct buf *out)
{
    char now[CLOCK_TEXT_SIZE];
    buf_printf(out, "\"timestamp\":\"%s\"", clock_iso_ms(wall_ms(), now));
}

/* The first member of each line. */
static bool cursor_of(const char *line, char out[FORMAT_PLACE_MAX])
{
    const char *at = strstr(line, "\"cursor\"");
    at = at ? strchr(at + 8, ':') : NULL;
    if (!at) return false;
    at += 1 + strspn(at + 1, " ");
    size_t len = *at == '"' ? strcspn(at + 1, "\"") : 0;
    if (len == 0 || len >= FORMAT_PLACE_MAX) return false;
    memcpy(out, at + 1, len);
    out[len] = 0;
    return true;
}

/* How many bytes of the lines one message takes, and how many lines those are. */
static size_t fit(const char *lines, int most, int *count)
{
    size_t len = 0;
    *count = 0;
    while (lines[len] && *count < most) {
        size_t start = len + (*count > 0), end = start + strcspn(lines + start, "\n");
        if (*count > 0 && end > FORMAT_BODY_MAX) break;
        len = end;
        ++*count;
    }
    return len;
}

/* ---- standard ---- */

static void add_standard(struct buf *body, const char *lines, size_t len, const struct format_page *page,
                         const char *after, bool has_more)
{
    struct buf list = {0};
    buf_str(body, "{\"type\":\"changes\",");
    add_now(body);
    buf_str(body, ",\"data\":{\"changes\":[");
    json_times_add(&list, lines, len);
    for (size_t i = 0; i < list.len; i++)
        if (list.data[i] == '\n') list.data[i] = ',';
    if (list.len) buf_add(body, list.data, list.len);
    if (list.failed) body->failed = true;
    buf_printf(body, "],\"since\":\"%s\",\"next\":\"%s\",\"has_more\":%s}}", page->since, after,
               has_more ? "true" : "false");
    buf_free(&list);
}

/* ---- odoo ---- */

/* One that is called as a member already stands there is one with it (a phase's project_id). Of a long text its hash:
 * flat means no object. */
static void add_field(cJSON *out, const char *name, const cJSON *value)
{
    const cJSON *hash = cJSON_GetObjectItemCaseSensitive(value, "sha256");
    if (!cJSON_HasObjectItem(out, name)) cJSON_AddItemToObject(out, name, cJSON_Duplicate(hash ? hash : value, true));
}

/* What Odoo's own webhooks send (_model, _id, _action), the members of the change, and its fields as they are now. */
static cJSON *flat(const cJSON *change)
{
    static const char *const members[] = {"cursor",     "time",       "type",   "operation", "id",
                                          "logikal_id", "project_id", "run_id", "task_id",   "project_logikal_id"};
    char model[64];
    const cJSON *field;
    const char *type = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(change, "type"));
    cJSON *out = cJSON_CreateObject();
    snprintf(model, sizeof model, "logikal.%s", type ? type : "object");
    cJSON_AddStringToObject(out, "_model", model);
    cJSON_AddItemToObject(out, "_id", cJSON_Duplicate(cJSON_GetObjectItemCaseSensitive(change, "id"), true));
    cJSON_AddItemToObject(out, "_action", cJSON_Duplicate(cJSON_GetObjectItemCaseSensitive(change, "operation"), true));
    for (size_t i = 0; i < sizeof members / sizeof *members; i++)
        cJSON_AddItemToObject(out, members[i],
                              cJSON_Duplicate(cJSON_GetObjectItemCaseSensitive(change, members[i]), true));
    cJSON_ArrayForEach(field, cJSON_GetObjectItemCaseSensitive(change, "object")) add_field(out, field->string, field);
    cJSON_ArrayForEach(field, cJSON_GetObjectItemCaseSensitive(change, "fields"))
        add_field(out, field->string, cJSON_GetObjectItemCaseSensitive(field, "after"));
    return out;
}

static void add_cjson_take(struct buf *body, cJSON *value)
{
    char *text = cJSON_PrintUnformatted(value);
    if (text)
        buf_str(body, text);
    else
        body->failed = true;
    cJSON_free(text);
    cJSON_Delete(value);
}

static int add_parsed(enum format format, struct buf *body, const char *lines, size_t len,
                      const struct format_page *page, struct err *err)
{
    struct buf list = {0};
    buf_char(&list, '[');
    json_times_add(&list, lines, len);
    for (size_t i = 1; i < list.len; i++)
        if (list.data[i] == '\n') list.data[i] = ',';
    buf_char(&list, ']');
    cJSON *changes = list.failed ? NULL : cJSON_Parse(list.data);
    buf_free(&list);
    if (!cJSON_GetArraySize(changes)) {
        cJSON_Delete(changes);
        return err_set(err, ERR_INPUT, "a change of the journal cannot be read");
    }
    if (format == FORMAT_ODOO)
        add_cjson_take(body, flat(changes->child));
    else
        slack_changes(changes, page->name, page->has_more, body);
    cJSON_Delete(changes);
    return 0;
}

int format_changes(enum format format, const struct format_page *page, struct buf *body, int *changes,
                   char after[FORMAT_PLACE_MAX], struct err *err)
{
    size_t len = fit(page->lines, format == FORMAT_ODOO ? 1 : INT32_MAX, changes);
    bool is_all = !page->lines[len], has_more = page->has_more || !is_all;
    const char *last = page->lines;
    for (size_t i = 0; i < len; i++)
        if (page->lines[i] == '\n') last = page->lines + i + 1;
    snprintf(after, FORMAT_PLACE_MAX, "%s", page->next);
    if (!is_all && !cursor_of(last, after)) return err_set(err, ERR_INPUT, "a change of the journal has no cursor");
    int rc = 0;
    if (format == FORMAT_STANDARD)
        add_standard(body, page->lines, len, page, after, has_more);
    else
        rc = add_parsed(format, body, page->lines, len, page, err);
    if (rc == 0 && body->failed) rc = err_set(err, ERR_NOMEM, "no memory for a message");
    return rc;
}

/* ---- what is no change ---- */

void format_test(enum format format, struct buf *body)
{
    if (format == FORMAT_SLACK) {
        buf_str(body, "{\"text\":\"This is a test of logikald: changes of Logikal's objects will be told here.\"}");
        return;
    }
    buf_str(body, format == FORMAT_ODOO ? "{\"_model\":\"logikal.test\",\"_id\":0,\"_action\":\"test\","
                                          "\"type\":\"test\",\"operation\":\"test\","
                                        : "{\"type\":\"test\",");
    add_now(body);
    buf_str(body, format == FORMAT_ODOO ? "}" : ",\"data\":{}}");
}

void format_gap(enum format format, const char *code, const char *since, const char *next, struct buf *body)
{
    static const char advice[] = "Changes were not kept, or the database was restored: read all objects anew";
    if (format == FORMAT_SLACK) {
        buf_printf(body, "{\"text\":\"%s (%s).\"}", advice, code);
        return;
    }
    buf_str(body, format == FORMAT_ODOO ? "{\"_model\":\"logikal.gap\",\"_id\":0,\"_action\":\"gap\",\"type\":\"gap\","
                                          "\"operation\":\"gap\","
                                        : "{\"type\":\"gap\",");
    add_now(body);
    buf_printf(body, "%s\"code\":\"%s\",\"message\":\"%s\",\"since\":\"%s\",\"next\":\"%s\"}%s",
               format == FORMAT_ODOO ? "," : ",\"data\":{", code, advice, since, next,
               format == FORMAT_ODOO ? "" : "}");
}
