/* The simulator's control: changes are seen by clients, faults strike as the rules say, statistics count, and the dump
 * is what a client finds that walks the whole tree. */
#include "tests/integration/sim/test_sim.h"

static struct http_reply control_post(struct sim_server *sim, const char *path, const char *json)
{
    char url[256];
    snprintf(url, sizeof url, "%s%s", sim->control, path);
    return http_request("POST", url, NULL, json);
}

/* Walks everything below the place the client is in (a session each, since there is no way back), and collects what the
 * dump has: "type id parent project object" lines. */
static void walk(struct sim_server *sim, const cJSON *way, int level, cJSON *found);

static void found_add(cJSON *found, const char *type, const char *id, const char *parent, const cJSON *object)
{
    char key[2048];
    snprintf(key, sizeof key, "%s|%s|%s", type, id, parent);
    assert_null(cJSON_GetObjectItemCaseSensitive(found, key));
    cJSON_AddItemToObject(found, key, cJSON_Duplicate(object, 1));
}

static void walk_one(struct sim_server *sim, const cJSON *way, int level, cJSON *found, const cJSON *item)
{
    static const char *const types[] = {"directory", "project", "phase", "elevation"};
    const char *id = item_text(item, level == 0 ? "path" : "id");
    int ways = cJSON_GetArraySize(way);
    const cJSON *last = ways ? cJSON_GetArrayItem(way, ways - 1) : NULL;
    char key[2048];
    /* A phase is known by its project too, so an elevation's parent is written with it. */
    const char *parent = last ? item_text(last, "identifier") : "";
    if (level == 3)
        snprintf(key, sizeof key, "%s %s", item_text(cJSON_GetArrayItem(way, ways - 2), "identifier"), parent);
    else
        snprintf(key, sizeof key, "%s", parent);
    found_add(found, types[level], id, key, item);
    if (level == 3) return;
    cJSON *further = cJSON_Duplicate(way, 1), *step = cJSON_CreateObject();
    cJSON_AddStringToObject(step, "identifier", id);
    cJSON_AddNumberToObject(step, "level", level);
    cJSON_AddItemToArray(further, step);
    walk(sim, further, level + 1, found);
    if (level == 0) walk(sim, further, 0, found);
    cJSON_Delete(further);
}

static void walk(struct sim_server *sim, const cJSON *way, int level, cJSON *found)
{
    static const char *const lists[] = {"/directories", "/projects", "/phases", "/elevations"};
    struct client c = {.sim = sim};
    const cJSON *step;
    client_login(&c);
    cJSON_ArrayForEach(step, way) {
        char path[64];
        char *body = select_body(step, "identifier");
        snprintf(path, sizeof path, "%s/select", lists[(int)cJSON_GetObjectItem(step, "level")->valuedouble]);
        assert_int_equal(client_status(&c, "POST", path, body), 200);
        free(body);
    }
    cJSON *items = client_list(&c, lists[level]), *item;
    assert_int_equal(client_status(&c, "DELETE", "/auth", NULL), 200);
    cJSON_ArrayForEach(item, items) walk_one(sim, way, level, found, item);
    cJSON_Delete(items);
}

/* The dump in the form of a walk. */
static cJSON *dump_as_found(struct sim_server *sim)
{
    cJSON *found = cJSON_CreateObject();
    char *dump = sim_get(sim, "/dump"), *rest = dump;
    for (char *line; (line = strsep(&rest, "\n")) && *line;) {
        char parent[2048];
        cJSON *json = cJSON_Parse(line);
        const cJSON *above = cJSON_GetObjectItemCaseSensitive(json, "parent");
        const cJSON *project = cJSON_GetObjectItemCaseSensitive(json, "project");
        snprintf(parent, sizeof parent, "%s%s%s", project ? project->valuestring : "", project ? " " : "",
                 cJSON_IsString(above) ? above->valuestring : "");
        found_add(found, item_text(json, "type"), item_text(json, "id"), parent,
                  cJSON_GetObjectItemCaseSensitive(json, "object"));
        cJSON_Delete(json);
    }
    free(dump);
    return found;
}

