/* The simulated upstream keeps what its description promises: states and statuses, one way down, tokens that expire,
 * phases that share the null GUID, the same data from the same seed. Faults and changes are in test_sim_control.c. */
#include "tests/integration/sim/test_sim.h"

#include <netinet/in.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#define THUMBNAIL "/thumbnail?width=64&height=48&format=PNG&view=Exterior&withdimensions=true&withdescription=false"

TEST(test_login_is_checked)
{
    struct sim_server sim;
    sim_start(&sim, NULL);
    struct client c = {.sim = &sim};

    assert_int_equal(client_status(&c, "POST", "/auth", "{\"username\":\"demo\",\"password\":\"wrong\",\"erp\":true}"),
                     401);
    assert_int_equal(client_status(&c, "POST", "/auth", "{\"username\":\"demo\"}"), 400);
    assert_int_equal(client_status(&c, "POST", "/auth", "{nonsense"), 400);
    assert_int_equal(client_status(&c, "GET", "/directories", NULL), 401);
    assert_int_equal(client_status(&c, "GET", "/nothing", NULL), 404);
    assert_int_equal(client_status(&c, "DELETE", "/version", NULL), 405);
    assert_int_equal(client_status(&c, "GET", "/version", NULL), 200);
    client_login(&c);
    assert_int_equal(client_status(&c, "GET", "/directories", NULL), 200);
    assert_int_equal(client_status(&c, "DELETE", "/auth", NULL), 200);
    assert_int_equal(client_status(&c, "GET", "/directories", NULL), 401);
    sim_stop(&sim);
}

/* What each call answers in each place: root, directory, project, phase, elevation. */
TEST(test_calls_in_the_wrong_state_are_refused)
{
    static const struct {
        const char *method, *path;
        int status[5];
    } table[] = {
        {"GET", "/directories", {200, 200, 405, 405, 405}},
        {"GET", "/projects", {405, 200, 405, 405, 405}},
        {"GET", "/projects/selected", {405, 405, 200, 405, 405}},
        {"GET", "/phases", {405, 405, 200, 405, 405}},
        {"GET", "/elevations", {405, 405, 405, 200, 405}},
        {"GET", "/elevations/" ANY_GUID THUMBNAIL, {405, 405, 405, 400, 405}},
        {"GET", "/elevations/selected" THUMBNAIL, {405, 405, 405, 405, 200}},
        {"GET", "/elevations/selected/parts-list", {405, 405, 405, 405, 200}},
        {"POST", "/projects/select", {405, 404, 409, 409, 409}},
        {"POST", "/phases/select", {405, 405, 404, 409, 409}},
        {"POST", "/elevations/select", {405, 405, 405, 404, 409}},
        {"POST", "/directories/select", {404, 404, 409, 409, 409}},
    };
    struct sim_server sim;
    sim_start(&sim, NULL);
    struct client c = {.sim = &sim};
    client_login(&c);

    for (int place = 0; place < 5; place++) {
        if (place > 0) client_descend(&c, place - 1);
        for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
            const char *body = *table[i].method == 'P' ? "{\"identifier\":\"" ANY_GUID "\"}" : NULL;
            int got = client_status(&c, table[i].method, table[i].path, body);
            if (got != table[i].status[place])
                fail_msg("%s %s in place %d: %d instead of %d", table[i].method, table[i].path, place, got,
                         table[i].status[place]);
        }
    }
    assert_int_equal(client_status(&c, "DELETE", "/auth", NULL), 200);
    sim_stop(&sim);
}

TEST(test_sideways_is_refused_until_allowed)
{
    struct sim_server sim;
    sim_start(&sim, NULL);
    struct client c = {.sim = &sim};
    client_login(&c);
    client_descend(&c, 0);
    cJSON *projects = client_list(&c, "/projects");
    char *second = select_body(cJSON_GetArrayItem(projects, 1), "id");
    client_descend(&c, 1);

    assert_int_equal(client_status(&c, "POST", "/projects/select", second), 409);
    assert_int_equal(client_status(&c, "POST", "/projects/select", "{\"identifier\":\"12\"}"), 409);
    sim_post(&sim, "/sideways", "{\"allow\":true}");
    assert_int_equal(client_status(&c, "POST", "/projects/select", second), 200);
    client_descend(&c, 2);
    client_descend(&c, 3);
    assert_int_equal(client_status(&c, "POST", "/projects/select", second), 200);
    assert_int_equal(client_status(&c, "GET", "/phases", NULL), 200);
    free(second);
    cJSON_Delete(projects);
    sim_stop(&sim);
}

