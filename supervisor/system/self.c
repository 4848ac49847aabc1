/* The program's own file: see self.h. */
#include "supervisor/system/self.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define OWN      "/proc/self/exe"
#define GONE     " (deleted)"
#define GONE_LEN (sizeof GONE - 1)

static char called[PATH_MAX];

static bool is_program(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0 && S_ISREG(st.st_mode) && access(path, X_OK) == 0;
}

static bool is_same(const char *path)
{
    struct stat own, there;
    return stat(OWN, &own) == 0 && stat(path, &there) == 0 && own.st_dev == there.st_dev && own.st_ino == there.st_ino;
}

/* The first program of this name in PATH. */
static bool find_in_path(const char *word, char out[PATH_MAX])
{
    const char *path = getenv("PATH");
    size_t len;
    for (const char *p = path ? path : "/usr/bin:/bin"; *p; p += len + (p[len] == ':')) {
        len = strcspn(p, ":");
        int n = snprintf(out, PATH_MAX, "%.*s/%s", (int)len, p, word);
        if (len > 0 && p[0] == '/' && n < PATH_MAX && is_program(out)) return true;
    }
    return false;
}

void self_remember(const char *word)
{
    char path[PATH_MAX * 2] = "", here[PATH_MAX];
    if (word[0] == '/')
        snprintf(path, sizeof path, "%s", word);
    else if (!strchr(word, '/'))
        find_in_path(word, path);
    else if (getcwd(here, sizeof here))
        snprintf(path, sizeof path, "%s/%s", here, word);
    if (path[0] && strlen(path) < sizeof called && is_same(path)) memcpy(called, path, strlen(path) + 1);
}

void self_set(const char *path)
{
    snprintf(called, sizeof called, "%s", path);
}

static bool read_own(char out[PATH_MAX])
{
    ssize_t n = readlink(OWN, out, PATH_MAX - 1);
    if (n <= 0) return false;
    out[n] = 0;
    if ((size_t)n > GONE_LEN && strcmp(out + n - GONE_LEN, GONE) == 0) out[(size_t)n - GONE_LEN] = 0;
    return true;
}

const char *self_path(struct err *err)
{
    static char own[PATH_MAX];
    if (called[0]) return called;
    if (!own[0] && !read_own(own)) {
        err_errno(err, OWN);
        return NULL;
    }
    return own;
}

/* Beside the program as it was called, beside what that link leads to, and beside the file that runs. */
int self_directory_file(const char *name, char out[PATH_MAX], struct err *err)
{
    char places[3][PATH_MAX];
    const char *self = self_path(err);
    if (!self) return -ERR_SYSTEM;
    snprintf(places[0], PATH_MAX, "%s", self);
    if (!realpath(self, places[1])) places[1][0] = 0;
    if (!read_own(places[2])) places[2][0] = 0;
    for (int i = 0; i < 3; i++) {
        const char *slash = strrchr(places[i], '/');
        if (!slash || snprintf(out, PATH_MAX, "%.*s/%s", (int)(slash - places[i]), places[i], name) >= PATH_MAX)
            continue;
        if (is_program(out)) return 0;
    }
    snprintf(out, PATH_MAX, "%.*s/%s", (int)(strrchr(self, '/') - self), self, name);
    if (access(out, X_OK) != 0) return err_errno(err, "%s must stand beside %s", out, self);
    return err_set(err, ERR_SYSTEM, "%s is no program", out);
}

int self_role_program(const char *role, char out[PATH_MAX], struct err *err)
{
    char own[PATH_MAX];
    int rc = self_directory_file("logikald-roles", out, err);
    if (rc != 0 || strcmp(role, "beat") != 0) return rc;
    int folder = (int)(strrchr(out, '/') - out); /* of the same release as the others */
    if (snprintf(own, sizeof own, "%.*s/logikald-beat", folder, out) < (int)sizeof own && is_program(own))
        memcpy(out, own, sizeof own);
    return 0;
}
