/* What the deliverer of webhooks reads and writes (migrations/0120_webhooks.sql). All functions block for a statement;
 * those that write do so only while the endpoint's lease is held (its token is checked in the same statement), and only
 * what still is as the caller saw it: -ERR_CONFLICT tells that somebody else has been there. */
#ifndef LOGIKALD_SERVICES_STORE_WEBHOOKS_H
#define LOGIKALD_SERVICES_STORE_WEBHOOKS_H

#include <stdbool.h>
#include <stdint.h>

#include <libpq-fe.h>

#include "conf/err.h"
#include "services/store/lease.h"

struct db;

#define WEBHOOK_PLACE_SIZE 100
#define WEBHOOK_URL_SIZE   2049
#define WEBHOOK_ID_SIZE    48
#define WEBHOOK_SECRETS    5 /* that sign at once */

/* Where a reader of the journal stands: "epoch-xid-seq-item". */
struct webhook_place {
    char text[WEBHOOK_PLACE_SIZE];
};

struct webhook_batch {
    char id[WEBHOOK_ID_SIZE]; /* "" = none */
    char *body;
    int changes, tries;
    struct webhook_place after;
};

struct webhook {
    int64_t id;
    char url[WEBHOOK_URL_SIZE], format[16], state[16];
    char *types, *projects; /* split by commas; NULL = all */
    struct webhook_place place;
    int failures;
    int64_t failing_ms; /* since the first of them */
    bool may;           /* who made it still has the rights */
    bool has_gap;       /* its receiver may have been told what is gone */
    struct webhook_batch batch;
    char *sealed[WEBHOOK_SECRETS];
    int secret_count;
};

/* Ids of endpoints for which there is something to do now, at most limit; `wait_ms` gets how long until the next one
 * that waits for its next try is due (-1 = none). How many, or negative. */
int webhooks_due(struct db *db, int64_t *ids, int limit, int64_t *wait_ms, struct err *err);

/* May a deliverer be sent for? 1: yes, and nobody else need; 0: one has been, and has not begun yet, or there is no
 * endpoint. A deliverer says that it begins before it looks. Negative on errors. */
int webhooks_ask(struct db *db, struct err *err);
int webhooks_take(struct db *db, struct err *err);

/* 1, 0 when there is no such endpoint, or negative. To be freed by webhook_free. */
int webhook_load(struct db *db, int64_t id, struct webhook *out, struct err *err);
void webhook_free(struct webhook *w);

/* A page of the journal behind the place: a result of query_changes_page, the caller's to clear. */
PGresult *webhook_changes(struct db *db, const struct webhook *w, int limit, struct err *err);

/* Where what is kept of the journal begins (is_oldest), or where it ends now. 0 or negative. */
int webhooks_kept_from(struct db *db, bool is_oldest, struct webhook_place *out, struct err *err);
/* What the object of a change (a JSON object) is called now; "" when that is not known. 0 or negative. */
int webhook_object_name(struct db *db, const char *change, char *out, size_t size, struct err *err);

/* Keeps what is sent from now on. */
int webhook_batch_put(struct db *db, const struct lease *lease, const struct webhook *w,
                      const struct webhook_batch *batch, struct err *err);
int webhook_gap_told(struct db *db, const struct webhook *w, struct err *err);
/* Nothing of what lies before the place is for this endpoint. */
int webhook_skip(struct db *db, const struct lease *lease, const struct webhook *w, const struct webhook_place *place,
                 struct err *err);

struct webhook_try {
    int status; /* 0 = no answer */
    int64_t took_ms;
    const char *error; /* "" when it was taken */
};
int webhook_delivered(struct db *db, const struct lease *lease, const struct webhook *w, const struct webhook_try *t,
                      struct err *err);
/* state: what becomes of the endpoint ("active": tried again after wait_ms). */
int webhook_refused(struct db *db, const struct lease *lease, const struct webhook *w, const struct webhook_try *t,
                    int64_t wait_ms, const char *state, struct err *err);
/* The webhook cannot be served as it is: its state and why, without a try. */
int webhook_set_state(struct db *db, const struct lease *lease, const struct webhook *w, const char *state,
                      const char *why, struct err *err);

#endif
