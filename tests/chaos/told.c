/* Who is told of changes: a webhook whose receiver refuses, hangs, cuts and forgets now and then, and the load's
 * follower of the feed, which goes on from its cursor. In the end each has the whole journal since it began, in order.
 */
#include "tests/chaos/chaos.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "conf/text/buf.h"
#include "tests/load/journal.h"
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

/* All that somebody was told since the cursor is the journal, in order. */
static void hold(struct chaos *c, const char *who, char *difference, size_t count)
{
    if (*difference) chaos_fail(c, "%s: %s", who, difference);
    printf("%s: %zu changes, none lost, in order\n", who, count);
    if (count == 0) chaos_fail(c, "%s was told nothing: nothing changed", who);
    free(difference);
}

static bool has_follower_all(struct chaos *c)
{
    return follower_has_all(&c->load);
}

static void check_follower(struct chaos *c)
{
    size_t count = 0;
    chaos_wait(c, "the follower of the feed to have all changes", has_follower_all);
    char *difference = follower_difference(&c->load, &count);
    hold(c, "the follower of the feed", difference, count);
}

/* ---- the webhook ---- */

static bool has_webhook_all(struct chaos *c)
{
    char path[320];
    snprintf(path, sizeof path, "%s/next", c->receiver.dir);
    char *next = support_read_file(path);
    bool is_so = *next && journal_is_behind(&c->sys.pg, next);
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
    size_t count = 0;
    snprintf(chain.next, sizeof chain.next, "%s", c->hook_from);
    cJSON_ArrayForEach(request, got) {
        if (is_again(c, &chain, request))
            chain.again++;
        else
            add_message(c, &chain, request);
    }
    buf_char(&chain.told, '\0');
    char *difference = journal_difference(&c->sys.pg, c->hook_from, chain.told.data, &count);
    hold(c, "the webhook", difference, count);
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
