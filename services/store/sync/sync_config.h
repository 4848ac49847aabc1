/* The rows of object_sync_configs, and what is noted in them about the last attempt. */
#ifndef LOGIKALD_SERVICES_STORE_SYNC_SYNC_CONFIG_H
#define LOGIKALD_SERVICES_STORE_SYNC_SYNC_CONFIG_H

#include <stdbool.h>
#include <stdint.h>

#include "conf/err.h"

/* How the reason of a type begins that was left out, before the name of the one that failed and a blank. */
#define SYNC_LEFT_OUT "not synced, because "

struct db;

#define OBJECT_TYPES_MAX 32
#define OBJECT_TYPE_SIZE 52

struct object_config {
    char type[OBJECT_TYPE_SIZE];
    char depends_on[202]; /* names, comma separated; "" = none */
    int interval_min, stale_min, priority, batch_size, max_retries, retry_delay_min;
    bool is_enabled, cascades;
    bool has_failed; /* the last attempt did; one that began and never ended does not count */
    /* ages in seconds, by the database's clock; -1 = never */
    int64_t since_sync_s, since_attempt_s;
    int64_t retry_in_s; /* until next_retry_at; 0 = it has passed, -1 = none is set */
    int retry_count;
    int64_t oldest_s; /* how long ago the oldest of its rows was confirmed; -1 = not looked at, or there is none */
};

/* All rows in the order of their priority, at most OBJECT_TYPES_MAX: how many, or -ERR_DB. */
int sync_config_load(struct db *db, struct object_config out[OBJECT_TYPES_MAX], struct err *err);

/* Looks at what is stored and sets oldest_s of the types that the upstream's lists confirm. 0 or -ERR_DB. */
int sync_config_look_at_rows(struct db *db, struct object_config *configs, int n, struct err *err);

struct object_outcome {
    int64_t processed, successful, failed, skipped;
    int64_t batches; /* in how many lots they were written or sent */
    int64_t duration_ms;
    bool is_success;
    bool is_broken;    /* begun and not ended: no success, but not in vain either */
    bool is_held;      /* a part of it is missing in the upstream, and that is not believed */
    const char *error; /* NULL = none */
};
int sync_config_note_attempt(struct db *db, const char *type, struct err *err);
/* Success moves last_sync; failure counts a try and sets next_retry_at, until max_retry_attempts is used up. */
int sync_config_note_outcome(struct db *db, const char *type, const struct object_outcome *outcome, struct err *err);
/* The old single row of sync_config: when a full or an incremental sync was last done. */
int sync_config_note_run(struct db *db, bool is_full, struct err *err);

#endif
