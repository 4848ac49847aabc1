/* Rows of parts lists as lists (list_more.h). See parts_rows.h. */
#include "services/web/api/parts/parts_rows.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "conf/machine/random.h"
#include "conf/text/json.h"
#include "services/web/cache/csv.h"
#include "services/web/http/accept.h"
#include "services/web/http/reply.h"
#include "services/web/jobs/child.h"

#define TASK      "tasks.sqlite_parser_tasks.parts_table_rows"
#define READS_MAX 2 /* at a time: each is a process */
#define RETRY_S   2
#define FILE_ROWS 1000 /* of a page, unless limit says so */

struct read {
    int64_t first, limit, bound;
};
static int reads;

/* lines, each ended by \n, to objects split by ",\n". */
static void add_split(struct buf *out, const char *lines)
{
    size_t len = strlen(lines);
    for (size_t i = 0; i + 1 < len; i++) {
        if (lines[i] == '\n') buf_char(out, ',');
        buf_char(out, lines[i]);
    }
}

static void reply_rows(struct req *r, const char *names, const char *lines, int64_t count)
{
    static const char *const types[] = {
        [FORM_JSON] = TYPE_JSON, [FORM_LINES] = TYPE_NDJSON, [FORM_CSV] = TYPE_CSV "; charset=utf-8; header=present"};
    const struct read *read = r->state;
    enum form form = accept_form(r);
    struct buf out = {0};
    char next[24] = "";
    bool is_good = true;
    if (count == read->limit) snprintf(next, sizeof next, "%" PRId64, read->bound + read->first + count);
    if (*next) list_link_next(r, next);
    if (form == FORM_JSON) {
        buf_str(&out, "{\"data\":[");
        add_split(&out, lines);
        parts_rows_tail(r, &out, &(struct list_totals){.count = count}, next);
    } else if (form == FORM_LINES) {
        buf_str(&out, lines);
    } else {
        is_good = csv_add_unnamed(&out, names, lines);
    }
    reply_header_default(r, "Vary", "Accept, Accept-Encoding");
    if (!is_good || out.failed)
        reply_detail(r, 500, "The rows cannot be written in this form");
    else
        reply_bytes(r, 200, types[form], out.data ? out.data : "", out.len);
    buf_free(&out);
}

static void on_end(void *arg, const char *output, int status)
{
    struct req *r = arg;
    cJSON *result = cJSON_Parse(output);
    const char *rows = cJSON_GetStringValue(cJSON_GetObjectItem(result, "rows"));
    const char *names = cJSON_GetStringValue(cJSON_GetObjectItem(result, "names"));
    const char *problem = cJSON_GetStringValue(cJSON_GetObjectItem(result, "problem"));
    reads--;
    if (rows && names)
        reply_rows(r, names, rows, json_whole(result, "count", 0));
    else if (problem && cJSON_IsTrue(cJSON_GetObjectItem(result, "is_too_large")))
        reply_detail(r, 400, "The rows are too large for one answer: ask for fewer with limit");
    else if (problem)
        reply_detail(r, 409, "The table could not be read: %s", problem);
    else
        reply_unavailable(r, RETRY_S, "The process that reads the table ended without a result (%s %d)",
                          status < 0 ? "signal" : "exit status", status < 0 ? -status : status);
    cJSON_Delete(result);
}

static void run(struct req *r, const char *sha256, const char *table)
{
    const struct read *read = r->state;
    char id[UUID_TEXT_SIZE];
    struct err err = {0};
    cJSON *kwargs = cJSON_CreateObject();
    cJSON_AddStringToObject(kwargs, "sha256", sha256);
    cJSON_AddStringToObject(kwargs, "table", table);
    cJSON_AddNumberToObject(kwargs, "first", (double)read->first);
    cJSON_AddNumberToObject(kwargs, "limit", (double)read->limit);
    char *text = cJSON_PrintUnformatted(kwargs);
    cJSON_Delete(kwargs);
    if (text && job_child_start(r->web->base, TASK, random_uuid4(id), text, on_end, r, &err))
        reads++;
    else
        reply_unavailable(r, RETRY_S, "The process that reads the table cannot be started");
    cJSON_free(text);
}

void parts_rows_of_file(struct req *r, const char *sha256, const char *table, int64_t bound)
{
    struct read *read = req_alloc(r, sizeof *read);
    const char *limit = req_arg(r, "limit"), *cursor = req_arg(r, "cursor");
    *read = (struct read){cursor ? strtoll(cursor, NULL, 10) % LIST_PLACES : 0,
                          limit ? strtoll(limit, NULL, 10) : FILE_ROWS, bound};
    r->state = read;
    if (reads >= READS_MAX)
        reply_unavailable(r, RETRY_S, "Tables of %d parts lists are being read: ask again", READS_MAX);
    else
        run(r, sha256, table);
}
