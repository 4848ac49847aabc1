/* The whole truth at once, for tests that compare it with a database: newline-delimited JSON, an object a line, parents
 * before children, streamed so that neither side needs memory for all of it.
 *
 *   {"type":"elevation","id":...,"parent":...,"project":...,"object":{as the upstream shows it},
 *    "parts_sha256":...,"parts_bytes":...,"parts":{what is in it},"thumbnail_sha256":...}   (the last four with
 * ?parts=1) */
#ifndef LOGIKAL_SIM_DUMP_H
#define LOGIKAL_SIM_DUMP_H

#include "tests/sim/server.h"

/* Answers req. The thumbnail is the one that the thumbnail parameters in its query ask for (300 x 300, Exterior, with
 * dimensions and description when there are none). */
void dump_send(struct sim *sim, struct evhttp_request *req);
void dumps_free(struct sim *sim);

#endif
