/* Kin: see kin.h. A process group alone says too little: a zombie whose parent does not reap it keeps a group alive for
 * ever, and a daemon leaves its group on purpose. */
#include "supervisor/child/kin.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "conf/machine/file.h"
#include "supervisor/child/child.h"
#include "supervisor/child/children.h"
#include "supervisor/child/reap.h"

#define ENV_BYTES 65536
#define SHOWN     5

size_t process_environment(pid_t pid, char **text)
{
    static char env[ENV_BYTES + 1];
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/environ", (int)pid);
    size_t len = file_read(AT_FDCWD, path, env, sizeof env);
    *text = env;
    return len;
}

bool process_carries(pid_t pid, const char *word)
{
    char *env;
    size_t size = strlen(word) + 1, len = process_environment(pid, &env); /* with its NUL: the whole value */
    const char *at = memmem(env, len, word, size);
    return at && (at == env || at[-1] == 0);
}

int process_offspring(pid_t *out, int room)
{
    static char text[16384]; /* the rest is met the next time */
    char path[64], *at = text, *end;
    int count = 0;
    snprintf(path, sizeof path, "/proc/self/task/%d/children", (int)getpid());
    file_read(AT_FDCWD, path, text, sizeof text);
    for (long pid; count < room && (pid = strtol(at, &end, 10)) > 0 && *end; at = end) /* a blank follows each number */
        out[count++] = (pid_t)pid;
    return count;
}

/* Group and state of a process; false when it has gone. */
static bool read_stat(const char *pid, pid_t *group, char *state)
{
    char path[64], text[512];
    snprintf(path, sizeof path, "/proc/%.20s/stat", pid);
    file_read(AT_FDCWD, path, text, sizeof text);
    const char *p = strrchr(text, ')'); /* the name before it may hold anything */
    if (!p || p[1] != ' ' || !p[2]) return false;
    char *end = NULL;
    *state = p[2];
    strtol(p + 3, &end, 10); /* its parent */
    *group = (pid_t)strtol(end, &end, 10);
    return *end == ' ';
}

static void add(struct kin *kin, pid_t pid)
{
    if (kin->count < KIN_MAX) kin->pids[kin->count] = pid;
    kin->count++;
}

/* Zombies are not counted: they do nothing, and need not go before their parent does. */
static void find_group(pid_t group, struct kin *out)
{
    if (kill(-group, 0) != 0 && errno == ESRCH) return;
    DIR *proc = opendir("/proc");
    for (struct dirent *e = proc ? readdir(proc) : NULL; e; e = readdir(proc)) {
        pid_t of;
        char state;
        if (!isdigit((unsigned char)e->d_name[0]) || !read_stat(e->d_name, &of, &state)) continue;
        if (of == group && state != 'Z' && state != 'X') add(out, (pid_t)strtol(e->d_name, NULL, 10));
    }
    if (proc) closedir(proc);
    out->in_group = out->count;
}

bool kin_is_known(struct supervisor *s, pid_t pid)
{
    return pid == s->guardian_pid || children_by_pid(s, pid) || reap_is_watched(s, pid);
}

bool process_is_zombie(pid_t pid)
{
    char text[16], state = 'X';
    pid_t group;
    snprintf(text, sizeof text, "%d", (int)pid);
    return !read_stat(text, &group, &state) || state == 'Z' || state == 'X';
}

void kin_find(const struct child *c, struct kin *out)
{
    static pid_t offspring[PROCESS_OFFSPRING_MAX];
    char word[sizeof KIN_VARIABLE + UUID_TEXT_SIZE + 24];
    *out = (struct kin){0};
    if (c->group) find_group(c->group, out);
    snprintf(word, sizeof word, KIN_VARIABLE "=%s/%" PRId64, c->sup->id, c->born);
    int count = process_offspring(offspring, PROCESS_OFFSPRING_MAX);
    for (int i = 0; i < count; i++) {
        pid_t pid = offspring[i];
        if (kin_is_known(c->sup, pid) || getpgid(pid) == c->group || process_is_zombie(pid)) continue;
        if (process_carries(pid, word)) add(out, pid);
    }
}

void kin_signal(const struct kin *kin, int sig)
{
    for (int i = kin->in_group; i < kin->count && i < KIN_MAX; i++) {
        kill(kin->pids[i], sig);
        if (sig == SIGTERM) kill(kin->pids[i], SIGCONT);
    }
}

const char *process_name(pid_t pid, char out[PROCESS_NAME_SIZE])
{
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/comm", (int)pid);
    file_read(AT_FDCWD, path, out, PROCESS_NAME_SIZE);
    out[strcspn(out, "\n")] = 0;
    for (char *p = out; *p; p++)
        if ((unsigned char)*p < 0x20 || (unsigned char)*p > 0x7e) *p = '?';
    return out;
}

const char *kin_words(const struct kin *kin, char *out, size_t size)
{
    size_t n = 0;
    out[0] = 0;
    for (int i = 0; i < kin->count && i < SHOWN && n < size; i++) {
        char name[PROCESS_NAME_SIZE];
        n += (size_t)snprintf(out + n, size - n, "%s%d (%s)", i ? ", " : "", (int)kin->pids[i],
                              process_name(kin->pids[i], name));
    }
    if (kin->count > SHOWN && n < size) snprintf(out + n, size - n, " and %d more", kin->count - SHOWN);
    return out;
}