static void assert_dump_equals_walk(struct sim_server *sim)
{
    cJSON *walked = cJSON_CreateObject(), *way = cJSON_CreateArray(), *dumped = dump_as_found(sim);
    walk(sim, way, 0, walked);
    const cJSON *item;
    cJSON_ArrayForEach(item, walked) {
        const cJSON *other = cJSON_GetObjectItemCaseSensitive(dumped, item->string);
        if (!other || !cJSON_Compare(item, other, 1)) fail_msg("walked %s differs from the dump", item->string);
    }
    assert_int_equal(cJSON_GetArraySize(walked), cJSON_GetArraySize(dumped));
    assert_true(cJSON_GetArraySize(walked) > 40);
    cJSON_Delete(walked);
    cJSON_Delete(dumped);
    cJSON_Delete(way);
}

TEST(test_dump_equals_walk_also_after_changes)
{
    const char *const extra[] = {"--directories", "4", "--depth", "3", "--elevations", "3", NULL};
    struct sim_server sim;
    sim_start(&sim, extra);

    assert_dump_equals_walk(&sim);
    sim_post(&sim, "/mutate", "{\"seed\":3,\"count\":60}");
    assert_dump_equals_walk(&sim);
    sim_post(&sim, "/delete", "{\"type\":\"directory\",\"count\":1}");
    sim_post(&sim, "/add", "{\"type\":\"phase\",\"count\":2}");
    assert_dump_equals_walk(&sim);
    sim_post(&sim, "/restore", "{}");
    assert_dump_equals_walk(&sim);
    assert_int_equal(sim_stat(&sim, "leaked_sessions"), 0);
    sim_stop(&sim);
}

TEST(test_change_raises_date_and_version_and_is_seen)
{
    struct sim_server sim;
    sim_start(&sim, NULL);
    struct client c = {.sim = &sim};
    client_login(&c);
    for (int k = 0; k < 3; k++) client_descend(&c, k);
    cJSON *before = client_list(&c, "/elevations");
    const cJSON *first = cJSON_GetArrayItem(before, 0);
    char body[256];
    snprintf(body, sizeof body, "{\"type\":\"elevation\",\"id\":\"%s\",\"fields\":{\"name\":\"Neu \\\"ö\\\"\"}}",
             item_text(first, "id"));

    sim_post(&sim, "/change", body);

    cJSON *after = client_list(&c, "/elevations");
    const cJSON *changed = cJSON_GetArrayItem(after, 0);
    assert_string_equal(item_text(changed, "id"), item_text(first, "id"));
    assert_string_equal(item_text(changed, "name"), "Neu \"ö\"");
    assert_string_not_equal(item_text(changed, "versionId"), item_text(first, "versionId"));
    assert_true(cJSON_GetObjectItem(changed, "changedDate")->valuedouble >
                cJSON_GetObjectItem(first, "changedDate")->valuedouble);
    assert_true(cJSON_Compare(cJSON_GetArrayItem(before, 1), cJSON_GetArrayItem(after, 1), 1));
    cJSON_Delete(before);
    cJSON_Delete(after);
    sim_stop(&sim);
}

TEST(test_control_refuses_nonsense)
{
    static const struct {
        const char *path, *json;
        int status;
    } table[] = {
        {"/change", "{", 400},
        {"/change", "{\"type\":\"window\"}", 400},
        {"/change", "{\"type\":\"elevation\",\"id\":\"" ANY_GUID "\"}", 404},
        {"/change", "{\"type\":\"elevation\",\"count\":-5}", 404},
        {"/move", "{\"type\":\"project\",\"count\":1}", 400},
        {"/move", "{\"type\":\"project\",\"count\":1,\"to\":\"nowhere\"}", 404},
        {"/faults", "{\"rules\":[{\"endpoint\":\"auth\",\"kind\":\"explode\"}]}", 400},
        {"/faults", "{\"rules\":[{\"endpoint\":\"nothing\",\"kind\":\"cut\"}]}", 400},
        {"/faults", "{\"rules\":[{\"endpoint\":\"*\",\"kind\":\"cut\",\"probability\":2}]}", 400},
        {"/delays", "{\"auth\":-1}", 400},
        {"/sideways", "{}", 400},
        {"/nothing", "{}", 404},
    };
    struct sim_server sim;
    sim_start(&sim, NULL);
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        struct http_reply r = control_post(&sim, table[i].path, table[i].json);
        if (r.status != table[i].status) fail_msg("%s %s: %d %s", table[i].path, table[i].json, r.status, r.body);
        http_reply_free(&r);
    }
    sim_stop(&sim);
}

