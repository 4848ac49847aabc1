/* Running the catalogue of lies: see lies.h. What a lie did to the rows is judged in lies_harm.c. */
#include "tests/support/lies/lies.h"

#include <cjson/cJSON.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "conf/text/buf.h"
#include "conf/clock.h"
#include "conf/text/hash.h"
#include "conf/text/utf8.h"
#include "tests/support/lies/lies_harm.h"
#include "tests/support/lies/lies_open.h"
#include "tests/support/sync_truth.h"

#define FULL_SYNC "tasks.sync_tasks.full_sync_task"
#define LIES_MAX  600
#define SYNC_MS   40000
#define PATIENT   "LOGIKAL_CALL_TIMEOUT_MS=60000" /* no lie is about time but "hang"; a busy machine is none */

static struct sync_world world;
static struct told_lie lies[LIES_MAX];
static struct CMUnitTest tests[LIES_MAX];
static bool is_world_spoilt;

static bool is_rule(const struct told_lie *lie, const char *rule)
{
    return strcmp(lie->rule, rule) == 0;
}

static bool is_at(const struct told_lie *lie, const char *place)
{
    return strcmp(lie->place, place) == 0;
}

/* ---- what the result tells ---- */

/* Every text of the lists in a result: errors, notes, what is held. */
static void collect_texts(const cJSON *item, bool is_listed, struct buf *out)
{
    const cJSON *child;
    if (cJSON_IsString(item) && is_listed) {
        buf_str(out, item->valuestring);
        buf_str(out, "; ");
    }
    cJSON_ArrayForEach(child, item) collect_texts(child, is_listed || cJSON_IsArray(item), out);
}

/* What the result tells of anything out of the ordinary: "" when it tells of nothing. */
static char *what_was_told(const cJSON *result)
{
    static const char *const lists[] = {"errors", "notes", "warnings", "held", "holds", "unchecked"};
    struct buf out = {0};
    buf_str(&out, "");
    for (size_t i = 0; i < sizeof lists / sizeof lists[0]; i++)
        collect_texts(cJSON_GetObjectItemCaseSensitive(result, lists[i]), false, &out);
    if (!result_true(result, "success")) buf_printf(&out, "%s; ", result_text(result, "message"));
    return buf_steal(&out);
}

/* ---- one sync under a lie ---- */

static void tell(const struct told_lie *lie, int count)
{
    char json[300];
    snprintf(json, sizeof json, "{\"lies\":[{\"name\":\"%s\",\"where\":\"%s\",\"count\":%d}]}", lie->name, lie->place,
             count);
    sim_post(&world.sim, "/lies", json);
}

static long times_struck(void)
{
    char *text = sim_get(&world.sim, "/lies");
    cJSON *json = cJSON_Parse(text);
    const cJSON *armed = cJSON_GetArrayItem(cJSON_GetObjectItemCaseSensitive(json, "armed"), 0);
    long struck = (long)result_number(armed, "struck");
    cJSON_Delete(json);
    free(text);
    return struck;
}

/* The upstream changes: each project has moved, so that all that is in it is listed, and some elevations have. On a
 * quiet machine what was listed a moment ago would be listed again anyway, on a slow one not. */
static void change_upstream(unsigned turn)
{
    char json[120];
    snprintf(json, sizeof json, "{\"type\":\"elevation\",\"count\":9,\"seed\":%u}", turn);
    sim_post(&world.sim, "/change", json);
    snprintf(json, sizeof json, "{\"type\":\"project\",\"count\":1000,\"seed\":%u}", turn);
    sim_post(&world.sim, "/change", json);
}

static void show(const struct told_lie *lie, const char *when, long struck, const char *told, const struct harm *harm,
                 int64_t took_ms)
{
    int width = (int)utf8_cut(told, 110);
    print_message("| %s | %s | %s | %ld | %.*s | %d | %lld ms |\n", lie->name, lie->place, when, struck, width, told,
                  harm->rows, (long long)took_ms);
}

