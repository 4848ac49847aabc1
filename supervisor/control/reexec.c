/* `ctl reload --exec`: the supervisor executes its own program file anew in the same process, for an upgrade without
 * downtime. See reexec.h. */
#include "supervisor/control/reexec.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "conf/clock.h"
#include "conf/log.h"
#include "supervisor/child/events.h"
#include "supervisor/child/tool.h"
#include "supervisor/control/control.h"
#include "supervisor/plan/environment.h"
#include "supervisor/plan/exit_words.h"
#include "supervisor/system/memory_file.h"
#include "supervisor/system/self.h"
#include "supervisor/system/spawn.h"

#define FLUSH_MS     500
#define TRIAL_MS     8000 /* shorter than `ctl` waits for an answer */
#define HOOK_MS      1500
#define HOOK_LOOK_MS 20
#define STATE_BYTES  (16 * 1024 * 1024)

struct trial {
    struct supervisor *sup;
    struct tool tool;
    struct event *late;
    struct control_peer *peer; /* who waits for the answer; may have gone */
    bool is_good;              /* it has been tried, and waits for a hook to end */
    int64_t good_ms;
};

/* The state in a memory file; -1 with err. */
static int write_state(const struct supervisor *s, struct err *err)
{
    cJSON *state = reexec_save(s);
    char *text = state ? cJSON_PrintUnformatted(state) : NULL;
    int fd = text ? memory_file(text, strlen(text), NULL, err) : -1;
    if (!text) err_set(err, ERR_NOMEM, "no memory for the state that is handed over");
    if (text) explicit_bzero(text, strlen(text)); /* the configuration is in it */
    free(text);
    cJSON_Delete(state);
    return fd;
}

static void set_number(const char *variable, int number)
{
    char text[16];
    snprintf(text, sizeof text, "%d", number);
    setenv(variable, text, 1);
}

static void unset_variables(void)
{
    unsetenv(REEXEC_STATE_VAR);
    unsetenv(REEXEC_BACK_VAR);
}

static void keep(int fd)
{
    if (fd >= 0) fcntl(fd, F_SETFD, 0);
}

/* Comes back only when it failed; then everything is as before. */
static int execute(struct supervisor *s, const char *path, struct err *err)
{
    s->log_fd = log_sink_fd(s->sink);
    int state = write_state(s, err);
    int back = state >= 0 ? open("/proc/self/exe", O_RDONLY | O_CLOEXEC) : -1; /* the file that runs, replaced or not */
    if (state < 0) return -ERR_SYSTEM;
    log_info("executing %s anew", path);
    log_sink_flush(s->sink, FLUSH_MS);
    control_flush(s);
    set_number(REEXEC_STATE_VAR, state);
    if (back >= 0) set_number(REEXEC_BACK_VAR, back);
    keep(state);
    keep(back);
    reexec_keep_descriptors(s, true);
    execv(path, s->argv);
    err_errno(err, "executing %s", path);
    reexec_keep_descriptors(s, false);
    unset_variables();
    close(state);
    if (back >= 0) close(back);
    return -ERR_SYSTEM;
}

static void end_trial(struct supervisor *s)
{
    event_free(s->trial->late);
    free(s->trial);
    s->trial = NULL;
}

static void refuse(struct supervisor *s, const char *why)
{
    struct control_peer *peer = s->trial->peer;
    log_error("the supervisor goes on as it is: %s", why);
    if (peer && control_is_there(s, peer))
        control_refuse(peer, "the configuration is reloaded; the supervisor goes on as it is: %s", why);
}

/* A hook that runs would lose whoever reads what it writes: it may end first, within a moment. */
static void execute_soon(struct trial *t)
{
    struct supervisor *s = t->sup;
    struct err err = {0};
    struct timeval soon = {.tv_usec = HOOK_LOOK_MS * 1000};
    const char *path = self_path(&err);
    if (events_is_busy(s) && mono_ms() - t->good_ms < HOOK_MS && event_add(t->late, &soon) == 0) return;
    if (t->peer && control_is_there(s, t->peer))
        control_answer_text(t->peer, "the configuration is reloaded; the program has been tried and is executed anew");
    if (path) execute(s, path, &err);
    refuse(s, err.text);
    end_trial(s);
}

