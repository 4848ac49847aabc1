/* Rows as CSV: the input is JSON, a list of objects; what is written is read again as RFC 4180 has it, with as many
 * cells in each line as there are columns, each with the text that the member has, and an apostrophe before what would
 * be a formula. The first byte chooses whether the columns are known before. short run: 8000 */
#include <math.h>
#include <cjson/cJSON.h>

#include "conf/text/utf8.h"
#include "ipc/queue/queue_message.h"
#include "services/web/cache/csv.h"
#include "tests/fuzz/fuzz.h"

#define COLUMNS "line,code,name,amount,positions"
static const char *const names[] = {"line", "code", "name", "amount", "positions"};
#define COUNT (sizeof names / sizeof *names)

struct reader {
    const char *p, *end;
};

/* The next cell into out; true when a comma follows it, false at the end of a line. */
static bool read_cell(struct reader *r, struct buf *out)
{
    out->len = 0;
    if (r->p < r->end && *r->p == '"') {
        for (r->p++;; r->p++) {
            PROMISE(r->p < r->end);
            if (*r->p == '"' && (r->p + 1 == r->end || r->p[1] != '"')) break;
            if (*r->p == '"') r->p++;
            buf_char(out, *r->p);
        }
        r->p++;
    } else {
        while (r->p < r->end && !strchr(",\r\n", *r->p)) {
            PROMISE(*r->p != '"');
            buf_char(out, *r->p++);
        }
    }
    buf_char(out, 0);
    out->len--;
    PROMISE(!out->failed && r->p < r->end);
    if (*r->p == ',') return r->p++, true;
    PROMISE(r->end - r->p >= 2 && r->p[0] == '\r' && r->p[1] == '\n');
    r->p += 2;
    return false;
}

static bool is_formula(const char *text)
{
    static const char *const signs[] = {"=", "+", "-", "@", "\uff1d", "\uff0b", "\uff0d", "\uff20"};
    for (size_t i = 0; i < sizeof signs / sizeof *signs; i++)
        if (strncmp(text, signs[i], strlen(signs[i])) == 0) return true;
    return false;
}

/* A spreadsheet may begin a cell there. */
static bool is_begin(const char *cell, const char *p)
{
    return p == cell || strchr(";\t\r\n", p[-1]);
}

/* Where a cell may begin no formula does, but an apostrophe before it; nothing else has changed. */
static void check_text(const char *cell, const char *text)
{
    PROMISE(!*cell || !strchr("\t\r\n", *cell));
    for (const char *p = cell; *p; p++, text++) {
        bool has_more = is_begin(cell, p) && *p == '\'' && *text != '\'';
        if (is_begin(cell, p)) PROMISE(!is_formula(p));
        if (has_more) PROMISE(is_formula(text) || (p == cell && strchr("\t\r\n", *text)));
        p += has_more;
        PROMISE(*p == *text && *text);
    }
    PROMISE(!*text);
}

static void check_cell(const struct buf *cell, const cJSON *value)
{
    const char *text = cell->data;
    if (!value || cJSON_IsNull(value) || (cJSON_IsNumber(value) && !isfinite(value->valuedouble))) {
        PROMISE(!*text);
    } else if (cJSON_IsString(value)) {
        check_text(text, value->valuestring);
    } else {
        char *json = cJSON_PrintUnformatted(value);
        PROMISE(json);
        if (cJSON_IsObject(value) || cJSON_IsArray(value))
            check_text(text, json);
        else
            PROMISE(strcmp(text, json) == 0); /* a number may be negative */
        cJSON_free(json);
    }
}

static void check_known(const struct buf *csv, const cJSON *rows)
{
    struct reader r = {csv->data, csv->data + csv->len};
    struct buf cell = {0};
    const cJSON *row;
    for (size_t i = 0; i < COUNT; i++) {
        bool has_more = read_cell(&r, &cell);
        PROMISE(has_more == (i + 1 < COUNT) && strcmp(cell.data, names[i]) == 0);
    }
    cJSON_ArrayForEach(row, rows) {
        for (size_t i = 0; i < COUNT; i++) {
            bool has_more = read_cell(&r, &cell);
            PROMISE(has_more == (i + 1 < COUNT));
            check_cell(&cell, cJSON_GetObjectItemCaseSensitive(row, names[i]));
        }
    }
    PROMISE(r.p == r.end);
    buf_free(&cell);
}

static void check_unnamed(const struct buf *csv, const cJSON *rows)
{
    struct reader r = {csv->data, csv->data + csv->len};
    struct buf cell = {0};
    const cJSON *row, *m;
    if (!rows->child->child) return; /* no columns at all */
    cJSON_ArrayForEach(m, rows->child) {
        PROMISE(read_cell(&r, &cell) == (m->next != NULL));
        check_text(cell.data, m->string);
    }
    cJSON_ArrayForEach(row, rows) {
        if (!row->child) PROMISE(!read_cell(&r, &cell));
        cJSON_ArrayForEach(m, row) {
            PROMISE(read_cell(&r, &cell) == (m->next != NULL));
            check_cell(&cell, m);
        }
    }
    PROMISE(r.p == r.end);
    buf_free(&cell);
}

/* As PostgreSQL sends them: numbers as they came, and nothing between members. */
static bool add_lines(struct buf *lines, const cJSON *rows, const char *between)
{
    const cJSON *row;
    cJSON_ArrayForEach(row, rows) {
        char *text = cJSON_IsObject(row) ? cJSON_PrintUnformatted(row) : NULL;
        if (!text) return false;
        if (row != rows->child) buf_str(lines, between);
        buf_str(lines, text);
        cJSON_free(text);
    }
    return rows && rows->child;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct buf lines = {0}, csv = {0};
    if (size < 1 || !utf8_is_valid((const char *)data + 1, size - 1)) return 0;
    cJSON *rows = cJSON_ParseWithLength((const char *)data + 1, size - 1);
    bool is_known = data[0] & 1;
    if (cJSON_IsArray(rows) && add_lines(&lines, rows, is_known ? ",\n" : "\n")) {
        char *first = cJSON_PrintUnformatted(rows->child);
        if (is_known) csv_add_head(&csv, COLUMNS);
        PROMISE(is_known ? csv_add_rows(&csv, COLUMNS, lines.data) : csv_add_unnamed(&csv, first, lines.data));
        if (is_known)
            check_known(&csv, rows);
        else
            check_unnamed(&csv, rows);
        cJSON_free(first);
    }
    buf_free(&lines);
    buf_free(&csv);
    cJSON_Delete(rows);
    return 0;
}
