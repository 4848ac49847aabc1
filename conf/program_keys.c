/* The table of a program's keys: see program_keys.h. */
#include "conf/program_keys.h"

#include "conf/program.h"

#define MEMBER(m) offsetof(struct program, m)
const struct program_key program_keys[PROGRAM_KEYS] = {
    {"name", KEY_STR, MEMBER(name), 0, 0},
    {"command", KEY_LIST, MEMBER(command), 0, 0},
    {"environment", KEY_LIST, MEMBER(environment), 0, 0},
    {"depends_on", KEY_LIST, MEMBER(depends_on), 0, 0},
    {"unless_env", KEY_LIST, MEMBER(unless_env), 0, 0},
    {"user", KEY_STR, MEMBER(user), 0, 0},
    {"group", KEY_STR, MEMBER(group), 0, 0},
    {"directory", KEY_STR, MEMBER(directory), 0, 0},
    {"gate", KEY_STR, MEMBER(gate), 0, 0},
    {"umask", KEY_UMASK, MEMBER(umask), 0, 0},
    {"readiness", KEY_READY, MEMBER(ready), 0, 0},
    {"readiness_interval_ms", KEY_INT, MEMBER(ready_interval_ms), 10, 60000},
    {"liveness", KEY_READY, MEMBER(live), 0, 0},
    {"liveness_interval_s", KEY_INT, MEMBER(live_interval_s), 1, 3600},
    {"liveness_failures", KEY_INT, MEMBER(live_failures), 1, 100},
    {"watchdog_s", KEY_INT, MEMBER(watchdog_s), 1, 3600},
    {"autostart", KEY_NOT, MEMBER(is_not_autostart), 0, 0},
    {"start_timeout_s", KEY_INT, MEMBER(start_timeout_s), 1, 3600},
    {"stop_signal", KEY_SIGNAL, MEMBER(stop_signal), 0, 0},
    {"stop_timeout_s", KEY_INT, MEMBER(stop_timeout_s), 1, 3600},
    {"restart", KEY_RESTART, MEMBER(restart), 0, 0},
    {"essential", KEY_BOOL, MEMBER(is_essential), 0, 0},
    {"rlimit_nofile", KEY_I64, MEMBER(rlimit_nofile), 0, INT64_MAX},
    {"rlimit_core_bytes", KEY_I64, MEMBER(rlimit_core_bytes), 0, INT64_MAX},
    {"rlimit_as_bytes", KEY_I64, MEMBER(rlimit_as_bytes), 0, INT64_MAX},
};

const char *const program_ready_words[] = {
    [READY_UNSAID] = NULL, [READY_NONE] = "none",  [READY_EXIT] = "exit",  [READY_NOTIFY] = "notify",
    [READY_TCP] = "tcp:",  [READY_UNIX] = "unix:", [READY_HTTP] = "http:", [READY_COMMAND] = "command:"};

const char *const program_restart_words[] = {"always", "on-failure", "never"};
