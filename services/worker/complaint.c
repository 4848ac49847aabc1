/* Says a fault when it is new, and once a minute while it lasts. */
#include "services/worker/complaint.h"

#include <stdio.h>
#include <string.h>

#include "conf/clock.h"

#define AGAIN_MS 60000

bool complaint_is_due(struct complaint *c, const char *text)
{
    int64_t now = mono_ms();
    if (c->said_ms > 0 && strncmp(c->text, text, sizeof c->text - 1) == 0 && now - c->said_ms < AGAIN_MS) return false;
    snprintf(c->text, sizeof c->text, "%s", text);
    c->said_ms = now;
    return true;
}
