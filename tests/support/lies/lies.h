/* The catalogue of lies against the sync: each of them told during an unforced and a forced sync, then the truth again.
 * After each, what was living and is living upstream must be living, under its own row id, with values that the
 * upstream has had; what the lie did not touch must be as fresh as the upstream; the lie must be told in the result. At
 * the end the database must hold exactly what the upstream has. */
#ifndef LOGIKALD_TESTS_SUPPORT_LIES_LIES_H
#define LOGIKALD_TESTS_SUPPORT_LIES_LIES_H

#include <stdbool.h>

/* A row of the simulator's catalogue at one of the places where it can strike. */
struct told_lie {
    char name[64], place[32], rule[16], label[128];
    bool is_select;
};

/* Runs every lie of the catalogue for which takes says so as a test of its own; the exit status for main. */
int lies_run(bool (*takes)(const struct told_lie *lie));

#endif
