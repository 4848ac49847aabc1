/* One error value: a code for the program and a text for the person, who is told what to do.
 * The caller owns it and passes it in; a callee that fails fills it once. Passing NULL is allowed. Never holds a
 * secret. */
#ifndef LOGIKALD_CONF_ERR_H
#define LOGIKALD_CONF_ERR_H

enum err_code {
    ERR_NONE = 0,
    ERR_CONFIG,    /* a setting is wrong or missing */
    ERR_SYSTEM,    /* a system call failed */
    ERR_NOMEM,     /* no memory */
    ERR_INPUT,     /* what came from outside is malformed */
    ERR_LIMIT,     /* larger or more than allowed */
    ERR_TIMEOUT,   /* a deadline passed */
    ERR_CANCELLED, /* somebody asked to stop */
    ERR_NOT_FOUND, /* no such object */
    ERR_CONFLICT,  /* locked, already there, or lost a race (fencing) */
    ERR_AUTH,      /* refused credentials or permission */
    ERR_REDIS,     /* Redis is unreachable or answered an error */
    ERR_DB,        /* PostgreSQL is unreachable or answered an error */
    ERR_UPSTREAM,  /* Logikal is unreachable or answered an error */
};

struct err {
    enum err_code code;
    char text[512];
};

/* Fills err (if not NULL) and returns -code, so that `return err_set(...)` reads well. Does not touch errno. The text
 * is valid UTF-8 whatever the arguments are, and is cut between characters. */
int err_set(struct err *err, enum err_code code, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

/* As err_set, with ": " and the text of errno at the end. */
int err_errno(struct err *err, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* What a caller passes on of a callee that has failed and filled err: -code. Never 0: a failure of which nothing is
 * said is said to be one. */
int err_result(struct err *err);

/* Puts "prefix: " before the text that is already there. */
void err_prefix(struct err *err, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* A stable lower-case word for a code ("config", "upstream", ...). Never NULL. */
const char *err_code_name(enum err_code code);

#endif
