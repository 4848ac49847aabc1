/* One large answer taken by a thread of its own, piece by piece and without keeping it: its JSON is checked as it
 * comes. A reader may stop after its first bytes, as slow ones do, until it is told to go on. */
#ifndef LOGIKALD_TESTS_SUPPORT_ANSWERS_DOWNLOAD_H
#define LOGIKALD_TESTS_SUPPORT_ANSWERS_DOWNLOAD_H

#include <pthread.h>
#include <stdatomic.h>

#include "tests/support/answers/json_walk.h"

struct download {
    /* set before download_start */
    char url[1200];
    const char *bearer, *header; /* header: one more line, or NULL */
    bool is_gzip, is_http_1_0;   /* asks for gzip, and unpacks it */
    bool is_lines;               /* no one JSON text: not walked */
    bool stops;                  /* after its first bytes, until download_go_on */
    bool gives_up;               /* then, instead of reading on */
    atomic_int pause_ms;         /* a slow reader: after each 16 KiB at most */
    long timeout_ms;             /* 0 = two minutes */
    struct json_walk walk;       /* scalar and arg may be set */

    atomic_bool has_begun; /* the first bytes of the body are here */
    bool may_go_on;
    long status;
    int failure;                    /* a CURLcode; 0 = the answer came to its end */
    atomic_size_t bytes;            /* of the body, unpacked */
    char headers[4096], tail[1024]; /* tail: the end of what came, of lines */
    pthread_t thread;
    pthread_mutex_t mutex;
    pthread_cond_t moved;
};

void download_start(struct download *d);
void download_go_on(struct download *d);
void download_join(struct download *d);
void download_run(struct download *d); /* start and join */

#endif
