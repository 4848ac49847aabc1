/* Whether we were asleep: stopped, frozen with the container or the machine, or without a CPU for long. What did not
 * happen meanwhile is nobody's fault, so all that is waited for gets that time once more. */
#ifndef LOGIKALD_SUPERVISOR_CHILD_PULSE_H
#define LOGIKALD_SUPERVISOR_CHILD_PULSE_H

#include "supervisor/supervisor.h"

#define PULSE_MS       1000
#define PULSE_SLEPT_MS 1500 /* between two beats: we were asleep */

int pulse_open(struct supervisor *s, struct err *err);
void pulse_close(struct supervisor *s);

/* To be asked before a judgement on what is late: notices a sleep, and moves every deadline by it. True when there was
 * one since since_ms (mono_ms). */
bool pulse_slept_since(struct supervisor *s, int64_t since_ms);

#endif
