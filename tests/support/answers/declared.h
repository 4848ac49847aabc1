/* The answers that a test program gets of a web role, held against what its /openapi.json declares. */
#ifndef LOGIKALD_TESTS_SUPPORT_ANSWERS_DECLARED_H
#define LOGIKALD_TESTS_SUPPORT_ANSWERS_DECLARED_H

#include "tests/support/support.h"

void declared_note(const char *method, const char *path, const struct http_reply *reply);
/* Fails the test when an operation answered with a status that it does not declare, or with JSON that does not fit what
 * it declares; then they are forgotten. url is of
 * a role that still runs; one that refuses to show its description is let be. */
void declared_check(const char *url);

#endif
