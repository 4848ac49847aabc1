/* What is ordered from a project's parts lists, as pages to be printed: a table without scripts, sent while it is read,
 * as the lists themselves are. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "conf/log.h"
#include "ipc/queue/queue_message.h"
#include "services/store/web/parts/bom_read.h"
#include "services/web/api/parts/orders.h"
#include "services/web/api/parts/parts_cursor.h"
#include "services/web/gate/handlers.h"
#include "services/web/http/reply.h"
#include "services/web/http/streams.h"
#include "services/web/http/render/language.h"
#include "services/web/http/render/phrase.h"

#define UNREAD_NAMED 20 /* by query_bom_unread */

#define ROWS 2500 /* of a statement, which makes the whole list each time */

struct order_column {
    const char *title, *member, *unit; /* unit: the member with it, or NULL */
    bool is_number;
};

struct order_page {
    const struct query *query;
    const char *title;
    struct order_column columns[16];
};

static const struct order_page glass = {&query_glass_order,
                                        "Glass order",
                                        {{"", "line", NULL, true},
                                         {"Supplier", "supplier_name", NULL, false},
                                         {"Code", "code", NULL, false},
                                         {"Name", "name", NULL, false},
                                         {"Width", "width", "size_unit", true},
                                         {"Height", "height", "size_unit", true},
                                         {"Spacer", "spacer", NULL, true},
                                         {"Amount", "amount", NULL, true},
                                         {"Area", "area", "area_unit", true},
                                         {"Weight", "weight", "weight_unit", true},
                                         {"Belongs to", "positions", NULL, false}}};
static const struct order_page cutting = {&query_cutting_list,
                                          "Cutting list",
                                          {{"", "line", NULL, true},
                                           {"Code", "code", NULL, false},
                                           {"Supplier's code", "supplier_code", NULL, false},
                                           {"Description", "description", NULL, false},
                                           {"Colour", "colour", NULL, false},
                                           {"Length", "length", "length_unit", true},
                                           {"Left °", "angle_left", NULL, true},
                                           {"Right °", "angle_right", NULL, true},
                                           {"Amount", "amount", NULL, true},
                                           {"Together", "total_length", "length_unit", true},
                                           {"Belongs to", "positions", NULL, false}}};
static const struct order_page stock = {&query_stock_list,
                                        "Stock list",
                                        {{"", "line", NULL, true},
                                         {"Supplier", "supplier_name", NULL, false},
                                         {"Code", "code", NULL, false},
                                         {"Supplier's code", "supplier_code", NULL, false},
                                         {"Description", "description", NULL, false},
                                         {"Colour", "colour", NULL, false},
                                         {"Amount", "amount", NULL, true},
                                         {"Units", "units", "unit", true},
                                         {"Pack", "pack_size", NULL, true},
                                         {"Packs", "packs", NULL, true},
                                         {"Price", "price", NULL, true},
                                         {"Prices", "prices", NULL, false}}};

struct order_sending {
    const struct order_page *page;
    const char *language;
    const char *head; /* until it is sent, with the first rows: what cannot be made is refused before */
    const char *mark; /* of the lists that it is made of */
    char after[24];
    int64_t count;
    bool is_open; /* some of its sums lack something */
};

/* ---- cells ---- */

/* A number as it came, in the writing of the language, a text as it is; nothing of what is not there. */
static void add_value(struct buf *out, const char *language, const cJSON *value)
{
    char digits[40];
    if (cJSON_IsNumber(value)) snprintf(digits, sizeof digits, "%.15g", value->valuedouble);
    if (cJSON_IsNumber(value))
        phrase_add_number(out, language, value->valuestring ? value->valuestring : digits);
    else if (cJSON_IsString(value))
        buf_str(out, value->valuestring);
}

/* Around a name: what is written from right to left does not change places with what stands beside it. */
#define ISOLATE     "\u2068"
#define ISOLATE_END "\u2069"

