/* The flight recorder: see recorder.h. Every event has a number, also one that is not written, so that a gap tells how
 * many are missing. */
#include "supervisor/child/recorder.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "conf/text/buf.h"
#include "conf/clock.h"
#include "conf/log.h"
#include "conf/scrub.h"
#include "conf/version.h"
#include "ipc/flight.h"
#include "ipc/snapshot.h"
#include "supervisor/child/child.h"

#define BURST         200  /* events at once ... */
#define REFILL_MS     1000 /* ... and one more in each of these */
#define WAITING_BYTES (64 * 1024)

struct recorder {
    char source[UUID_TEXT_SIZE], host[65];
    int64_t n;
    int tokens;
    int64_t refilled_ms;
    bool is_flooded, is_failing; /* told once */
    struct buf waiting;          /* lines that could not be written */
};

static bool may_record(struct recorder *r)
{
    int64_t now = mono_ms(), more = (now - r->refilled_ms) / REFILL_MS;
    if (more > 0) {
        r->tokens = r->tokens + more > BURST ? BURST : r->tokens + (int)more;
        r->refilled_ms = now;
    }
    if (r->tokens > 0) {
        r->tokens--;
        if (r->tokens > BURST / 2) r->is_flooded = false;
        return true;
    }
    if (!r->is_flooded)
        log_warning("more happens than is recorded: of the events from now on one in %d ms is kept", REFILL_MS);
    r->is_flooded = true;
    return false;
}

/* The oldest ones give way. */
static void keep_waiting(struct recorder *r, const char *line, size_t len)
{
    while (r->waiting.len > 0 && r->waiting.len + len > WAITING_BYTES) {
        const char *end = memchr(r->waiting.data, '\n', r->waiting.len);
        buf_consume(&r->waiting, end ? (size_t)(end - r->waiting.data) + 1 : r->waiting.len);
    }
    if (!buf_add(&r->waiting, line, len)) buf_free(&r->waiting);
}

void recorder_retry(struct supervisor *s)
{
    struct recorder *r = s->recorder;
    struct err err = {0};
    if (!r || r->waiting.len == 0) return;
    bool is_written = flight_append(s->run_dir, r->waiting.data, r->waiting.len, &err) == 0;
    if (is_written) buf_free(&r->waiting);
    if (is_written && r->is_failing) log_info("events are recorded again");
    if (!is_written && !r->is_failing) log_warning("%s; it is tried again, and told when it works", err.text);
    r->is_failing = !is_written;
}

/* A copy without secrets, the caller's to free; NULL without memory. */
static char *clean(const struct scrub *scrub, const char *text)
{
    struct buf out = {0};
    if (scrub_text(scrub, &out, text, strlen(text)) && buf_char(&out, 0)) return buf_steal(&out);
    buf_free(&out);
    return NULL;
}

void recorder_note(struct supervisor *s, const char *event, const char *child, int pid, const char *text,
                   const char *detail)
{
    struct recorder *r = s->recorder;
    struct scrub scrub = {0};
    if (!r) return;
    int64_t n = ++r->n;
    if (!may_record(r)) return;
    scrub_add_conf(&scrub, s->conf);
    char *clean_text = clean(&scrub, text), *clean_detail = clean(&scrub, detail ? detail : "");
    scrub_free(&scrub);
    struct flight_event e = {.source = r->source,
                             .n = n,
                             .at_ms = wall_ms(),
                             .host = r->host,
                             .version = version_text,
                             .event = event,
                             .child = child,
                             .pid = pid,
                             .text = clean_text,
                             .detail = clean_detail};
    char *line = clean_text && clean_detail ? flight_line(&e) : NULL;
    if (line) keep_waiting(r, line, strlen(line));
    free(line);
    free(clean_text);
    free(clean_detail);
    recorder_retry(s);
}

void recorder_say(struct supervisor *s, const char *event, const char *child, int pid, const char *fmt, ...)
{
    char text[1024];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    recorder_note(s, event, child, pid, text, NULL);
}

/* The end of a crash is what tells of it: what does not fit goes at the front, by whole lines. */
void recorder_exit(const struct child *c, const char *event, const char *text)
{
    size_t len;
    const char *lines = line_ring_marked(&c->lines, &len);
    while (len > FLIGHT_DETAIL_BYTES - 1) {
        const char *end = memchr(lines, '\n', len);
        size_t skip = end ? (size_t)(end - lines) + 1 : len;
        lines += skip;
        len -= skip;
    }
    char detail[FLIGHT_DETAIL_BYTES];
    for (size_t i = 0; i < len; i++) detail[i] = lines[i] ? lines[i] : ' ';
    detail[len] = 0;
    recorder_note(c->sup, event, c->spec.name, c->pid ? (int)c->pid : (int)c->previous_pid, text, detail);
}

/* A supervisor that ends as it should takes its status away. */
static void note_predecessor(struct supervisor *s)
{
    char time[CLOCK_TEXT_SIZE];
    struct snapshot *last = calloc(1, sizeof *last);
    if (last && snapshot_read(s->run_dir, last, NULL) == 0)
        recorder_say(s, "died", NULL, last->pid,
                     "the supervisor before (pid %d, logikald %s) and all that it ran were killed: its last sign of"
                     " life was at %s",
                     last->pid, last->version, clock_iso_ms(last->written_ms, time));
    free(last);
}

int recorder_open(struct supervisor *s, struct err *err)
{
    struct recorder *r = calloc(1, sizeof *r);
    if (!r) return err_set(err, ERR_NOMEM, "no memory for the recorder of events");
    r->tokens = BURST;
    r->refilled_ms = mono_ms();
    random_uuid4(r->source);
    if (gethostname(r->host, sizeof r->host - 1) != 0) r->host[0] = 0;
    s->recorder = r;
    if (!s->is_resumed) note_predecessor(s);
    return 0;
}

void recorder_close(struct supervisor *s)
{
    if (!s->recorder) return;
    recorder_retry(s);
    buf_free(&s->recorder->waiting);
    free(s->recorder);
    s->recorder = NULL;
}
