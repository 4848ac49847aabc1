/* Stages situations of a whole system from the text of a table: lines of "VERB: ARGUMENTS", done one after the other. A
 * step that cannot be done fails the test. The verbs are one table, in stage.c. */
#ifndef LOGIKALD_TESTS_SUPPORT_STAGE_H
#define LOGIKALD_TESTS_SUPPORT_STAGE_H

#include "tests/support/system.h"

void stage(struct system *s, const char *steps); /* NULL: nothing */

#endif
