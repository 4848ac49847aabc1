/* Clients that generators make of /openapi.json: tests/clients/check.mjs makes them, compiles them and lets them work.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/support/web.h"

TEST(test_what_generators_make_compiles_and_logs_in)
{
    static const char *const settings[] = {"LOG_LEVEL=warning", NULL};
    static struct web_server web;
    static struct process node;
    if (access("node_modules/openapi-typescript", F_OK) != 0) fail_msg("npm's packages are missing: npm ci");
    web_servers(&web);
    web_run(&web, settings, true);
    web_log_in(&web);
    struct http_reply reply =
        web_call(&web, "POST", "/api/v1/client-auth/register", web.admin,
                 "{\"client_id\":\"made\",\"name\":\"Made by machines\",\"permissions\":[\"projects:read\"]}");
    char *secret = web_member(reply.body, "client_secret");
    http_reply_free(&reply);
    char *argv[] = {"/usr/bin/env", "node", "tests/clients/check.mjs", web.url,
                    "made",         secret, WEB_ADMIN_PASSWORD,        NULL};

    process_start(&node, "node", argv, (char *const[]){NULL});
    int status = process_wait(&node, 280000);

    char *log = process_log(&node);
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) fail_msg("%s", log);
    if (!strstr(log, "by_schema.js: Made by machines") || !strstr(log, "by_functions.js: Made by machines"))
        fail_msg("%s", log);
    free(log);
    free(secret);
    web_end(&web);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_what_generators_make_compiles_and_logs_in),
};
TEST_MAIN(tests, NULL, NULL)
