/* logikald task NAME [--args JSON] [--kwargs JSON] [--dry-run]: runs one task here and now, without a queue, and prints
 * its result as one line of JSON on standard output. --kwargs @FILE has them in a file, however large they are.
 * --dry-run (a sync of everything or of a project): it is told what would change, and nothing is written. TERM, INT
 * and HUP ask the task to stop, after which it still logs out of Logikal.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "conf/conf.h"
#include "conf/exit.h"
#include "conf/log.h"
#include "conf/machine/random.h"
#include "conf/text_file.h"
#include "ipc/task.h"
#include "services/feed/deliver.h"
#include "services/feed/tasks.h"
#include "services/role.h"
#include "services/runner/confine.h"
#include "services/tasks/arguments.h"
#include "services/tasks/task_table.h"

#define TELL_MS    30000
#define KWARGS_MAX (8u << 20)

static volatile int is_stopping;

static void on_stop(int sig)
{
    (void)sig;
    is_stopping = 1;
}

struct one_shot_request {
    const struct task_def *task;
    const char *id; /* NULL = a fresh one */
    cJSON *args, *kwargs;
};

static int usage(const char *why, const char *what)
{
    fprintf(stderr,
            "task: %s%s\nusage: logikald task NAME [--id ID] [--args '[...]'] [--kwargs '{...}'|@FILE] "
            "[--dry-run]\n",
            why, what);
    return EXIT_USAGE;
}

static cJSON *read_kwargs(const char *value)
{
    struct buf text = {0};
    struct err err = {0};
    if (*value != '@') return cJSON_Parse(value);
    if (text_file_read(value + 1, "arguments", KWARGS_MAX, &text, &err) != 0) fprintf(stderr, "task: %s\n", err.text);
    cJSON *kwargs = err.code ? NULL : cJSON_Parse(text.data);
    buf_free(&text);
    return kwargs;
}

static int read_request(const struct conf *conf, int argc, char **argv, struct one_shot_request *out)
{
    if (argc < 1) return usage("which one?", "");
    out->task = task_find(argv[0], conf_bool(conf, SET_DIAGNOSTIC_TASKS));
    if (!out->task) return usage("there is no task ", argv[0]);
    bool is_dry = false;
    for (int i = 1; i < argc; i += 2) {
        for (; i < argc && strcmp(argv[i], "--dry-run") == 0; i++) is_dry = true;
        if (i == argc) break;
        const char *value = i + 1 < argc ? argv[i + 1] : NULL;
        if (!value) return usage("a value is missing after ", argv[i]);
        if (strcmp(argv[i], "--id") == 0) {
            out->id = value;
        } else if (strcmp(argv[i], "--args") == 0 && !out->args) {
            out->args = cJSON_Parse(value);
            if (!cJSON_IsArray(out->args)) return usage("--args is not a JSON list", "");
        } else if (strcmp(argv[i], "--kwargs") == 0 && !out->kwargs) {
            out->kwargs = read_kwargs(value);
            if (!cJSON_IsObject(out->kwargs)) return usage("--kwargs is not a JSON object", "");
        } else {
            return usage("unknown option ", argv[i]);
        }
    }
    if (is_dry && !out->kwargs) out->kwargs = cJSON_CreateObject();
    if (is_dry) cJSON_DeleteItemFromObjectCaseSensitive(out->kwargs, "dry_run");
    if (is_dry) cJSON_AddTrueToObject(out->kwargs, "dry_run");
    return 0;
}

static void catch_signals(void)
{
    struct sigaction action = {.sa_handler = on_stop}, hup;
    sigaction(SIGTERM, &action, NULL);
    sigaction(SIGINT, &action, NULL);
    /* The terminal is closed; not so under nohup. */
    if (sigaction(SIGHUP, NULL, &hup) == 0 && hup.sa_handler != SIG_IGN) sigaction(SIGHUP, &action, NULL);
}

static void print_result(const cJSON *result)
{
    char *text = result ? cJSON_PrintUnformatted(result) : NULL;
    puts(text ? text : "null");
    free(text);
}

/* A result that says success: false is a failure, too. */
static bool is_failure(const cJSON *result)
{
    return cJSON_IsFalse(cJSON_GetObjectItemCaseSensitive(result, "success"));
}

static int exit_status(int rc, const cJSON *result)
{
    if (rc == 0) return is_failure(result) ? EXIT_FAILED : 0;
    if (rc == -ERR_CONFIG) return EXIT_CONFIG;
    return rc == -ERR_DB || rc == -ERR_REDIS || rc == -ERR_UPSTREAM ? EXIT_UNAVAILABLE : EXIT_FAILED;
}

/* What it has changed is told to webhooks; a child of web leaves that to web, which waits for its end. */
static void tell_feed(struct task_ctx *ctx, const struct task_def *task)
{
    struct deliver_counts counts;
    struct err err = {0};
    if (task->is_diagnostic || task->run == task_deliver_webhooks || getenv(TASK_OF_WEB)) return;
    if (!conf_is_set(ctx->conf, SET_DATABASE_URL)) return;
    if (deliver(ctx, TELL_MS, &counts, &err) < 0) log_warning("webhooks are told later: %s", err.text);
}

static int run(const struct conf *conf, const struct one_shot_request *request)
{
    char id[UUID_TEXT_SIZE];
    struct task_ctx ctx;
    struct err err = {0};
    cJSON *result = NULL;
    random_uuid4(id);
    task_ctx_local(&ctx, conf, request->id ? request->id : id, request->task->name, &is_stopping);
    log_set_task(ctx.id);
    int rc = task_check_dry_run(request->task, request->args, request->kwargs, &err);
    if (rc == 0) rc = arguments_check(request->task, request->args, request->kwargs, &err);
    if (rc == 0) rc = request->task->run(&ctx, request->args, request->kwargs, &result, &err);
    arguments_tell_ignored(request->task, request->args, request->kwargs, result);
    if (rc < 0) {
        log_error("%s failed: %s", request->task->name, err.text);
        cJSON_Delete(result);
        result = cJSON_CreateObject();
        cJSON_AddFalseToObject(result, "success");
        cJSON_AddStringToObject(result, "error", err.text);
        cJSON_AddStringToObject(result, "message", err.text);
        cJSON_AddStringToObject(result, "error_type", err_code_name(err.code));
    }
    print_result(result);
    fflush(stdout);
    int status = exit_status(rc, result);
    if (!cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(request->kwargs, "dry_run"))) tell_feed(&ctx, request->task);
    cJSON_Delete(result);
    return status;
}

int task_main(struct conf *conf, int argc, char **argv)
{
    struct one_shot_request request = {0};
    catch_signals();
    int status = read_request(conf, argc, argv, &request);
    confine_prepare();
    confine_enter();
    if (status == 0) status = run(conf, &request);
    cJSON_Delete(request.args);
    cJSON_Delete(request.kwargs);
    conf_free(conf);
    return status;
}
