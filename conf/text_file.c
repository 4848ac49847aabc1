/* See text_file.h. Nothing is opened or read in a way that could block: a FIFO without a writer is no reason to hang.
 */
#include "conf/text_file.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "conf/clock.h"

#define PIECE   4096
#define WAIT_MS 5000

/* NULL: more was read, or all of it (*is_end); else why not. */
static const char *read_piece(int fd, int64_t deadline_ms, struct buf *out, bool *is_end)
{
    struct pollfd look = {.fd = fd, .events = POLLIN};
    if (!buf_reserve(out, PIECE + 1)) return NULL;
    ssize_t n = read(fd, out->data + out->len, PIECE);
    if (n >= 0) {
        out->len += (size_t)n;
        out->data[out->len] = 0;
        *is_end = n == 0;
        return NULL;
    }
    if (errno == EINTR) return NULL;
    if (errno != EAGAIN) return strerror(errno);
    int64_t left_ms = deadline_ms - mono_ms();
    if (left_ms <= 0) return "whoever writes into it does not come to an end";
    poll(&look, 1, (int)left_ms);
    return NULL;
}

static const char *read_all(int fd, struct buf *out)
{
    struct stat st;
    const char *why = NULL;
    bool is_end = false;
    int64_t deadline_ms = mono_ms() + WAIT_MS;
    if (fstat(fd, &st) != 0) return strerror(errno);
    if (S_ISDIR(st.st_mode)) return strerror(EISDIR);
    /* At once, so that no secret stays behind where the text has moved away from. */
    if (S_ISREG(st.st_mode) && (size_t)st.st_size < out->limit_bytes - 2 * PIECE)
        buf_reserve(out, (size_t)st.st_size + PIECE + 1);
    while (!is_end && !why && !out->failed) why = read_piece(fd, deadline_ms, out, &is_end);
    if (!why && !out->failed && out->len == 0 && S_ISFIFO(st.st_mode)) why = "nobody writes into this pipe";
    return why;
}

int text_file_read(const char *path, const char *what, size_t limit_bytes, struct buf *out, struct err *err)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    buf_init(out, limit_bytes);
    const char *why = fd < 0 ? strerror(errno) : read_all(fd, out);
    if (fd >= 0) close(fd);
    if (why) return err_set(err, ERR_CONFIG, "cannot read the %s %s: %s", what, path, why);
    if (out->failed)
        return err_set(err, ERR_LIMIT, "%s: larger than %zu bytes, or no memory for it", path, limit_bytes);
    if (strlen(out->data) < out->len) return err_set(err, ERR_CONFIG, "%s: holds a NUL byte: expected text", path);
    return 0;
}
