/* Files on their way into the database, beside the fetching: a thread of its own with a connection of its own verifies
 * and stores them, one after the other, while the sessions go on. What waits for it is bounded; what it found is told
 * in the caller's thread. Lists are handed over packed, and unpacked one at a time for being verified. */
#ifndef LOGIKALD_SERVICES_SYNC_RUN_FILING_H
#define LOGIKALD_SERVICES_SYNC_RUN_FILING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "conf/err.h"
#include "services/store/frames.h"
#include "services/store/lease.h"
#include "services/store/sync/files/sync_files.h"

struct conf;
struct filing;

/* One file. Its owner fills it, has it back with done, and frees it. */
struct filed {
    struct file_row row; /* what it points to stays until done */
    struct lease lease;
    int64_t run;
    bool is_parts, has_bytes;
    struct packed packed;      /* of a parts list with bytes */
    const char *stored_sha256; /* of the parts list that is in the database; "" = none */
    bool has_good;             /* that one could be read: a bad one does not take its place */
    /* found */
    int rc; /* of storing it, -ERR_CANCELLED when that was not tried */
    struct err err;
    struct err invalid; /* code set: it was verified and refused */
    void (*done)(struct filed *file);
    void *owner;
    struct filed *next;
};

/* wake is called from the thread when a file is done; it may only wake somebody up. NULL and err when the database
 * cannot be reached. */
struct filing *filing_start(const struct conf *conf, int64_t run, const char *task_id, void (*wake)(void *arg),
                            void *arg, struct err *err);
/* Those that wait are done with -ERR_CANCELLED; waits for the one at hand. NULL is fine. */
void filing_stop(struct filing *f);

/* Takes the file; false when too much waits already (after waiting for that for up to wait_ms). */
bool filing_put(struct filing *f, struct filed *file, int wait_ms);
/* Calls done of those that are done. NULL is fine. */
void filing_tell(struct filing *f);
/* Is anything not told yet? Waits for the next one to be done for up to wait_ms. */
bool filing_is_busy(struct filing *f, int wait_ms);

#endif
