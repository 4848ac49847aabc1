/* Upgrades: see upgrade.h. A file counts as another when its number on the disk is another, as it is after any proper
 * replacement (mv, install, a package): a running program's file cannot be written to. */
#include "supervisor/child/upgrade.h"

#include <string.h>
#include <sys/stat.h>

#include "conf/log.h"
#include "supervisor/child/child.h"
#include "supervisor/child/children.h"
#include "supervisor/system/self.h"

/* The path of what it would be started from now; NULL for a program that is looked up in a PATH. */
static const char *path_of(const struct child *c, char room[PATH_MAX])
{
    if (c->spec.users) return self_role_program(c->spec.role, room, NULL) == 0 ? room : NULL;
    const struct program *p = c->spec.program;
    return p && p->command[0][0] == '/' ? p->command[0] : NULL;
}

void upgrade_note(struct child *c)
{
    char room[PATH_MAX];
    struct stat st;
    const char *path = path_of(c, room);
    bool is_there = path && stat(path, &st) == 0;
    c->program_device = is_there ? (int64_t)st.st_dev : 0;
    c->program_inode = is_there ? (int64_t)st.st_ino : 0;
}

bool upgrade_is_due(const struct child *c)
{
    char room[PATH_MAX];
    struct stat st;
    bool has_run = c->pid || c->machine.state == CHILD_DONE;
    const char *path = has_run ? path_of(c, room) : NULL;
    if (!path || stat(path, &st) != 0) return false;
    if (!c->program_inode)
        return c->spec.users != 0; /* taken over from a version that did not note it: another program */
    return (int64_t)st.st_ino != c->program_inode || (int64_t)st.st_dev != c->program_device;
}

void upgrade_begin(struct supervisor *s)
{
    struct child *c;
    CHILDREN_FOREACH(c, s) {
        bool is_role_or_runs = c->spec.users || c->pid; /* a one-shot of others is not run again for that */
        if (c->is_leaving || c->is_held || !is_role_or_runs || !upgrade_is_due(c)) continue;
        log_info("%s[%d] runs a program whose file is another now: it is replaced", c->spec.name, (int)c->pid);
        c->is_outdated = c->is_upgrade = true;
    }
    children_settle_soon(s);
}

bool upgrade_has_to_wait(const struct child *c)
{
    const struct child *d;
    if (!c->is_upgrade || c->spec.users == USER_TOOL) return false;
    CHILDREN_FOREACH(d, c->sup) {
        enum child_state state = d->machine.state;
        if (d->spec.users != USER_TOOL || d->is_leaving || d->is_held) continue;
        if (d->is_outdated || state == CHILD_STARTING || (state == CHILD_WAITING && d->machine.failures == 0))
            return true;
    }
    return false;
}
