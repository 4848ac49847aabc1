/* The control client: see ctl.h. One table of commands; the waiting for their effect is done here, by asking. */
#include "supervisor/ctl/ctl.h"

#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "conf/clock.h"
#include "conf/conf.h"
#include "conf/exit.h"
#include "conf/version.h"
#include "ipc/control.h"
#include "supervisor/ctl/ctl_internal.h"
#include "supervisor/system/memory_file.h"

#define ANSWER_MS  10000
#define GIVEN_MS   5000 /* the configuration: without an answer there is another way */
#define SETTLE_MS  90000
#define POLL_MS    25
#define TAIL_LINES "20"

static int fail(const struct err *err)
{
    fprintf(stderr, "logikald: %s\n", err->text);
    return err->code == ERR_NOT_FOUND || err->code == ERR_SYSTEM || err->code == ERR_TIMEOUT ? EXIT_UNAVAILABLE : 1;
}

/* Asks once and returns the last answer (the caller's to delete), or NULL with err. */
static cJSON *ask_for(int ms, const char *run_dir, const char *command, int argc, char *const *argv, struct err *err)
{
    struct control_client client;
    cJSON *answer = NULL;
    if (control_open(&client, run_dir, err) != 0) return NULL;
    if (control_send(&client, command, argc, argv, err) == 0) answer = control_read(&client, ms, err);
    control_close(&client);
    return answer;
}

static cJSON *ctl_ask(const char *run_dir, const char *command, int argc, char *const *argv, struct err *err)
{
    return ask_for(ANSWER_MS, run_dir, command, argc, argv, err);
}

static const char *text_of(const cJSON *json, const char *name)
{
    const char *text = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(json, name));
    return text ? text : "";
}

static bool is_ok(const cJSON *answer)
{
    return cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(answer, "ok"));
}

/* The answer when it is a good one; otherwise NULL, and the reason has been told. */
static cJSON *ask_well(const char *run_dir, const char *command, int argc, char **argv, int *status)
{
    struct err err = {0};
    cJSON *answer = ctl_ask(run_dir, command, argc, argv, &err);
    *status = 0;
    if (!answer) {
        *status = fail(&err);
    } else if (!is_ok(answer)) {
        fprintf(stderr, "logikald: %s\n", text_of(answer, "error"));
        cJSON_Delete(answer);
        answer = NULL;
        *status = 1;
    }
    return answer;
}

int ctl_status(const char *run_dir, struct snapshot *out, cJSON **json, struct err *err)
{
    cJSON *answer = ctl_ask(run_dir, "status", 0, NULL, err);
    if (!answer) return -ERR_SYSTEM;
    int rc = snapshot_from_json(cJSON_GetObjectItemCaseSensitive(answer, "status"), out, err);
    if (json)
        *json = answer;
    else
        cJSON_Delete(answer);
    return rc;
}

static int run_status(const char *run_dir, int argc, char **argv)
{
    int status;
    struct snapshot *s = NULL;
    cJSON *answer = ask_well(run_dir, "status", 0, NULL, &status);
    if (!answer) return status;
    cJSON *json = cJSON_GetObjectItemCaseSensitive(answer, "status");
    if (argc > 0 && strcmp(argv[0], "--json") == 0) {
        char *text = cJSON_Print(json);
        if (text) puts(text);
        free(text);
    } else if (argc > 0) {
        status = EXIT_USAGE;
    } else if ((s = calloc(1, sizeof *s)) && snapshot_from_json(json, s, NULL) == 0) {
        ctl_print_status(s, cJSON_GetObjectItemCaseSensitive(json, "overrides"));
    }
    free(s);
    cJSON_Delete(answer);
    return status;
}

enum command_outcome { OUTCOME_PENDING, OUTCOME_GOOD, OUTCOME_BAD };

