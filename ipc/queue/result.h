/* Task results as Celery stores them: one JSON object under celery-task-meta-<id>, published on the channel of the same
 * name. This room writes and reads that object. */
#ifndef LOGIKALD_IPC_QUEUE_RESULT_H
#define LOGIKALD_IPC_QUEUE_RESULT_H

#include "conf/text/buf.h"
#include "ipc/queue/queue.h"

/* What is written. Zero = absent. */
struct result_spec {
    const char *task_id, *group, *parent_id;
    const char *status;    /* "SUCCESS" ... */
    const char *value;     /* JSON text; NULL = null */
    const char *traceback; /* or NULL */
    const char *children;  /* JSON text of a list; NULL = [] */
};
void result_encode(struct buf *out, const struct result_spec *spec); /* date_done is now, for ready states */

/* {"exc_type", "exc_message": [text], "exc_module"} as JSON text. */
void result_exception(struct buf *out, const char *exc_type, const char *message, const char *exc_module);
/* The same with the exception's arguments as JSON text, between the brackets of the list. */
void result_exception_of(struct buf *out, const char *exc_type, const char *args, const char *exc_module);

/* Reads what is stored (NULL = nothing); *owner holds what out points to and is the caller's to delete. error gets
 * "Type: message" for out->error. A malformed object reads as PENDING. */
void result_decode(const char *json, size_t len, const char *task_id, struct result *out, cJSON **owner,
                   struct buf *error);

#endif
