/* Admin sessions: random tokens, of which PostgreSQL has only the hash, and the CSRF tokens that belong to them. */
#ifndef LOGIKALD_SERVICES_WEB_GATE_SESSION_H
#define LOGIKALD_SERVICES_WEB_GATE_SESSION_H

#include "services/web/http/req.h"

#define SESSION_TOKEN_SIZE 65
#define SESSION_PROOF_SIZE 65

/* The key of the token's row; false when it cannot be a session's token. */
bool session_id_of(const char *token, char out[65]);
void session_csrf_of(const struct web *web, const char *token, char out[65]);
/* Is csrf the token of this session, under SECRET_KEY or the one before? */
bool session_csrf_holds(const struct web *web, const char *token, const char *csrf);
void session_csrf_field(struct req *r, char *out, size_t size); /* csrf_token of a form; "" when absent */
bool session_equal(const char *a, const char *b);               /* in constant time */

/* A session is bound to the role, name and password that it was made with, and to SECRET_KEY: with a change of one of
 * them, and when there is no viewer any more, it has ended. proof is of its row. */
bool session_stands(const struct web *web, const char *token, bool is_viewer, const char *proof);

/* Is there a password for the role and, of the viewer, another name? */
bool session_role_is_there(const struct web *web, bool is_viewer);

/* Compares the credentials with ADMIN_USERNAME and ADMIN_PASSWORD, makes a session, and calls then with its token, or
 * with NULL when the credentials are wrong; or answers 429 and 503 itself. Both texts live as long as r. */
void session_login(struct req *r, const char *username, const char *password,
                   void (*then)(struct req *r, const char *token, const char *expires_at));
void session_logout(struct req *r, void (*then)(struct req *r));
void session_set_cookie(struct req *r, const char *token); /* and that of console.h; NULL: removes both */

#endif