/* "W1 left × 3": of a line, where so many of it belong. */
static void add_position(struct buf *out, const char *language, const cJSON *p)
{
    const cJSON *position = cJSON_GetObjectItemCaseSensitive(p, "position");
    const cJSON *amount = cJSON_GetObjectItemCaseSensitive(p, "amount");
    buf_str(out, ISOLATE);
    add_value(out, language, cJSON_GetObjectItemCaseSensitive(p, "elevation"));
    if (position) buf_char(out, ' ');
    add_value(out, language, position);
    buf_str(out, ISOLATE_END);
    if (amount) buf_str(out, " × ");
    add_value(out, language, amount);
}

/* Are there lines of which nobody knows how much they are? */
static bool is_open(const cJSON *row)
{
    static const char *const counts[] = {"lines_without_amount", "lines_unread"};
    for (int i = 0; i < 2; i++)
        if (cJSON_GetNumberValue(cJSON_GetObjectItemCaseSensitive(row, counts[i])) > 0) return true;
    return false;
}

/* "7 + ?": there are such lines. */
static void add_amount(struct buf *out, const char *language, const cJSON *row, const cJSON *value)
{
    add_value(out, language, value);
    if (is_open(row)) buf_str(out, out->len ? " + ?" : "?");
}

static void add_cell_text(struct buf *out, const char *language, const cJSON *row, const struct order_column *c)
{
    const cJSON *value = cJSON_GetObjectItemCaseSensitive(row, c->member), *each;
    if (!cJSON_IsArray(value)) {
        const cJSON *unit = c->unit ? cJSON_GetObjectItemCaseSensitive(row, c->unit) : NULL;
        if (strcmp(c->member, "amount") == 0)
            add_amount(out, language, row, value);
        else
            add_value(out, language, value);
        if (!cJSON_IsString(unit) || !value || cJSON_IsNull(value)) return;
        buf_char(out, ' ');
        add_value(out, language, unit);
        return;
    }
    cJSON_ArrayForEach(each, value) {
        if (each != value->child) buf_str(out, ", ");
        if (cJSON_IsObject(each))
            add_position(out, language, each);
        else
            add_value(out, language, each);
    }
}

static void add_cells(cJSON *rows, struct order_sending *s, const cJSON *row)
{
    s->is_open = s->is_open || is_open(row);
    cJSON *line = cJSON_CreateObject(), *cells = cJSON_AddArrayToObject(line, "cells");
    for (const struct order_column *c = s->page->columns; c->title; c++) {
        struct buf text = {0};
        cJSON *cell = cJSON_CreateObject();
        add_cell_text(&text, s->language, row, c);
        cJSON_AddStringToObject(cell, "text", text.data ? text.data : "");
        cJSON_AddBoolToObject(cell, "is_number", c->is_number);
        cJSON_AddItemToArray(cells, cell);
        buf_free(&text);
    }
    cJSON_AddItemToArray(rows, line);
}

/* lines: objects split by ",\n". NULL: one of them cannot be read. */
static cJSON *rows_of(struct order_sending *s, const char *lines)
{
    cJSON *data = cJSON_CreateObject(), *rows = cJSON_AddArrayToObject(data, "rows");
    for (const char *p = lines, *end; *p; p = *end ? end + 2 : end) {
        end = strstr(p, ",\n");
        if (!end) end = p + strlen(p);
        cJSON *row = json_parse(p, (size_t)(end - p));
        if (!row) {
            cJSON_Delete(data);
            return NULL;
        }
        add_cells(rows, s, row);
        cJSON_Delete(row);
    }
    return data;
}

/* ---- sending ---- */

static bool render(struct req *r, struct buf *out, const char *template, cJSON *data)
{
    struct err err = {0};
    int rc = data ? language_render(r, out, template, data, &err) : err_set(&err, ERR_INPUT, "a row is no JSON");
    if (rc < 0) log_error("%s", err.text);
    cJSON_Delete(data);
    return rc >= 0 && !out->failed;
}

