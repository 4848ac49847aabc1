/* Operators are told by a real mail server (aiosmtpd) and a real HTTP receiver: of a problem that lasts, once, and when
 * it is over; also while PostgreSQL is away; by one of two web processes, and by another one when it is killed before
 * the receiver takes it; not while it is silenced. */
#include "tests/support/web.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static struct web_server web, second;
static struct process receiver;
static char seen[300], hook[200], smtp[200], beat[200];
static const char *const env[] = {hook,
                                  smtp,
                                  beat,
                                  "ALERT_EMAIL_TO=ops@example.org, boss@example.org",
                                  "ALERT_EMAIL_FROM=logikald@example.org",
                                  "ALERT_AFTER_SECONDS=1",
                                  "HEARTBEAT_SECONDS=5",
                                  "LOGIKAL_API_BASE_URL=http://u:pass-in-url@127.0.0.1:1/api?api_key=key-in-url",
                                  NULL};

/* Mail and calls are lines of one file: "mail TO SUBJECT", "post BODY", "get PATH". */
static const char program[] =
    "import os, sys, email, email.header, http.server, threading, time\n"
    "from aiosmtpd.controller import Controller\n"
    "out = open(sys.argv[1], 'a', buffering=1)\n"
    "class Mail:\n"
    "    async def handle_DATA(self, server, session, envelope):\n"
    "        m = email.message_from_bytes(envelope.content)\n"
    "        subject = str(email.header.make_header(email.header.decode_header(m['Subject'])))\n"
    "        body = m.get_payload(decode=True).decode('utf-8').replace('\\n', '|')\n"
    "        out.write('mail %s %s %s\\n' % (','.join(envelope.rcpt_tos), subject.replace('\\n', ''), body))\n"
    "        return '250 OK'\n"
    "class Hook(http.server.BaseHTTPRequestHandler):\n"
    "    refusals = 0\n"
    "    def do_POST(self):\n"
    "        body = self.rfile.read(int(self.headers['Content-Length'])).decode()\n"
    "        if self.path == '/flaky' and Hook.refusals < 1:\n"
    "            Hook.refusals += 1; self.send_response(503)\n"
    "        elif os.path.exists(sys.argv[1] + '.down'):\n"
    "            out.write('refused %s\\n' % body); self.send_response(503)\n"
    "        else:\n"
    "            out.write('post %s\\n' % body); self.send_response(200)\n"
    "        self.send_header('Content-Length', '0'); self.end_headers()\n"
    "    def do_GET(self):\n"
    "        out.write('get %s\\n' % self.path)\n"
    "        self.send_response(200); self.send_header('Content-Length', '0'); self.end_headers()\n"
    "    def log_message(self, *a): pass\n"
    "Controller(Mail(), hostname='127.0.0.1', port=int(sys.argv[2])).start()\n"
    "http.server.ThreadingHTTPServer(('127.0.0.1', int(sys.argv[3])), Hook).serve_forever()\n";

static int count_of(const char *words)
{
    char line[4096];
    int n = 0;
    FILE *f = fopen(seen, "r");
    while (f && fgets(line, sizeof line, f)) n += strstr(line, words) != NULL;
    if (f) fclose(f);
    return n;
}

/* How many posts of a problem were taken; kinds: of the last two. */
static int posts_of(const char *key, char kinds_of_last[40])
{
    int n = 0;
    char line[4096], words[60], kinds[2][12] = {"", ""};
    snprintf(words, sizeof words, "\"key\":\"%s\"", key);
    FILE *f = fopen(seen, "r");
    while (f && fgets(line, sizeof line, f)) {
        const char *at = strncmp(line, "post", 4) == 0 && strstr(line, words) ? strstr(line, "\"kind\":\"") : NULL;
        if (!at) continue;
        n++;
        memcpy(kinds[0], kinds[1], sizeof kinds[0]);
        snprintf(kinds[1], sizeof kinds[1], "%.*s", (int)strcspn(at + 8, "\""), at + 8);
    }
    if (f) fclose(f);
    snprintf(kinds_of_last, 40, "%s %s", kinds[0], kinds[1]);
    return n;
}

/* The webhook's receiver refuses all, or no more. */
static void set_down(bool is_down)
{
    char path[320];
    snprintf(path, sizeof path, "%s.down", seen);
    FILE *f = is_down ? fopen(path, "we") : NULL;
    if (is_down && (!f || fclose(f) != 0)) fail_msg("%s cannot be written", path);
    if (!is_down) assert_int_equal(unlink(path), 0);
}

