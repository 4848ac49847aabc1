/* Rows of named figures over time, and whether they grow: medians of thirds, slope, bounds. For runs that take long. */
#ifndef LOGIKALD_TESTS_SUPPORT_RECORD_H
#define LOGIKALD_TESTS_SUPPORT_RECORD_H

#include <stdbool.h>

/* What a figure may do from the middle third of the run to the last, by their medians. REST_: of what
 * holds more while it works, and rests in between; the least of each counts where it has grown less, since what leaks
 * grows in both. */
enum bound {
    ANY,         /* shown, not judged */
    FLAT_MEMORY, /* KiB: grow by 5 % or 1 MiB, whichever is more */
    FLAT_COUNT,  /* grow by 5 % or 10, whichever is more */
    EQUAL,       /* grow by 2 (a connection that a pool keeps, or a client that is just there) */
    REST_MEMORY, /* as FLAT_MEMORY */
    REST_EQUAL,  /* as EQUAL */
    FLAT_TIME,   /* ms: double, and 2 ms more (the machine may have other work) */
};

struct series {
    char name[80];
    enum bound bound;
    double *values; /* one for each row; NAN = there was none */
};

#define SERIES_MOST 128

struct record {
    struct series series[SERIES_MOST];
    int count, rows, room;
    double *at_s; /* since the start */
};

void record_put(struct record *r, const char *name, enum bound bound, double value); /* into the current row */
void record_row(struct record *r, double at_s);                                      /* ends the current row */
double record_median(const struct record *r, const struct series *s, int third);     /* third 0 to 2; NAN = no value */
double record_slope_per_hour(const struct record *r,
                             const struct series *s);              /* least squares over the last two thirds */
bool record_holds(const struct record *r, const struct series *s); /* its bound */
void record_free(struct record *r);

#endif
