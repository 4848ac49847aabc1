/* Users and groups of the machine, as far as they can be known without loading a name service into the supervisor. See
 * account.h. */
#include "supervisor/system/account.h"

#include <grp.h>
#include <poll.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define ASK_MS  500
#define LOOK_MS 2

bool account_number(const char *text, uid_t *id)
{
    char *end;
    unsigned long number = strtoul(text, &end, 10);
    if (!*text || strspn(text, "0123456789") != strlen(text) || number >= (uid_t)-1) return false;
    *id = (uid_t)number;
    return true;
}

uid_t account_uid(const char *user)
{
    uid_t uid = (uid_t)-1;
    if (account_number(user, &uid)) return uid;
    FILE *in = fopen("/etc/passwd", "re");
    for (struct passwd *pw; in && (pw = fgetpwent(in));)
        if (strcmp(pw->pw_name, user) == 0) {
            uid = pw->pw_uid;
            break;
        }
    if (in) fclose(in);
    return uid;
}

static bool has_group(const char *group)
{
    gid_t gid;
    bool is_there = account_number(group, &gid);
    FILE *in = is_there ? NULL : fopen("/etc/group", "re");
    for (struct group *gr; in && !is_there && (gr = fgetgrent(in));) is_there = strcmp(gr->gr_name, group) == 0;
    if (in) fclose(in);
    return is_there;
}

/* True when names of this database ("passwd:", "group:") come from more than files. */
static bool is_served(const char *database)
{
    char line[256];
    bool is_it = false;
    FILE *in = fopen("/etc/nsswitch.conf", "re");
    while (in && fgets(line, sizeof line, in)) {
        if (strncmp(line, database, strlen(database)) != 0) continue;
        for (char *save, *word = strtok_r(line + strlen(database), " \t\n", &save); word;
             word = strtok_r(NULL, " \t\n", &save))
            if (word[0] != '[' && strcmp(word, "files") != 0 && strcmp(word, "compat") != 0) is_it = true;
    }
    if (in) fclose(in);
    return is_it;
}

/* Asks the machine's name services in a process of its own, which takes their libraries and their waiting along. True
 * also when no answer came in time: then the start of the program will tell. */
static bool may_exist(const char *database, const char *name)
{
    bool is_user = strcmp(database, "passwd:") == 0;
    int status = 0;
    if (!is_served(database)) return false;
    pid_t pid = fork();
    if (pid == 0) _exit((is_user ? (void *)getpwnam(name) : (void *)getgrnam(name)) ? 0 : 1);
    if (pid < 0) return true;
    for (int waited = 0; waitpid(pid, &status, WNOHANG) == 0; waited += LOOK_MS) {
        if (waited >= ASK_MS) {
            kill(pid, SIGKILL);
            waitpid(pid, &status, 0);
            return true;
        }
        poll(NULL, 0, LOOK_MS);
    }
    return !WIFEXITED(status) || WEXITSTATUS(status) == 0;
}

int account_check(const struct program *p, struct err *err)
{
    if (p->user && account_uid(p->user) == (uid_t)-1 && !may_exist("passwd:", p->user))
        return err_set(err, ERR_CONFIG, "there is no user %s on this machine: make it, or name another", p->user);
    if (p->group && !has_group(p->group) && !may_exist("group:", p->group))
        return err_set(err, ERR_CONFIG, "there is no group %s on this machine: make it, or name another", p->group);
    return 0;
}
