/* `logikald check`: the pre-flight. One line for each thing that the system stands on; exit status 0 when nothing
 * failed, 69 when something did. With --json the same as one object; with --live only whether web answers (for a
 * container's health check, which then needs no curl). */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <cjson/cJSON.h>

#include "conf/exit.h"
#include "services/check/check_internal.h"
#include "services/role.h"

static const struct check {
    const char *name;
    void (*run)(const struct conf *conf, struct check_line *line);
} checks[] = {
    {"configuration", check_configuration},
    {"files", check_files},
    {"postgresql", check_postgres},
    {"redis", check_redis},
    {"disk", check_disk},
    {"memory", check_memory},
    {"logikal", check_logikal}, /* last: it may take the longest */
};
#define CHECKS (sizeof checks / sizeof *checks)

static const char *const verdicts[] = {"ok", "warning", "skipped", "failed"};

void check_say(struct check_line *line, enum check_verdict verdict, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(line->text, sizeof line->text, fmt, ap);
    va_end(ap);
    line->verdict = verdict;
}

static void print_json(const struct check_line *lines, bool is_well)
{
    cJSON *root = cJSON_CreateObject(), *list = cJSON_AddArrayToObject(root, "checks");
    cJSON_AddBoolToObject(root, "ok", is_well);
    for (size_t i = 0; i < CHECKS; i++) {
        cJSON *row = cJSON_CreateObject();
        cJSON_AddStringToObject(row, "name", checks[i].name);
        cJSON_AddStringToObject(row, "verdict", verdicts[lines[i].verdict]);
        cJSON_AddStringToObject(row, "text", lines[i].text);
        cJSON_AddItemToArray(list, row);
    }
    char *text = cJSON_Print(root);
    puts(text ? text : "{\"ok\": false}");
    cJSON_free(text);
    cJSON_Delete(root);
}

static int check_all(const struct conf *conf, bool is_json)
{
    struct check_line lines[CHECKS] = {0};
    bool is_well = true;
    for (size_t i = 0; i < CHECKS; i++) {
        checks[i].run(conf, &lines[i]);
        is_well = is_well && lines[i].verdict != CHECK_FAILED;
        if (is_json) continue;
        printf("%-8s %-13s %s\n", verdicts[lines[i].verdict], checks[i].name, lines[i].text);
        fflush(stdout);
    }
    if (is_json) print_json(lines, is_well);
    return is_well ? 0 : EXIT_UNAVAILABLE;
}

int check_main(struct conf *conf, int argc, char **argv)
{
    bool is_json = false, is_live = false, is_usage = false;
    for (int i = 0; i < argc; i++) {
        if (strcmp(argv[i], "--json") == 0)
            is_json = true;
        else if (strcmp(argv[i], "--live") == 0)
            is_live = true;
        else
            is_usage = true;
    }
    int status = EXIT_USAGE;
    if (is_usage)
        fputs("usage: logikald check [--json] | --live\n", stderr);
    else
        status = is_live ? check_live(conf) : check_all(conf, is_json);
    conf_free(conf);
    return status;
}
