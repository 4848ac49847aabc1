/* What the clients of the load share: counting, complaining, and HTTP calls that are judged. For tests/load only. */
#ifndef LOGIKALD_TESTS_LOAD_CLIENT_H
#define LOGIKALD_TESTS_LOAD_CLIENT_H

#include <cjson/cJSON.h>

#include "tests/load/load.h"

struct load_client {
    struct load *load;
    struct load_count *count;
    enum load_kind kind;
    int pause_ms;
    uint64_t random;
    FILE *complaints;
};

bool client_is_over(struct load_client *c);
uint64_t client_random(struct load_client *c, uint64_t below); /* 0 <= n < below */
void client_pause(struct load_client *c);
void client_complain(struct load_client *c, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void client_served(struct load_client *c, int64_t took_us);

enum access { FOR_ALL, FOR_CLIENTS, FOR_ADMINS };
enum who { STRANGER, CLIENT, ADMIN };
struct call {
    const char *method, *path, *body, *if_none_match; /* the last two may be NULL */
    enum access access;
    enum who who;
    bool may_fail;    /* 400 is right when it says that what was asked for failed: a sync under faults */
    bool may_wait;    /* 503 is right when it says that it only waits to be read, or was not fetched yet */
    bool may_be_gone; /* 404 is right: the upstream may have deleted it meanwhile */
};
/* One request, counted and judged; status 0 when there was no answer or no server. http_reply_free it. */
struct http_reply client_call(struct load_client *c, const struct call *call);
/* Judges an answer that came otherwise; true when it is what the client wanted. */
bool client_judge(struct load_client *c, const struct call *call, int status, const char *body);
/* The same as JSON, NULL unless it was served; complains when it is not JSON. cJSON_Delete it. */
cJSON *client_json(struct load_client *c, const struct call *call);
const char *client_token(struct load_client *c, enum who who); /* NULL for a stranger */

int reader_run(struct load_client *c);
int writer_run(struct load_client *c);
int watcher_run(struct load_client *c);
int syncer_run(struct load_client *c);
int adder_run(struct load_client *c);
int follower_run(struct load_client *c);
int buyer_run(struct load_client *c);
int effects_run(struct load_client *c);

/* An answer of GET /api/v1/changes, as the follower writes it down; false: it is none. */
bool follower_note(FILE *out, const cJSON *page);

#endif