static void on_trial_end(void *arg, int status)
{
    struct trial *t = arg;
    struct supervisor *s = t->sup;
    struct err err = {0};
    char words[160], why[512];
    struct exit_facts facts = {.wait_status = status, .state = CHILD_READY};
    const char *path = self_path(&err);
    if (s->is_stopping) {
        end_trial(s);
        return;
    }
    bool is_good = WIFEXITED(status) && WEXITSTATUS(status) == 0 && strcmp(t->tool.said, REEXEC_GOOD) == 0;
    if (is_good) {
        t->is_good = true;
        t->good_ms = mono_ms();
        execute_soon(t);
        return;
    }
    snprintf(why, sizeof why, "its program file %s fails (%s: %s%s%s)", path ? path : "", REEXEC_TRIAL,
             exit_words(&facts, words, sizeof words), t->tool.last[0] ? "; " : "", t->tool.last);
    refuse(s, why);
    end_trial(s);
}

static void on_late(evutil_socket_t fd, short what, void *arg)
{
    struct trial *t = arg;
    struct supervisor *s = t->sup;
    char why[128];
    (void)fd, (void)what;
    if (t->is_good) {
        if (s->is_stopping)
            end_trial(s);
        else
            execute_soon(t);
        return;
    }
    tool_abandon(&t->tool);
    snprintf(why, sizeof why, "its program file, being tried, has not ended within %d s: it is killed",
             TRIAL_MS / 1000);
    refuse(s, why);
    end_trial(s);
}

/* The file is run with the state as its descriptor 3. */
static int start_trial(struct supervisor *s, const char *path, struct err *err)
{
    struct environment e;
    char *argv[] = {(char *)path, REEXEC_TRIAL, NULL};
    int state = write_state(s, err);
    if (state < 0) return -ERR_SYSTEM;
    environment_start(&e, environ, ~0u);
    environment_set(&e, REEXEC_STATE_VAR, "%d", SPAWN_LISTEN_FD);
    int rc = e.failed ? err_set(err, ERR_NOMEM, "no memory to try the program file")
                      : tool_start(&s->trial->tool, argv, e.list, state, on_trial_end, s->trial, err);
    environment_free(&e);
    close(state);
    return rc;
}

int reexec_begin(struct supervisor *s, struct control_peer *p, struct err *err)
{
    struct timeval tv = {.tv_sec = TRIAL_MS / 1000};
    const char *path = self_path(err);
    if (!path) return -ERR_SYSTEM;
    if (s->trial) return err_set(err, ERR_CONFLICT, "it is being done already");
    struct trial *t = calloc(1, sizeof *t);
    struct event *late = t ? event_new(s->base, -1, 0, on_late, t) : NULL;
    if (!late || event_add(late, &tv) != 0) {
        if (late) event_free(late);
        free(t);
        return err_set(err, ERR_NOMEM, "no memory to try the program file");
    }
    *t = (struct trial){.sup = s, .late = late, .peer = p};
    tool_init(&t->tool, s, "trial of the program file");
    s->trial = t;
    int rc = start_trial(s, path, err);
    if (rc != 0) end_trial(s);
    return rc;
}

void reexec_abandon(struct supervisor *s)
{
    if (!s->trial) return;
    tool_abandon(&s->trial->tool);
    end_trial(s);
}

/* ---- in the new program ---- */

static int state_fd = -1, back_fd = -1;

static int take_number(const char *variable)
{
    const char *text = getenv(variable);
    return text ? (int)strtol(text, NULL, 10) : -1;
}

