/* HAProxy: see haproxy.h. Without its master process, so that the one that is stopped is the one that forwards. */
#include "tests/support/haproxy.h"

#include <signal.h>
#include <stdio.h>
#include <unistd.h>

#include "tests/support/support_internal.h"

#define PROGRAM "/usr/sbin/haproxy"

bool haproxy_is_installed(void)
{
    return access(PROGRAM, X_OK) == 0;
}

void haproxy_start(struct haproxy *h, int target_port)
{
    char dir[256], cfg[300], text[1000];
    h->port = support_free_port();
    support_make_dir(dir, sizeof dir, "haproxy");
    support_format(cfg, sizeof cfg, "%s/haproxy.cfg", dir);
    support_format(text, sizeof text,
                   "defaults\n mode tcp\n timeout connect 5s\n timeout client 1h\n timeout server 1h\n"
                   "listen through\n bind 127.0.0.1:%d\n server it 127.0.0.1:%d\n",
                   h->port, target_port);
    support_write_file(cfg, text);
    char *const argv[] = {(char *)PROGRAM, (char *)"-db", (char *)"-f", cfg, NULL};
    process_start(&h->process, "haproxy", argv, NULL);
    char url[100];
    support_format(url, sizeof url, "postgresql://postgres@127.0.0.1:%d/logikald?sslmode=disable", h->port);
    WAIT_UNTIL(PQping(url) != PQPING_NO_RESPONSE || !process_running(&h->process), 20000);
    if (process_running(&h->process)) return;
    char *log = process_log(&h->process);
    fail_msg("haproxy: %s", log);
}

void haproxy_freeze(struct haproxy *h, bool is_frozen)
{
    process_signal(&h->process, is_frozen ? SIGSTOP : SIGCONT);
}

void haproxy_stop(struct haproxy *h)
{
    process_signal(&h->process, SIGKILL);
    process_wait(&h->process, 20000);
}
