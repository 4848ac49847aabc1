/* PgBouncer: see pooler.h. It refuses to run as root, so it runs as whom PostgreSQL runs as. */
#include "tests/support/servers/pooler.h"

#include <stdio.h>
#include <unistd.h>

#include "tests/support/support_internal.h"

#define PROGRAM "/usr/sbin/pgbouncer"

bool pooler_is_installed(void)
{
    char path[400];
    support_format(path, sizeof path, "%s" PROGRAM, servers_root() ? servers_root() : "");
    return access(path, X_OK) == 0;
}

void pooler_start(struct pooler *p, const struct pg_server *pg, const char *mode, const char *more)
{
    char dir[256], ini[300], text[2000];
    struct support_user user = servers_user();
    p->port = support_free_port();
    support_make_dir(dir, sizeof dir, "pooler");
    support_format(ini, sizeof ini, "%s/pgbouncer.ini", dir);
    support_format(text, sizeof text,
                   "[databases]\nlogikald = host=127.0.0.1 port=%d dbname=logikald user=postgres\n[pgbouncer]\n"
                   "listen_addr = 127.0.0.1\nlisten_port = %d\nunix_socket_dir =\nauth_type = any\npool_mode = %s\n%s",
                   pg->port, p->port, mode, more);
    support_write_file(ini, text);
    if (user.uid && (chown(dir, user.uid, user.gid) != 0 || chown(ini, user.uid, user.gid) != 0))
        fail_msg("chown %s", dir);
    char *const argv[] = {(char *)PROGRAM, ini, NULL};
    servers_start(&p->process, "pgbouncer", argv, &user, dir);
    support_format(p->url, sizeof p->url, "postgresql://postgres@127.0.0.1:%d/logikald?sslmode=disable", p->port);
    WAIT_UNTIL(PQping(p->url) == PQPING_OK || !process_running(&p->process), 20000);
    if (process_running(&p->process)) return;
    char *log = process_log(&p->process);
    fail_msg("pgbouncer: %s", log);
}

void pooler_stop(struct pooler *p)
{
    process_signal(&p->process, 9);
    process_wait(&p->process, 20000);
}
