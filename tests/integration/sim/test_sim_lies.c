/* The simulator's catalogue of lies: each can be told everywhere where it says, is told as often as asked for, and is
 * over when cleared. */
#include "tests/integration/sim/test_sim.h"

static struct sim_server sim;

static cJSON *get_lies(void)
{
    char *text = sim_get(&sim, "/lies");
    cJSON *json = cJSON_Parse(text);
    free(text);
    assert_non_null(json);
    return json;
}

static int post_lies(const char *body)
{
    char url[256];
    const char *const headers[] = {"Content-Type: application/json", NULL};
    snprintf(url, sizeof url, "%s/lies", sim.control);
    struct http_reply r = http_request("POST", url, headers, body);
    int status = r.status;
    http_reply_free(&r);
    return status;
}

TEST(test_every_lie_of_the_catalogue_can_be_armed_everywhere)
{
    cJSON *json = get_lies();
    const cJSON *lie, *place;
    int count = 0;

    cJSON_ArrayForEach(lie, cJSON_GetObjectItemCaseSensitive(json, "catalogue")) {
        count++;
        assert_true(*item_text(lie, "what") && *item_text(lie, "right"));
        cJSON_ArrayForEach(place, cJSON_GetObjectItemCaseSensitive(lie, "where")) {
            char body[200];
            snprintf(body, sizeof body, "{\"lies\":[{\"name\":\"%s\",\"where\":\"%s\"}]}", item_text(lie, "name"),
                     place->valuestring);
            assert_int_equal(post_lies(body), 200);
        }
    }

    assert_true(count >= 50);
    cJSON_Delete(json);
    sim_post(&sim, "/lies/clear", "{}");
}

TEST(test_mistakes_are_refused_and_leave_what_was_armed)
{
    assert_int_equal(post_lies("{\"lies\":[{\"name\":\"halved\",\"where\":\"phase\",\"count\":2}]}"), 200);

    assert_int_equal(post_lies("{\"lies\":[{\"name\":\"no such lie\"}]}"), 400);
    assert_int_equal(post_lies("{\"lies\":[{\"name\":\"halved\",\"where\":\"login\"}]}"), 400);
    assert_int_equal(post_lies("{\"lies\":[{\"name\":\"halved\",\"count\":-2}]}"), 400);
    assert_int_equal(post_lies("{}"), 400);

    cJSON *json = get_lies();
    assert_int_equal(cJSON_GetArraySize(cJSON_GetObjectItemCaseSensitive(json, "armed")), 1);
    cJSON_Delete(json);
    sim_post(&sim, "/lies/clear", "{}");
}

TEST(test_lie_is_told_where_and_as_often_as_asked_for)
{
    struct client c = {.sim = &sim};
    client_login(&c);
    client_descend(&c, 0);
    assert_int_equal(post_lies("{\"lies\":[{\"name\":\"empty\",\"where\":\"project\",\"after\":1,\"count\":1}]}"), 200);

    cJSON *first = client_list(&c, "/projects"), *second = client_list(&c, "/projects");
    cJSON *third = client_list(&c, "/projects");

    assert_true(cJSON_GetArraySize(first) > 0);
    assert_int_equal(cJSON_GetArraySize(second), 0);
    assert_int_equal(cJSON_GetArraySize(third), cJSON_GetArraySize(first));
    cJSON_Delete(first);
    cJSON_Delete(second);
    cJSON_Delete(third);
    sim_post(&sim, "/lies/clear", "{}");
}

TEST(test_identifiers_of_another_spelling_can_be_selected)
{
    static const char *const names[] = {"upper", "braces", "digits", "tenant"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        char body[200];
        struct client c = {.sim = &sim};
        snprintf(body, sizeof body, "{\"lies\":[{\"name\":\"%s\"}]}", names[i]);
        assert_int_equal(post_lies(body), 200);
        client_login(&c);
        for (int level = 0; level < 4; level++) client_descend(&c, level);
        assert_int_equal(client_status(&c, "DELETE", "/auth", NULL), 200);
    }
    sim_post(&sim, "/lies/clear", "{}");
}

TEST(test_lie_that_is_named_at_the_start_is_told)
{
    struct sim_server lying;
    static const char *const arguments[] = {"--lie", "null:directory", "--lie", "bom", NULL};
    sim_start(&lying, arguments);
    struct client c = {.sim = &lying};
    client_login(&c);

    struct http_reply r = client_call(&c, "GET", "/directories", NULL);

    assert_int_equal(r.status, 200);
    assert_non_null(strstr(r.body, "\"data\":null"));
    http_reply_free(&r);
    sim_stop(&lying);
}

FIXTURE(start)
{
    sim_start(&sim, NULL);
    return 0;
}

FIXTURE(stop)
{
    sim_stop(&sim);
    return 0;
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_every_lie_of_the_catalogue_can_be_armed_everywhere),
    cmocka_unit_test(test_mistakes_are_refused_and_leave_what_was_armed),
    cmocka_unit_test(test_lie_is_told_where_and_as_often_as_asked_for),
    cmocka_unit_test(test_identifiers_of_another_spelling_can_be_selected),
    cmocka_unit_test(test_lie_that_is_named_at_the_start_is_told),
};
TEST_MAIN(tests, start, stop)
