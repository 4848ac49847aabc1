/* Standard descriptors and the umask: see streams.h. */
#include "conf/streams.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "conf/exit.h"

void streams_begin(void)
{
    mode_t mask = umask(077);
    umask(mask & (mode_t)~0700);
    for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
        if (fcntl(fd, F_GETFD) < 0 && errno == EBADF && open("/dev/null", O_RDWR) < 0) return; /* the lowest is free */
}

/* Also when an earlier write found that out, whose reason is gone. */
static bool is_reader_gone(void)
{
    struct pollfd out = {.fd = STDOUT_FILENO};
    return poll(&out, 1, 0) > 0 && (out.revents & (POLLERR | POLLHUP));
}

int streams_end(int status)
{
    errno = 0;
    bool is_written = fflush(stdout) == 0 && !ferror(stdout);
    if (is_written || errno == EPIPE || (!errno && is_reader_gone())) return status;
    fprintf(stderr, "logikald: not all of it could be written to standard output%s%s\n", errno ? ": " : "",
            errno ? strerror(errno) : "");
    return status ? status : EXIT_FAILED;
}