/* What became of the child that had pid `before` when it was asked to stop or start. */
static enum command_outcome outcome_of(const struct snapshot *s, const char *name, int before, bool is_stop,
                                       const char **why)
{
    bool is_there = false, is_ready = false;
    for (int i = 0; i < s->count; i++) {
        const struct snapshot_child *c = &s->children[i];
        if (strcmp(c->name, name) != 0) continue;
        bool is_down = strcmp(c->state, "down") == 0 || strcmp(c->state, "done") == 0;
        if (is_stop && !is_down) is_there = true;
        if (c->pid == before && before && strcmp(c->state, "ready") == 0) continue; /* the one before, for now */
        if (strcmp(c->state, "ready") == 0 || strcmp(c->state, "done") == 0) is_ready = true;
        *why = c->status;
        if (!is_stop && (strcmp(c->state, "backoff") == 0 || strcmp(c->state, "crash-loop") == 0)) {
            *why = c->last_exit;
            return OUTCOME_BAD;
        }
    }
    if (is_stop) return is_there ? OUTCOME_PENDING : OUTCOME_GOOD;
    return is_ready ? OUTCOME_GOOD : OUTCOME_PENDING;
}

/* Waits until every child of the answer is down (stop) or ready anew. */
static int wait_settled(const char *run_dir, const cJSON *children, bool is_stop, bool is_start)
{
    struct err err = {0};
    struct snapshot *s = calloc(1, sizeof *s);
    int64_t deadline = mono_ms() + SETTLE_MS;
    const cJSON *child;
    int status = s ? 0 : 1;
    cJSON_ArrayForEach(child, children) {
        const char *name = text_of(child, "name"), *why = "";
        const cJSON *pid = cJSON_GetObjectItemCaseSensitive(child, "pid");
        int before = cJSON_IsNumber(pid) && !is_start ? pid->valueint : 0;
        enum command_outcome outcome = OUTCOME_PENDING;
        while (s && outcome == OUTCOME_PENDING) {
            if (ctl_status(run_dir, s, NULL, &err) != 0) {
                free(s);
                return fail(&err);
            }
            outcome = outcome_of(s, name, before, is_stop, &why);
            if (outcome != OUTCOME_PENDING) break;
            bool is_held_up = strstr(why, ", held") != NULL; /* by what only a person starts */
            if (mono_ms() > deadline || is_held_up) {
                if (!is_held_up) why = why[0] ? why : "it takes too long";
                outcome = OUTCOME_BAD;
                break;
            }
            poll(NULL, 0, POLL_MS);
        }
        if (outcome == OUTCOME_GOOD)
            printf("%s: %s\n", name, is_stop ? "stopped" : "ready");
        else
            fprintf(stderr, "logikald: %s: %s\n", name, why);
        if (outcome != OUTCOME_GOOD) status = 1;
    }
    free(s);
    return status;
}

static int run_named(const char *run_dir, const char *command, int argc, char **argv)
{
    int status;
    bool waits = true;
    if (argc > 0 && strcmp(argv[0], "--no-wait") == 0) {
        waits = false;
        argc--;
        argv++;
    }
    cJSON *answer = ask_well(run_dir, command, argc, argv, &status);
    if (answer && waits)
        status = wait_settled(run_dir, cJSON_GetObjectItemCaseSensitive(answer, "children"),
                              strcmp(command, "stop") == 0, strcmp(command, "start") == 0);
    cJSON_Delete(answer);
    return status;
}

static int run_start(const char *run_dir, int argc, char **argv)
{
    return run_named(run_dir, "start", argc, argv);
}

static int run_stop(const char *run_dir, int argc, char **argv)
{
    return run_named(run_dir, "stop", argc, argv);
}

static int run_restart(const char *run_dir, int argc, char **argv)
{
    return run_named(run_dir, "restart", argc, argv);
}

/* A command whose answer is a sentence. */
static int run_sentence(const char *run_dir, const char *command, int argc, char **argv)
{
    int status;
    cJSON *answer = ask_well(run_dir, command, argc, argv, &status);
    if (answer) printf("%s\n", text_of(answer, "text"));
    cJSON_Delete(answer);
    return status;
}

static int run_reload(const char *run_dir, int argc, char **argv)
{
    bool executes = argc > 0 && strcmp(argv[0], "--exec") == 0;
    struct snapshot *before = executes ? calloc(1, sizeof *before) : NULL;
    bool is_known = before && ctl_status(run_dir, before, NULL, NULL) == 0;
    int status = run_sentence(run_dir, "reload", argc, argv);
    if (status == 0 && is_known) status = ctl_tell_executed(run_dir, before);
    free(before);
    return status;
}

