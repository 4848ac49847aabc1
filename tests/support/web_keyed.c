/* See web_keyed.h. */
#include "tests/support/web_keyed.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "ipc/snapshot.h"

static char config[300], run_dir[300];

static void write_keys(const struct web_keys *keys)
{
    FILE *out = fopen(config, "w");
    assert_non_null(out);
    fprintf(out,
            "security: { jwt_secret_key = \"%s\"; jwt_secret_key_previous = \"%s\"; secret_key = \"%s\";"
            " secret_key_previous = \"%s\"; };\n",
            keys->jwt, keys->jwt_previous, keys->session, keys->session_previous);
    fclose(out);
}

void web_keyed_start(struct web_server *w, const struct web_keys *keys)
{
    static char text[3][400];
    web_servers(w);
    w->port = support_free_port();
    snprintf(w->url, sizeof w->url, "http://127.0.0.1:%d", w->port);
    snprintf(config, sizeof config, "%.255s/keys.cfg", support_dir());
    write_keys(keys);
    snprintf(text[0], sizeof text[0], "PORT=%d", w->port);
    snprintf(run_dir, sizeof run_dir, "%.255s/run", support_dir());
    assert_int_equal(mkdir(run_dir, 0700), 0);
    snprintf(text[1], sizeof text[1], "LOGIKALD_RUN_DIR=%s", run_dir);
    snprintf(text[2], sizeof text[2], "DATABASE_URL=%s", w->pg.url);
    char *env[] = {text[0],
                   text[1],
                   text[2],
                   "HOST=127.0.0.1",
                   "ADMIN_PASSWORD=" WEB_ADMIN_PASSWORD,
                   "RATE_LIMIT_PER_MINUTE=0",
                   "RATE_LIMIT_PER_HOUR=0",
                   "LOG_LEVEL=warning",
                   "WATCHDOG_SECONDS=60",
                   "MEMORY_SOFT_BYTES=0",
                   "MEMORY_HARD_BYTES=0",
                   NULL};
    char *argv[] = {(char *)support_program("logikald"), "--config", config, NULL};
    process_start(&w->process, "logikald", argv, env);
    WAIT_UNTIL(web_status(w, "GET", "/api/v1/health/ready", NULL, NULL) == 200, 60000);
}

/* The web process; 0 while another one is still there beside it, or none is ready. */
static int web_pid(void)
{
    static struct snapshot shot;
    int count = 0, pid = 0;
    if (snapshot_read(run_dir, &shot, NULL) != 0) return 0;
    for (int i = 0; i < shot.count; i++) {
        if (strcmp(shot.children[i].role, "web") != 0 || !shot.children[i].pid) continue;
        count++;
        if (shot.children[i].is_ready && !shot.children[i].is_draining) pid = shot.children[i].pid;
    }
    return count == 1 ? pid : 0;
}

void web_keyed_reload(struct web_server *w, const struct web_keys *keys)
{
    int before, now = 0;
    WAIT_UNTIL((before = web_pid()) != 0, 60000);
    write_keys(keys);
    process_signal(&w->process, SIGHUP);
    WAIT_UNTIL((now = web_pid()) != 0 && now != before, 60000);
}