TEST(test_token_expires_and_is_no_leak_once_noticed)
{
    const char *const extra[] = {"--token-ttl", "0.3", "--max-sessions", "1", NULL};
    struct sim_server sim;
    sim_start(&sim, extra);
    struct client c = {.sim = &sim}, second = {.sim = &sim};
    client_login(&c);
    assert_int_equal(client_status(&second, "POST", "/auth", LOGIN), 401);
    assert_int_equal(sim_stat(&sim, "leaked_sessions"), 1);

    WAIT_UNTIL(client_status(&c, "GET", "/directories", NULL) == 401, 5000);

    assert_int_equal(sim_stat(&sim, "leaked_sessions"), 0);
    assert_int_equal(sim_stat(&sim, "expired"), 1);
    assert_int_equal(sim_stat(&sim, "peak_sessions"), 1);
    client_login(&second);
    sim_stop(&sim);
}

TEST(test_login_of_a_client_that_hung_up_opens_no_session)
{
    const char *const extra[] = {"--delay", "auth=200", NULL};
    struct sim_server sim;
    sim_start(&sim, extra);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons((uint16_t)sim.port)};
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    assert_int_equal(connect(fd, (struct sockaddr *)&to, sizeof to), 0);
    assert_true(dprintf(fd, "POST /MbioeService.svc/api/v3/auth HTTP/1.1\r\nContent-Length: %zu\r\n\r\n" LOGIN,
                        strlen(LOGIN)) > 0);
    WAIT_UNTIL(sim_stat(&sim, "in_flight") == 1, 5000);

    close(fd);

    WAIT_UNTIL(sim_stat(&sim, "in_flight") == 0, 5000);
    assert_int_equal(sim_stat(&sim, "logins"), 0);
    assert_int_equal(sim_stat(&sim, "open_sessions"), 0);
    sim_stop(&sim);
}

TEST(test_every_project_has_a_null_guid_phase)
{
    const char *const extra[] = {"--directories", "1", "--projects", "3", "--phases", "3", NULL};
    struct sim_server sim;
    sim_start(&sim, extra);

    for (int p = 0; p < 3; p++) {
        struct client c = {.sim = &sim};
        client_login(&c);
        client_descend(&c, 0);
        cJSON *projects = client_list(&c, "/projects");
        assert_int_equal(cJSON_GetArraySize(projects), 3);
        char *body = select_body(cJSON_GetArrayItem(projects, p), "id");
        assert_int_equal(client_status(&c, "POST", "/projects/select", body), 200);
        cJSON *phases = client_list(&c, "/phases");
        assert_int_equal(cJSON_GetArraySize(phases), 3);
        assert_string_equal(item_text(cJSON_GetArrayItem(phases, 0), "id"), NULL_GUID_TEXT);
        assert_string_not_equal(item_text(cJSON_GetArrayItem(phases, 1), "id"), NULL_GUID_TEXT);
        assert_int_equal(client_status(&c, "POST", "/phases/select", "{\"identifier\":\"" NULL_GUID_TEXT "\"}"), 200);
        assert_int_equal(client_status(&c, "DELETE", "/auth", NULL), 200);
        free(body);
        cJSON_Delete(phases);
        cJSON_Delete(projects);
    }
    assert_int_equal(sim_stat(&sim, "leaked_sessions"), 0);
    sim_stop(&sim);
}

TEST(test_field_case_has_13_and_4_elevations)
{
    static const int expected[] = {13, 4};
    const char *const extra[] = {"--preset", "field-case", NULL};
    struct sim_server sim;
    sim_start(&sim, extra);

    for (int i = 0; i < 2; i++) {
        struct client c = {.sim = &sim};
        client_login(&c);
        client_descend(&c, 0);
        client_descend(&c, 1);
        cJSON *phases = client_list(&c, "/phases");
        assert_int_equal(cJSON_GetArraySize(phases), 2);
        char *body = select_body(cJSON_GetArrayItem(phases, i), "id");
        assert_int_equal(client_status(&c, "POST", "/phases/select", body), 200);
        cJSON *elevations = client_list(&c, "/elevations");
        assert_int_equal(cJSON_GetArraySize(elevations), expected[i]);
        free(body);
        cJSON_Delete(elevations);
        cJSON_Delete(phases);
    }
    sim_stop(&sim);
}

TEST(test_thumbnail_is_a_png_of_the_asked_size)
{
    struct sim_server sim;
    sim_start(&sim, NULL);
    struct client c = {.sim = &sim};
    client_login(&c);
    for (int k = 0; k < 3; k++) client_descend(&c, k);
    cJSON *elevations = client_list(&c, "/elevations");
    char path[256];

    snprintf(path, sizeof path, "/elevations/%s" THUMBNAIL, item_text(cJSON_GetArrayItem(elevations, 0), "id"));
    struct http_reply r = client_call(&c, "GET", path, NULL);
    assert_int_equal(r.status, 200);
    assert_memory_equal(r.body, "\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\x40\0\0\0\x30", 24);
    http_reply_free(&r);
    snprintf(path, sizeof path, "/elevations/%s/thumbnail?width=64&height=48",
             item_text(cJSON_GetArrayItem(elevations, 0), "id"));
    assert_int_equal(client_status(&c, "GET", path, NULL), 400);
    cJSON_Delete(elevations);
    sim_stop(&sim);
}

