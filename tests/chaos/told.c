/* Who is told of changes: a webhook whose receiver refuses, hangs, cuts and forgets now and then, and the load's
 * follower of the feed, which goes on from its cursor. In the end each has the whole journal since it began, in order.
 */
#include "tests/chaos/chaos.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "conf/text/buf.h"
#include "tests/load/client.h"
#include "tests/support/web.h"

#define CLOCK_WRONG_S 7400 /* clock_steps does not go further */

static struct web_server door(struct chaos *c)
{
    struct web_server web = {.port = c->sys.port};
    snprintf(web.url, sizeof web.url, "%s", c->sys.url);
    return web;
}

/* An answer of 200, as JSON; fails else. */
static cJSON *call(struct chaos *c, const char *method, const char *path, const char *token, const char *body)
{
    struct web_server web = door(c);
    struct http_reply reply = web_call(&web, method, path, token, body);
    if (reply.status != 200)
        chaos_fail(c, "%s %s: %d %.300s", method, path, reply.status, reply.body ? reply.body : "");
    cJSON *out = cJSON_Parse(reply.body);
    http_reply_free(&reply);
    return out;
}

static void take_text(const cJSON *object, const char *name, char *out, size_t size)
{
    const char *text = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(object, name));
    snprintf(out, size, "%s", text ? text : "");
}

void told_begin(struct chaos *c)
{
    char body[300];
    cJSON *now = call(c, "GET", "/api/v1/changes?since=now", c->load.client, NULL);
    take_text(now, "next", c->hook_from, sizeof c->hook_from);
    snprintf(body, sizeof body, "{\"url\":\"%s/moods/feed\",\"since\":\"%s\"}", c->receiver.url, c->hook_from);
    cJSON *hook = call(c, "POST", "/api/v1/webhooks", c->load.admin, body);
    take_text(hook, "secret", c->hook_secret, sizeof c->hook_secret);
    cJSON_Delete(now);
    cJSON_Delete(hook);
}

/* ---- the journal, as PostgreSQL has it ---- */

/* Of what lies behind a cursor. */
static char *journal(struct chaos *c, const char *cursor, const char *select)
{
    char sql[700];
    long long at[4];
    if (sscanf(cursor, "%lld-%lld-%lld-%lld", &at[0], &at[1], &at[2], &at[3]) != 4)
        chaos_fail(c, "no cursor: %s", cursor);
    snprintf(sql, sizeof sql,
             "SELECT %s FROM change_items WHERE (epoch, xid, seq, item) > (%lld, '%lld'::xid8, %lld, %lld)", select,
             at[0], at[1], at[2], at[3]);
    return pg_value(&c->sys.pg, sql);
}

static bool is_all_behind(struct chaos *c, const char *cursor)
{
    char *left = journal(c, cursor, "count(*)");
    bool is_so = strcmp(left, "0") == 0;
    free(left);
    return is_so;
}

/* The lines of both must be the same; where they part is told. */
static void compare(struct chaos *c, const char *who, const char *told, const char *from)
{
    char *wanted =
        journal(c, from,
                "coalesce(string_agg(concat_ws('-', epoch, xid, seq, item) || ' ' || object_type || ' ' ||"
                " operation || ' ' || coalesce(row_id, 0) || E'\\n', '' ORDER BY epoch, xid, seq, item), '')");
    size_t same = 0, line = 0, count = 0;
    for (; told[same] && told[same] == wanted[same]; same++)
        if (told[same] == '\n') line = same + 1, count++;
    if (told[same] || wanted[same])
        chaos_fail(c, "%s has %zu changes as they were, then \"%.*s\", where the journal has \"%.*s\"", who, count,
                   (int)strcspn(told + line, "\n"), told + line, (int)strcspn(wanted + line, "\n"), wanted + line);
    printf("%s: %zu changes, none lost, in order\n", who, count);
    if (count == 0) chaos_fail(c, "%s was told nothing: nothing changed", who);
    free(wanted);
}

/* ---- the follower ---- */

static void take_cursor(struct chaos *c, char cursor[120], bool is_first)
{
    char *text = support_read_file(c->load.feed);
    *cursor = 0;
    for (char *line = text, *end; (end = strchr(line, '\n')); line = end + 1) {
        if (*line != '=' || (is_first && *cursor)) continue;
        snprintf(cursor, 120, "%.*s", (int)(end - line - 2), line + 2);
    }
    free(text);
}

/* It has ended with the load: whoever takes its cursor goes on where it was. */
static bool has_follower_all(struct chaos *c)
{
    char cursor[120], path[200];
    take_cursor(c, cursor, false);
    if (is_all_behind(c, cursor)) return true;
    snprintf(path, sizeof path, "/api/v1/changes?limit=500&since=%s", cursor);
    cJSON *page = call(c, "GET", path, c->load.client, NULL);
    FILE *out = fopen(c->load.feed, "ae");
    if (!out || !follower_note(out, page) || fclose(out) != 0) chaos_fail(c, "%s cannot be followed", path);
    cJSON_Delete(page);
    return false;
}

