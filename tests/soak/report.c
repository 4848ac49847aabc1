/* The report: a table of thirds, and a verdict. */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/soak/soak.h"

static void print_number(FILE *out, double n)
{
    if (isnan(n))
        fputs(" - |", out);
    else if (fabs(n) < 0.005)
        fputs(" 0 |", out);
    else
        fprintf(out, fabs(n) < 100 && n != floor(n) ? " %.2f |" : " %.0f |", n);
}

static void print_series(FILE *out, const struct record *r, const struct series *s)
{
    fprintf(out, "| %s |", s->name);
    for (int third = 0; third < 3; third++) print_number(out, record_median(r, s, third));
    print_number(out, record_slope_per_hour(r, s));
    fprintf(out, " %s |\n", s->bound == ANY ? "" : record_holds(r, s) ? "holds" : "GROWS");
}

static void print_clients(FILE *out, const struct load_shared *shared)
{
    fprintf(out, "\n| clients | answered | served | refused | broken | wrong | p50 ms | p99 ms |\n");
    fprintf(out, "|---|---|---|---|---|---|---|---|\n");
    for (int i = 0; i < LOAD_KINDS; i++) {
        const struct load_count *n = &shared->of[i];
        if (n->answered == 0) continue;
        fprintf(out, "| %s | %lld | %lld | %lld | %lld | %lld | %.1f | %.1f |\n", load_names[i], (long long)n->answered,
                (long long)n->served, (long long)n->refused, (long long)n->broken, (long long)n->wrong,
                load_percentile_ms(n, NULL, 50), load_percentile_ms(n, NULL, 99));
    }
}

static void write_samples(const struct record *r, const char *dir)
{
    char path[400];
    snprintf(path, sizeof path, "%s/samples.csv", dir);
    FILE *out = fopen(path, "we");
    if (!out) return;
    fputs("seconds", out);
    for (int i = 0; i < r->count; i++) fprintf(out, ",%s", r->series[i].name);
    for (int row = 0; row < r->rows; row++) {
        fprintf(out, "\n%.1f", r->at_s[row]);
        for (int i = 0; i < r->count; i++)
            if (isnan(r->series[i].values[row]))
                fputs(",", out);
            else
                fprintf(out, ",%.10g", r->series[i].values[row]);
    }
    fputs("\n", out);
    fclose(out);
}

bool report_write(const struct soak *s, const char *dir, const char *failures)
{
    char path[400];
    const struct record *r = &s->record;
    bool is_right = !*failures;
    snprintf(path, sizeof path, "%s/report.md", dir);
    FILE *out = fopen(path, "we");
    if (!out) fail_msg("%s cannot be written", path);
    write_samples(r, dir);
    for (int i = 0; i < r->count; i++) is_right = is_right && record_holds(r, &r->series[i]);
    fprintf(out,
            "# Soak\n\n%.1f minutes, %d rows, %ld CPUs. Medians of each third of the run; slope by least squares over "
            "the last two.\n\n",
            r->rows ? r->at_s[r->rows - 1] / 60 : 0, r->rows, sysconf(_SC_NPROCESSORS_ONLN));
    fprintf(out, "Verdict: %s\n", is_right ? "all holds." : "not all holds.");
    for (int i = 0; i < r->count; i++)
        if (!record_holds(r, &r->series[i])) fprintf(out, "- %s has grown\n", r->series[i].name);
    fprintf(out, "%s\n| figure | first | middle | last | slope an hour | |\n|---|---|---|---|---|---|\n", failures);
    for (int i = 0; i < r->count; i++)
        if (!strstr(r->series[i].name, " pid")) print_series(out, r, &r->series[i]);
    print_clients(out, s->load.shared);
    fclose(out);
    return is_right;
}
