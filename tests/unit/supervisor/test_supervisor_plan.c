/* What the supervisor refuses before it starts anything: too many children, dependencies without an end or in a circle,
 * addresses that are not there or taken. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "conf/text/buf.h"
#include "conf/conf.h"
#include "supervisor/plan/plan.h"
#include "supervisor/system/listener.h"
#include "supervisor/ctl/ctl_internal.h"
#include "tests/support/answers/shown.h"
#include "tests/support/test.h"

/* The configuration in this text; fails the test when it is refused. */
static struct conf *load(const char *text)
{
    char path[40];
    struct err err = {0};
    int fd = memfd_create("conf", MFD_CLOEXEC);
    assert_int_equal(write(fd, text, strlen(text)), strlen(text));
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    struct conf *conf = conf_load(&(struct conf_paths){.file = path}, &err);
    if (!conf) fail_msg("%s", err.text);
    close(fd);
    return conf;
}

static void assert_refused(const char *text, const char *words)
{
    static struct plan plan;
    struct err err = {0};
    struct conf *conf = load(text);
    int rc = plan_from_conf(&plan, conf, NULL, &err);
    if (rc >= 0 || !strstr(err.text, words)) fail_msg("%d, %s", rc, err.text);
    conf_free(conf);
}

TEST(test_more_children_than_there_is_room_for)
{
    struct buf text = {0};
    buf_str(&text, "programs = ( ");
    for (int i = 0; i < PLAN_CHILDREN_MAX; i++)
        buf_printf(&text, "%s{ name = \"p%d\"; command = [ \"true\" ]; }", i ? ", " : "", i);
    buf_str(&text, " );\n");
    assert_refused(text.data, "more than");
    buf_free(&text);
}

TEST(test_dependencies_that_cannot_be_met)
{
    assert_refused("programs = ( { name = \"a\"; command = [ \"true\" ]; depends_on = [ \"nobody\" ]; } );\n",
                   "nobody");
    assert_refused("programs = ( { name = \"a\"; command = [ \"true\" ]; depends_on = [ \"b\" ]; },\n"
                   "             { name = \"b\"; command = [ \"true\" ]; depends_on = [ \"a\" ]; } );\n",
                   "circle");
    assert_refused("programs = ( { name = \"a\"; command = [ \"true\" ]; depends_on = [ \"a\" ]; } );\n", "circle");
}

TEST(test_addresses_that_cannot_be_listened_on)
{
    char text[120];
    struct err err = {0};
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof a;
    int taken = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(taken, (struct sockaddr *)&a, sizeof a), 0);
    assert_int_equal(listen(taken, 1), 0);
    assert_int_equal(getsockname(taken, (struct sockaddr *)&a, &len), 0);

    snprintf(text, sizeof text, "http = { host = \"127.0.0.1\"; port = %d; };\n", ntohs(a.sin_port));
    struct conf *conf = load(text);
    assert_int_equal(listener_open(conf, &err), -1);
    assert_non_null(strstr(err.text, "another program does; set PORT"));
    conf_free(conf);
    close(taken);

    conf = load("http = { host = \"no such host\"; port = 0; };\n");
    assert_int_equal(listener_open(conf, &err), -1);
    assert_non_null(strstr(err.text, "is not an address of this machine"));
    conf_free(conf);

    conf = load("http = { host = \"192.0.2.1\"; port = 0; };\n"); /* an address that nobody has */
    assert_int_equal(listener_open(conf, &err), -1);
    assert_non_null(strstr(err.text, "cannot listen on 192.0.2.1"));
    conf_free(conf);
}

/* A program in the place of a role of its name, or a role in that of a program. */
TEST(test_what_becomes_another_kind_is_replaced)
{
    const struct program sleeper = {.name = "web"};
    const struct child_spec role = {.name = "web", .role = "web"};
    const struct child_spec program = {.name = "web", .role = "web", .program = &sleeper};
    assert_int_equal(spec_compare(&role, &program, NULL, 0), SPEC_REPLACE);
    assert_int_equal(spec_compare(&program, &role, NULL, 0), SPEC_REPLACE);
    assert_int_equal(spec_compare(&program, &program, NULL, 0), SPEC_SAME);
    assert_int_equal(spec_compare(&role, &role, NULL, 0), SPEC_SAME);
}

/* ---- whole plans, and the status as people see it, word by word ---- */

static void add_spec(struct buf *out, const struct child_spec *c)
{
    static const char *const readiness[] = {[READINESS_NONE] = "none",
                                            [READINESS_FD] = "fd",
                                            [READINESS_PATH] = "path",
                                            [READINESS_EXIT] = "exit",
                                            [READINESS_PROBE] = "probe"};
    const struct child_policy *p = &c->policy;
    buf_printf(out, "%s (%s%s) ready by %s, restart %d, signal %d, watchdog %lld, users %u, memory %lld %lld\n",
               c->name, c->role, c->program ? ", program" : "", readiness[c->readiness], (int)p->restart,
               c->stop_signal, (long long)c->watchdog_ms, c->users, (long long)c->memory_soft_bytes,
               (long long)c->memory_hard_bytes);
    buf_printf(out, "  start %lld stop %lld stable %lld backoff %lld to %lld, loop of %d in %lld\n",
               (long long)p->start_timeout_ms, (long long)p->stop_timeout_ms, (long long)p->stable_ms,
               (long long)p->backoff_base_ms, (long long)p->backoff_cap_ms, p->loop_count,
               (long long)p->loop_window_ms);
    buf_printf(out, "  %s%s%s%s%s%s%s\n", c->is_essential ? "essential " : "", c->is_overlapping ? "overlapping " : "",
               c->has_listener ? "listener " : "", c->waits_for_programs ? "waits-for-programs " : "",
               c->waits_for_migrate ? "waits-for-migrate " : "", c->is_not_autostart ? "by-hand " : "",
               c->uid == (uid_t)-1 ? "" : "another-user");
}

