/* A part of a chord has ended: what Redis is to do then, in one step with the end of the task. It counts the part as
 * Celery's Redis backend does (a sorted set of [1, id, state, result]), and when it is the last it sends the body, into
 * which it puts the results, or makes the body fail. Whatever may come of it is prepared here, as texts. */
#ifndef LOGIKALD_SERVICES_RUNNER_CHORD_H
#define LOGIKALD_SERVICES_RUNNER_CHORD_H

#include "services/runner/sending.h"

struct chord_part {
    const char *group, *id;    /* of the chord; of the task that has ended, or never will run */
    const cJSON *index;        /* its group_index; NULL = behind all others */
    const char *state, *value; /* as in a stored result; value is JSON text */
    const cJSON *body;
};

struct chord_parts {
    struct sending as; /* how bodies are sent: keys, queue, root_id */
    struct buf json;
    char **names; /* of the keys that are touched */
    int name_count;
    bool has_failed; /* without memory */
};

int chord_parts_add(struct chord_parts *parts, const struct chord_part *part, struct err *err);
/* Adds what was collected to sends, as frames of type KEY and then one of type PARTS; nothing when there are none.
 * Releases it. */
void chord_parts_put(struct chord_parts *parts, struct buf *sends);

#endif
