/* See audit.h. */
#include "services/store/audit.h"

#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "services/store/db/db.h"
#include "services/store/ui/ui_actions.h"

#define PATIENCE_MS 3000

static const char *who(void)
{
    const char *behind = getuid() == 0 ? getenv("SUDO_USER") : NULL;
    const struct passwd *user = getpwuid(getuid());
    return behind && *behind ? behind : user ? user->pw_name : "?";
}

void audit_command(const struct conf *conf, const char *command)
{
    struct err err = {0};
    if (!conf_is_set(conf, SET_DATABASE_URL)) return;
    struct db *db = db_open_for(conf, PATIENCE_MS, "logikald-audit", &err);
    const char *values[] = {who(), "console", "RUN", command, "200", NULL, NULL};
    if (!db || db_exec(db, &err, ui_query_action_add.sql, 7, values) < 0)
        fprintf(stderr, "logikald: it is done, but not noted among the actions: %s\n", err.text);
    db_close(db);
}
