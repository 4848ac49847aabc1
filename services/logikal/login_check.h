/* Can we log in to Logikal? One login, one logout. */
#ifndef LOGIKALD_SERVICES_LOGIKAL_LOGIN_CHECK_H
#define LOGIKALD_SERVICES_LOGIKAL_LOGIN_CHECK_H

#include "conf/err.h"

struct conf;

/* 0, or ERR_CONFIG (settings are missing), ERR_AUTH (login refused), ERR_UPSTREAM. Blocks for a few seconds; does not
 * retry. */
int logikal_login_check(const struct conf *conf, struct err *err);

#endif
