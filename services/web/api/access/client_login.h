/* A client shows its secret: both ways to a token (client-auth/login and oauth/token) go through here. Tries are
 * counted and throttled, every refusal costs the same, and while a secret is being replaced the old one is right as
 * well. */
#ifndef LOGIKALD_SERVICES_WEB_API_ACCESS_CLIENT_LOGIN_H
#define LOGIKALD_SERVICES_WEB_API_ACCESS_CLIENT_LOGIN_H

#include "services/web/http/req.h"

#define SECRET_HINT_SIZE 9

struct client_login {
    const char *client_id, *secret;
    void (*then)(struct req *r, bool is_right); /* r->state is the login */
    /* once it was right */
    const char *name, *permissions, *rate_limit; /* permissions: a JSON list */
    int64_t version;
    bool exists, is_previous;
};

/* Sets r->state; l lives as long as r. Answers by itself when nothing can be tried. */
void client_login(struct req *r, struct client_login *l);

/* The answer is out, which holds the token; token NULL: none could be made. Both are freed. */
void reply_token_take(struct req *r, char *token, cJSON *out);

/* Which of two secrets somebody shows, without trying both: some bits of its hash. Secrets are random and long. */
void secret_hint(const char *secret, char out[SECRET_HINT_SIZE]);

#endif
