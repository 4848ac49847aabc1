/* What the wings above give to the HTTP server, so that it knows none of them: main.c fills this table once. */
#ifndef LOGIKALD_SERVICES_WEB_HTTP_HOOKS_H
#define LOGIKALD_SERVICES_WEB_HTTP_HOOKS_H

#include <stdbool.h>
#include <stddef.h>

struct req;
struct web;

/* A request that could not be read, and so has neither method nor path. */
struct refused {
    const char *id, *address;
    int status;
    size_t bytes;
};

struct http_hooks {
    void (*route)(struct req *r);   /* takes over a request whose form is sound; it is answered later or now */
    void (*headers)(struct req *r); /* adds headers to every answer */
    /* A refusal with a text for people: true when the hook has answered it in a form of its own (a page). */
    bool (*refuse)(struct req *r, int status, const char *text);
    void (*const *over)(const struct req *r); /* each is told of every request at its end; NULL-terminated */
    void (*freed)(struct req *r);             /* r goes, answered or not: what is held of it goes too */
    void (*unreadable)(const struct web *web, const struct refused *refused);
};

#endif
