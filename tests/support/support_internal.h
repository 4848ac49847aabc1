/* What the files of tests/support share among themselves; test programs include support.h only. */
#ifndef LOGIKALD_TESTS_SUPPORT_INTERNAL_H
#define LOGIKALD_TESTS_SUPPORT_INTERNAL_H

#include "tests/support/support.h"

/* Who a process shall be (servers that refuse to run as root): uid 0 = as the test program. */
struct support_user {
    uid_t uid;
    gid_t gid;
};

/* Formats into a fixed buffer and ends the program when it does not fit. */
void support_format(char *out, size_t size, const char *format, ...) __attribute__((format(printf, 3, 4)));
const char *support_build_dir(void); /* where this variant was built */
void support_take_build_dir(void);   /* LOGIKALD_BUILD_DIR has changed */
void support_write_file(const char *path, const char *text);
void support_make_dir(char *out, size_t size, const char *name); /* a new numbered directory in support_dir */

/* As process_start, as another user and in another directory (NULL = the test program's). */
void process_start_as(struct process *p, const char *name, char *const argv[], char *const env[],
                      const struct support_user *user, const char *directory);
/* PostgreSQL, Redis and PgBouncer: this system's, or those of the system at TEST_SERVERS_ROOT (see tests/infra). */
const char *servers_root(void);         /* NULL = this system's */
struct support_user servers_user(void); /* whom those run as that refuse to be root */
void servers_start(struct process *p, const char *name, char *const argv[], const struct support_user *user,
                   const char *directory);
void process_kill_all(void); /* the groups of everything started */

/* A process that outlives the test program for a moment: kills the groups and removes the directory when the program
 * ended without doing so. Started with the first directory or process. */
void guard_start(void);
void guard_add(pid_t pid);
void guard_remove(pid_t pid);

void pg_close_cached(void);
const char *pg_bin_dir(void); /* with initdb, postgres, pg_basebackup */

#endif
