/* A Celery signature becomes messages, as apply_async makes them of its args, kwargs and options. One that stands for
 * several (celery.group, chain, chord) is unfolded. Pure but for fresh ids and times. */
#ifndef LOGIKALD_SERVICES_RUNNER_SENDING_H
#define LOGIKALD_SERVICES_RUNNER_SENDING_H

#include "ipc/redis/queue_keys.h"
#include "ipc/queue/queue_message.h"

struct sending {
    const struct queue_keys *keys;
    const char *parent_id, *root_id;       /* of what is sent; NULL = what its options say */
    const char *queue;                     /* for signatures that name none */
    const cJSON *stamped_headers, *stamps; /* of the sender, which its follow-ups bear, too; or NULL */
    bool is_template;                      /* bodies stay plain text: results are put into them later */
    struct buf *sends;                     /* gets frames of type SEND and SET */
};

/* prefix: arguments that come before the signature's own, unless it is immutable (a list, or NULL). chain: what comes
 * behind it, the next one last, or NULL. Adds to children (NULL, or a JSON list without its end) the result that
 * Celery's client finds there. 0, or -ERR_INPUT: it is malformed. */
int sending_one(struct sending *s, const cJSON *signature, const cJSON *prefix, const cJSON *chain,
                struct buf *children, struct err *err);
/* A list of callbacks: groups by themselves, all others as one group; a lone one as it is. */
int sending_callbacks(struct sending *s, const cJSON *signatures, const cJSON *prefix, struct buf *children,
                      struct err *err);
int sending_group(struct sending *s, const cJSON *signatures, const cJSON *prefix, struct buf *children,
                  struct err *err);

#endif