static void hold(int id, const char *state)
{
    char sql[300];
    snprintf(sql, sizeof sql,
             "INSERT INTO sync_holds (id, reason, directories, projects, phases, elevations, run_id, state)"
             " VALUES (%d, 'mass', 1, 2, 3, 4, 7, '%s') ON CONFLICT (id) DO UPDATE SET state = excluded.state",
             id, state);
    pg_exec(&web.pg, sql);
}

/* Nothing else is wrong: no queue, no schedule that could be late. */
static void quiet(void)
{
    pg_exec(&web.pg, "UPDATE object_sync_configs SET last_sync = now(), last_status = 'success', last_error = NULL,"
                     " last_finished_status = 'success', staleness_threshold_minutes = 600;"
                     "TRUNCATE sync_holds CASCADE");
}

static char silence[80]; /* its path: of hold:78, all through the first test */

static void be_silent(void)
{
    struct http_reply reply =
        web_call(&web, "POST", "/api/v1/admin/silences", web.admin,
                 "{\"key\":\"hold:78\",\"minutes\":5,\"reason\":\"they move house \xf0\x9f\x8f\xa0\"}");
    assert_int_equal(reply.status, 200);
    char *id = web_member(reply.body, "id");
    snprintf(silence, sizeof silence, "/api/v1/admin/silences/%s", id);
    free(id);
    http_reply_free(&reply);
}

TEST(test_problem_is_told_once_by_one_of_two_and_so_is_its_end_and_a_silenced_one_is_not)
{
    quiet();
    be_silent();
    hold(78, "open");
    hold(77, "open");
    WAIT_UNTIL(count_of("mail ops@example.org,boss@example.org [logikald] wrong: Not believed to be gone") == 1, 20000);
    WAIT_UNTIL(count_of("\"kind\":\"problem\"") == 1 && count_of("\"key\":\"hold:77\"") >= 1, 20000);
    assert_int_equal(count_of("Hits"), 0);
    hold(77, "refused");
    WAIT_UNTIL(count_of("[logikald] Over: Not believed to be gone") == 1 && count_of("\"kind\":\"over\"") == 1, 40000);
    assert_int_equal(count_of("\"kind\":\"problem\""), 1);
    WAIT_UNTIL(pg_int(&web.pg, "SELECT count(*) FROM alert_log WHERE error IS NULL AND key = 'hold:77'") == 4, 20000);
    assert_int_equal(pg_int(&web.pg, "SELECT count(*) FROM alert_states WHERE key = 'hold:77'"), 0);
}

/* It has lasted for ten seconds and more. */
TEST(test_silenced_problem_is_told_when_it_is_silenced_no_more)
{
    assert_int_equal(count_of("hold:78"), 0);
    assert_int_equal(web_status(&web, "GET", "/api/v1/admin/silences", web.admin, NULL), 200);
    assert_int_equal(web_status(&web, "DELETE", silence, web.admin, NULL), 200);
    assert_int_equal(web_status(&web, "DELETE", silence, web.admin, NULL), 404);
    WAIT_UNTIL(count_of("hold:78") > 0, 60000);
    quiet();
}

TEST(test_test_of_the_channels_by_api_and_command)
{
    int before = count_of("A test: this is how problems are told");
    struct http_reply reply = web_call(&web, "POST", "/api/v1/admin/alerts/test", web.admin, NULL);
    if (reply.status != 200 || strstr(reply.body, "error")) fail_msg("%d %s", reply.status, reply.body);
    http_reply_free(&reply);
    assert_int_equal(count_of("A test: this is how problems are told"), before + 2);
    char *const channels[] = {hook, smtp, beat, (char *)"ALERT_EMAIL_TO=ops@example.org", NULL};
    char *const argv[] = {(char *)(uintptr_t)support_program("logikald-roles"), (char *)"alert", (char *)"test", NULL};
    char *output = NULL;
    assert_int_equal(process_run(argv, channels, &output), 0);
    assert_non_null(strstr(output, "webhook: taken"));
    assert_non_null(strstr(output, "mail: taken"));
    assert_non_null(strstr(output, "heartbeat: taken"));
    free(output);
    assert_int_equal(count_of("A test: this is how problems are told"), before + 4);
    char *const nobody[] = {(char *)"ALERT_WEBHOOK_URL=http://127.0.0.1:1/x?secret=s3cr3t", NULL};
    assert_int_equal(process_run(argv, nobody, &output), 69);
    assert_null(strstr(output, "s3cr3t"));
    free(output);
    assert_int_equal(process_run(argv, (char *const[]){NULL}, &output), 78);
    free(output);
}

