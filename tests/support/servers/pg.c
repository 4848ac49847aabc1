/* A PostgreSQL of the test's own. initdb runs once per build directory and PostgreSQL version; each server starts on a
 * copy of what it made, which holds an empty database "logikald". As root it runs as an unprivileged user, which
 * PostgreSQL demands. Crash-safe against a killed process (the log is written), not against a power cut (fsync off). */
#include "tests/support/support_internal.h"

#include <fcntl.h>
#include <glob.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

/* The directory with initdb and postgres of the newest version installed. */
const char *pg_bin_dir(void)
{
    static char dir[200];
    glob_t found;
    char pattern[400];
    const char *root = servers_root() ? servers_root() : "";
    if (dir[0]) return dir;
    support_format(pattern, sizeof pattern, "%s/usr/lib/postgresql/*/bin", root);
    if (glob(pattern, 0, NULL, &found) != 0) fail_msg("no PostgreSQL in %s", pattern);
    int newest = 0;
    for (size_t i = 0; i < found.gl_pathc; i++) {
        int version = (int)strtol(found.gl_pathv[i] + strlen(root) + strlen("/usr/lib/postgresql/"), NULL, 10);
        if (version <= newest) continue;
        newest = version;
        support_format(dir, sizeof dir, "%s", found.gl_pathv[i] + strlen(root));
    }
    globfree(&found);
    return dir;
}

static void must_end(struct process *p, const char *what)
{
    if (process_wait(p, 60000) == 0) return;
    char *log = process_log(p);
    print_message("%s\n", log);
    free(log);
    fail_msg("%s failed", what);
}

/* A program of PostgreSQL's. */
static void run(char *const argv[], const struct support_user *user, const char *directory)
{
    struct process p;
    servers_start(&p, "pg-setup", argv, user, directory);
    must_end(&p, argv[0]);
}

static void copy_tree(const char *from, const char *to)
{
    struct process p;
    char *const argv[] = {"cp", "-a", (char *)from, (char *)to, NULL};
    process_start(&p, "cp", argv, NULL);
    must_end(&p, "cp");
}

static void own(const char *path, const struct support_user *user)
{
    if (user->uid != 0 && chown(path, user->uid, user->gid) != 0) fail_msg("cannot chown %s", path);
}

static void template_make(const char *target)
{
    struct support_user user = servers_user();
    char work[200], data[220], initdb[256], postgres[256], beside[4200], create[1024];
    support_make_dir(work, sizeof work, "pg-template");
    own(work, &user);
    support_format(data, sizeof data, "%s/data", work);
    support_format(initdb, sizeof initdb, "%s/initdb", pg_bin_dir());
    support_format(postgres, sizeof postgres, "%s/postgres", pg_bin_dir());
    char *const init[] = {initdb,      "-D",
                          data,        "-U",
                          "postgres",  "-A",
                          "trust",     "-E",
                          "UTF8",      "--locale=C.UTF-8",
                          "--no-sync", "--wal-segsize=1",
                          NULL};
    run(init, &user, work);
    support_format(create, sizeof create, "echo 'CREATE DATABASE logikald' | '%s' --single -F -D '%s' postgres",
                   postgres, data);
    char *const single[] = {"sh", "-c", create, NULL};
    run(single, &user, work);

    support_format(beside, sizeof beside, "%s.%d", target, (int)getpid());
    copy_tree(data, beside);
    if (rename(beside, target) != 0) fail_msg("cannot rename %s to %s", beside, target);
}

/* The template, made when it is not there yet; programs that start together wait for the first. */
static const char *template_dir(void)
{
    static char path[4100];
    char cache[4000], lock_path[4100];
    support_format(cache, sizeof cache, "%s/test-cache", support_build_dir());
    mkdir(cache, 0755);
    int version = (int)strtol(pg_bin_dir() + strlen("/usr/lib/postgresql/"), NULL, 10);
    support_format(path, sizeof path, "%s/pg-template-%d-%u", cache, version, (unsigned)servers_user().uid);
    support_format(lock_path, sizeof lock_path, "%s/lock", cache);
    int lock = open(lock_path, O_RDWR | O_CREAT | O_CLOEXEC, 0644);
    if (lock < 0 || flock(lock, LOCK_EX) != 0) fail_msg("cannot lock %s", lock_path);
    char done[4200];
    support_format(done, sizeof done, "%s/PG_VERSION", path);
    if (access(done, F_OK) != 0) template_make(path);
    close(lock);
    return path;
}

void pg_start(struct pg_server *pg)
{
    memset(pg, 0, sizeof *pg);
    struct support_user user = servers_user();
    const char *template = template_dir();
    char data[300];
    support_make_dir(pg->dir, sizeof pg->dir, "pg");
    support_format(data, sizeof data, "%s/data", pg->dir);
    copy_tree(template, data);
    own(pg->dir, &user);
    pg->port = support_free_port();
    support_format(pg->url, sizeof pg->url, "postgresql://postgres@127.0.0.1:%d/logikald?sslmode=disable", pg->port);
    pg_restart(pg);
}

void pg_restart(struct pg_server *pg)
{
    struct support_user user = servers_user();
    char postgres[256], data[300], port[16], sockets[320];
    support_format(postgres, sizeof postgres, "%s/postgres", pg_bin_dir());
    support_format(data, sizeof data, "%s/data", pg->dir);
    support_format(port, sizeof port, "%d", pg->port);
    support_format(sockets, sizeof sockets, "unix_socket_directories=%s", pg->dir);
    char *argv[48] = {postgres,
                      "-D",
                      data,
                      "-p",
                      port,
                      "-c",
                      sockets,
                      "-c",
                      "listen_addresses=127.0.0.1",
                      "-F",
                      "-c",
                      "shared_buffers=32MB",
                      "-c",
                      "jit=off",
                      "-c",
                      "full_page_writes=off",
                      "-c",
                      "max_wal_size=256MB"};
    int n = 0;
    while (argv[n]) n++;
    for (const char *const *s = pg->settings; s && *s; s++) {
        assert_true(n < 46);
        argv[n++] = "-c";
        argv[n++] = (char *)(uintptr_t)*s;
    }
    servers_start(&pg->process, "postgres", argv, &user, pg->dir);
    WAIT_UNTIL(PQping(pg->url) == PQPING_OK || !process_running(&pg->process), 30000);
    if (pg->process.is_running) return;
    char *log = process_log(&pg->process);
    print_message("%s\n", log);
    free(log);
    fail_msg("PostgreSQL did not start");
}

void pg_kill(struct pg_server *pg)
{
    process_signal(&pg->process, SIGQUIT);
    process_wait(&pg->process, 20000);
}

void pg_signal(struct pg_server *pg, int sig)
{
    char path[100];
    support_format(path, sizeof path, "/proc/%d/task/%d/children", (int)pg->process.pid, (int)pg->process.pid);
    char *children = support_read_file(path);
    process_signal(&pg->process, sig);
    for (char *save = NULL, *pid = strtok_r(children, " ", &save); pid; pid = strtok_r(NULL, " ", &save))
        kill((pid_t)strtol(pid, NULL, 10), sig);
    free(children);
}

void pg_stop(struct pg_server *pg)
{
    pg_close_cached();
    process_signal(&pg->process, SIGINT); /* does not wait for clients */
    process_wait(&pg->process, 20000);
}
