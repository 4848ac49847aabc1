/* The run directory and its locks: see run_dir.h. The file's lock is a POSIX record lock: it tells who holds it, it is
 * not inherited by children, and it survives an exec. The directory itself is locked by flock, which stays when its
 * files are removed, and which those who clean up old files respect. */
#include "supervisor/system/run_dir.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

const char *run_dir_file(const char *path, const char *name, char out[PATH_MAX])
{
    snprintf(out, PATH_MAX, "%s/%s", path, name);
    return out;
}

static int make_parents(const char *path, struct err *err)
{
    char part[PATH_MAX];
    snprintf(part, sizeof part, "%s", path);
    for (char *slash = strchr(part + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
        *slash = 0;
        if (mkdir(part, 0755) != 0 && errno != EEXIST) return err_errno(err, "making the directory %s", part);
        *slash = '/';
    }
    return 0;
}

/* Empty, or a supervisor's: a directory that others work in (/tmp, /proc) is not to be closed to them. */
static bool is_for_us(const char *path)
{
    char file[PATH_MAX];
    if (access(run_dir_file(path, RUN_DIR_LOCK, file), F_OK) == 0) return true;
    DIR *dir = opendir(path);
    bool is_empty = dir != NULL;
    for (struct dirent *e; is_empty && (e = readdir(dir));)
        is_empty = strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0;
    if (dir) closedir(dir);
    return is_empty;
}

static int check(const char *path, struct err *err)
{
    struct stat st;
    if (make_parents(path, err) != 0) return -ERR_SYSTEM;
    if (mkdir(path, 0700) != 0 && errno != EEXIST) return err_errno(err, "making the run directory %s", path);
    if (lstat(path, &st) != 0) return err_errno(err, "run directory %s", path);
    if (!S_ISDIR(st.st_mode))
        return err_set(err, ERR_CONFIG, "run directory %s is not a directory: set LOGIKALD_RUN_DIR to another", path);
    if (st.st_uid != geteuid())
        return err_set(err, ERR_CONFIG, "run directory %s belongs to user %u, not to us (%u): set LOGIKALD_RUN_DIR",
                       path, (unsigned)st.st_uid, (unsigned)geteuid());
    if ((st.st_mode & 077) && !is_for_us(path))
        return err_set(err, ERR_CONFIG,
                       "run directory %s is shared with others: set LOGIKALD_RUN_DIR to one of its own", path);
    if ((st.st_mode & 077) && chmod(path, 0700) != 0) return err_errno(err, "run directory %s", path);
    return 0;
}

static int refuse(const char *path, int fd, struct err *err)
{
    struct flock held = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    char text[32] = "";
    if (fcntl(fd, F_GETLK, &held) == 0 && held.l_type != F_UNLCK && held.l_pid > 0) {
        snprintf(text, sizeof text, "%d", (int)held.l_pid);
    } else { /* the holder lives in another pid namespace: what it wrote is the best that we know */
        ssize_t n = pread(fd, text, sizeof text - 1, 0);
        text[n > 0 ? n : 0] = 0;
        text[strcspn(text, "\n")] = 0;
    }
    return err_set(err, ERR_CONFLICT,
                   "another supervisor runs on %s: pid %s holds it; stop that one, or set LOGIKALD_RUN_DIR", path,
                   text);
}

int run_dir_hold(const char *path, struct err *err)
{
    if (check(path, err) != 0) return -1;
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
    if (fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) == 0) return fd;
    int saved = errno;
    char file[PATH_MAX];
    int lock_fd = fd >= 0 && saved == EWOULDBLOCK
                      ? open(run_dir_file(path, RUN_DIR_LOCK, file), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600)
                      : -1;
    if (lock_fd >= 0) {
        refuse(path, lock_fd, err);
        close(lock_fd);
    } else {
        errno = saved;
        err_errno(err, "holding the run directory %s", path);
    }
    if (fd >= 0) close(fd);
    return -1;
}

int run_dir_lock(const char *path, struct err *err)
{
    char file[PATH_MAX], pid[32];
    int fd = open(run_dir_file(path, RUN_DIR_LOCK, file), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0) {
        err_errno(err, "%s", file);
        return -1;
    }
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    if (fcntl(fd, F_SETLK, &lock) != 0) {
        refuse(path, fd, err);
        close(fd);
        return -1;
    }
    int n = snprintf(pid, sizeof pid, "%d\n", (int)getpid());
    if (ftruncate(fd, 0) != 0 || pwrite(fd, pid, (size_t)n, 0) != n) {
        err_errno(err, "writing %s", file);
        close(fd);
        return -1;
    }
    return fd;
}

bool run_dir_is_same(int fd, const char *path)
{
    struct stat held, there;
    return fd >= 0 && fstat(fd, &held) == 0 && lstat(path, &there) == 0 && held.st_dev == there.st_dev &&
           held.st_ino == there.st_ino;
}
