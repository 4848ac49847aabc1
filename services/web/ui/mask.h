/* Secrets in what is shown or kept of requests and tasks. */
#ifndef LOGIKALD_SERVICES_WEB_UI_MASK_H
#define LOGIKALD_SERVICES_WEB_UI_MASK_H

#include <cjson/cJSON.h>

/* Members at any depth whose names sound like a secret (password, secret, token, key, ...) become "***". */
void ui_mask(cJSON *value);

#endif
