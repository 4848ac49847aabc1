/* The program's own file: see self.h. */
#include "supervisor/self.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

const char *self_path(struct err *err)
{
    static char path[PATH_MAX];
    if (path[0]) return path;
    ssize_t n = readlink("/proc/self/exe", path, sizeof path - 1);
    if (n <= 0) {
        path[0] = 0;
        err_errno(err, "/proc/self/exe");
        return NULL;
    }
    path[n] = 0;
    return path;
}

int self_directory_file(const char *name, char out[PATH_MAX], struct err *err)
{
    const char *self = self_path(err);
    if (!self) return -(int)ERR_SYSTEM;
    int dir_len = (int)(strrchr(self, '/') - self);
    int n = snprintf(out, PATH_MAX, "%.*s/%s", dir_len, self, name);
    if (n >= PATH_MAX) return err_set(err, ERR_LIMIT, "the path of %s is too long", name);
    if (access(out, X_OK) != 0) return err_errno(err, "%s must stand beside %s", out, self);
    return 0;
}
