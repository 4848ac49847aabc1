/* Without memory: objects of Logikal, places in its tree, tokens and chains of directories (no object is refused for
 * it, one that is refused does not count as seen; no list looks whole that is not), and rooms that cannot be opened. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "services/logikal/json_list.h"
#include "services/logikal/objects.h"
#include "services/logikal/place.h"
#include "services/web/gate/credentials/jwt.h"
#include "services/web/jobs/actions.h"
#include "services/worker/delivery.h"
#include "services/worker/events/events.h"
#include "services/worker/settle/finish.h"
#include "services/worker/settle/handback.h"
#include "services/worker/events/history.h"
#include "services/worker/dispatch/revoked.h"
#include "services/worker/dispatch/stamped.h"
#include "services/worker/worker.h"
#include "tests/fault/fault.h"
#include "tests/support/test.h"

#define GUID "15782e4d-a69c-4ce5-9c17-d3060a039b2d"

static int read_elevation(void *arg, struct err *err)
{
    struct logikal_elevation e;
    int rc = logikal_elevation_read(arg, strlen(arg), &e, err);
    if (rc == 0) {
        assert_string_equal(e.id, GUID);
        assert_true(e.has_width && e.width == 1200.5);
    } else {
        assert_int_equal(err->code, ERR_NOMEM);
    }
    cJSON_Delete(e.json);
    return rc;
}

static int read_project(void *arg, struct err *err)
{
    struct logikal_project p;
    int rc = logikal_project_read(arg, strlen(arg), &p, err);
    if (rc != 0) assert_int_equal(err->code, ERR_NOMEM);
    cJSON_Delete(p.json);
    return rc;
}

TEST(test_objects_are_not_refused_for_lack_of_memory)
{
    fault_each("elevation", FAULT_ALLOC, FAULT_TEXT, read_elevation,
               (char *)(uintptr_t) "{\"id\":\"" GUID "\",\"name\":\"\xff\",\"width\":1200.5,\"createdDate\":1}");
    fault_each("project", FAULT_ALLOC, FAULT_TEXT, read_project,
               (char *)(uintptr_t) "{\"id\":\"" GUID "\",\"name\":\"n\",\"jobNumber\":null,\"changedDate\":2}");
}

static bool count_element(void *arg, const char *text, size_t len)
{
    (void)text, (void)len;
    (*(int *)arg)++;
    return true;
}

static int read_list(void *arg, struct err *err)
{
    const char *text = arg;
    struct json_list list = {0};
    int count = 0;
    (void)err;
    json_list_init(&list, count_element, &count);
    for (const char *p = text; *p; p++)
        if (!json_list_feed(&list, p, 1)) break;
    int rc = json_list_finish(&list) ? 0 : -1;
    if (rc == 0) assert_int_equal(count, 3);
    json_list_free(&list);
    return rc;
}

static void test_lists_are_whole_or_say_so(void **state)
{
    char text[900] = "{\"hints\":[],\"data\":[1,{\"a\":\"", *end = text + strlen(text);
    (void)state;
    memset(end, 'x', 600); /* longer than what a buffer begins with */
    memcpy(end + 600, "\"},3]}", 7);
    fault_each("json_list", FAULT_ALLOC, FAULT_RESULT, read_list, text);
}

static int go(void *arg, struct err *err)
{
    static const enum sideways unknown[LEVEL_COUNT];
    struct place at = {0}, target = {0}, copy = {0};
    (void)arg, (void)err;
    int rc = place_set(&target,
                       "A\x1f"
                       "A/B",
                       "p", "f", "e");
    struct step step;
    for (int steps = 0; rc == 0 && (step = place_next_step(&at, &target, unknown)).kind != STEP_HERE; steps++) {
        assert_true(steps < 10);
        rc = place_take_step(&at, &step);
    }
    if (rc == 0) rc = place_copy(&copy, &at);
    if (rc == 0) assert_int_equal(place_next_step(&copy, &target, unknown).kind, STEP_HERE);
    place_clear(&at);
    place_clear(&target);
    place_clear(&copy);
    return rc;
}

static int append(void *arg, struct err *err)
{
    char *chain = chain_append(arg, "B");
    (void)err;
    int rc = chain ? 0 : -1;
    free(chain);
    return rc;
}

TEST(test_places)
{
    fault_each("place", FAULT_ALLOC, FAULT_RESULT, go, NULL);
    fault_each("chain_append", FAULT_ALLOC, FAULT_RESULT, append, (char *)(uintptr_t) "A");
    fault_each("chain_append at the root", FAULT_ALLOC, FAULT_RESULT, append, NULL);
}

static int sign(void *arg, struct err *err)
{
    struct jwt_claims claims;
    (void)err;
    char *token = jwt_write(arg, "client", "[\"projects:read\"]", NULL, 3, 3600);
    int rc = token ? 0 : -1;
    if (token) assert_true(jwt_read(arg, token, &claims) && claims.version == 3);
    free(token);
    return rc;
}

static void test_tokens(void **state)
{
    static struct web web = {.jwt_key = "a key of the test that is known to nobody"};
    (void)state;
    /* Without memory for its name the key is found by trying. */
    fault_each("jwt_write", FAULT_ALLOC, FAULT_SILENT, sign, &web);
}

/* Opened in this order until one cannot be; what worker_close does follows in any case. */
static int open_rooms(void *arg, struct err *err)
{
    static int (*const open[])(struct worker *, struct err *) = {
        deliveries_open, revoked_open, stamped_open, events_open, history_open, finish_open, handback_open};
    static void (*const close[])(struct worker *) = {finish_close,  handback_close, events_close,    history_close,
                                                     stamped_close, revoked_close,  deliveries_close};
    struct worker w = *(struct worker *)arg;
    int rc = 0;
    for (size_t i = 0; i < sizeof open / sizeof *open && rc == 0; i++) rc = open[i](&w, err);
    for (size_t i = 0; i < sizeof close / sizeof *close; i++) close[i](&w);
    return rc;
}

static int open_actions(void *arg, struct err *err)
{
    struct actions *actions = actions_new(arg);
    (void)err;
    actions_free(actions);
    return actions ? 0 : -1;
}

TEST(test_rooms_that_cannot_be_opened_are_noticed)
{
    static struct web web;
    struct conf_paths paths = {0};
    struct err err = {0};
    event_set_mem_functions(malloc, realloc, free); /* so that those of libevent fail, too */
    setenv("DATABASE_URL", "postgres://user:word@127.0.0.1:1/db", 1);
    struct worker empty = {.conf = conf_load(&paths, &err), .base = event_base_new()};
    assert_true(empty.conf && empty.base);
    assert_true(fault_each("rooms of the worker", FAULT_ALLOC, FAULT_TEXT, open_rooms, &empty) > 2 * 10);
    fault_each("actions of web", FAULT_ALLOC, FAULT_RESULT, open_actions, &web);
    event_base_free(empty.base);
    conf_free(empty.conf);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_rooms_that_cannot_be_opened_are_noticed),
    cmocka_unit_test(test_objects_are_not_refused_for_lack_of_memory),
    cmocka_unit_test(test_lists_are_whole_or_say_so),
    cmocka_unit_test(test_places),
    cmocka_unit_test(test_tokens),
};
TEST_MAIN(tests, NULL, NULL)
