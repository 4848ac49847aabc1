/* Who was looked up lately, valid as long as the table's version counter stands. A few hundred at most. */
#ifndef LOGIKALD_SERVICES_WEB_GATE_CREDENTIALS_IDENTITIES_H
#define LOGIKALD_SERVICES_WEB_GATE_CREDENTIALS_IDENTITIES_H

#include <stdbool.h>
#include <stdint.h>

#include "services/web/http/req.h"

struct identity {
    bool exists;
    char name[WHO_NAME_SIZE];
    unsigned permissions;
    int rate_limit_per_hour;
    int64_t token_version;
    int64_t expires_ms; /* unix time */
    char expires_at[40];
    bool is_viewer; /* of a session, as is its proof (session.h) */
    char proof[65];
};

const struct identity *identity_recall(const char *key, int64_t version); /* NULL: not known, or outdated */
/* Whatever the version: as it was when it was last looked up. */
const struct identity *identity_last(const char *key);
bool identity_is_known(const char *key); /* it was there when it was last looked up, outdated or not */
void identity_remember(const char *key, int64_t version, const struct identity *found);
/* There is none any more. Only of a key that nobody can make up: whoever has it would cost a statement each time. */
void identity_remember_gone(const char *key, int64_t version);
bool identity_is_gone(const char *key);
void identities_free(void);

#endif