/* "ONLY | FILE": the plan of that configuration; ONLY "-": all. */
static char *plan_of(const char *request)
{
    static struct plan plan;
    static char only[200];
    struct buf out = {0};
    struct err err = {0};
    const char *file = strstr(request, " | ");
    snprintf(only, sizeof only, "%.*s", (int)(file - request), request);
    struct conf *conf = load(file + 3);
    const char *kept = strcmp(only, "-") == 0 ? NULL : only;
    if (plan_check_only(kept, conf, &err) != 0 || plan_from_conf(&plan, conf, kept, &err) != 0) {
        buf_printf(&out, "%s\n", err.text);
        conf_free(conf);
        return out.data;
    }
    buf_printf(&out, "%s; %s\n", plan.is_gate_on ? "on" : "off", plan.note);
    for (int i = 0; i < plan.count; i++) add_spec(&out, &plan.specs[i]);
    for (int i = 0; i < plan.count; i++)
        for (int j = 0; j < plan.count; j++) {
            const struct child_spec *a = &plan.specs[i], *b = &plan.specs[j];
            bool depends = spec_depends_on(a, b), first = spec_stops_before(a, b);
            if (depends || first)
                buf_printf(&out, "%s: %s%s%s %s\n", a->name, depends ? "depends on" : "",
                           depends && spec_is_patient(a, b) ? ", patiently," : "", first ? " stops before" : "",
                           b->name);
        }
    conf_free(conf);
    return out.data;
}

TEST(test_plans_word_by_word)
{
    shown_check("plans.txt", 0, plan_of);
}

static const struct snapshot_child children[] = {
    {.name = "web.0",
     .state = "ready",
     .pid = 7,
     .uptime_s = 119,
     .restarts = 2,
     .pss_bytes = 1048576,
     .rss_bytes = 9,
     .cpu_permille = 15,
     .watchdog_age_ms = 0},
    {.name = "web.1",
     .state = "ready",
     .pid = 8,
     .uptime_s = 120,
     .rss_bytes = 1048575,
     .watchdog_age_ms = 1250,
     .is_draining = true,
     .is_held = true},
    {.name = "worker.0",
     .state = "backoff",
     .watchdog_age_ms = -1,
     .last_exit = "exit status 1",
     .last_exit_ms = 1780000000000 - 7199000,
     .next_start_ms = 1780000000000 + 1500},
    {.name = "worker.1",
     .state = "starting",
     .pid = 9,
     .uptime_s = 7200,
     .is_crash_loop = true,
     .next_start_ms = 1780000000000,
     .watchdog_age_ms = -1},
    {.name = "worker.2",
     .state = "crash-loop",
     .is_crash_loop = true,
     .watchdog_age_ms = -1,
     .last_exit = "killed",
     .last_exit_ms = 1780000000000 - 172800000},
    {.name = "beat",
     .state = "down",
     .is_held = true,
     .watchdog_age_ms = -1,
     .last_exit = "killed",
     .last_exit_ms = 1780000000000 - 172799000},
    {.name = "redis",
     .state = "ready",
     .pid = 10,
     .uptime_s = 180000,
     .status = "serves",
     .is_old_program = true,
     .watchdog_age_ms = -1},
};

static void fill_status(struct snapshot *s, bool is_full)
{
    *s = (struct snapshot){
        .written_ms = 1780000000000, .started_ms = 1780000000000 - 90000, .pid = 5, .version = "1", .state = "running"};
    if (!is_full) return;
    s->background_sync = true;
    snprintf(s->background_note, sizeof s->background_note, "beat waits");
    snprintf(s->listening, sizeof s->listening, "0.0.0.0:1");
    snprintf(s->reload_error, sizeof s->reload_error, "PORT: no");
    s->memory_used_bytes = 5 << 20;
    s->memory_limit_bytes = 10 << 20;
    s->memory_limit_hits = 3;
    s->memory_pressure_permille = 123;
    s->oom_kills = 4;
    s->pss_bytes = 2048;
    s->log_lines_dropped = 6;
    s->count = sizeof children / sizeof *children;
    memcpy(s->children, children, sizeof children);
}

TEST(test_the_status_word_by_word)
{
    static struct snapshot s;
    static char text[20000];
    int file = memfd_create("status", MFD_CLOEXEC), kept = dup(STDOUT_FILENO);
    cJSON *overrides = cJSON_CreateObject();
    cJSON_AddStringToObject(overrides, "http.port", "9");
    fflush(stdout);
    dup2(file, STDOUT_FILENO);
    for (int i = 0; i < 2; i++) {
        fill_status(&s, i == 1);
        ctl_print_status(&s, i == 1 ? overrides : NULL);
    }
    fflush(stdout);
    dup2(kept, STDOUT_FILENO);
    close(kept);
    ssize_t len = pread(file, text, sizeof text - 1, 0);
    close(file);
    assert_true(len > 0);
    shown_compare("status.txt", text);
    cJSON_Delete(overrides);
}

int main(void)
{
    bool is_write = getenv("SHOWN_WRITE") != NULL;
    clearenv();
    if (is_write) setenv("SHOWN_WRITE", "1", 1);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_becomes_another_kind_is_replaced),
        cmocka_unit_test(test_plans_word_by_word),
        cmocka_unit_test(test_the_status_word_by_word),
        cmocka_unit_test(test_more_children_than_there_is_room_for),
        cmocka_unit_test(test_dependencies_that_cannot_be_met),
        cmocka_unit_test(test_addresses_that_cannot_be_listened_on),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
