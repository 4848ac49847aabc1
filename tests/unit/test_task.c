/* The task contract outside a worker, the notify protocol, and the table of embedded files. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "conf/embedded.h"
#include "ipc/notify.h"
#include "ipc/task.h"
#include "services/tasks/arguments.h"
#include "services/tasks/task_table.h"
#include "tests/support/test.h"

TEST(test_arguments_bind_by_position_or_name)
{
    cJSON *args = cJSON_Parse("[1, 2]"), *kwargs = cJSON_Parse("{\"c\": 3}");
    assert_int_equal(task_arg(args, kwargs, 1, "b")->valueint, 2);
    assert_int_equal(task_arg(args, kwargs, 2, "c")->valueint, 3);
    assert_null(task_arg(args, kwargs, 3, "d"));
    assert_null(task_arg(NULL, NULL, 0, "a"));
    cJSON_Delete(args);
    cJSON_Delete(kwargs);
}

TEST(test_arguments_that_are_not_meant_so_are_refused_or_told)
{
    static const struct {
        const char *task, *args, *kwargs;
        const char *refused; /* NULL: it runs */
        const char *ignored; /* as JSON; NULL: none */
    } rows[] = {
        {"tasks.sync_tasks.sync_project_task", "[\"p\"]", "{\"force_sync\": true}", NULL, NULL},
        {"tasks.sync_tasks.sync_project_task", "[\"p\", 1, false]", "{}", NULL, NULL},
        {"tasks.sync_tasks.sync_project_task", "[]", "{\"project_id\": \"p\", \"force_sync\": \"True\"}", NULL, NULL},
        {"tasks.sync_tasks.sync_project_task", "[\"p\"]", "{\"force_sync\": null}", NULL, NULL},
        {"tasks.sync_tasks.sync_project_task", "[\"p\"]", "{\"force_sync\": \"maybe\"}", "force_sync is neither", NULL},
        {"tasks.sync_tasks.sync_project_task", "[\"p\", []]", "{}", "force_sync is neither", NULL},
        {"tasks.sync_tasks.sync_project_task", "[\"p\"]", "{\"project_id\": \"q\"}", "project_id is given twice", NULL},
        {"tasks.sync_tasks.sync_project_task", "[\"p\", true]", "{\"force_sync\": true}", "force_sync is given twice",
         NULL},
        {"tasks.sync_tasks.sync_project_task", "[\"p\"]", "{\"force\": true}", NULL, "[\"force\"]"},
        {"tasks.sync_tasks.full_sync_task", "[]", "{\"directory_id\": \"d\", \"Force_sync\": 1}", NULL,
         "[\"directory_id\",\"Force_sync\"]"},
        {"tasks.sync_tasks.health_check_task", "[1, 2]", "{\"dry_run\": false}", NULL,
         "[\"argument 1\",\"argument 2\"]"},
        {"tasks.sync_tasks.force_sync_project_task", "[1, 2, false, 4]", "{}", NULL, "[\"argument 4\"]"},
        {"tasks.sqlite_parser_tasks.parse_elevation_sqlite", "[5]", "{\"force\": {}}", "force is neither", NULL},
        {"tasks.sqlite_parser_tasks.parse_elevation_sqlite", "[5]", "{\"forse\": true}", NULL, "[\"forse\"]"},
        {"tasks.diagnostics.echo", "[1, 2, 3]", "{\"any\": 1}", NULL, NULL},
        {"celery.map", "[1]", "{\"task\": 1}", NULL, NULL},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const struct task_def *def = task_find(rows[i].task, true);
        struct err err = {0};
        cJSON *args = cJSON_Parse(rows[i].args), *kwargs = cJSON_Parse(rows[i].kwargs), *result = cJSON_CreateObject();
        int rc = arguments_check(def, args, kwargs, &err);
        if (rows[i].refused ? rc != -ERR_INPUT || !strstr(err.text, rows[i].refused) : rc != 0)
            fail_msg("row %zu: %d %s", i, rc, err.text);
        if (!rows[i].refused) arguments_tell_ignored(def, args, kwargs, result);
        char *told = cJSON_PrintUnformatted(cJSON_GetObjectItem(result, "ignored_arguments"));
        assert_string_equal(told ? told : "none", rows[i].ignored ? rows[i].ignored : "none");
        arguments_tell_ignored(def, args, kwargs, NULL); /* a result that is no object is left alone */
        cJSON_free(told);
        cJSON_Delete(args);
        cJSON_Delete(kwargs);
        cJSON_Delete(result);
    }
    size_t count;
    const struct task_def *table = task_table(&count);
    for (size_t i = 0; i < count; i++)
        if (!table[i].params != (table[i].is_diagnostic || strncmp(table[i].name, "celery.", 7) == 0))
            fail_msg("%s", table[i].name);
}

