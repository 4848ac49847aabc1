/* make bench-sync: the forced sync of the field case beside its critical path, rows stored beside COPY, parts lists
 * read beside Python. SCALE=1 takes the field's own delays instead of a tenth; ROWS and FILES set the other two. */
#include "tests/bench/sync.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/sync_truth.h"

#define PHASES 2
static const int phase_elevations[PHASES] = {13, 4};

/* Milliseconds in the field. */
enum { AUTH = 4500, DIRECTORY = 100, PROJECT = 700, PHASE = 300, ELEVATION = 300, LIST = 200, PARTS = 2000 };

/* When the last parts list can be there at the earliest: every session logs in at once, one of them finds the phases,
 * one lists each phase, then whoever is free first takes the next elevation; going sideways a session stays in its
 * phase. */
static double critical_path_ms(int sessions, bool sideways)
{
    double free_at[32] = {0}, first[32] = {0};
    double found = AUTH + DIRECTORY + LIST + PROJECT + LIST, again = ELEVATION + PARTS;
    double descend = AUTH + DIRECTORY + PROJECT + PHASE;
    int left = phase_elevations[0] + phase_elevations[1];
    for (int i = 0; i < sessions; i++) {
        free_at[i] = found + PHASE + LIST; /* in a phase whose elevations are known */
        first[i] = again;
    }
    /* One session lists the second phase beside the first, or in a second descent; and it comes to the elevations of
     * the second only by one, since no sibling select leads out of an elevation. */
    if (sessions == 1) free_at[0] = found + PHASE + LIST + (sideways ? PHASE + LIST + descend : descend + LIST);
    double end = 0;
    while (left-- > 0) {
        int next = 0;
        for (int i = 1; i < sessions; i++)
            if (free_at[i] + first[i] < free_at[next] + first[next]) next = i;
        free_at[next] += first[next];
        first[next] = sideways ? again : descend + again;
        if (free_at[next] > end) end = free_at[next];
    }
    return end;
}

/* A sync of one project by this task: seconds. */
static double synced(struct sync_world *w, const char *task, const char *guid, double *logins)
{
    char args[100];
    snprintf(args, sizeof args, "[\"%s\"]", guid);
    cJSON *result = sync_task(w, task, args, NULL, NULL);
    if (!result_true(result, "success")) fail_msg("the sync failed: %s", result_text(result, "message"));
    double seconds = result_number(result, "duration_seconds");
    if (logins) *logins = result_number(cJSON_GetObjectItem(result, "upstream"), "logins");
    cJSON_Delete(result);
    return seconds;
}

static void field_row(double scale, int sessions, bool sideways, cJSON *report)
{
    struct sync_world w;
    char scale_text[32], setting[40];
    snprintf(scale_text, sizeof scale_text, "%g", scale);
    const char *const arguments[] = {"--preset",
                                     "field-case",
                                     "--delay",
                                     "field",
                                     "--delay-scale",
                                     scale_text,
                                     sideways ? "--sideways=allow" : "--sideways=deny",
                                     NULL};
    sync_world_start(&w, arguments);
    snprintf(setting, sizeof setting, "LOGIKAL_MAX_SESSIONS=%d", sessions);
    w.extra_env[0] = setting;
    /* What the server allows is known after the first sync of its life, and so it is here. */
    w.extra_env[1] = sideways ? "LOGIKAL_SIDEWAYS=always" : "LOGIKAL_SIDEWAYS=never";
    char *dump = sim_get(&w.sim, "/dump"), *project = strstr(dump, "{\"type\":\"project\",\"id\":\"");
    char guid[37] = "";
    if (project) snprintf(guid, sizeof guid, "%.36s", project + strlen("{\"type\":\"project\",\"id\":\""));
    /* Force asks for every file again; what did not change costs a plain sync its listings. */
    double logins, cold = synced(&w, "tasks.sync_tasks.force_sync_project_task", guid, &logins);
    double unchanged = synced(&w, "tasks.sync_tasks.sync_project_task", guid, NULL);
    double path = critical_path_ms(sessions, sideways) * scale / 1000;
    long leaked = (long)sim_number(&w, "leaked_sessions");
    printf("| %d | %s | %.2f | %.2f | %.2f | %.2f | %.0f | %ld |\n", sessions, sideways ? "yes" : "no", path, cold,
           cold / path, unchanged, logins, leaked);
    cJSON *row = cJSON_CreateObject();
    cJSON_AddNumberToObject(row, "sessions", sessions);
    cJSON_AddBoolToObject(row, "sideways", sideways);
    cJSON_AddNumberToObject(row, "critical_path_s", path);
    cJSON_AddNumberToObject(row, "cold_s", cold);
    cJSON_AddNumberToObject(row, "unchanged_s", unchanged);
    cJSON_AddItemToArray(report, row);
    free(dump);
    sync_world_stop(&w);
}

void bench_field_case(double scale, cJSON *report)
{
    static const int sessions[] = {1, 4, 8};
    cJSON *rows = cJSON_AddArrayToObject(report, "field_case");
    printf("Forced sync of the field case (2 phases, 17 elevations), delays of the field times %g, seconds:\n\n",
           scale);
    puts("| sessions | sideways | critical path | cold | cold / path | unchanged | logins | leaked |");
    puts("|---:|---|---:|---:|---:|---:|---:|---:|");
    for (int s = 0; s < 2; s++)
        for (size_t i = 0; i < sizeof sessions / sizeof sessions[0]; i++) field_row(scale, sessions[i], s == 1, rows);
    puts("");
}

static double number_from(const char *name, double otherwise)
{
    const char *text = getenv(name);
    return text && *text ? strtod(text, NULL) : otherwise;
}

int main(void)
{
    cJSON *report = cJSON_CreateObject();
    const char *path = getenv("BENCH_JSON");
    setvbuf(stdout, NULL, _IOLBF, 0);
    const char *only = getenv("ONLY");
    if (!only || strcmp(only, "field") == 0) bench_field_case(number_from("SCALE", 0.1), report);
    bool are_stores = only && strcmp(only, "stores") == 0;
    if (!only || are_stores || strcmp(only, "rows") == 0) bench_rows((int)number_from("ROWS", 20000), report);
    if (!only || are_stores || strcmp(only, "parts") == 0) bench_parts((int)number_from("FILES", 2000), report);
    if (only && strcmp(only, "read") == 0)
        bench_read((int)number_from("ELEVATIONS", 400), (int)number_from("ROUNDS", 5));
    if (only && strcmp(only, "pace") == 0)
        bench_pace((int)number_from("ELEVATIONS", 1000), (int)number_from("ROUNDS", 3), report);
    if (only && strcmp(only, "kept") == 0) bench_kept((int)number_from("ELEVATIONS", 400), report);
    if (only && strcmp(only, "real") == 0) bench_real((int)number_from("ELEVATIONS", 1000), report);
    if (only && strcmp(only, "journal") == 0) bench_journal((int)number_from("ROWS", 20000), report);
    FILE *out = path && *path ? fopen(path, "we") : NULL;
    char *text = cJSON_Print(report);
    if (out) {
        fputs(text, out);
        fclose(out);
    }
    free(text);
    cJSON_Delete(report);
    support_stop_all();
    return 0;
}
