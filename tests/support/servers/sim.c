/* The upstream simulator as a server of the test's own, and its control endpoint. */
#include "tests/support/support_internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void sim_start(struct sim_server *sim, const char *const extra[])
{
    memset(sim, 0, sizeof *sim);
    char dir[200], port_file[256];
    support_make_dir(dir, sizeof dir, "sim");
    support_format(port_file, sizeof port_file, "%s/port", dir);
    char *argv[64] = {(char *)support_program("logikal-sim"), "--port", "0", "--port-file", port_file};
    size_t n = 5;
    bool has_parts = false;
    for (const char *const *e = extra; e && *e; e++) has_parts |= strncmp(*e, "--parts", 7) == 0;
    if (!has_parts) argv[n++] = (char *)"--parts=tiny"; /* most tests are about something else */
    for (; extra && *extra && n < 63; extra++) argv[n++] = (char *)*extra;
    process_start(&sim->process, "sim", argv, NULL);
    int64_t deadline = support_deadline(20000);
    while (sim->port <= 0) {
        char *text = support_read_file(port_file);
        if (strchr(text, '\n')) sim->port = (int)strtol(text, NULL, 10);
        free(text);
        if (sim->port > 0) break;
        if (support_late(deadline) || !process_running(&sim->process)) {
            char *log = process_log(&sim->process);
            print_message("%s\n", log);
            free(log);
            fail_msg("logikal-sim did not say its port");
        }
        support_pause();
    }
    support_format(sim->base_url, sizeof sim->base_url, "http://127.0.0.1:%d/MbioeService.svc/api/v3", sim->port);
    support_format(sim->control, sizeof sim->control, "http://127.0.0.1:%d/_sim", sim->port);
}

void sim_stop(struct sim_server *sim)
{
    process_stop(&sim->process);
}

#define CONTROL_MS 1800000 /* a dump with the hashes of many large files takes long */

static struct http_reply control_request(struct sim_server *sim, const char *method, const char *path, const char *json)
{
    char *url = NULL;
    if (asprintf(&url, "%s%s%s", sim->control, *path == '/' || !*path ? "" : "/", path) < 0) abort();
    const char *const headers[] = {"Content-Type: application/json", NULL};
    struct http_reply r = http_request_within(CONTROL_MS, method, url, headers, json);
    free(url);
    if (r.status != 200) fail_msg("simulator: %s %s answered %d: %s", method, path, r.status, r.body ? r.body : "");
    return r;
}

void sim_post(struct sim_server *sim, const char *path, const char *json)
{
    struct http_reply r = control_request(sim, "POST", path, json);
    http_reply_free(&r);
}

char *sim_get(struct sim_server *sim, const char *path)
{
    struct http_reply r = control_request(sim, "GET", path, NULL);
    free(r.headers);
    return r.body;
}