bool reexec_is_resumed(void)
{
    return state_fd >= 0 || getenv(REEXEC_STATE_VAR) != NULL;
}

cJSON *reexec_state(struct err *err)
{
    if (!getenv(REEXEC_STATE_VAR)) return NULL;
    state_fd = take_number(REEXEC_STATE_VAR);
    back_fd = take_number(REEXEC_BACK_VAR);
    unset_variables();
    fcntl(state_fd, F_SETFD, FD_CLOEXEC);
    if (back_fd >= 0) fcntl(back_fd, F_SETFD, FD_CLOEXEC);
    char *text = malloc(STATE_BYTES);
    size_t len = 0;
    for (ssize_t n; text && len < STATE_BYTES - 1 && (n = read(state_fd, text + len, STATE_BYTES - 1 - len)) > 0;)
        len += (size_t)n;
    cJSON *state = text ? cJSON_ParseWithLength(text, len) : NULL;
    if (text) explicit_bzero(text, len);
    free(text);
    if (!state) err_set(err, ERR_INPUT, "the state of the supervisor before the exec cannot be read");
    return state;
}

static int file_of(const cJSON *files, const char *name, char path[MEMORY_FILE_PATH], struct err *err)
{
    const char *text = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(files, name));
    if (!text) return err_set(err, ERR_INPUT, "the state does not hold the configuration"), -1;
    return memory_file(text, strlen(text), path, err);
}

struct conf *reexec_conf(const cJSON *state, struct err *err)
{
    const cJSON *files = cJSON_GetObjectItemCaseSensitive(state, "configuration"), *name;
    char paths[3][MEMORY_FILE_PATH];
    int fds[3] = {file_of(files, "file", paths[0], err), file_of(files, "env_file", paths[1], err),
                  file_of(files, "overrides", paths[2], err)};
    struct conf_paths all = {paths[0], paths[1], paths[2]};
    bool is_whole = fds[0] >= 0 && fds[1] >= 0 && fds[2] >= 0;
    struct conf *conf = is_whole ? conf_load(&all, err) : NULL;
    for (int i = 0; i < 3; i++)
        if (fds[i] >= 0) close(fds[i]);
    cJSON_ArrayForEach(name, cJSON_GetObjectItemCaseSensitive(files, "secret_names"))
        if (conf && cJSON_IsString(name)) conf_add_secret_name(conf, name->valuestring);
    return conf;
}

/* Its environment as it was, with the state's descriptor. There is no way back from there: it has run before. */
static void set_environment(const cJSON *state)
{
    const cJSON *entry, *list = cJSON_GetObjectItemCaseSensitive(state, "environment");
    if (cJSON_IsArray(list)) clearenv();
    cJSON_ArrayForEach(entry, list)
        if (cJSON_IsString(entry)) putenv(strdup(entry->valuestring));
    unset_variables();
    set_number(REEXEC_STATE_VAR, state_fd);
}

void reexec_back(char **argv, struct log_sink *sink, const char *why)
{
    struct err err = {0};
    char path[32];
    int back = back_fd;
    if (state_fd < 0 || back < 0) return;
    log_error("this program cannot take over from the one before, which is executed again: %s", why);
    if (sink) log_sink_flush(sink, FLUSH_MS);
    set_number(REEXEC_STATE_VAR, state_fd);
    cJSON *state = lseek(state_fd, 0, SEEK_SET) == 0 ? reexec_state(&err) : NULL;
    if (!state || lseek(state_fd, 0, SEEK_SET) != 0) return;
    reexec_keep_all(state);
    set_environment(state);
    keep(state_fd);
    snprintf(path, sizeof path, "/proc/self/fd/%d", back);
    execv(path, argv);
    log_critical("%s: %s", path, strerror(errno));
    cJSON_Delete(state);
}

void reexec_done(void)
{
    if (state_fd >= 0) close(state_fd);
    if (back_fd >= 0) close(back_fd);
    back_fd = -1;
}
