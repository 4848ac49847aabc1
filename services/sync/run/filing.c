/* Files on their way into the database, beside the fetching: a thread of its own with a connection of its own verifies
 * and stores them, one after the other, while the sessions go on. See filing.h. */
#include "services/sync/run/filing.h"

#include <malloc.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "conf/conf.h"
#include "conf/machine/lock.h"
#include "services/parts/image.h"
#include "services/parts/verify.h"
#include "services/store/db/db.h"
#include "services/store/unframe.h"

#define WAITING_MAX   16
#define WAITING_BYTES (8 * 1024 * 1024) /* packed */
#define STACK_BYTES   (512 * 1024)
#define LARGE_BYTES   (4 * 1024 * 1024) /* memory of a file as large goes back at once */

struct filing {
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t has_work, has_moved;
    struct db *db; /* the thread's, like the next */
    struct unframer *frames;
    void (*wake)(void *arg);
    void *arg;
    struct filed *waiting, **waiting_end, *done, **done_end;
    size_t waiting_count, waiting_bytes, untold;
    bool is_stopping, has_thread;
};

/* ---- in the thread ---- */

static int verify(struct unframer *frames, const struct packed *packed, struct err *why, struct err *err)
{
    int rc = unframer_open(frames, packed->content.data, packed->content.len, packed->raw_size, err);
    if (rc == 0 && parts_verify_frames(frames, why) == -ERR_NOMEM) rc = err_set(err, ERR_NOMEM, "%s", why->text);
    unframer_close(frames);
    if (packed->raw_size > LARGE_BYTES) malloc_trim(0);
    return rc;
}

static int store_parts(struct filing *f, struct filed *file, struct err *err)
{
    const struct packed *packed = file->has_bytes ? &file->packed : NULL;
    bool has_file = packed && strcmp(packed->sha256, file->stored_sha256) == 0;
    int rc = packed && !(has_file && file->has_good) ? verify(f->frames, packed, &file->invalid, err) : 0;
    if (rc < 0) return rc;
    if (file->invalid.code && file->has_good) {
        struct file_row row = file->row;
        row.error = file->invalid.text;
        return file_store_failure(f->db, &file->lease, true, &row, 0, err);
    }
    const char *why = file->invalid.code ? file->invalid.text : NULL;
    return file_store_parts(f->db, &file->lease, &file->row, packed, has_file, file->run, why, err);
}

static void store(struct filing *f, struct filed *file)
{
    file->rc = file->is_parts ? store_parts(f, file, &file->err)
                              : file_store_thumbnail(f->db, &file->lease, &file->row, &file->err);
    packed_free(&file->packed);
}

static struct filed *take(struct filing *f)
{
    struct filed *file = f->waiting;
    f->waiting = file->next;
    if (!f->waiting) f->waiting_end = &f->waiting;
    f->waiting_count--;
    f->waiting_bytes -= file->packed.content.len;
    file->next = NULL;
    return file;
}

static void put_done(struct filing *f, struct filed *file)
{
    *f->done_end = file;
    f->done_end = &file->next;
    pthread_cond_broadcast(&f->has_moved);
}

static void *work(void *arg)
{
    struct filing *f = arg;
    lock_take(&f->lock);
    for (;;) {
        while (!f->waiting && !f->is_stopping) lock_wait(&f->has_work, &f->lock);
        if (f->is_stopping) break;
        struct filed *file = take(f);
        lock_give(&f->lock);
        store(f, file);
        lock_take(&f->lock);
        put_done(f, file);
        f->wake(f->arg);
    }
    lock_give(&f->lock);
    return NULL;
}

/* ---- in the caller's ---- */

/* Signals are the process's first thread's; one arena of memory is enough for both. */
static int start_thread(struct filing *f, struct err *err)
{
    sigset_t all, former;
    pthread_attr_t attributes;
    mallopt(M_ARENA_MAX, 1);
    sigfillset(&all);
    pthread_attr_init(&attributes);
    pthread_attr_setstacksize(&attributes, STACK_BYTES);
    pthread_sigmask(SIG_SETMASK, &all, &former);
    int rc = pthread_create(&f->thread, &attributes, work, f);
    pthread_sigmask(SIG_SETMASK, &former, NULL);
    pthread_attr_destroy(&attributes);
    if (rc) return err_set(err, ERR_SYSTEM, "no thread to store files: %s", strerror(rc));
    f->has_thread = true;
    return 0;
}

