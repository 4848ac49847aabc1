/* Carrying out a fault on a call whose time has come. */
#ifndef LOGIKAL_SIM_FAULT_ANSWER_H
#define LOGIKAL_SIM_FAULT_ANSWER_H

#include "tests/sim/server.h"

/* Before the call is carried out: true when the fault stands in for it, and the call has its answer (status, cut, ...).
 */
bool fault_before(struct call *call);
/* After it was carried out: spoils the answer in the call. */
void fault_spoil(struct call *call);
/* Sends what cannot be sent as one whole answer (slow, truncated, cut, ...): true when it took over the request. */
bool fault_send(struct call *call);
/* Ends everything that is still dripping. */
void fault_answers_free(struct sim *sim);

#endif
