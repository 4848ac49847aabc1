/* Servers of another system: see support_internal.h. The program runs in a mount namespace of its own, in which the
 * root has this system's /tmp, /proc and /dev, so that all paths are the same inside and outside. */
#include "tests/support/support_internal.h"

#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { MOST_WORDS = 64 };

const char *servers_root(void)
{
    const char *root = getenv("TEST_SERVERS_ROOT");
    return root && *root ? root : NULL;
}

/* Of the other system, whose user of that name may have another number. */
static const struct passwd *find_user(const char *name)
{
    char path[400];
    const struct passwd *pw = NULL;
    if (!servers_root()) return getpwnam(name);
    support_format(path, sizeof path, "%s/etc/passwd", servers_root());
    FILE *f = fopen(path, "re");
    while (f && (pw = fgetpwent(f)) && strcmp(pw->pw_name, name) != 0) {
    }
    if (f) fclose(f);
    return pw;
}

struct support_user servers_user(void)
{
    struct support_user user = {0};
    if (geteuid() != 0) return user;
    const struct passwd *pw = find_user("postgres");
    if (!pw) pw = find_user("nobody");
    if (!pw)
        fail_msg("there is neither a user postgres nor nobody to run servers as");
    else
        user = (struct support_user){pw->pw_uid, pw->pw_gid};
    return user;
}

void servers_start(struct process *p, const char *name, char *const argv[], const struct support_user *user,
                   const char *directory)
{
    static const char script[] =
        "mount --make-rprivate / && mount --rbind /tmp \"$1/tmp\" && mount --rbind /proc \"$1/proc\" &&"
        " mount --rbind /dev \"$1/dev\" && root=$1 user=$2 dir=$3 && shift 3 &&"
        " exec chroot --userspec=\"$user\" --groups= \"$root\" sh -c 'cd \"$0\" && exec \"$@\"' \"$dir\" \"$@\"";
    char who[40];
    char *words[MOST_WORDS] = {"unshare",
                               "-m",
                               "sh",
                               "-c",
                               (char *)script,
                               "sh",
                               (char *)servers_root(),
                               who,
                               (char *)(directory ? directory : "/")};
    if (!servers_root()) {
        process_start_as(p, name, argv, NULL, user, directory);
        return;
    }
    support_format(who, sizeof who, "%u:%u", user ? (unsigned)user->uid : 0, user ? (unsigned)user->gid : 0);
    int n = 0;
    while (words[n]) n++;
    for (int i = 0; argv[i] && n < MOST_WORDS - 1; i++) words[n++] = argv[i];
    process_start(p, name, words, NULL);
}
