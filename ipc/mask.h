/* Secrets in what is shown or kept of requests and tasks. */
#ifndef LOGIKALD_IPC_MASK_H
#define LOGIKALD_IPC_MASK_H

#include <stdbool.h>
#include <cjson/cJSON.h>

/* Members at any depth whose names sound like a secret (password, secret, token, ...) become "***", and so do secrets
 * inside texts (conf/text/hide.h). True when there was one. */
bool mask_secrets(cJSON *value);

char *mask_text(const char *text); /* a copy without the secrets inside it, the caller's to free; NULL = no memory */

#endif