static int run_signal(const char *run_dir, int argc, char **argv)
{
    return run_sentence(run_dir, "signal", argc, argv);
}

static int run_set(const char *run_dir, int argc, char **argv)
{
    return run_sentence(run_dir, "set", argc, argv);
}

static int run_shutdown(const char *run_dir, int argc, char **argv)
{
    return run_sentence(run_dir, "shutdown", argc, argv);
}

static bool is_number(const char *text)
{
    return *text && strspn(text, "0123456789") == strlen(text);
}

static int run_tail(const char *run_dir, int argc, char **argv)
{
    struct control_client client;
    struct err err = {0};
    char *words[3] = {NULL, (char *)TAIL_LINES, (char *)"follow"};
    bool follows = false;
    for (int i = 0; i < argc; i++) {
        if (strcmp(argv[i], "-f") == 0)
            follows = true;
        else if (strcmp(argv[i], "-n") == 0 && i + 1 < argc && is_number(argv[i + 1]))
            words[1] = argv[++i];
        else if (argv[i][0] != '-' && !words[0])
            words[0] = argv[i];
        else
            return EXIT_USAGE;
    }
    if (!words[0]) return EXIT_USAGE;
    if (control_open(&client, run_dir, &err) != 0) return fail(&err);
    int status = control_send(&client, "tail", follows ? 3 : 2, words, &err) == 0 ? -1 : fail(&err);
    while (status < 0) {
        cJSON *answer = control_read(&client, follows ? -1 : ANSWER_MS, &err);
        const cJSON *line = cJSON_GetObjectItemCaseSensitive(answer, "line");
        if (!answer)
            status = fail(&err);
        else if (cJSON_IsString(line))
            printf("%s\n", line->valuestring);
        else
            status = is_ok(answer) ? 0 : 1;
        if (status == 1) fprintf(stderr, "logikald: %s\n", text_of(answer, "error"));
        if (fflush(stdout) != 0) status = 1; /* whoever read us has gone */
        cJSON_Delete(answer);
    }
    control_close(&client);
    return status;
}

static int run_flags(const char *run_dir, int argc, char **argv)
{
    int status;
    cJSON *answer = ask_well(run_dir, "flags", argc, argv, &status);
    const cJSON *flag;
    cJSON_ArrayForEach(flag, cJSON_GetObjectItemCaseSensitive(answer, "flags"))
        printf("%-28s %-4s %-12s %s\n", text_of(flag, "key"),
               cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(flag, "on")) ? "on" : "off", text_of(flag, "source"),
               text_of(flag, "help"));
    cJSON_Delete(answer);
    return status;
}

static int run_version(const char *run_dir, int argc, char **argv)
{
    int status;
    cJSON *answer = ask_well(run_dir, "version", argc, argv, &status);
    if (answer) printf("supervisor %s, this program %s\n", text_of(answer, "version"), version_text);
    cJSON_Delete(answer);
    return status;
}

static const struct ctl_command {
    const char *name;
    int (*run)(const char *run_dir, int argc, char **argv);
    int min_args, max_args;
    const char *arguments, *help;
} rows[] = {
    {"status", run_status, 0, 1, "[--json]", "what runs, since when, how it ended before, what it uses"},
    {"start", run_start, 1, 17, "[--no-wait] NAME ...", "start what `stop` stopped, or try now what waits"},
    {"stop", run_stop, 1, 17, "[--no-wait] NAME ...", "stop, and keep stopped until `start`"},
    {"restart", run_restart, 1, 17, "[--no-wait] NAME ...", "replace; web, worker and beat without a gap"},
    {"reload", run_reload, 0, 1, "[--exec]", "take the configuration anew; --exec: and the supervisor's own program"},
    {"signal", run_signal, 2, 2, "NAME SIGNAL", "send a signal to a child"},
    {"tail", run_tail, 1, 4, "NAME [-n LINES] [-f]", "the last lines that a child wrote; -f follows"},
    {"set", run_set, 1, 2, "KEY [VALUE]", "change a setting until the supervisor ends; no value: as configured"},
    {"flags", run_flags, 0, 0, "", "the switches, and where each is set"},
    {"version", run_version, 0, 0, "", "the version of the running supervisor"},
    {"shutdown", run_shutdown, 0, 0, "", "stop everything in order, as TERM does"},
};
#define ROWS (sizeof rows / sizeof *rows)

