/* Whether siblings can be selected: learned from what the server does, once for each level. A refusal counts only when
 * the same object could then be selected the straight way; and where it has worked before, only when it goes on. */
#include <string.h>

#include "conf/log.h"
#include "services/logikal/client_internal.h"

#define DOUBTS_MAX 3

static void learn(struct logikal *l, enum logikal_level level, enum sideways what)
{
    static const char *const names[] = {"", "directories", "projects", "phases", "elevations"};
    if (!l->may_learn || l->sideways[level] == what) return;
    if (what == SIDEWAYS_REFUSED && l->sideways[level] == SIDEWAYS_ALLOWED && ++l->sideways_doubts[level] < DOUBTS_MAX)
        return;
    l->sideways[level] = what;
    log_info("learned: this Logikal server %s to select sibling %s without a new session",
             what == SIDEWAYS_ALLOWED ? "allows" : "does not allow", names[level]);
    if (l->hooks.learned) l->hooks.learned(l->hooks.arg, level, what);
}

/* Of the chain of directories above it, only the last was selected sideways before. */
static bool is_last_of_level(const struct logikal_session *s)
{
    const char *chain = s->job->place.chain;
    return s->step.level != LEVEL_DIRECTORY || (chain && s->step.identifier + s->step.length == chain + strlen(chain));
}

void sideways_on_selected(struct logikal_session *s)
{
    enum logikal_level level = s->step.level;
    if (s->step.is_sideways) {
        s->client->sideways_doubts[level] = 0;
        learn(s->client, level, SIDEWAYS_ALLOWED);
    } else if (s->probed == level && is_last_of_level(s)) {
        learn(s->client, level, SIDEWAYS_REFUSED);
        s->probed = LEVEL_ROOT;
    }
}
