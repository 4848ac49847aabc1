/* A mirror of the elevations: see mirror.h. */
#include "tests/support/mirror.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cjson/cJSON.h>

#include "tests/support/feed.h"

static struct http_reply ask(const struct mirror *m, const char *path)
{
    char full[4500];
    snprintf(full, sizeof full, "/api/v1/changes%s", path);
    return web_call(m->web, "GET", full, m->token, NULL);
}

void mirror_clear(struct mirror *m)
{
    for (int i = 0; i < MIRROR_ROWS; i++) {
        free(m->names[i]);
        m->names[i] = NULL;
    }
}

static int row_of(const cJSON *object)
{
    int id = cJSON_GetObjectItem(object, "id")->valueint;
    assert_in_range(id, 1, MIRROR_ROWS - 1);
    return id;
}

void mirror_begin(struct mirror *m, char cursor[4200])
{
    struct http_reply reply = ask(m, "/snapshot?types=elevation");
    assert_int_equal(reply.status, 200);
    assert_non_null(strcasestr(reply.headers, "application/x-ndjson"));
    cursor[0] = 0;
    for (char *save = NULL, *line = strtok_r(reply.body, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
        cJSON *object = cJSON_Parse(line);
        assert_non_null(object);
        assert_int_equal(cursor[0], 0); /* nothing behind the last line */
        if (cJSON_HasObjectItem(object, "next")) {
            snprintf(cursor, 4200, "%s", feed_text(object, "next"));
        } else {
            int id = row_of(object);
            assert_string_equal(feed_text(object, "type"), "elevation");
            assert_null(m->names[id]);
            m->names[id] = strdup(feed_text(cJSON_GetObjectItem(object, "fields"), "name"));
        }
        cJSON_Delete(object);
    }
    assert_int_not_equal(cursor[0], 0);
    http_reply_free(&reply);
}

/* Each change has to fit what the mirror has: what is created is not there yet, what changes was as it says. */
static void mirror_apply(struct mirror *m, const cJSON *change)
{
    const char *operation = feed_text(change, "operation");
    const cJSON *name = cJSON_GetObjectItem(cJSON_GetObjectItem(change, "fields"), "name");
    int id = row_of(change);
    if (strcmp(operation, "created") == 0) {
        if (m->names[id]) fail_msg("%d is created twice (%s)", id, feed_text(change, "cursor"));
        m->names[id] = strdup(feed_text(name, "after"));
        return;
    }
    if (!m->names[id]) fail_msg("%d: %s, and was never there (%s)", id, operation, feed_text(change, "cursor"));
    if (name) assert_string_equal(feed_text(name, "before"), m->names[id]);
    free(m->names[id]);
    bool is_gone = strcmp(operation, "vanished") == 0 || strcmp(operation, "deleted") == 0;
    m->names[id] = is_gone ? NULL : strdup(name ? feed_text(name, "after") : "?");
}

bool mirror_follow(struct mirror *m, char cursor[4200], int limit, int most)
{
    char path[4400];
    snprintf(path, sizeof path, "?types=elevation&limit=%d&since=%s", limit, cursor);
    struct http_reply reply = ask(m, path);
    if (reply.status != 200) printf("%s: %s\n", path, reply.body);
    assert_int_equal(reply.status, 200);
    cJSON *page = cJSON_Parse(reply.body), *change, *changes = cJSON_GetObjectItem(page, "changes");
    int count = 0, size = cJSON_GetArraySize(changes);
    assert_in_range(size, 0, limit);
    cJSON_ArrayForEach(change, changes) {
        if (count == most) break;
        mirror_apply(m, change);
        snprintf(cursor, 4200, "%s", feed_text(change, "cursor"));
        count++;
    }
    if (count == size) snprintf(cursor, 4200, "%s", feed_text(page, "next"));
    bool has_more = count < size || cJSON_IsTrue(cJSON_GetObjectItem(page, "has_more"));
    cJSON_Delete(page);
    http_reply_free(&reply);
    return has_more;
}

void mirror_follow_somehow(struct mirror *m, char cursor[4200])
{
    int limit = rand() % 4 == 0 ? 1 + rand() % 3 : 97;
    mirror_follow(m, cursor, limit, rand() % 3 == 0 ? rand() % limit : limit);
}

bool mirror_is_at_end(const struct mirror *m, const char *cursor)
{
    char *end = pg_value(&m->web->pg, "SELECT concat_ws('-', epoch, xid, seq, cardinality(row_ids)) FROM changes"
                                      " ORDER BY epoch DESC, xid DESC, seq DESC LIMIT 1");
    bool is = strcmp(cursor, end) == 0;
    free(end);
    return is;
}

void mirror_compare(const struct mirror *m)
{
    PGconn *conn = pg_connect(&m->web->pg);
    PGresult *rows = PQexec(conn, "SELECT id, name FROM elevations WHERE deleted_at IS NULL");
    int there = 0;
    for (int i = 0; i < MIRROR_ROWS; i++) there += m->names[i] != NULL;
    for (int i = 0; i < PQntuples(rows); i++) {
        const char *name = m->names[strtol(PQgetvalue(rows, i, 0), NULL, 10)];
        if (!name) fail_msg("%s is missing", PQgetvalue(rows, i, 0));
        assert_string_equal(name, PQgetvalue(rows, i, 1));
    }
    assert_int_equal(there, PQntuples(rows));
    PQclear(rows);
    PQfinish(conn);
}
