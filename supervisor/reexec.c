/* Executing the supervisor anew: see reexec.h. */
#include "supervisor/reexec.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "conf/file.h"
#include "conf/log.h"
#include "supervisor/control.h"
#include "supervisor/environment.h"
#include "supervisor/reap.h"
#include "supervisor/self.h"
#include "supervisor/spawn.h"

#define FLUSH_MS    500
#define STATE_BYTES (4 * 1024 * 1024)

/* The state in a memory file that survives the exec; -1 with err. */
static int write_state(const struct supervisor *s, struct err *err)
{
    cJSON *state = reexec_save(s);
    char *text = state ? cJSON_PrintUnformatted(state) : NULL;
    int fd = text ? memfd_create("logikald-state", 0) : -1;
    size_t len = text ? strlen(text) : 0;
    bool is_written = fd >= 0 && file_write_all(fd, text, len) == 0 && lseek(fd, 0, SEEK_SET) == 0;
    if (!is_written) {
        err_errno(err, "the state cannot be handed over");
        if (fd >= 0) close(fd);
        fd = -1;
    }
    free(text);
    cJSON_Delete(state);
    return fd;
}

static void set_variables(const struct supervisor *s, int fd)
{
    char number[16];
    snprintf(number, sizeof number, "%d", fd);
    setenv(REEXEC_STATE_VAR, number, 1);
    setenv(CONF_OVERRIDES_VAR, s->overrides, 1);
}

static void unset_variables(void)
{
    unsetenv(REEXEC_STATE_VAR);
    unsetenv(CONF_OVERRIDES_VAR);
}

/* Comes back only when it failed; then everything is as before. */
static void execute(struct supervisor *s)
{
    struct err err = {0};
    const char *path = self_path(&err);
    int fd = path ? write_state(s, &err) : -1;
    if (fd >= 0) {
        log_info("executing %s anew", path);
        log_sink_flush(s->sink, FLUSH_MS);
        control_flush(s);
        set_variables(s, fd);
        reexec_keep_descriptors(s, true);
        execv(path, s->argv);
        err_errno(&err, "executing %s", path);
        reexec_keep_descriptors(s, false);
        unset_variables();
        close(fd);
    }
    log_error("the supervisor goes on as it is: %s", err.text);
}

static void on_trial_end(void *arg, int status)
{
    struct supervisor *s = arg;
    s->is_trying = false;
    if (s->is_stopping) return;
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
        execute(s);
    else
        log_error(
            "the supervisor goes on as it is: its program file fails (`logikald config` ends with wait status %d)",
            status);
}

int reexec_begin(struct supervisor *s, struct err *err)
{
    struct environment e;
    const char *path = self_path(err);
    if (!path) return -(int)ERR_SYSTEM;
    if (s->is_trying) return err_set(err, ERR_CONFLICT, "it is being done already");
    char *argv[] = {"logikald", "config", NULL};
    environment_start(&e, environ, USER_WEB | USER_WORKER | USER_BEAT | USER_SUPERVISOR | USER_TOOL);
    if (s->paths.file) environment_set(&e, CONF_FILE_VAR, "%s", s->paths.file);
    if (s->paths.env_file) environment_set(&e, CONF_ENV_FILE_VAR, "%s", s->paths.env_file);
    environment_set(&e, CONF_OVERRIDES_VAR, "%s", s->overrides);
    struct spawn how = {.path = path,
                        .argv = argv,
                        .envp = e.list,
                        .out_fd = -1,
                        .err_fd = -1,
                        .listen_fd = -1,
                        .notify_fd = -1,
                        .status_fd = -1};
    pid_t pid = e.failed ? -1 : spawn(&how, err);
    environment_free(&e);
    if (pid < 0 || reap_watch(s, pid, on_trial_end, s) != 0)
        return err_set(err, ERR_SYSTEM, "no process to try the program file");
    s->is_trying = true;
    return 0;
}

cJSON *reexec_state(struct err *err)
{
    const char *number = getenv(REEXEC_STATE_VAR);
    if (!number) return NULL;
    int fd = (int)strtol(number, NULL, 10);
    char *text = malloc(STATE_BYTES);
    size_t len = 0;
    unset_variables();
    for (ssize_t n; text && len < STATE_BYTES - 1 && (n = read(fd, text + len, STATE_BYTES - 1 - len)) > 0;)
        len += (size_t)n;
    close(fd);
    cJSON *state = text ? cJSON_ParseWithLength(text, len) : NULL;
    free(text);
    if (!state) err_set(err, ERR_INPUT, "the state of the supervisor before the exec cannot be read");
    return state;
}