/* One fault for the next list of directories, and what a client sees of it (0 = no answer), and the call after it. */
TEST(test_each_fault_strikes_once)
{
    static const struct {
        const char *rule;
        int status;
        bool is_json, is_logged_in;
    } table[] = {
        {"\"kind\":\"status\",\"status\":503,\"retry_after\":1", 503, true, true},
        {"\"kind\":\"cut\"", 0, false, true},
        {"\"kind\":\"cut\",\"reset\":true", 0, false, true},
        {"\"kind\":\"garbage\"", 200, false, true},
        {"\"kind\":\"slow\",\"duration_ms\":100", 200, true, true},
        {"\"kind\":\"truncate\"", 0, false, true},
        {"\"kind\":\"locked\"", 409, true, true},
        {"\"kind\":\"wrong_type\"", 200, true, true},
        {"\"kind\":\"hang\",\"duration_ms\":100", 0, false, true},
        {"\"kind\":\"huge\",\"size_bytes\":3000000", 200, false, true},
        {"\"kind\":\"expire\"", 401, true, false},
    };
    struct sim_server sim;
    sim_start(&sim, NULL);
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        char rules[256];
        struct client c = {.sim = &sim};
        client_login(&c);
        snprintf(rules, sizeof rules, "{\"rules\":[{\"endpoint\":\"directories_list\",\"count\":1,\"after\":1,%s}]}",
                 table[i].rule);
        sim_post(&sim, "/faults", rules);

        assert_int_equal(client_status(&c, "GET", "/directories", NULL), 200);
        struct http_reply r = client_call(&c, "GET", "/directories", NULL);
        cJSON *json = r.body ? cJSON_Parse(r.body) : NULL;
        if (r.status != table[i].status || !!json != table[i].is_json)
            fail_msg("%s: %d %.200s", table[i].rule, r.status, r.body ? r.body : "");
        if (i == 0) assert_non_null(strstr(r.headers, "Retry-After: 1"));
        assert_int_equal(client_status(&c, "GET", "/directories", NULL), table[i].is_logged_in ? 200 : 401);
        client_status(&c, "DELETE", "/auth", NULL);
        cJSON_Delete(json);
        http_reply_free(&r);
    }
    assert_int_equal(sim_stat(&sim, "leaked_sessions"), 0);
    assert_int_equal(sim_stat(&sim, "faults"), sizeof table / sizeof table[0]);
    sim_stop(&sim);
}

TEST(test_login_whose_answer_is_lost_leaks_no_session)
{
    static const char *const kinds[] = {"cut", "garbage", "truncate", "wrong_type", "status"};
    struct sim_server sim;
    sim_start(&sim, NULL);
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        char rules[128];
        struct client c = {.sim = &sim};
        snprintf(rules, sizeof rules, "{\"rules\":[{\"endpoint\":\"auth\",\"kind\":\"%s\"}]}", kinds[i]);
        sim_post(&sim, "/faults", rules);
        client_status(&c, "POST", "/auth", LOGIN);
        assert_int_equal(sim_stat(&sim, "open_sessions"), 0);
    }
    sim_post(&sim, "/faults/clear", "{}");
    struct client c = {.sim = &sim};
    client_login(&c);
    assert_int_equal(sim_stat(&sim, "open_sessions"), 1);
    assert_int_equal(sim_stat(&sim, "logins"), 1);
    sim_stop(&sim);
}