/* A lie that cannot be told from the truth, or one that is read all the same, needs no word. */
static bool must_be_told(const struct told_lie *lie, bool is_always)
{
    if (is_rule(lie, "quiet") || is_rule(lie, "word")) return false;
    if (is_rule(lie, "again") || is_rule(lie, "held") || is_rule(lie, "file")) return is_always;
    return true;
}

#define FRESH_ALL  ((1U << TRUTH_KINDS) - 1)
#define FRESH_ROWS ((1U << TRUTH_FILE) - 1)

static int level_of(const struct told_lie *lie)
{
    static const char *const places[] = {"directory", "project", "phase", "elevation"};
    for (int level = 0; level < 4; level++)
        if (is_at(lie, places[level])) return level;
    return -1;
}

/* What must be as fresh as the upstream although the lie is told. Under a quiet one, or one that was told once and
 * taken back when asked again, all of it. The levels above the lie always; what can only not be selected has been
 * listed. One spoilt member leaves all other kinds alone. */
static unsigned fresh_under(const struct told_lie *lie, bool is_always)
{
    int level = level_of(lie);
    bool is_once_enough = !is_always && is_rule(lie, "again");
    if (is_rule(lie, "quiet") || is_once_enough) return FRESH_ALL;
    if (is_rule(lie, "file")) return FRESH_ROWS;
    if (is_at(lie, "login")) return 0;
    if (is_at(lie, "parts") || is_at(lie, "thumbnail")) return FRESH_ROWS;
    if (is_rule(lie, "member")) return (level == TRUTH_ELEVATION ? FRESH_ROWS : FRESH_ALL) & ~(1U << level);
    if (lie->is_select && level > TRUTH_DIRECTORY) level++;
    return level < 0 ? 0 : (1U << level) - 1;
}

/* A full sync; NULL when it did not end, and was stopped. */
static cJSON *run_sync(bool is_forced, struct buf *faults)
{
    struct process p;
    sync_task_start(&world, &p, FULL_SYNC, NULL, is_forced ? "{\"force_sync\":true}" : NULL);
    int64_t deadline = support_patience(SYNC_MS);
    while (process_running(&p) && !support_late(deadline)) support_pause();
    if (p.is_running) {
        process_stop(&p);
        buf_printf(faults, "a sync did not end within %d s\n", SYNC_MS / 1000);
        return NULL;
    }
    char *log = process_log(&p);
    char *fault = strstr(log, "Sanitizer");
    if (!fault) fault = strstr(log, "runtime error");
    if (fault) buf_printf(faults, "a fault in the sync: %.600s\n", fault);
    free(log);
    cJSON *result = sync_task_result(&p);
    if (!result) buf_str(faults, "a sync gave no result\n");
    return result;
}

/* A file that was read and is odd is told with its elevation. */
static void add_told_of_files(char **told)
{
    char *files =
        pg_value(&world.pg, "SELECT string_agg(name || ' ' || parse_status || ': ' || coalesce(parse_error, ''),"
                            " '; ' ORDER BY id) FROM elevations WHERE deleted_at IS NULL AND parse_status IN"
                            " ('partial', 'failed', 'validation_failed')");
    struct buf all = {0};
    buf_printf(&all, "%s%s", *told, files);
    free(files);
    free(*told);
    *told = buf_steal(&all);
}

static void judge(const struct told_lie *lie, const cJSON *result, bool is_always, struct harm *harm,
                  struct buf *faults)
{
    bool is_known_kind = is_rule(lie, "quiet") || is_rule(lie, "again") || (is_rule(lie, "held") && is_always);
    char *told = what_was_told(result);
    if (is_rule(lie, "file")) add_told_of_files(&told);
    harm_judge(&world, !is_rule(lie, "word"), is_known_kind, fresh_under(lie, is_always), harm);
    if (harm->text[0]) buf_str(faults, harm->text);
    if (must_be_told(lie, is_always) && !*told)
        buf_str(faults, "nothing in the result tells of it\n");
    else if (must_be_told(lie, is_always) && !is_at(lie, "directory") && !is_at(lie, "login") &&
             !harm_is_named(&world, told))
        buf_printf(faults, "what is told names no object: %s\n", told);
    if (is_rule(lie, "quiet") && !result_true(result, "success"))
        buf_printf(faults, "no success although nothing is wrong: %s\n", told);
    free(told);
}