static void kill_web(struct web_server *w)
{
    process_signal(&w->process, SIGKILL);
    process_wait(&w->process, 10000);
}

static int outbox(const char *kind)
{
    char sql[200];
    snprintf(sql, sizeof sql,
             "SELECT count(*) FROM alert_outbox WHERE key = 'hold:77' AND channel = 'webhook'"
             " AND kind = '%s'",
             kind);
    return (int)pg_int(&web.pg, sql);
}

/* Its end waits behind it. */
TEST(test_what_a_killed_process_had_to_tell_is_told_by_another_and_in_order)
{
    char kinds[40];
    quiet();
    WAIT_UNTIL(pg_int(&web.pg, "SELECT count(*) FROM alert_outbox") == 0, 60000);
    WAIT_UNTIL(pg_int(&web.pg, "SELECT count(*) FROM alert_states WHERE key = 'hold:77'") == 0, 60000);
    int problems = posts_of("hold:77", kinds), refused = count_of("refused {");
    set_down(true);
    hold(77, "open");
    WAIT_UNTIL(count_of("refused {") > refused && outbox("problem") == 1, 30000);
    kill_web(&web);
    kill_web(&second);
    pg_exec(&web.pg, "UPDATE alert_outbox SET held_until = now()"); /* the time of the dead passes */
    web_run(&web, env, true);
    web_run(&second, env, true);
    refused = count_of("refused {");
    WAIT_UNTIL(count_of("refused {") > refused, 30000);
    hold(77, "refused");
    WAIT_UNTIL(outbox("over") == 1 && outbox("problem") == 1, 60000);
    assert_int_equal(posts_of("hold:77", kinds), problems);
    set_down(false);
    WAIT_UNTIL(posts_of("hold:77", kinds) == problems + 2, 90000);
    assert_string_equal(kinds, "problem over");
    WAIT_UNTIL(pg_int(&web.pg, "SELECT count(*) FROM alert_outbox") == 0, 60000);
}

TEST(test_without_postgres_nobody_is_silent_and_the_heart_stops)
{
    WAIT_UNTIL(count_of("get /beat") >= 1, 30000);
    pg_kill(&web.pg);
    WAIT_UNTIL(count_of("mail ops@example.org,boss@example.org [logikald] wrong: PostgreSQL: ") >= 1, 40000);
    int beats = count_of("get /beat");
    int64_t deadline = support_deadline(7000); /* one was due */
    while (!support_late(deadline)) support_pause();
    assert_int_equal(count_of("get /beat"), beats);
    pg_restart(&web.pg);
    WAIT_UNTIL(count_of("[logikald] Over: PostgreSQL: ") >= 1, 60000);
    WAIT_UNTIL(count_of("get /beat") > beats, 60000);
    WAIT_UNTIL(pg_int(&web.pg, "SELECT count(*) FROM alert_log WHERE key = 'PostgreSQL' AND kind = 'problem'") >= 2,
               30000);
}

/* Nobody but them knew of it. */
TEST(test_the_end_of_what_was_told_without_postgres_is_told_though_who_told_it_is_killed)
{
    WAIT_UNTIL(count_of("\"kind\":\"over\"") >= 1 && pg_int(&web.pg, "SELECT count(*) FROM alert_states WHERE key ="
                                                                     " 'PostgreSQL'") == 0,
               60000);
    int told = count_of("[logikald] wrong: PostgreSQL: ");
    pg_kill(&web.pg);
    WAIT_UNTIL(count_of("[logikald] wrong: PostgreSQL: ") > told, 40000);
    int over = count_of("[logikald] Over: PostgreSQL: ");
    kill_web(&web);
    kill_web(&second);
    pg_restart(&web.pg);
    web_run(&web, env, true);
    web_run(&second, env, true);
    WAIT_UNTIL(count_of("[logikald] Over: PostgreSQL: ") > over, 60000);
}

