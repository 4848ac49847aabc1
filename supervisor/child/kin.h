/* Who belongs to a child although its leader has gone: the living of its process group, and whoever left the group,
 * lost its parent to us, and still carries the mark of the child's start in its environment. Reads /proc only. */
#ifndef LOGIKALD_SUPERVISOR_CHILD_KIN_H
#define LOGIKALD_SUPERVISOR_CHILD_KIN_H

#include "supervisor/supervisor.h"

#define KIN_MAX      64
#define KIN_VARIABLE "LOGIKALD_BORN" /* in a child's environment: the supervisor's id, "/", the number of the start */

struct kin {
    int count, in_group; /* those of the group come first */
    pid_t pids[KIN_MAX]; /* at most; count may be more */
};

void kin_find(const struct child *c, struct kin *out);
void kin_signal(const struct kin *kin, int sig); /* those outside the group */
/* "12 (sleep), 13 (sh)" of the first few. */
const char *kin_words(const struct kin *kin, char *out, size_t size);

bool kin_is_known(struct supervisor *s, pid_t pid); /* a child, a watched process or the guardian */

/* True when the environment that this process was started with holds word ("NAME=value") as a whole entry. */
bool process_carries(pid_t pid, const char *word);
size_t process_environment(pid_t pid, char **text); /* its bytes, in a buffer that the next call overwrites */
bool process_is_zombie(pid_t pid);                  /* or gone */
#define PROCESS_NAME_SIZE 32
const char *process_name(pid_t pid, char out[PROCESS_NAME_SIZE]);
/* Our own children, as many as fit; returns how many. */
#define PROCESS_OFFSPRING_MAX 1024
int process_offspring(pid_t *out, int room);

#endif
