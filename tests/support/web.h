/* The web role alone, on a PostgreSQL of the test's own (migrated), with an administrator and clients to call it as. */
#ifndef LOGIKALD_TESTS_SUPPORT_WEB_H
#define LOGIKALD_TESTS_SUPPORT_WEB_H

#include "tests/support/support.h"

#define WEB_ADMIN_PASSWORD "correct horse battery"

struct web_server {
    struct pg_server pg;
    struct process process;
    int port;
    char url[64];
    char admin[80]; /* token of an administrator's session; made by web_log_in */
};

void web_servers(struct web_server *w); /* starts PostgreSQL and migrates */
void web_migrate(struct web_server *w); /* once more */
/* Starts the role with these settings (NAME=value, may be NULL; rates are not limited unless they say so) and waits
 * until it answers; with_database false: without DATABASE_URL. */
void web_run(struct web_server *w, const char *const extra[], bool with_database);
/* The same with its database, of which nothing is waited for. */
void web_run_unready(struct web_server *w, const char *const extra[]);
/* A simulator with these arguments, and the role on it with what more is set; an administrator is logged in. */
void web_run_on(struct web_server *w, struct sim_server *sim, const char *const arguments[], const char *const extra[]);
void web_stop(struct web_server *w); /* TERM; fails the test unless it exits 0 */
void web_log_in(struct web_server *w);
void web_end(struct web_server *w);

int web_connect(struct web_server *w); /* a connection of its own, blocking */

/* The server of a test program, `web`, and its fixtures: `start` runs it with these settings and logs in, and does what
 * follows them; `stop`. */
#define WEB_WORLD(settings, ...)                                                                                       \
    static struct web_server web;                                                                                      \
    FIXTURE(start)                                                                                                     \
    {                                                                                                                  \
        web_servers(&web);                                                                                             \
        web_run(&web, settings, true);                                                                                 \
        web_log_in(&web);                                                                                              \
        __VA_ARGS__;                                                                                                   \
        return 0;                                                                                                      \
    }                                                                                                                  \
    FIXTURE(stop)                                                                                                      \
    {                                                                                                                  \
        web_end(&web);                                                                                                 \
        return 0;                                                                                                      \
    }

/* A request; token, body (JSON) may be NULL. */
struct http_reply web_call(struct web_server *w, const char *method, const char *path, const char *token,
                           const char *body);
/* With one more header (NULL: none). */
struct http_reply web_ask(struct web_server *w, const char *method, const char *path, const char *token,
                          const char *header);
/* A request, of which only the status matters. */
int web_status(struct web_server *w, const char *method, const char *path, const char *token, const char *body);
/* Registers a client with these permissions (a JSON list) and logs it in: its token, to be freed. */
char *web_client(struct web_server *w, const char *client_id, const char *permissions);
/* Member of a JSON text as text; to be freed; fails the test when it is not there. */
char *web_member(const char *json, const char *name);

#endif
