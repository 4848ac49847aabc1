/* See memory.h. Samples are kept until they are dumped, as Celery does: a person takes some, works, and compares. */
#include "services/worker/monitor/memory.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "conf/text/buf.h"
#include "services/worker/monitor/answer.h"

#define SAMPLES_MAX 100

static struct {
    char texts[SAMPLES_MAX][24];
    int count;
} taken;

/* Resident memory of this process as Celery writes it: five digits and a unit. */
static const char *resident(char *out, size_t size)
{
    static const struct {
        double bytes;
        const char *name;
    } units[] = {{1024.0 * 1024 * 1024, "GB"}, {1024.0 * 1024, "MB"}, {1024.0, "KB"}, {1, "b"}};
    char text[128] = "";
    FILE *f = fopen("/proc/self/statm", "re");
    if (!f || !fgets(text, sizeof text, f)) text[0] = '\0';
    if (f) fclose(f);
    const char *second = strchr(text, ' '); /* all pages, those in memory ... */
    long long pages = second ? strtoll(second, NULL, 10) : 0;
    double bytes = (double)pages * (double)sysconf(_SC_PAGESIZE);
    size_t i = 0;
    while (i + 1 < sizeof units / sizeof *units && bytes < units[i].bytes) i++;
    snprintf(out, size, "%.5g%s", bytes / units[i].bytes, units[i].name);
    return out;
}

cJSON *memory_sample(struct worker *w, const cJSON *arguments)
{
    (void)w, (void)arguments;
    char text[24];
    resident(text, sizeof text);
    if (taken.count < SAMPLES_MAX) memcpy(taken.texts[taken.count++], text, sizeof text);
    return cJSON_CreateString(text);
}

cJSON *memory_dump(struct worker *w, const cJSON *arguments)
{
    (void)w;
    char text[24];
    double samples = request_number(arguments, "samples", 10);
    struct buf out = {0};
    if (!(samples >= 1)) return celery_answer("error", "ValueError('samples is a number')");
    int shown = samples < taken.count ? (int)samples : taken.count;
    if (shown > 0) buf_str(&out, "- rss (sample):\n");
    for (int i = 0; i < shown; i++) buf_printf(&out, "-    > %s,\n", taken.texts[i * taken.count / shown]);
    buf_printf(&out, "- rss (end): %s.\n", resident(text, sizeof text));
    taken.count = 0;
    cJSON *answer = cJSON_CreateString(out.data ? out.data : "");
    buf_free(&out);
    return answer;
}

cJSON *memory_graph(struct worker *w, const cJSON *arguments)
{
    (void)w, (void)arguments;
    return celery_answer("error", "ImportError('objgraph draws Python objects, and this worker has none')");
}