TEST(test_local_context_follows_its_stop_flag_and_has_no_queue)
{
    volatile int stop = 0;
    struct err err = {0};
    struct task_ctx ctx;
    task_ctx_local(&ctx, NULL, "id", "tasks.x", (const volatile int *)&stop);
    assert_false(ctx.ops->is_cancelled(ctx.self));
    stop = 1;
    assert_true(ctx.ops->is_cancelled(ctx.self));
    assert_int_equal(ctx.ops->enqueue(ctx.self, "tasks.y", NULL, NULL, NULL, NULL, &err), -ERR_REDIS);
    assert_true(err.text[0]);
}

TEST(test_notify_reaches_a_socket_by_path_and_the_inherited_descriptor_wins)
{
    char name[64], got[128];
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    snprintf(name, sizeof name, "@test-notify-%d", (int)getpid());
    size_t len = strlen(name);
    memcpy(address.sun_path, name, len);
    address.sun_path[0] = 0;
    int listener = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(listener, (struct sockaddr *)&address, (socklen_t)(sizeof(sa_family_t) + len)), 0);
    unsetenv("LOGIKALD_NOTIFY_FD");
    setenv("NOTIFY_SOCKET", name, 1);

    assert_int_equal(notify_ready("serving"), 0);
    ssize_t n = recv(listener, got, sizeof got - 1, MSG_DONTWAIT);
    assert_true(n > 0);
    got[n] = 0;
    assert_non_null(strstr(got, "READY=1"));
    assert_non_null(strstr(got, "STATUS=serving"));

    int pair[2];
    char number[16];
    assert_int_equal(socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0, pair), 0);
    snprintf(number, sizeof number, "%d", pair[1]);
    setenv("LOGIKALD_NOTIFY_FD", number, 1);
    assert_int_equal(notify_watchdog(), 0);
    n = recv(pair[0], got, sizeof got - 1, MSG_DONTWAIT);
    assert_true(n > 0);
    got[n] = 0;
    assert_non_null(strstr(got, "WATCHDOG=1"));
    assert_true(recv(listener, got, sizeof got, MSG_DONTWAIT) < 0);

    unsetenv("LOGIKALD_NOTIFY_FD");
    unsetenv("NOTIFY_SOCKET");
    assert_int_equal(notify_stopping(), 0); /* nobody listens: nothing to do */
    close(pair[0]);
    close(pair[1]);
    close(listener);
}

TEST(test_watchdog_interval_is_half_of_what_was_asked_of_this_process)
{
    setenv("WATCHDOG_USEC", "3000000", 1);
    unsetenv("WATCHDOG_PID");
    assert_int_equal(notify_watchdog_interval_ms(), 1500);
    setenv("WATCHDOG_PID", "1", 1);
    assert_int_equal(notify_watchdog_interval_ms(), 0);
    unsetenv("WATCHDOG_PID");
    setenv("WATCHDOG_USEC", "soon", 1);
    assert_int_equal(notify_watchdog_interval_ms(), 0);
    unsetenv("WATCHDOG_USEC");
    assert_int_equal(notify_watchdog_interval_ms(), 0);
}

TEST(test_migrations_are_embedded_in_order)
{
    const struct embedded *first = embedded_find(embedded_migrations, "0001_baseline.sql");
    assert_non_null(first);
    assert_int_equal(strlen((const char *)first->data), first->len);
    assert_int_equal(strlen(first->hash), 16);
    for (const struct embedded *e = embedded_migrations; e[1].path; e++) assert_true(strcmp(e[0].path, e[1].path) < 0);
    assert_null(embedded_find(embedded_migrations, "nothing"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_arguments_bind_by_position_or_name),
        cmocka_unit_test(test_arguments_that_are_not_meant_so_are_refused_or_told),
        cmocka_unit_test(test_local_context_follows_its_stop_flag_and_has_no_queue),
        cmocka_unit_test(test_notify_reaches_a_socket_by_path_and_the_inherited_descriptor_wins),
        cmocka_unit_test(test_watchdog_interval_is_half_of_what_was_asked_of_this_process),
        cmocka_unit_test(test_migrations_are_embedded_in_order),
    };
    return cmocka_run_group_tests_name("task, notify, embedded", tests, NULL, NULL);
}
