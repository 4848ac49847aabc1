/* See record.h. */
#include "tests/support/record.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/support.h"

static void make_room(struct record *r)
{
    if (r->rows < r->room) return;
    r->room = r->room ? 2 * r->room : 512;
    r->at_s = realloc(r->at_s, (size_t)r->room * sizeof *r->at_s);
    if (!r->at_s) abort();
    for (int i = 0; i < r->count; i++) {
        r->series[i].values = realloc(r->series[i].values, (size_t)r->room * sizeof(double));
        if (!r->series[i].values) abort();
        for (int k = r->rows; k < r->room; k++) r->series[i].values[k] = NAN;
    }
}

void record_put(struct record *r, const char *name, enum bound bound, double value)
{
    int i = 0;
    make_room(r);
    while (i < r->count && strcmp(r->series[i].name, name) != 0) i++;
    struct series *s = &r->series[i];
    if (i == r->count) {
        if (r->count == SERIES_MOST) fail_msg("more than %d series", SERIES_MOST);
        r->count++;
        *s = (struct series){.bound = bound, .values = malloc((size_t)r->room * sizeof(double))};
        if (!s->values) abort();
        snprintf(s->name, sizeof s->name, "%s", name);
        for (int k = 0; k < r->room; k++) s->values[k] = NAN;
    }
    s->values[r->rows] = value;
}

void record_row(struct record *r, double at_s)
{
    make_room(r);
    r->at_s[r->rows++] = at_s;
}

static int by_size(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

double record_median(const struct record *r, const struct series *s, int third)
{
    int first = r->rows * third / 3, end = r->rows * (third + 1) / 3, n = 0;
    double *sorted = malloc((size_t)(end - first + 1) * sizeof *sorted), median = NAN;
    if (!sorted) abort();
    for (int i = first; i < end; i++)
        if (!isnan(s->values[i])) sorted[n++] = s->values[i];
    qsort(sorted, (size_t)n, sizeof *sorted, by_size);
    if (n) median = n % 2 ? sorted[n / 2] : (sorted[n / 2 - 1] + sorted[n / 2]) / 2;
    free(sorted);
    return median;
}

static double least(const struct record *r, const struct series *s, int third)
{
    double found = NAN;
    for (int i = r->rows * third / 3; i < r->rows * (third + 1) / 3; i++) found = fmin(found, s->values[i]);
    return found;
}

double record_slope_per_hour(const struct record *r, const struct series *s)
{
    double n = 0, sum_x = 0, sum_y = 0, sum_xx = 0, sum_xy = 0;
    for (int i = r->rows / 3; i < r->rows; i++) {
        double x = r->at_s[i] / 3600, y = s->values[i];
        if (isnan(y)) continue;
        n++, sum_x += x, sum_y += y, sum_xx += x * x, sum_xy += x * y;
    }
    double below = n * sum_xx - sum_x * sum_x;
    return n > 2 && below > 0 ? (n * sum_xy - sum_x * sum_y) / below : NAN;
}

bool record_holds(const struct record *r, const struct series *s)
{
    bool rests = s->bound == REST_MEMORY || s->bound == REST_EQUAL;
    double middle = record_median(r, s, 1), last = record_median(r, s, 2), growth = last - middle;
    double least_growth = least(r, s, 2) - least(r, s, 1);
    if (rests && least_growth < growth) growth = least_growth;
    if (s->bound == ANY) return true;
    if (isnan(growth)) return false; /* what is judged must have been there */
    if (s->bound == FLAT_MEMORY || s->bound == REST_MEMORY) return growth <= fmax(middle * 0.05, 1024);
    if (s->bound == FLAT_COUNT) return growth <= fmax(middle * 0.05, 10);
    if (s->bound == FLAT_TIME) return last <= 2 * middle + 2;
    return growth <= 2;
}

void record_free(struct record *r)
{
    for (int i = 0; i < r->count; i++) free(r->series[i].values);
    free(r->at_s);
    *r = (struct record){0};
}