static void sync_under(const struct told_lie *lie, bool is_forced, bool is_always, struct buf *faults)
{
    const char *when = is_forced ? is_always ? "forced, always" : "forced, once" : is_always ? "always" : "once";
    struct buf found = {0};
    struct harm harm = {0};
    harm_note_truth(&world);
    tell(lie, is_always ? -1 : 1);
    int64_t begin_ms = mono_ms();
    cJSON *result = run_sync(is_forced, &found);
    int64_t took_ms = mono_ms() - begin_ms;
    long struck = times_struck();
    sim_post(&world.sim, "/lies/clear", "{}");

    if (struck == 0) buf_str(&found, "the lie was never told\n");
    if (result) judge(lie, result, is_always, &harm, &found);
    char *told = what_was_told(result);
    if (is_rule(lie, "file")) add_told_of_files(&told);
    show(lie, when, struck, told, &harm, took_ms);
    if (found.len) buf_printf(faults, "%s:\n%s", when, found.data);
    buf_free(&found);
    free(told);
    cJSON_Delete(result);
}

/* ---- one lie ---- */

static void make_world_whole(void)
{
    if (!is_world_spoilt) return;
    sim_post(&world.sim, "/lies/clear", "{}");
    sync_world_clear(&world);
    sync_all(&world, true);
    is_world_spoilt = false;
}

/* What the lie left is put right by a sync like any other; by a forced one where nobody could tell that it was wrong,
 * or where files were refused, which are asked for again after a while. */
static void heal(const struct told_lie *lie, struct buf *faults)
{
    bool is_of_files = is_at(lie, "parts") || is_at(lie, "thumbnail") || (lie->is_select && is_at(lie, "elevation"));
    bool needs_force = is_of_files || is_rule(lie, "word") || is_rule(lie, "member");
    cJSON *result = run_sync(needs_force, faults);
    char *left = truth_differences(&world, true), *told = what_was_told(result);
    if (*left) buf_printf(faults, "the truth again%s, and still different:\n%s", needs_force ? " by force" : "", left);
    bool is_of_return = is_rule(lie, "held") && strstr(told, "they are kept"); /* what was held is there again */
    if (*told && !is_rule(lie, "word") && !is_of_return)
        buf_printf(faults, "the truth again, and the result still tells of %s\n", told);
    free(left);
    free(told);
    cJSON_Delete(result);
}

static void test_lie(void **state)
{
    const struct told_lie *lie = *state;
    static unsigned turn;
    struct buf faults = {0};
    make_world_whole();
    is_world_spoilt = true; /* until it is known to be whole */
    harm_begin(&world);
    bool is_always_first = turn % 2;
    bool is_hanging = strcmp(lie->name, "hang") == 0;
    world.extra_env[1] = is_hanging ? "LOGIKAL_CALL_TIMEOUT_MS=700" : PATIENT;

    change_upstream(++turn);
    sync_under(lie, false, is_always_first, &faults);
    change_upstream(++turn);
    sync_under(lie, true, !is_always_first, &faults);
    turn++;
    heal(lie, &faults);
    harm_end(&world);

    const char *open = lies_open_because(lie->label);
    if (faults.len && open) {
        print_message("      OPEN: %s\n", open);
        buf_free(&faults);
        skip();
    }
    if (open) print_message("      no longer open, take it off the list: %s\n", lie->label);
    if (faults.len) {
        for (char *line = strtok(faults.data, "\n"); line; line = strtok(NULL, "\n")) print_message("      %s\n", line);
        buf_free(&faults);
        fail_msg("%s", lie->label);
    }
    is_world_spoilt = false;
}

/* ---- the catalogue ---- */

