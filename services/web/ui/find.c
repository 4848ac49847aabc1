/* Everything that is stored as one table: found by words, kind, state and directory, sorted, page by page, and as CSV.
 */
#include "services/web/ui/find.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "conf/text/buf.h"
#include "conf/text/json.h"
#include "services/store/ui/ui_find.h"
#include "services/web/gate/handlers.h"
#include "services/web/http/reply.h"
#include "services/web/ui/page.h"

#define SHOWN      50
#define SHOWN_TEXT "50"
#define CSV_LINES  "20000" /* more are told of in the last line */

static const char *const names[] = {"q", "kind", "state", "directory", "sort"};
enum { Q, KIND, STATE, DIRECTORY, SORT, COUNT };

/* What a filter may be; what it may not be is told, and left out. */
static const char *const kinds[] = {"directory", "project", "phase", "elevation", NULL};
static const char *const states[] = {"failing", "waiting", "old", "excluded", "gone", "all", NULL};
static const char *const sorts[] = {"name", "-name", "changed", "-changed", "read", "-read", NULL};

static const char *asked(struct req *r, int which)
{
    const char *text = req_arg(r, names[which]);
    return text ? text : "";
}

bool ui_find_is_asked(struct req *r)
{
    return *asked(r, Q) || *asked(r, KIND) || *asked(r, STATE) || *asked(r, SORT);
}

static bool is_among(const char *text, const char *const *words)
{
    for (; *words; words++)
        if (strcmp(*words, text) == 0) return true;
    return false;
}

/* The filter as it is obeyed; p, where there is a page, tells of what is not. */
static void read_filter(struct req *r, struct ui_page *p, const char *values[COUNT])
{
    static const char *const *const among[COUNT] = {[KIND] = kinds, [STATE] = states, [SORT] = sorts};
    for (int i = 0; i < COUNT; i++) {
        values[i] = asked(r, i);
        if (!*values[i] || !among[i] || is_among(values[i], among[i])) continue;
        if (p) ui_page_fault(p, "Not filtered by %s: there is no \"%s\".", names[i], values[i]);
        values[i] = "";
    }
    size_t len = strlen(values[DIRECTORY]);
    if (strspn(values[DIRECTORY], "0123456789") == len && len <= 9) return;
    if (p) ui_page_fault(p, "Not filtered by directory: \"%s\" is no number of one.", values[DIRECTORY]);
    values[DIRECTORY] = "";
}

/* ---- the page ---- */

/* The beginning of the query of another page of the same list; without its order, where another one is asked for. */
static char *query_of(const char *const values[COUNT], bool with_sort)
{
    struct buf out = {0};
    for (int i = 0; i < COUNT; i++) {
        if (!*values[i] || (i == SORT && !with_sort)) continue;
        char *encoded = evhttp_uriencode(values[i], -1, false);
        buf_printf(&out, "%s=%s&", names[i], encoded ? encoded : "");
        free(encoded);
    }
    return out.failed ? NULL : out.data;
}

/* A column's head: which order a click asks for, and which it has. */
static void add_column(cJSON *columns, const char *name, const char *sort)
{
    bool is_up = strcmp(sort, name) == 0, is_down = *sort == '-' && strcmp(sort + 1, name) == 0;
    /* Names begin with A, times with the newest. */
    bool is_time = strcmp(name, "name") != 0;
    char next[16];
    snprintf(next, sizeof next, "%s%s", is_time ? (is_down ? "" : "-") : (is_up ? "-" : ""), name);
    cJSON *column = cJSON_AddObjectToObject(columns, name);
    cJSON_AddStringToObject(column, "next", next);
    cJSON_AddStringToObject(column, "aria", is_up ? "ascending" : is_down ? "descending" : "none");
    cJSON_AddStringToObject(column, "mark", is_up ? "▲" : is_down ? "▼" : "");
}

