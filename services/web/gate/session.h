/* Admin sessions: random tokens, of which PostgreSQL has only the hash, and the CSRF tokens that belong to them. */
#ifndef LOGIKALD_SERVICES_WEB_GATE_SESSION_H
#define LOGIKALD_SERVICES_WEB_GATE_SESSION_H

#include "services/web/http/req.h"

#define SESSION_TOKEN_SIZE 65

/* The key of the token's row; false when it cannot be a session's token. */
bool session_id_of(const char *token, char out[65]);
void session_csrf_of(const struct web *web, const char *token, char out[65]);
void session_csrf_field(struct req *r, char *out, size_t size); /* csrf_token of a form; "" when absent */
bool session_equal(const char *a, const char *b);               /* in constant time */

/* Compares the credentials with ADMIN_USERNAME and ADMIN_PASSWORD, makes a session, and calls then with its token, or
 * with NULL when the credentials are wrong; or answers 429 and 503 itself. */
void session_login(struct req *r, const char *username, const char *password,
                   void (*then)(struct req *r, const char *token, const char *expires_at));
void session_logout(struct req *r, void (*then)(struct req *r));
void session_set_cookie(struct req *r, const char *token); /* NULL: removes it */

#endif
