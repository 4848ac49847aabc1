/* Faults staged on the whole system (supervisor, web, worker, beat, simulator, a real Redis and PostgreSQL), and what
 * the verdict makes of each: which problem it names and how soon, that it names nothing else, and that all is well
 * again when the fault is gone. */
#ifndef LOGIKALD_TESTS_FAULTS_H
#define LOGIKALD_TESTS_FAULTS_H

#include <stdint.h>
#include <cjson/cJSON.h>

#include "tests/support/system.h"

struct fault {
    const char *what;           /* is done to the system, as docs/operating.md says it */
    const char *stage, *remove; /* steps (tests/support/stage.h); remove NULL: it goes by itself */
    const char *state;          /* "look", "wrong" or "unknown" */
    const char *part, *says;    /* of the problem; words of its cause, by which it is known from others */
    const char *also;           /* words of a second cause that is staged with it, and told; NULL: none */
    int within_s;               /* generous: for a busy machine */
    const char *back;           /* what brings it back besides the fault's end; NULL: nothing has to */
    bool is_long;               /* too long for the tests of every change */
    /* measured */
    double red_s, green_s;
    char cause[300];
    bool is_done;
};

/* Faults that exclude each other stand in one lane and are staged one after the other, while those of other lanes are
 * there, too; is_alone: nothing else can be told meanwhile. */
struct lane {
    const char *name;
    struct fault *faults;
    int count;
    bool is_alone;
};
extern struct lane *const lanes[]; /* lanes.c; ends with NULL */

/* world.c */
void world_start(struct system *s, bool is_real_time);
void world_end(struct system *s);
cJSON *world_verdict(struct system *s); /* NULL: nobody answers; the caller's */
void world_tell(struct system *s);      /* what is known of it, to the output */

/* strike.c: stages all of them, or without the long ones; fails the test at the first that is not told as it should. */
void strike_all(struct system *s, bool with_long);

/* report.c: the table of docs/operating.md, and what was measured into it. */
void report_print(void);
void report_write(const char *path);

#endif
