/* See journal.h. */
#include "tests/load/journal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "conf/text/buf.h"
#include "tests/load/client.h"
#include "tests/support/web.h"

/* Of what lies behind a cursor. */
static char *journal(struct pg_server *pg, const char *cursor, const char *select)
{
    char sql[700];
    long long at[4];
    if (sscanf(cursor, "%lld-%lld-%lld-%lld", &at[0], &at[1], &at[2], &at[3]) != 4) fail_msg("no cursor: %s", cursor);
    snprintf(sql, sizeof sql,
             "SELECT %s FROM change_items WHERE (epoch, xid, seq, item) > (%lld, '%lld'::xid8, %lld, %lld)", select,
             at[0], at[1], at[2], at[3]);
    return pg_value(pg, sql);
}

bool journal_is_behind(struct pg_server *pg, const char *cursor)
{
    char *left = journal(pg, cursor, "count(*)");
    bool is_so = strcmp(left, "0") == 0;
    free(left);
    return is_so;
}

char *journal_difference(struct pg_server *pg, const char *from, const char *told, size_t *count)
{
    char *wanted =
        journal(pg, from,
                "coalesce(string_agg(concat_ws('-', epoch, xid, seq, item) || ' ' || object_type || ' ' ||"
                " operation || ' ' || coalesce(row_id, 0) || E'\\n', '' ORDER BY epoch, xid, seq, item), '')");
    struct buf out = {0};
    size_t same = 0, line = 0;
    buf_str(&out, "");
    *count = 0;
    for (; told[same] && told[same] == wanted[same]; same++)
        if (told[same] == '\n') line = same + 1, ++*count;
    if (told[same] || wanted[same])
        buf_printf(&out, "%zu changes are as they were, then \"%.*s\", where the journal has \"%.*s\"", *count,
                   (int)strcspn(told + line, "\n"), told + line, (int)strcspn(wanted + line, "\n"), wanted + line);
    free(wanted);
    return buf_steal(&out);
}

/* ---- the follower ---- */

static void take_cursor(const struct load *l, char cursor[120], bool is_first)
{
    char *text = support_read_file(l->feed);
    *cursor = 0;
    for (char *line = text, *end; (end = strchr(line, '\n')); line = end + 1) {
        if (*line != '=' || (is_first && *cursor)) continue;
        snprintf(cursor, 120, "%.*s", (int)(end - line - 2), line + 2);
    }
    free(text);
}

bool follower_has_begun(const struct load *l)
{
    char cursor[120];
    take_cursor(l, cursor, true);
    return *cursor;
}

bool follower_has_all(struct load *l)
{
    char cursor[120], path[200];
    struct web_server web = {.port = l->sys->port};
    take_cursor(l, cursor, false);
    if (journal_is_behind(&l->sys->pg, cursor)) return true;
    snprintf(web.url, sizeof web.url, "%s", l->sys->url);
    snprintf(path, sizeof path, "/api/v1/changes?limit=500&since=%s", cursor);
    struct http_reply reply = web_call(&web, "GET", path, l->client, NULL);
    cJSON *page = reply.status == 200 ? cJSON_Parse(reply.body) : NULL;
    FILE *out = fopen(l->feed, "ae");
    if (!page || !out || !follower_note(out, page) || fclose(out) != 0)
        fail_msg("%s cannot be followed: %d %.300s", path, reply.status, reply.body ? reply.body : "");
    cJSON_Delete(page);
    http_reply_free(&reply);
    return false;
}

char *follower_difference(struct load *l, size_t *count)
{
    char from[120];
    struct buf told = {0};
    take_cursor(l, from, true);
    char *text = support_read_file(l->feed);
    buf_str(&told, "");
    bool has_begun = false; /* the answer to "now" may have what came in the same moment, before the first cursor */
    for (char *line = text, *end; (end = strchr(line, '\n')); line = end + 1) {
        if (*line != '=' && has_begun) buf_add(&told, line, (size_t)(end - line) + 1);
        has_begun = has_begun || *line == '=';
    }
    char *difference = journal_difference(&l->sys->pg, from, told.data, count);
    buf_free(&told);
    free(text);
    return difference;
}
