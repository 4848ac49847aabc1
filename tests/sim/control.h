/* Control of the running simulator under /_sim/: statistics, changes, faults, the whole truth as a dump. No login. */
#ifndef LOGIKAL_SIM_CONTROL_H
#define LOGIKAL_SIM_CONTROL_H

#include "tests/sim/server.h"

/* Answers req, whose path after /_sim is `path`. */
void control_handle(struct sim *sim, struct evhttp_request *req, const char *path);

/* Handlers: each fills body with JSON and returns the HTTP status. json is the request's body, an object. */
int control_change(struct sim *sim, const cJSON *json, struct buf *body);
int control_add(struct sim *sim, const cJSON *json, struct buf *body);
int control_delete(struct sim *sim, const cJSON *json, struct buf *body);
int control_restore(struct sim *sim, const cJSON *json, struct buf *body);
int control_move(struct sim *sim, const cJSON *json, struct buf *body);
int control_mutate(struct sim *sim, const cJSON *json, struct buf *body);

/* Writes {"error": ...} and returns the status. */
int control_refuse(struct buf *body, int status, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

#endif
