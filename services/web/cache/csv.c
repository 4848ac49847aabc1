/* Rows of JSON as CSV, with formulas of spreadsheets made harmless. */
#include "services/web/cache/csv.h"

#include <string.h>

#include "ipc/queue/queue_message.h"

/* Does a spreadsheet take what begins here for a formula? Also in the wide letters of East Asian keyboards. */
static bool is_formula(const char *text)
{
    static const char *const wide[] = {"\uff1d", "\uff0b", "\uff0d", "\uff20"}; /* = + - @ */
    for (size_t i = 0; i < sizeof wide / sizeof *wide; i++)
        if (strncmp(text, wide[i], strlen(wide[i])) == 0) return true;
    return *text && strchr("=+-@", *text);
}

static bool is_blank(char c)
{
    return c == '\t' || c == '\r' || c == '\n';
}

/* Does a formula begin behind this one? With a comma for decimals a spreadsheet splits lines at semicolons, and knows
 * nothing of our quotes. */
static bool leads_to_formula(const char *p)
{
    return (*p == ';' || is_blank(*p)) && is_formula(p + 1);
}

static void add_text(struct buf *out, const char *text)
{
    bool is_risky = is_formula(text) || is_blank(*text), is_plain = !is_risky;
    for (const char *p = text; *p && is_plain; p++) is_plain = !strchr(",\"\r\n", *p) && !leads_to_formula(p);
    if (is_plain) {
        buf_str(out, text);
        return;
    }
    buf_str(out, is_risky ? "\"'" : "\"");
    for (const char *p = text; *p; p++) {
        if (*p == '"') buf_char(out, '"');
        buf_char(out, *p);
        if (leads_to_formula(p)) buf_char(out, '\'');
    }
    buf_char(out, '"');
}

static void add_value(struct buf *out, const cJSON *value)
{
    if (!value || cJSON_IsNull(value)) return;
    if (cJSON_IsString(value)) {
        add_text(out, value->valuestring);
        return;
    }
    char *text = cJSON_PrintUnformatted(value);
    bool has_texts = cJSON_IsObject(value) || cJSON_IsArray(value); /* a number may be negative */
    if (text && has_texts)
        add_text(out, text);
    else if (text)
        buf_str(out, text);
    else
        out->failed = true;
    cJSON_free(text);
}

void csv_add_head(struct buf *out, const char *columns)
{
    buf_str(out, columns);
    buf_str(out, "\r\n");
}

static void add_row(struct buf *out, const char *columns, const cJSON *row)
{
    char name[64];
    for (const char *p = columns; *p; p += strcspn(p, ","), p += *p == ',') {
        size_t len = strcspn(p, ",");
        if (len >= sizeof name) len = sizeof name - 1;
        memcpy(name, p, len);
        name[len] = 0;
        if (p != columns) buf_char(out, ',');
        add_value(out, cJSON_GetObjectItemCaseSensitive(row, name));
    }
    buf_str(out, "\r\n");
}

/* Numbers keep the text that they came with: a double holds no integer of 17 digits. NULL: it is no object. */
static cJSON *read_row(const char *text, size_t len)
{
    cJSON *row = json_parse(text, len);
    if (cJSON_IsObject(row)) {
        json_exact(row->child);
        return row;
    }
    cJSON_Delete(row);
    return NULL;
}

bool csv_add_rows(struct buf *out, const char *columns, const char *lines)
{
    for (const char *p = lines, *end; *p && !out->failed; p = *end ? end + 2 : end) {
        end = strstr(p, ",\n"); /* no object has such a comma in it */
        if (!end) end = p + strlen(p);
        cJSON *row = read_row(p, (size_t)(end - p));
        if (!row) return false;
        add_row(out, columns, row);
        cJSON_Delete(row);
    }
    return !out->failed;
}

static void add_members(struct buf *out, const cJSON *row, bool is_head)
{
    for (const cJSON *m = row->child; m; m = m->next) {
        if (m != row->child) buf_char(out, ',');
        if (is_head)
            add_text(out, m->string);
        else
            add_value(out, m);
    }
    buf_str(out, "\r\n");
}

bool csv_add_unnamed(struct buf *out, const char *names, const char *lines)
{
    cJSON *head = read_row(names, strlen(names));
    if (!head) return false;
    add_members(out, head, true);
    cJSON_Delete(head);
    for (const char *p = lines, *end; *p && !out->failed; p = end + (*end != 0)) {
        end = strchrnul(p, '\n');
        cJSON *row = read_row(p, (size_t)(end - p));
        if (!row) return false;
        add_members(out, row, false);
        cJSON_Delete(row);
    }
    return !out->failed;
}
