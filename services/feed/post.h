/* POSTs to endpoints, several at once, over libcurl. An endpoint may be anybody: its address is judged when it is
 * connected to (guard.h), redirects are not followed, no proxy of the environment is used, an answer is read up to a
 * limit, and all has a deadline. Nothing here knows the journal. */
#ifndef LOGIKALD_SERVICES_FEED_POST_H
#define LOGIKALD_SERVICES_FEED_POST_H

#include <stdbool.h>
#include <stdint.h>

#include "conf/conf.h"
#include "conf/err.h"

struct posts;

struct post_answer {
    int status;            /* 0 = none */
    int64_t retry_after_s; /* 0 = nothing was said */
    int64_t took_ms;
    char why[300]; /* "" for 2xx; else what to tell about it */
};
/* Called once for each started POST, from posts_poll; the next may be started in it. */
typedef void (*post_done_fn)(void *arg, const struct post_answer *answer);

struct posts *posts_new(const struct conf *conf, struct err *err);
void posts_free(struct posts *p); /* cuts what is under way, without a word; NULL is fine */

struct post_request {
    const char *url, *body;     /* body stays until the answer */
    const char *id, *signature; /* copied */
    int64_t timestamp_s;
};
int post_start(struct posts *p, const struct post_request *request, post_done_fn done, void *arg, struct err *err);
void posts_poll(struct posts *p, int timeout_ms);
int posts_running(const struct posts *p);

/* For those who register one: 0, or -ERR_INPUT with what is wrong with it. No name is looked up. */
int post_check_url(const char *url, const char *allowed, struct err *err);

#endif