struct filing *filing_start(const struct conf *conf, int64_t run, const char *task_id, void (*wake)(void *arg),
                            void *arg, struct err *err)
{
    pthread_condattr_t monotonic;
    struct filing *f = calloc(1, sizeof *f);
    if (!f) return err_set(err, ERR_NOMEM, "no memory"), NULL;
    f->waiting_end = &f->waiting;
    f->done_end = &f->done;
    f->wake = wake;
    f->arg = arg;
    lock_init(&f->lock);
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&f->has_work, &monotonic);
    pthread_cond_init(&f->has_moved, &monotonic);
    pthread_condattr_destroy(&monotonic);
    image_limit((size_t)conf_int(conf, SET_PARTS_MAX));
    f->db = db_open_conf(conf, true, "logikald sync files", err);
    /* What is lost with the server's crash is fetched again. */
    f->frames = f->db ? unframer_new(err) : NULL;
    if (f->frames && db_relax(f->db, true, err) == 0 && db_origin(f->db, run, task_id, err) == 0 &&
        start_thread(f, err) == 0)
        return f;
    filing_stop(f);
    return NULL;
}

static void cancel_waiting(struct filing *f)
{
    while (f->waiting) {
        struct filed *file = take(f);
        packed_free(&file->packed);
        file->rc = err_set(&file->err, ERR_CANCELLED, "the sync has ended");
        put_done(f, file);
    }
}

void filing_stop(struct filing *f)
{
    if (!f) return;
    lock_take(&f->lock);
    f->is_stopping = true;
    cancel_waiting(f);
    pthread_cond_broadcast(&f->has_work);
    lock_give(&f->lock);
    if (f->has_thread) pthread_join(f->thread, NULL);
    filing_tell(f);
    db_close(f->db);
    unframer_free(f->frames);
    pthread_cond_destroy(&f->has_work);
    pthread_cond_destroy(&f->has_moved);
    pthread_mutex_destroy(&f->lock);
    free(f);
}

static void wait_for_move(struct filing *f, int wait_ms)
{
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_nsec += wait_ms % 1000 * 1000000L;
    until.tv_sec += wait_ms / 1000 + until.tv_nsec / 1000000000L;
    until.tv_nsec %= 1000000000L;
    lock_wait_until(&f->has_moved, &f->lock, &until);
}

static bool has_room(const struct filing *f, size_t bytes)
{
    return f->waiting_count == 0 || (f->waiting_count < WAITING_MAX && f->waiting_bytes + bytes <= WAITING_BYTES);
}

bool filing_put(struct filing *f, struct filed *file, int wait_ms)
{
    lock_take(&f->lock);
    size_t bytes = file->packed.content.len;
    if (!has_room(f, bytes)) wait_for_move(f, wait_ms);
    bool is_taken = has_room(f, bytes);
    if (is_taken) {
        file->next = NULL;
        *f->waiting_end = file;
        f->waiting_end = &file->next;
        f->waiting_count++;
        f->waiting_bytes += bytes;
        f->untold++;
        pthread_cond_signal(&f->has_work);
    }
    lock_give(&f->lock);
    return is_taken;
}

void filing_tell(struct filing *f)
{
    if (!f) return;
    lock_take(&f->lock);
    struct filed *file = f->done;
    f->done = NULL;
    f->done_end = &f->done;
    lock_give(&f->lock);
    for (struct filed *next; file; file = next) {
        next = file->next;
        f->untold--;
        file->done(file);
    }
}

bool filing_is_busy(struct filing *f, int wait_ms)
{
    if (!f || !f->untold) return false;
    lock_take(&f->lock);
    if (!f->done) wait_for_move(f, wait_ms);
    lock_give(&f->lock);
    return true;
}
