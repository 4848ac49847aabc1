/* Asking why: see reasons.h. */
#include "tests/support/reasons.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct http_reply reasons_ask(struct system *sys, const char *path, const char *of)
{
    char url[400], escaped[300], *to = escaped;
    for (const char *p = of; *p; p++) to += sprintf(to, strchr(" #%&+>\"", *p) ? "%%%02X" : "%c", (unsigned char)*p);
    snprintf(url, sizeof url, "%s%s?of=%s", sys->url, path, escaped);
    return http_request("GET", url, (const char *[]){"Authorization: Bearer " REASONS_TOKEN, NULL}, NULL);
}

bool reasons_tells(struct system *sys, const char *of, const char *state, const char *const words[REASONS_WORDS])
{
    struct http_reply reply = reasons_ask(sys, "/api/v1/why", of);
    char member[40];
    snprintf(member, sizeof member, "\"state\":\"%s\",\"chain\"", state);
    bool is_so = reply.status == 200 && (!*state || strstr(reply.body, member));
    for (int i = 0; i < REASONS_WORDS && words[i]; i++) is_so = is_so && strstr(reply.body, words[i]);
    http_reply_free(&reply);
    return is_so;
}

void reasons_expect(struct system *sys, const char *of, const char *state, const char *const words[REASONS_WORDS])
{
    int64_t deadline = support_patience(10000);
    while (!reasons_tells(sys, of, state, words)) {
        if (support_late(deadline)) {
            struct http_reply reply = reasons_ask(sys, "/api/v1/why", of);
            fail_msg("%s is to be %s, and to tell \"%s\" ...: %d %s", of, state, words[0], reply.status, reply.body);
        }
        support_pause();
    }
}

int reasons_command(struct system *sys, const char *of, char **output)
{
    char run_dir[300];
    snprintf(run_dir, sizeof run_dir, "LOGIKALD_RUN_DIR=%s", sys->run_dir);
    char *words[] = {(char *)(uintptr_t)support_program("logikald"), "why", (char *)(uintptr_t)of, NULL};
    return process_run(words, (char *[]){run_dir, NULL}, output);
}

void reasons_command_says(struct system *sys, const char *of, int status, const char *const words[REASONS_WORDS])
{
    int64_t deadline = support_patience(10000);
    for (bool is_so = false; !is_so;) {
        char *output = NULL;
        int is = reasons_command(sys, of, &output);
        is_so = is == status;
        for (int i = 0; i < REASONS_WORDS && words[i]; i++) is_so = is_so && strstr(output, words[i]);
        if (!is_so && support_late(deadline)) fail_msg("why %s: %d, and not \"%s\" ...: %s", of, is, words[0], output);
        free(output);
    }
}
