/* Load by HTTP: a process with some connections that ask for the same pages over and over and remember how it went. */
#ifndef LOGIKALD_TESTS_SUPPORT_HTTP_LOAD_H
#define LOGIKALD_TESTS_SUPPORT_HTTP_LOAD_H

#include <stdint.h>
#include <sys/types.h>

enum { HTTP_LOAD_SLOTS = 20000 };

struct http_load {
    int64_t answered, refused, cut; /* 200 and 304; other answers; no answer (the server was killed at that moment) */
    int64_t slots[HTTP_LOAD_SLOTS]; /* answers by milliseconds; the last one holds all that took longer */
    int last_refusal;               /* status */
};

struct http_loader {
    pid_t pid;
    struct http_load *shared;
};

/* urls: NULL-terminated; bearer may be NULL. */
void http_load_start(struct http_loader *l, const char *const urls[], const char *bearer, int connections);
void http_load_stop(struct http_loader *l); /* the counts stay readable until http_load_free */
void http_load_free(struct http_loader *l);
int http_load_percentile_ms(const struct http_load *l, double percent);

#endif
