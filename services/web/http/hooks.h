/* What the wings above give to the HTTP server, so that it knows none of them: main.c fills this table once. */
#ifndef LOGIKALD_SERVICES_WEB_HTTP_HOOKS_H
#define LOGIKALD_SERVICES_WEB_HTTP_HOOKS_H

#include <stdbool.h>
#include <stddef.h>

#include "services/web/http/message/framing.h"

struct req;
struct web;

struct http_hooks {
    void (*route)(struct req *r);   /* takes over a request whose form is sound; it is answered later or now */
    void (*headers)(struct req *r); /* adds headers to every answer */
    /* A refusal with a text for people, and a code or NULL: true when the hook has answered it in a form of its own (a
     * page). */
    bool (*refuse)(struct req *r, int status, const char *code, const char *text);
    void (*const *over)(const struct req *r); /* each is told of every request at its end; NULL-terminated */
    /* The largest body for a method and a path, and how a larger one is refused. */
    int64_t (*body_max)(const struct web *web, struct framing_text method, struct framing_text path,
                        struct refusal *why);
};

#endif