static void ask(struct req *r);

static void refuse(struct req *r)
{
    reply_fault(r, 500, "INTERNAL_ERROR", "The page cannot be shown (request %s)", r->id);
}

/* The lists have become others meanwhile. */
static void cut(struct req *r, const struct order_sending *s)
{
    if (s->head) {
        parts_list_changed_whole(r);
        return;
    }
    r->is_broken = true;
    reply_stream_end(r);
}

static void then_rows(struct req *r, const PGresult *result)
{
    struct order_sending *s = r->state;
    struct buf out = {0};
    if (*PQgetvalue(result, 0, 5) != 't') {
        cut(r, s);
        return;
    }
    int64_t rows = strtoll(PQgetvalue(result, 0, 0), NULL, 10);
    if (s->head) buf_str(&out, s->head);
    bool is_last = rows < ROWS;
    bool is_good = rows == 0 || render(r, &out, "order-rows", rows_of(s, PQgetvalue(result, 0, 2)));
    s->count += rows;
    if (rows > 0) snprintf(s->after, sizeof s->after, "%s", PQgetvalue(result, 0, 1));
    if (is_good && is_last) {
        cJSON *data = cJSON_CreateObject();
        cJSON_AddNumberToObject(data, "count", (double)s->count);
        cJSON_AddBoolToObject(data, "is_open", s->is_open);
        is_good = render(r, &out, "order-foot", data);
    }
    if (s->head && !is_good) {
        refuse(r);
        buf_free(&out);
        return;
    }
    if (s->head) reply_stream_begin_gzip(r, 200, TYPE_HTML);
    s->head = NULL;
    r->is_broken = !is_good;
    bool is_taken = is_good && reply_stream_chunk(r, out.data, out.len, is_last ? NULL : ask);
    buf_free(&out);
    if (!is_taken || is_last) reply_stream_end(r);
}

static void ask(struct req *r)
{
    const struct order_sending *s = r->state;
    if (r->is_gone && !s->head) {
        reply_stream_end(r);
        return;
    }
    const char *values[] = {s->after, req_printf(r, "%d", ROWS), req_param(r, 0), s->mark, NULL, "false"};
    req_query(r, s->page->query, 6, values, then_rows);
}

static void begin(struct req *r, const PGresult *head)
{
    struct order_sending *s = r->state;
    struct buf out = {0};
    s->mark = req_strdup(r, PQgetvalue(head, 0, 2));
    cJSON *data = cJSON_Parse(PQgetvalue(head, 0, 3));
    cJSON_AddStringToObject(data, "title", s->page->title);
    int64_t unread = strtoll(PQgetvalue(head, 0, 0), NULL, 10);
    cJSON_AddStringToObject(data, "unread", PQgetvalue(head, 0, 1));
    if (unread > UNREAD_NAMED) cJSON_AddNumberToObject(data, "more", (double)(unread - UNREAD_NAMED));
    cJSON *columns = cJSON_AddArrayToObject(data, "columns");
    for (const struct order_column *c = s->page->columns; c->title; c++)
        cJSON_AddItemToArray(columns, cJSON_CreateString(c->title));
    if (!render(r, &out, "order-head", data)) {
        refuse(r);
    } else {
        s->head = req_printf(r, "%.*s", (int)out.len, out.data);
        ask(r);
    }
    buf_free(&out);
}

static void look(struct req *r)
{
    order_when_whole(r, begin);
}

static void page(struct req *r, const struct order_page *page)
{
    struct order_sending *s = req_alloc(r, sizeof *s);
    *s = (struct order_sending){.page = page, .language = language_of(r), .after = "0"};
    r->state = s;
    streams_admit(r, look);
}

void web_glass_order_page(struct req *r)
{
    page(r, &glass);
}

void web_cutting_list_page(struct req *r)
{
    page(r, &cutting);
}

void web_stock_list_page(struct req *r)
{
    page(r, &stock);
}