static int usage(FILE *out, int status)
{
    fputs("usage: logikald ctl COMMAND ...\n\n", out);
    for (size_t i = 0; i < ROWS; i++) fprintf(out, "  %-8s %-22s %s\n", rows[i].name, rows[i].arguments, rows[i].help);
    fputs("\nNAME is a child (worker.0), a role (worker: all of them), a program, or \"all\". LOGIKALD_RUN_DIR tells "
          "which "
          "supervisor.\n",
          out);
    return status;
}

/* The supervisor that arguments, environment or file name, and no other. When nobody names one, it is the first place
 * where one of ours would run by default, and does. */
static int find_run_dir(char *out, size_t size, struct err *err)
{
    struct conf_paths paths = conf_paths_from_environment();
    int rc = conf_run_dir(&paths, out, size, err);
    if (rc != 0 || out[0]) return rc;
    for (int i = 0; conf_default_run_dir_at(i, out, size); i++) {
        char path[256];
        snprintf(path, sizeof path, "%s/%s", out, CONTROL_SOCKET);
        if (access(path, R_OK | W_OK) == 0) return 0;
    }
    conf_default_run_dir(out, size);
    return 0;
}

int ctl_take_configuration(struct err *err)
{
    static const char *const names[] = {"file", "env_file", "overrides"};
    static const char *const variables[] = {CONF_FILE_VAR, CONF_ENV_FILE_VAR, CONF_OVERRIDES_VAR};
    char run_dir[128];
    if (find_run_dir(run_dir, sizeof run_dir, err) != 0) return -ERR_CONFIG;
    cJSON *answer = ask_for(GIVEN_MS, run_dir, "configuration", 0, NULL, err);
    if (!answer && err->code != ERR_NOT_FOUND) return ctl_take_what_is_left(run_dir);
    int rc = is_ok(answer) ? 0 : -(int)ERR_NOT_FOUND;
    for (int i = 0; i < 3 && rc == 0; i++) {
        char path[MEMORY_FILE_PATH];
        const char *text = text_of(answer, names[i]);
        int fd = memory_file(text, strlen(text), path, err);
        if (fd < 0) rc = -(int)ERR_SYSTEM;
        if (fd >= 0) fcntl(fd, F_SETFD, 0); /* read by the program that takes over this process */
        if (fd >= 0) setenv(variables[i], path, 1);
    }
    const cJSON *set;
    cJSON_ArrayForEach(set, cJSON_GetObjectItemCaseSensitive(answer, "environment"))
        if (rc == 0 && cJSON_IsString(set)) setenv(set->string, set->valuestring, 0); /* what is set here wins */
    cJSON_Delete(answer);
    if (rc != 0) return rc;
    setenv(settings[SET_RUN_DIR].env, run_dir, 1);
    fprintf(stderr, "logikald: with the configuration of the supervisor on %s\n", run_dir);
    return 0;
}

int ctl_main(int argc, char **argv)
{
    char run_dir[128];
    const char *name = argc > 1 ? argv[1] : "";
    if (strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0) return usage(stdout, 0);
    struct err err = {0};
    if (find_run_dir(run_dir, sizeof run_dir, &err) != 0) {
        fprintf(stderr, "logikald: %s\n", err.text);
        return EXIT_CONFIG;
    }
    for (size_t i = 0; i < ROWS; i++) {
        if (strcmp(rows[i].name, name) != 0) continue;
        int count = argc - 2;
        int status =
            count < rows[i].min_args || count > rows[i].max_args ? EXIT_USAGE : rows[i].run(run_dir, count, argv + 2);
        if (status == EXIT_USAGE) fprintf(stderr, "usage: logikald ctl %s %s\n", rows[i].name, rows[i].arguments);
        return status;
    }
    return usage(stderr, EXIT_USAGE);
}