/* Who had to tell it is killed before the receiver takes it: another one does, and tells the end. */
TEST(test_what_no_channel_had_taken_without_postgres_is_told_by_another)
{
    char kinds[40];
    WAIT_UNTIL(pg_int(&web.pg, "SELECT count(*) FROM alert_states WHERE key = 'PostgreSQL'") == 0, 60000);
    int refused = count_of("refused {");
    set_down(true);
    pg_kill(&web.pg);
    WAIT_UNTIL(count_of("refused {") >= refused + 2, 40000); /* by both, or one of them has tried it again */
    kill_web(&web);
    kill_web(&second);
    int posts = posts_of("PostgreSQL", kinds);
    set_down(false);
    pg_restart(&web.pg);
    web_run(&web, env, true);
    web_run(&second, env, true);
    WAIT_UNTIL(posts_of("PostgreSQL", kinds) >= posts + 2 && strcmp(kinds, "problem over") == 0, 90000);
    assert_true(count_of("[logikald] Over: PostgreSQL: ") > 0);
}

FIXTURE(start)
{
    char script[300], ports[2][12], *argv[] = {(char *)"/usr/bin/python3", script, seen, ports[0], ports[1], NULL};
    int mail_port = support_free_port(), http_port = support_free_port();
    snprintf(script, sizeof script, "%s/receiver.py", support_dir());
    snprintf(seen, sizeof seen, "%s/seen", support_dir());
    snprintf(ports[0], sizeof ports[0], "%d", mail_port);
    snprintf(ports[1], sizeof ports[1], "%d", http_port);
    FILE *f = fopen(script, "w");
    fputs(program, f);
    fclose(f);
    process_start(&receiver, "receiver", argv, NULL);
    snprintf(hook, sizeof hook, "ALERT_WEBHOOK_URL=http://127.0.0.1:%d/flaky", http_port);
    snprintf(beat, sizeof beat, "HEARTBEAT_URL=http://127.0.0.1:%d/beat", http_port);
    snprintf(smtp, sizeof smtp, "SMTP_URL=smtp://127.0.0.1:%d", mail_port);
    char run_dir[280];
    snprintf(run_dir, sizeof run_dir, "%.200s/run", support_dir());
    assert_true(mkdir(run_dir, 0700) == 0 || errno == EEXIST);
    web_servers(&web);
    quiet();
    web_run(&web, env, true);
    web_log_in(&web);
    second.pg = web.pg;
    web_run(&second, env, true);
    return 0;
}

FIXTURE(stop)
{
    web_stop(&second);
    web_end(&web);
    process_signal(&receiver, SIGKILL);
    process_wait(&receiver, 5000);
    return 0;
}

/* What somebody writes into an address is a secret on no page. */
static void test_no_page_shows_the_password_of_an_address(void **state)
{
    static const char *const paths[] = {
        "/ui/", "/ui/system", "/ui/alarms", "/ui/why?of=web", "/api/v1/health/detailed", "/api/v1/verdict", "/metrics"};
    (void)state;
    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++) {
        struct http_reply reply = web_call(&web, "GET", paths[i], web.admin, NULL);
        if (reply.status != 200 || strstr(reply.body, "pass-in-url") || strstr(reply.body, "key-in-url"))
            fail_msg("%s: %d %.3000s", paths[i], reply.status, reply.body);
        if (i < 2 && !strstr(reply.body, "http://u:***@127.0.0.1:1/api?api_key=***")) fail_msg("%s", reply.body);
        http_reply_free(&reply);
    }
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_no_page_shows_the_password_of_an_address),
    cmocka_unit_test(test_problem_is_told_once_by_one_of_two_and_so_is_its_end_and_a_silenced_one_is_not),
    cmocka_unit_test(test_silenced_problem_is_told_when_it_is_silenced_no_more),
    cmocka_unit_test(test_test_of_the_channels_by_api_and_command),
    cmocka_unit_test(test_what_a_killed_process_had_to_tell_is_told_by_another_and_in_order),
    cmocka_unit_test(test_without_postgres_nobody_is_silent_and_the_heart_stops),
    cmocka_unit_test(test_the_end_of_what_was_told_without_postgres_is_told_though_who_told_it_is_killed),
    cmocka_unit_test(test_what_no_channel_had_taken_without_postgres_is_told_by_another)};
TEST_MAIN(tests, start, stop)
