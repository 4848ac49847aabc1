/* One endpoint in a deliverer's hands: its lease, what is known of it, and the page of the journal that it gets. */
#ifndef LOGIKALD_SERVICES_FEED_ENDPOINT_H
#define LOGIKALD_SERVICES_FEED_ENDPOINT_H

#include <stdbool.h>

#include "conf/text/buf.h"
#include "conf/conf.h"
#include "services/feed/post.h"
#include "services/store/webhooks.h"

struct db;

struct endpoint {
    struct webhook w;
    struct lease lease;
    char *page; /* changes, a line each; NULL = none is read */
    size_t page_at;
    struct webhook_place page_next;
    bool page_has_more;
};

/* Takes the endpoint's lease and reads it: 1, 0 when somebody else has it or there is nothing to do, or negative (then
 * it is to be released as well). */
int endpoint_take(struct endpoint *e, struct db *db, const struct conf *conf, int64_t id, const char *owner,
                  struct err *err);
void endpoint_release(struct endpoint *e, struct db *db);

/* The next batch stands in e->w.batch: 1, 0 when nothing is left or it cannot be served, or negative. */
int endpoint_next(struct endpoint *e, struct db *db, struct err *err);
/* Starts the POST of the batch: 1, 0 when it cannot be (told at the endpoint), or negative. */
int endpoint_post(struct endpoint *e, struct db *db, struct posts *posts, const struct conf *conf, post_done_fn done,
                  void *arg, struct err *err);
/* What came of it is written down: 1 when the next batch may go, 0 when not, or negative. */
int endpoint_settle(struct endpoint *e, struct db *db, const struct conf *conf, const struct post_answer *answer,
                    struct err *err);

/* Signs a body now, with all secrets that can be read. 0, or negative when none can. */
int endpoint_sign(const struct webhook *w, const struct conf *conf, const char *id, int64_t timestamp_s,
                  const char *body, struct buf *out, struct err *err);

#endif
