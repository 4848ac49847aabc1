/* The lies that the sync is known not to answer rightly yet. They are told all the same; what fails is counted as
 * skipped, never as passed. */
#ifndef LOGIKALD_TESTS_SUPPORT_LIES_LIES_OPEN_H
#define LOGIKALD_TESTS_SUPPORT_LIES_LIES_OPEN_H

/* What is wrong, or NULL when the lie's test has to pass. */
const char *lies_open_because(const char *label);

#endif