static void check_follower(struct chaos *c)
{
    char from[120];
    chaos_wait(c, "the follower of the feed to have all changes", has_follower_all);
    take_cursor(c, from, true);
    struct buf told = {0};
    char *text = support_read_file(c->load.feed);
    bool has_begun = false; /* the answer to "now" may have what came in the same moment, before the first cursor */
    for (char *line = text, *end; (end = strchr(line, '\n')); line = end + 1) {
        if (*line != '=' && has_begun) buf_add(&told, line, (size_t)(end - line) + 1);
        has_begun = has_begun || *line == '=';
    }
    buf_char(&told, '\0');
    compare(c, "the follower of the feed", told.data, from);
    buf_free(&told);
    free(text);
}

/* ---- the webhook ---- */

static bool has_webhook_all(struct chaos *c)
{
    char path[320];
    snprintf(path, sizeof path, "%s/next", c->receiver.dir);
    char *next = support_read_file(path);
    bool is_so = *next && is_all_behind(c, next);
    free(next);
    for (int i = 0; i < 10 && !is_so; i++) support_pause();
    return is_so;
}

struct chain {
    char next[120];
    struct buf told;
    const cJSON *got;
    int messages, again;
};

static const char *id_of(const cJSON *request)
{
    const cJSON *headers = cJSON_GetObjectItemCaseSensitive(request, "headers");
    const char *id = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(headers, "webhook-id"));
    return id ? id : "";
}

/* The same message once more has the same body. */
static bool is_again(struct chaos *c, const struct chain *chain, const cJSON *request)
{
    char raw[2][100];
    for (const cJSON *r = chain->got->child; r != request; r = r->next) {
        if (strcmp(id_of(r), id_of(request)) != 0) continue;
        const char *before = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(r, "raw"));
        const char *now = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(request, "raw"));
        snprintf(raw[0], sizeof raw[0], "%s", before);
        snprintf(raw[1], sizeof raw[1], "%s", now);
        if (strcmp(before, now) != 0)
            chaos_fail(c, "the webhook's message %s came again with another body: %s %s", id_of(r), raw[0], raw[1]);
        return true;
    }
    return false;
}

/* Is the first cursor before the second? What lies between two of them is seen when all is compared with the journal.
 */
static bool is_before(struct chaos *c, const char *cursor, const char *other)
{
    long long a[4], b[4];
    if (sscanf(cursor, "%lld-%lld-%lld-%lld", &a[0], &a[1], &a[2], &a[3]) != 4 ||
        sscanf(other, "%lld-%lld-%lld-%lld", &b[0], &b[1], &b[2], &b[3]) != 4)
        chaos_fail(c, "no cursors: %s and %s", cursor, other);
    int i = 0;
    while (i < 3 && a[i] == b[i]) i++;
    return a[i] < b[i];
}

static void add_message(struct chaos *c, struct chain *chain, const cJSON *request)
{
    char since[120], type[40];
    const cJSON *body = cJSON_GetObjectItemCaseSensitive(request, "body");
    const cJSON *data = cJSON_GetObjectItemCaseSensitive(body, "data"), *change;
    take_text(body, "type", type, sizeof type);
    take_text(data, "since", since, sizeof since);
    if (strcmp(type, "changes") != 0) chaos_fail(c, "the webhook was told \"%s\"", type);
    if (is_before(c, since, chain->next))
        chaos_fail(c, "the webhook was told what follows %s, and had all before %s", since, chain->next);
    take_text(data, "next", chain->next, sizeof chain->next);
    cJSON_ArrayForEach(change, cJSON_GetObjectItemCaseSensitive(data, "changes")) {
        char cursor[120], of[40], operation[40];
        const cJSON *id = cJSON_GetObjectItemCaseSensitive(change, "id");
        take_text(change, "cursor", cursor, sizeof cursor);
        take_text(change, "type", of, sizeof of);
        take_text(change, "operation", operation, sizeof operation);
        buf_printf(&chain->told, "%s %s %s %.0f\n", cursor, of, operation, id ? id->valuedouble : 0);
    }
    chain->messages++;
}

static void check_webhook(struct chaos *c)
{
    chaos_wait(c, "the webhook to have been told of all changes", has_webhook_all);
    cJSON *got = receiver_got(&c->receiver, "/moods/feed");
    struct chain chain = {.got = got};
    const cJSON *request;
    snprintf(chain.next, sizeof chain.next, "%s", c->hook_from);
    cJSON_ArrayForEach(request, got) {
        if (is_again(c, &chain, request))
            chain.again++;
        else
            add_message(c, &chain, request);
    }
    buf_char(&chain.told, '\0');
    compare(c, "the webhook", chain.told.data, c->hook_from);
    char *forged = receiver_forged(&c->receiver, c->hook_secret, CLOCK_WRONG_S);
    if (*forged) chaos_fail(c, "the webhook's signatures: %.1500s", forged);
    printf("the webhook: %d messages, %d sent again, all signed\n", chain.messages, chain.again);
    free(forged);
    buf_free(&chain.told);
    cJSON_Delete(got);
}

void told_calm(struct chaos *c)
{
    char path[320];
    snprintf(path, sizeof path, "%s/calm", c->receiver.dir);
    FILE *f = fopen(path, "we");
    if (!f || fclose(f) != 0) chaos_fail(c, "%s cannot be written", path);
}

void check_told(struct chaos *c)
{
    check_follower(c);
    check_webhook(c);
}
