/* Reading the feed: see feed.h. */
#include "tests/support/feed.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct feed_world feed;

int feed_start(void **state __attribute__((unused)))
{
    static const char *const environment[] = {"LOG_LEVEL=warning", "CHANGES_LAG_SECONDS=2",
                                              "METRICS_TOKEN=only-for-metrics", NULL};
    web_servers(&feed.web);
    web_run(&feed.web, environment, true);
    web_log_in(&feed.web);
    feed.token = web_client(&feed.web, "erp", "[\"projects:read\",\"elevations:read\"]");
    return 0;
}

int feed_start_filled(void **state)
{
    feed_start(state);
    pg_exec(&feed.web.pg, "INSERT INTO directories (logikal_id, name) VALUES ('d1', 'D 1'), ('d2', 'D 2')");
    pg_exec(&feed.web.pg, "INSERT INTO projects (logikal_id, name, directory_id) VALUES ('p', 'Haus', 2)");
    pg_exec(&feed.web.pg, "INSERT INTO phases (logikal_id, name, project_id) VALUES ('h', 'Phase', 1)");
    pg_exec(&feed.web.pg, "INSERT INTO elevations (logikal_id, name, phase_id, project_id) VALUES ('e1', 'P1', 1, 1)");
    return 0;
}

int feed_stop(void **state __attribute__((unused)))
{
    free(feed.token);
    web_end(&feed.web);
    return 0;
}

struct http_reply feed_ask(const char *query, const char *bearer, const char *more)
{
    char url[600], header[2200];
    snprintf(url, sizeof url, "%s/api/v1/changes%s", feed.web.url, query);
    snprintf(header, sizeof header, "Authorization: Bearer %s", bearer);
    const char *headers[] = {header, more, NULL};
    return http_request("GET", url, headers, NULL);
}

cJSON *feed_page(const char *query)
{
    struct http_reply reply = feed_ask(query, feed.token, NULL);
    if (reply.status != 200) printf("%s: %ld %s\n", query, (long)reply.status, reply.body);
    assert_int_equal(reply.status, 200);
    cJSON *page = cJSON_Parse(reply.body);
    assert_non_null(page);
    http_reply_free(&reply);
    return page;
}

const char *feed_text(const cJSON *object, const char *name)
{
    return cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(object, name));
}

void feed_take_cursor(const cJSON *page, char cursor[100])
{
    snprintf(cursor, 100, "%s", feed_text(page, "next"));
}

void feed_cursor_now(char cursor[100])
{
    pg_settle(&feed.web.pg);
    cJSON *page = feed_page("?since=now");
    assert_int_equal(cJSON_GetArraySize(cJSON_GetObjectItem(page, "changes")), 0);
    feed_take_cursor(page, cursor);
    cJSON_Delete(page);
}

char *feed_story(char cursor[100])
{
    static char out[8000];
    char query[160];
    snprintf(query, sizeof query, "?since=%s", cursor);
    cJSON *page = feed_page(query), *change, *field;
    size_t n = 0;
    out[0] = 0;
    cJSON_ArrayForEach(change, cJSON_GetObjectItem(page, "changes")) {
        n += (size_t)snprintf(out + n, sizeof out - n, "%s %s", feed_text(change, "type"),
                              feed_text(change, "operation"));
        cJSON_ArrayForEach(field, cJSON_GetObjectItem(change, "fields")) {
            char *before = cJSON_PrintUnformatted(cJSON_GetObjectItem(field, "before"));
            char *after = cJSON_PrintUnformatted(cJSON_GetObjectItem(field, "after"));
            bool is_time = strcmp(field->string, "deleted_at") == 0;
            n += (size_t)snprintf(out + n, sizeof out - n, " %s=%s>%s", field->string,
                                  is_time && strcmp(before, "null") != 0 ? "T" : before,
                                  is_time && strcmp(after, "null") != 0 ? "T" : after);
            free(before);
            free(after);
        }
        n += (size_t)snprintf(out + n, sizeof out - n, ";");
    }
    feed_take_cursor(page, cursor);
    cJSON_Delete(page);
    return out;
}