TEST(test_parts_list_is_a_database)
{
    struct sim_server sim;
    sim_start(&sim, NULL);
    struct client c = {.sim = &sim};
    client_login(&c);
    for (int k = 0; k < 4; k++) client_descend(&c, k);
    struct http_reply r = client_call(&c, "GET", "/elevations/selected/parts-list", NULL);
    assert_int_equal(r.status, 200);
    size_t len = 0;
    unsigned char *bytes = decode_data(r.body, &len);

    sqlite3 *db = NULL;
    assert_int_equal(sqlite3_open(":memory:", &db), SQLITE_OK);
    assert_int_equal(
        sqlite3_deserialize(db, "main", bytes, (sqlite3_int64)len, (sqlite3_int64)len, SQLITE_DESERIALIZE_READONLY),
        SQLITE_OK);
    sqlite3_stmt *st = NULL;
    assert_int_equal(
        sqlite3_prepare_v2(db,
                           "SELECT AutoDescription, AutoDescriptionShort, Width_Output, Width_Unit, "
                           "Height_Output, Height_Unit, Weight_Output, Weight_Unit, Area_Output, Area_Unit, "
                           "SystemCode, SystemName, SystemLongName, ColorBase_Long, "
                           "(SELECT count(*) FROM Glass WHERE GlassID <> '' AND Name <> '') FROM Elevations",
                           -1, &st, NULL),
        SQLITE_OK);
    assert_int_equal(sqlite3_step(st), SQLITE_ROW);
    for (int column = 0; column < 15; column++) assert_int_not_equal(sqlite3_column_type(st, column), SQLITE_NULL);
    sqlite3_finalize(st);
    sqlite3_close(db);
    free(bytes);
    http_reply_free(&r);
    sim_stop(&sim);
}

/* The dump of a simulator that was started with these two arguments more. */
static char *dump_of(const char *option, const char *value)
{
    const char *const extra[] = {"--preset", "demo", option, value, NULL};
    struct sim_server sim;
    sim_start(&sim, extra);
    char *dump = sim_get(&sim, "/dump?parts=1");
    sim_stop(&sim);
    return dump;
}

TEST(test_same_seed_same_company)
{
    char *first = dump_of("--seed", "7"), *second = dump_of("--seed", "7"), *other = dump_of("--seed", "8");

    assert_string_equal(first, second);
    assert_string_not_equal(first, other);
    free(first);
    free(second);
    free(other);
}

TEST(test_calls_of_one_session_wait_for_each_other_others_do_not)
{
    const char *const extra[] = {"--delay", "list=300", NULL};
    struct sim_server sim;
    sim_start(&sim, extra);
    struct client c = {.sim = &sim};
    client_login(&c);

    int64_t same_ms = client_parallel(&c, 4, true), each_ms = client_parallel(&c, 4, false);

    assert_true(same_ms >= 4 * 300);
    assert_true(each_ms >= 300);
    assert_true(each_ms < same_ms);
    sim_stop(&sim);
}

TEST(test_bad_arguments_are_explained)
{
    static char *const bad[][2] = {{"--seed", "x"},     {"--delay", "auth=fast"},     {"--delay", "nothing=1"},
                                   {"--depth", "0"},    {"--preset", "unknown"},      {"--sideways", "perhaps"},
                                   {"--port", "70000"}, {"--faults", "{\"rules\":1}"}};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        char *const argv[] = {(char *)support_program("logikal-sim"), bad[i][0], bad[i][1], NULL};
        char *output = NULL;
        int status = process_run(argv, NULL, &output);
        if (status == 0 || !strstr(output, bad[i][0]))
            fail_msg("%s %s: status %d, output %s", bad[i][0], bad[i][1], status, output);
        free(output);
    }
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_login_is_checked),
    cmocka_unit_test(test_calls_in_the_wrong_state_are_refused),
    cmocka_unit_test(test_sideways_is_refused_until_allowed),
    cmocka_unit_test(test_token_expires_and_is_no_leak_once_noticed),
    cmocka_unit_test(test_login_of_a_client_that_hung_up_opens_no_session),
    cmocka_unit_test(test_every_project_has_a_null_guid_phase),
    cmocka_unit_test(test_field_case_has_13_and_4_elevations),
    cmocka_unit_test(test_thumbnail_is_a_png_of_the_asked_size),
    cmocka_unit_test(test_parts_list_is_a_database),
    cmocka_unit_test(test_same_seed_same_company),
    cmocka_unit_test(test_calls_of_one_session_wait_for_each_other_others_do_not),
    cmocka_unit_test(test_bad_arguments_are_explained),
};
TEST_MAIN(tests, NULL, NULL)
