/* Messages that are too large to be shown, wherever they lie: whoever looks learns what they are and how large, and no
 * look takes more room, or holds Redis up for longer, than is set. */
#include "tests/support/asked.h"

#define LARGE_HEAD "\"headers\": {\"task\": \"t\", \"id\": \"i\", \"eta\": \"2099-01-01T00:00:00\"}"
static const struct {
    const char *begin, *filling, *end;
    bool is_read; /* its id can be found */
} large[] = {
    {"{\"body\": \"", "W1tdLCB7fSwge31d", "\", \"content-type\": \"application/json\", " LARGE_HEAD "}", true},
    {"{" LARGE_HEAD ", \"content-type\": \"application/json\", \"body\": \"", "W1tdLCB7fSwge31d", "\"}", true},
    {"{\"body\":\"[[", "\\\"headers\\\": {\\\"id\\\": 1}, ", "1], {}, {}]\"," LARGE_HEAD ",\"properties\":{}}", true},
    {"{\"properties\": {\"correlation_id\": \"i\"}, " LARGE_HEAD ", \"body\" : \"", "\\\\", "\"}", true},
    {"x", "x", "x", false},
    {"{\"headers\": {", "{", "", false},
};

static char *make_large(size_t kind, size_t size)
{
    struct buf out = {0};
    buf_str(&out, large[kind].begin);
    while (out.len < size) buf_str(&out, large[kind].filling);
    buf_str(&out, large[kind].end);
    return buf_steal(&out);
}

/* In every place where messages are; unacked and dead as a worker writes them. */
static void put_large(const char *message, const char *name)
{
    struct buf entry = {0}, dead = {0};
    asked_put("RPUSH", "k:sync", message, NULL);
    buf_printf(&entry, "[%s, \"\", \"sync\"]", message);
    asked_put("HSET", "k:unacked", name, entry.data);
    asked_put("ZADD", "k:unacked_index", "1", name);
    buf_reset(&entry);
    buf_printf(&entry, "k:sync\ni\n%s", message);
    asked_put("HSET", "k:logikald.scheduled.messages", name, entry.data);
    asked_put("ZADD", "k:logikald.scheduled", "1795506957222", name);
    buf_printf(&dead, "{\"reason\": \"r\", \"id\": \"i\", \"size_bytes\": %zu, \"message\": ", strlen(message));
    buf_json_string(&dead, message, strlen(message));
    buf_char(&dead, '}');
    asked_put("RPUSH", "k:logikald.dead", dead.data, NULL);
    buf_free(&entry);
    buf_free(&dead);
}

static void on_found(void *arg, int64_t count, bool is_whole, const cJSON *entries, const struct err *err)
{
    (void)count, (void)is_whole;
    asked_on_list(arg, entries, err);
}

/* What is listed, or found by a search for all; to be freed. */
static cJSON *look_at(enum queue_view view, bool is_search)
{
    const struct queue_sweep all = {.view = view, .queue = "sync", .wanted = 1000};
    asked_begin();
    int rc = is_search ? queue_sweep(asked.queue, &all, SWEEP_LOOK, on_found, NULL, &asked.refused)
                       : queue_list(asked.queue, view, "sync", 0, 1000, asked_on_list, NULL, &asked.refused);
    assert_int_equal(rc, 0);
    asked_wait();
    assert_string_equal(asked.answer.error, "");
    return cJSON_Parse(asked.answer.json);
}

static const struct {
    enum queue_view view;
    bool is_search;
} looks[] = {{QUEUE_WAITING, false}, {QUEUE_UNACKED, false},  {QUEUE_SCHEDULED, false}, {QUEUE_DEAD, false},
             {QUEUE_WAITING, true},  {QUEUE_SCHEDULED, true}, {QUEUE_DEAD, true}};

