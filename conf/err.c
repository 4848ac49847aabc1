/* One error value: a code for the program and a text for the person, who is told what to do. See err.h. */
#include "conf/err.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "conf/text/utf8.h"

int err_set(struct err *err, enum err_code code, const char *fmt, ...)
{
    if (err) {
        char text[sizeof err->text]; /* the arguments may point into err->text */
        va_list ap;
        va_start(ap, fmt);
        vsnprintf(text, sizeof text, fmt, ap);
        va_end(ap);
        err->code = code;
        memcpy(err->text, utf8_finish(text), sizeof text);
    }
    return -(int)code;
}

int err_errno(struct err *err, const char *fmt, ...)
{
    int saved = errno;
    char text[sizeof((struct err *)0)->text];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    err_set(err, ERR_SYSTEM, "%s: %s", text, strerror(saved));
    errno = saved;
    return -ERR_SYSTEM;
}

int err_result(struct err *err)
{
    if (err && err->code != ERR_NONE) return -(int)err->code;
    return err_set(err, ERR_SYSTEM, "Failed, and nothing says why: see the log");
}

void err_prefix(struct err *err, const char *fmt, ...)
{
    if (!err) return;
    char text[sizeof err->text];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    err_set(err, err->code, "%s: %s", text, err->text);
}

const char *err_code_name(enum err_code code)
{
    static const char *const names[] = {
        [ERR_NONE] = "none",         [ERR_CONFIG] = "config",       [ERR_SYSTEM] = "system",
        [ERR_NOMEM] = "memory",      [ERR_INPUT] = "input",         [ERR_LIMIT] = "limit",
        [ERR_TIMEOUT] = "timeout",   [ERR_CANCELLED] = "cancelled", [ERR_NOT_FOUND] = "not_found",
        [ERR_CONFLICT] = "conflict", [ERR_AUTH] = "auth",           [ERR_REDIS] = "redis",
        [ERR_DB] = "database",       [ERR_UPSTREAM] = "upstream",
    };
    return (unsigned)code < sizeof names / sizeof *names ? names[code] : "unknown";
}
