/* What a whole system says when it is asked why, over HTTP and by the command. */
#ifndef LOGIKALD_TESTS_SUPPORT_REASONS_H
#define LOGIKALD_TESTS_SUPPORT_REASONS_H

#include "tests/support/system.h"

#define REASONS_WORDS 6
#define REASONS_TOKEN "a-token-for-the-monitoring-0123456789" /* the system's METRICS_TOKEN */

struct http_reply reasons_ask(struct system *sys, const char *path, const char *of);
/* The state and all these words are in what is told. */
bool reasons_tells(struct system *sys, const char *of, const char *state, const char *const words[REASONS_WORDS]);
/* It is asked until it is so. */
void reasons_expect(struct system *sys, const char *of, const char *state, const char *const words[REASONS_WORDS]);
int reasons_command(struct system *sys, const char *of, char **output);
/* What runs may still settle down: it is asked until it exits so, and says all these words. */
void reasons_command_says(struct system *sys, const char *of, int status, const char *const words[REASONS_WORDS]);

#endif