/* Which of 100 calls fail under this seed, as a string of 0 and 1. */
static char *struck(const char *seed)
{
    struct sim_server sim;
    sim_start(&sim, NULL);
    struct client c = {.sim = &sim};
    char rules[160], *pattern = calloc(101, 1);
    snprintf(rules, sizeof rules,
             "{\"seed\":%s,\"rules\":[{\"endpoint\":\"*\",\"kind\":\"status\",\"probability\":0.3}]}", seed);
    sim_post(&sim, "/faults", rules);
    for (int i = 0; i < 100; i++) pattern[i] = client_status(&c, "GET", "/version", NULL) == 503 ? '1' : '0';
    sim_stop(&sim);
    return pattern;
}

TEST(test_faults_are_the_same_for_the_same_seed)
{
    char *first = struck("5"), *second = struck("5"), *other = struck("6");
    int ones = 0;
    for (int i = 0; i < 100; i++) ones += first[i] == '1';

    assert_string_equal(first, second);
    assert_string_not_equal(first, other);
    assert_in_range(ones, 10, 55);
    free(first);
    free(second);
    free(other);
}

TEST(test_stats_count_and_reset)
{
    struct sim_server sim;
    sim_start(&sim, NULL);
    struct client c = {.sim = &sim}, d = {.sim = &sim};
    client_login(&c);
    client_login(&d);
    client_status(&c, "GET", "/directories", NULL);
    client_status(&c, "GET", "/elevations", NULL);
    client_status(&c, "DELETE", "/auth", NULL);
    char *text = sim_get(&sim, "/stats");
    cJSON *json = cJSON_Parse(text);
    const cJSON *calls = cJSON_GetObjectItem(json, "calls"), *errors = cJSON_GetObjectItem(json, "errors_by_status");

    assert_int_equal(cJSON_GetObjectItem(calls, "auth")->valueint, 2);
    assert_int_equal(cJSON_GetObjectItem(calls, "directories")->valueint, 1);
    assert_int_equal(cJSON_GetObjectItem(errors, "405")->valueint, 1);
    assert_int_equal(sim_stat(&sim, "peak_sessions"), 2);
    assert_int_equal(sim_stat(&sim, "leaked_sessions"), 1);
    assert_int_equal(sim_stat(&sim, "logouts"), 1);
    sim_post(&sim, "/stats/reset", "{}");
    assert_int_equal(sim_stat(&sim, "total_calls"), 0);
    assert_int_equal(sim_stat(&sim, "open_sessions"), 1);
    cJSON_Delete(json);
    free(text);
    sim_stop(&sim);
}

TEST(test_stop_ends_cleanly_with_calls_on_their_way)
{
    const char *const extra[] = {"--delay", "list=60000", NULL};
    struct sim_server sim;
    sim_start(&sim, extra);
    struct client c = {.sim = &sim};
    client_login(&c);
    sim_post(&sim, "/faults", "{\"rules\":[{\"endpoint\":\"projects\",\"kind\":\"hang\"}]}");
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) _exit(client_status(&c, "GET", "/directories", NULL) != 0);
    WAIT_UNTIL(sim_stat(&sim, "in_flight") == 1, 5000);

    process_signal(&sim.process, SIGTERM);

    assert_int_equal(process_wait(&sim.process, 10000), 0);
    int status = -1;
    waitpid(pid, &status, 0);
    assert_int_equal(status, 0);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_dump_equals_walk_also_after_changes),
    cmocka_unit_test(test_change_raises_date_and_version_and_is_seen),
    cmocka_unit_test(test_control_refuses_nonsense),
    cmocka_unit_test(test_each_fault_strikes_once),
    cmocka_unit_test(test_login_whose_answer_is_lost_leaks_no_session),
    cmocka_unit_test(test_faults_are_the_same_for_the_same_seed),
    cmocka_unit_test(test_stats_count_and_reset),
    cmocka_unit_test(test_stop_ends_cleanly_with_calls_on_their_way),
};
TEST_MAIN(tests, NULL, NULL)
