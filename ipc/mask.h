/* Secrets in what is shown or kept of requests and tasks. */
#ifndef LOGIKALD_IPC_MASK_H
#define LOGIKALD_IPC_MASK_H

#include <stdbool.h>
#include <cjson/cJSON.h>

/* Members at any depth whose names sound like a secret (password, secret, token, key, ...) become "***". True when
 * there was one. */
bool mask_secrets(cJSON *value);

#endif
