/* The pool of runner processes: started ahead, fed over socket pairs, replaced when they die, are full, or were killed.
 * A runner is named by its slot. What it was given is in deliveries_sent(slot); what it says is told to whoever asked
 * (runners_on_frame), and so is its end (runners_on_death). What waits behind the task that it runs can be taken back
 * at any time; see struct runner_shared. */
#ifndef LOGIKALD_SERVICES_WORKER_RUNNERS_RUNNERS_H
#define LOGIKALD_SERVICES_WORKER_RUNNERS_RUNNERS_H

#include <sys/types.h>

#include "services/runner/wire.h"
#include "services/worker/delivery.h"

int runners_open(struct worker *w, int size, struct err *err);
void runners_close(struct worker *w); /* kills what is left */
void runners_on_frame(struct worker *w, void (*fn)(struct worker *w, int slot, const struct wire *frame));
/* running: what its task was, or NULL; why: for what it was killed (CANCEL_NONE = it was not); status as of waitpid. */
void runners_on_death(struct worker *w, void (*fn)(struct worker *w, struct delivery *running, enum cancel_reason why,
                                                   pid_t pid, int status));

int runners_size(const struct worker *w); /* as it is meant to be */
void runners_resize(struct worker *w, int size);
void runners_recycle(struct worker *w); /* each runner is replaced when it is idle (new configuration) */
void runners_task_done(struct worker *w, int slot, int64_t rss_bytes); /* retires it when it has done or grown enough */

pid_t runners_pid(const struct worker *w, int slot);    /* 0 = none */
bool runners_is_open(const struct worker *w, int slot); /* it may be given more */
int runners_open_count(const struct worker *w);
uint32_t runners_next_seq(struct worker *w, int slot);
/* The task with this number, as an encoded RUN frame; it is in deliveries_sent(slot). */
void runners_give(struct worker *w, int slot, uint32_t seq, const char *frame, size_t size);
void runners_send(struct worker *w); /* what was given, now: else it goes at the end of this turn of the loop */
struct delivery *runners_running(struct worker *w, int slot); /* what it runs now, or NULL */
bool runners_is_running(const struct worker *w, const struct delivery *d);
int64_t runners_started_us(const struct worker *w, int slot); /* monotonic, of what it runs */

void runners_take_back(struct worker *w, int slot);                                /* what waits there, to READY */
void runners_cancel(struct worker *w, struct delivery *d, enum cancel_reason why); /* asks the running task to stop */
void runners_kill(struct worker *w, int slot, enum cancel_reason why);
enum cancel_reason runners_killed_for(const struct worker *w, int slot);

#endif