/* A call that fails is treated alike at every level: each such lie is told at every other one of them, by turns. */
static bool is_told_elsewhere(const struct told_lie *lie, const cJSON *row)
{
    unsigned turn = 0;
    int level = level_of(lie);
    for (const char *p = result_text(row, "name"); *p; p++) turn += (unsigned char)*p;
    return is_rule(lie, "again") && level >= 0 && ((unsigned)level + turn) % 2;
}

/* Half of the lies are told on one day, the others on the next: all of them take four minutes of two processors.
 * LIES_TURN=0 or 1 is one half, LIES=all both. */
static bool is_its_turn(const struct told_lie *lie)
{
    const char *turn = getenv("LIES_TURN");
    return hash_text(lie->label) % 2 == (turn ? strtoul(turn, NULL, 10) : (unsigned long)(time(NULL) / 86400)) % 2;
}

static void add(const cJSON *row, const char *place, bool (*takes)(const struct told_lie *), size_t *count)
{
    struct told_lie *lie = &lies[*count];
    if (*count == LIES_MAX) fail_msg("more than %d lies", LIES_MAX);
    snprintf(lie->name, sizeof lie->name, "%s", result_text(row, "name"));
    snprintf(lie->place, sizeof lie->place, "%s", place);
    snprintf(lie->rule, sizeof lie->rule, "%s", result_text(row, "rule"));
    lie->is_select = strcmp(result_text(row, "on"), "select") == 0;
    snprintf(lie->label, sizeof lie->label, "lie_%s_at_%s", result_text(row, "name"), place);
    for (char *p = lie->label; *p; p++)
        if (*p == '-') *p = '_';
    const char *only = getenv("LIES_ONLY"), *all = getenv("LIES");
    if (!only && !(all && strcmp(all, "all") == 0) && (is_told_elsewhere(lie, row) || !is_its_turn(lie))) return;
    if (!takes(lie) || (only && !strstr(lie->label, only))) return;
    tests[*count] = (struct CMUnitTest){.name = lie->label, .test_func = test_lie, .initial_state = lie};
    ++*count;
}

static size_t read_catalogue(bool (*takes)(const struct told_lie *))
{
    char command[600];
    struct buf text = {0};
    snprintf(command, sizeof command, "%s --catalogue=json", support_program("logikal-sim"));
    FILE *pipe = popen(command, "re");
    for (char piece[4096]; pipe;) {
        size_t n = fread(piece, 1, sizeof piece, pipe);
        if (!n) break;
        buf_add(&text, piece, n);
    }
    if (pipe) pclose(pipe);
    cJSON *catalogue = cJSON_ParseWithLength(text.data, text.len);
    const cJSON *row, *place;
    size_t count = 0;
    cJSON_ArrayForEach(row, catalogue) {
        cJSON_ArrayForEach(place, cJSON_GetObjectItemCaseSensitive(row, "where"))
            add(row, place->valuestring, takes, &count);
    }
    cJSON_Delete(catalogue);
    buf_free(&text);
    return count;
}

FIXTURE(start)
{
    /* Enough of each kind that half of it is more than a listing may lose unseen. */
    sync_world_open(&world, "--directories 3 --depth 2 --projects 2 --phases 2 --elevations 3");
    world.extra_env[0] = "LOGIKAL_RETRY_BUDGET_SECONDS=1";
    world.extra_env[1] = PATIENT;
    world.extra_env[2] = "LOGIKAL_MAX_ANSWER_BYTES=2097152";
    sync_all(&world, true);
    assert_truth(&world, true);
    print_message("| lie | where | told | times | the result says | rows harmed | |\n|---|---|---|---|---|---|---|\n");
    return 0;
}

FIXTURE(stop)
{
    sync_world_stop(&world);
    return 0;
}

int lies_run(bool (*takes)(const struct told_lie *lie))
{
    size_t count = read_catalogue(takes);
    if (count == 0) {
        fprintf(stderr, "the simulator's catalogue has no such lies\n");
        return 1;
    }
    return _cmocka_run_group_tests("lies", tests, count, start, stop);
}