static void add_filter(cJSON *data, const char *const values[COUNT], long number)
{
    cJSON *filter = cJSON_AddObjectToObject(data, "filter"), *columns = cJSON_AddObjectToObject(data, "columns");
    for (int i = 0; i < COUNT; i++) cJSON_AddStringToObject(filter, names[i], values[i]);
    char *query = query_of(values, true), *unsorted = query_of(values, false);
    cJSON_AddStringToObject(filter, "query", query ? query : "");
    cJSON_AddStringToObject(filter, "unsorted", unsorted ? unsorted : "");
    free(query);
    free(unsorted);
    for (int i = 0; i < 3; i++)
        add_column(columns, ((const char *const[]){"name", "changed", "read"})[i], values[SORT]);
    cJSON_AddNumberToObject(data, "number", (double)number);
}

/* 10000 as "10 000", with blanks at which no line ends. */
static void add_count(cJSON *to, const char *name, double number)
{
    char digits[32], out[80];
    size_t len = (size_t)snprintf(digits, sizeof digits, "%.0f", number), n = 0;
    for (size_t i = 0; i < len; i++) {
        if (i && (len - i) % 3 == 0) n += (size_t)snprintf(out + n, sizeof out - n, "\u00a0");
        out[n++] = digits[i];
    }
    out[n] = 0;
    cJSON_AddStringToObject(to, name, out);
}

static void prepare(struct ui_page *p)
{
    cJSON *data = ui_page_data(p), *found = cJSON_GetObjectItemCaseSensitive(data, "found");
    if (!found) return;
    double total = json_number(found, "total", 0), gone = json_number(found, "gone", 0);
    double number = json_number(data, "number", 1), first = (number - 1) * SHOWN;
    int shown = cJSON_GetArraySize(cJSON_GetObjectItemCaseSensitive(found, "rows"));
    add_count(data, "total_text", total);
    add_count(data, "stored_text", json_number(found, "stored", 0));
    const char *state = json_text(cJSON_GetObjectItemCaseSensitive(data, "filter"), "state");
    if (gone > 0 && !*state) add_count(data, "gone_text", gone);
    if (shown) {
        add_count(data, "first", first + 1);
        add_count(data, "last", first + shown);
    }
    if (number > 1) cJSON_AddNumberToObject(data, "before", number - 1);
    if (first + shown < total && shown) cJSON_AddNumberToObject(data, "next", number + 1);
}

void ui_find_show(struct req *r)
{
    static const struct ui_look look = {"find", "browse", "Browse", ""};
    const char *page = req_arg(r, "page"), *values[COUNT];
    long number = page ? strtol(page, NULL, 10) : 1;
    if (number < 1 || number > 1000000) number = 1;
    struct ui_page *p = ui_page_new(r, &look);
    read_filter(r, p, values);
    add_filter(ui_page_data(p), values, number);
    ui_page_sql(p, "found", &ui_query_find, 7,
                (const char *[]){values[Q], values[KIND], values[STATE], values[DIRECTORY], values[SORT], SHOWN_TEXT,
                                 req_printf(r, "%ld", (number - 1) * SHOWN)});
    ui_page_sql(p, "directories", &ui_query_find_directories, 1, (const char *[]){values[DIRECTORY]});
    ui_page_before(p, prepare);
    ui_page_go(p);
}

/* ---- export ---- */

static void then_export(struct req *r, const PGresult *result)
{
    reply_header(r, "Content-Disposition", "attachment; filename=\"objects.csv\"");
    reply_bytes(r, 200, "text/csv; charset=utf-8", PQgetvalue(result, 0, 0), (size_t)PQgetlength(result, 0, 0));
}

void web_ui_browse_export(struct req *r)
{
    const char *values[COUNT];
    read_filter(r, NULL, values);
    req_query(r, &ui_query_find_csv, 6,
              (const char *[]){values[Q], values[KIND], values[STATE], values[DIRECTORY], values[SORT], CSV_LINES},
              then_export);
}
