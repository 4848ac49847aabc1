/* What is remembered about an upstream server: where it lets a session go sideways, and which sessions are open there,
 * so that those of a process that died are logged out by the next one. Tokens are kept only while they are open, and a
 * login is noted before it is asked for. */
#ifndef LOGIKALD_SERVICES_STORE_SYNC_UPSTREAM_SERVER_H
#define LOGIKALD_SERVICES_STORE_SYNC_UPSTREAM_SERVER_H

#include <libpq-fe.h>

#include <stdint.h>

#include "conf/err.h"

struct db;
struct lease;

#define UPSTREAM_LEVELS 4

/* levels: one letter for directory, project, phase, elevation: 'u' unknown, 'a' allowed, 'r' refused. */
int upstream_recall(struct db *db, const char *base_url, char levels[UPSTREAM_LEVELS + 1], struct err *err);
int upstream_remember(struct db *db, const char *base_url, const char levels[UPSTREAM_LEVELS + 1], struct err *err);

/* A login is about to be asked for, in one of the holder's slots; it failed; it gave a token. */
int upstream_login_begins(struct db *db, const char *base_url, const char *username, int slot,
                          const struct lease *holder, struct err *err);
int upstream_login_failed(struct db *db, int slot, const struct lease *holder, struct err *err);
/* 1: somebody else who is at work has the session of this token, which stays noted as his. */
int upstream_session_opened(struct db *db, int slot, const char *token, const struct lease *holder, struct err *err);
int upstream_session_closed(struct db *db, const char *token, struct err *err);
/* The sessions at a server whose holders are gone: rows of token, at most limit, in any order. Each stays noted until
 * upstream_session_closed, or its day is over. */
PGresult *upstream_sessions_left(struct db *db, const char *base_url, int limit, struct err *err);
/* Forgets logins that were on their way when their holder died, so that there may be sessions that nobody can end, and
 * counts them in sync_counters. How many, or negative. */
int64_t upstream_logins_left(struct db *db, const char *base_url, struct err *err);

#endif