/* Whoever looks learns what it is and how large, and needs no room for it. */
TEST(test_of_large_messages_the_head_is_shown)
{
    for (size_t kind = 0; kind < sizeof large / sizeof *large; kind++) {
        char *message = make_large(kind, 1200000);
        double size = (double)strlen(message);
        put_large(message, "e1.1");
        free(message);
        for (size_t i = 0; i < sizeof looks / sizeof *looks; i++) {
            cJSON *list = look_at(looks[i].view, looks[i].is_search), *one = cJSON_GetArrayItem(list, 0);
            const char *id = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(one, "id"));
            bool is_read = large[kind].is_read || looks[i].view == QUEUE_DEAD;
            cJSON *kwargs = cJSON_GetObjectItemCaseSensitive(one, "kwargs");
            if (cJSON_GetArraySize(list) != 1 || strlen(asked.answer.json) > 4096 || (id != NULL) != is_read ||
                cJSON_GetNumberValue(cJSON_GetObjectItemCaseSensitive(one, "size_bytes")) != size ||
                !cJSON_GetObjectItemCaseSensitive(kwargs, "(left out)"))
                fail_msg("kind %zu, look %zu: %.2000s", kind, i, asked.answer.json);
            cJSON_Delete(list);
        }
        freeReplyObject(redisCommand(asked.rig.redis, "FLUSHALL"));
    }
}

/* Small ones are whole as long as there is room for all of them together. */
TEST(test_all_that_is_shown_is_bounded)
{
    char name[16], *message = make_large(0, 300000);
    for (int i = 0; i < 20; i++) {
        snprintf(name, sizeof name, "e1.%d", i);
        put_large(message, name);
    }
    free(message);
    for (size_t i = 0; i < sizeof looks / sizeof *looks; i++) {
        int whole = 0;
        cJSON *list = look_at(looks[i].view, looks[i].is_search), *one;
        cJSON_ArrayForEach(one, list) {
            const cJSON *kwargs = cJSON_GetObjectItemCaseSensitive(one, "kwargs");
            whole += !cJSON_GetObjectItemCaseSensitive(kwargs, "(left out)");
        }
        assert_int_equal(cJSON_GetArraySize(list), 20);
        /* A search looks at a part at a time, and each part has its room. */
        assert_in_range(whole, 13, looks[i].is_search ? 19 : 13);
        cJSON_Delete(list);
    }
}

/* Redis is not held up for as long as gigabytes take: behind 64 MiB it is only told that something is there. */
TEST(test_all_that_is_looked_at_is_bounded)
{
    char *message = make_large(0, 4000000);
    int looked_at = 0;
    for (int i = 0; i < 20; i++) asked_put("RPUSH", "k:sync", message, NULL);
    free(message);
    cJSON *list = look_at(QUEUE_WAITING, false), *one;
    cJSON_ArrayForEach(one, list) {
        const cJSON *kwargs = cJSON_GetObjectItemCaseSensitive(one, "kwargs");
        const char *told = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(kwargs, "(left out)"));
        assert_non_null(told);
        looked_at += strstr(told, "not looked at") == NULL;
    }
    assert_int_equal(cJSON_GetArraySize(list), 20);
    assert_int_equal(looked_at, 17);
    cJSON_Delete(list);
}

/* What was not looked at has no name, and nobody can take the missing name for all of them. */
TEST(test_dead_letters_that_are_not_looked_at_have_no_name)
{
    struct buf dead = {0};
    char *message = make_large(0, 4000000);
    int nameless = 0;
    buf_printf(&dead, "{\"reason\": \"r\", \"id\": \"i\", \"size_bytes\": %zu, \"message\": ", strlen(message));
    buf_json_string(&dead, message, strlen(message));
    buf_char(&dead, '}');
    for (int i = 0; i < 20; i++) asked_put("RPUSH", "k:logikald.dead", dead.data, NULL);
    buf_free(&dead);
    free(message);
    cJSON *list = look_at(QUEUE_DEAD, false), *one;
    cJSON_ArrayForEach(one, list) {
        const cJSON *kwargs = cJSON_GetObjectItemCaseSensitive(one, "kwargs");
        const char *letter = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(one, "letter"));
        const char *told = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(kwargs, "(left out)"));
        assert_non_null(told);
        assert_int_equal(letter == NULL, strstr(told, "not looked at") != NULL);
        if (letter) assert_int_equal(strlen(letter), 40);
        assert_null(cJSON_GetObjectItemCaseSensitive(one, "left_out"));
        nameless += letter == NULL;
    }
    assert_int_equal(cJSON_GetArraySize(list), 20);
    assert_in_range(nameless, 1, 4);
    cJSON_Delete(list);
}

static const struct CMUnitTest tests[] = {
    ASKED_ROW(test_of_large_messages_the_head_is_shown),
    ASKED_ROW(test_all_that_is_shown_is_bounded),
    ASKED_ROW(test_all_that_is_looked_at_is_bounded),
    ASKED_ROW(test_dead_letters_that_are_not_looked_at_have_no_name),
};
TEST_MAIN(tests, NULL, NULL)
