/* Judging what a lie did to the rows: see lies.h. Between harm_begin and harm_end the database remembers which row each
 * object had, and every value that the upstream has had of it. */
#ifndef LOGIKALD_TESTS_SUPPORT_LIES_LIES_HARM_H
#define LOGIKALD_TESTS_SUPPORT_LIES_LIES_HARM_H

#include "tests/support/sync_truth.h"

struct harm {
    int rows;        /* living ones that were marked, lost, doubled or falsified */
    char text[3000]; /* which, a line each; "" = none */
};

void harm_begin(struct sync_world *w);
void harm_note_truth(struct sync_world *w); /* what the upstream has now may be stored from here on */
/* with_values: values that the upstream never had are harm, NULL and what stands for a name are not. with_extra: rows
 * of objects that the upstream never had are harm. fresh: bits of the kinds of truth_kinds that must be as the upstream
 * is now. */
void harm_judge(struct sync_world *w, bool with_values, bool with_extra, unsigned fresh, struct harm *harm);
bool harm_is_named(struct sync_world *w, const char *told); /* a text names an object that the upstream has */
void harm_end(struct sync_world *w);

#endif
