/* `ctl status` for people: a table that fits a terminal, with colour only there. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "supervisor/ctl/ctl_internal.h"

/* "3 s", "12 min", "5 h 3 min", "12 d 4 h" */
static const char *span(int64_t s, char *out, size_t size)
{
    if (s < 120)
        snprintf(out, size, "%" PRId64 " s", s);
    else if (s < 7200)
        snprintf(out, size, "%" PRId64 " min", s / 60);
    else if (s < 172800)
        snprintf(out, size, "%" PRId64 " h %" PRId64 " min", s / 3600, s / 60 % 60);
    else
        snprintf(out, size, "%" PRId64 " d %" PRId64 " h", s / 86400, s / 3600 % 24);
    return out;
}

static const char *bytes(int64_t n, char *out, size_t size)
{
    if (n <= 0)
        snprintf(out, size, "-");
    else if (n < 1024 * 1024)
        snprintf(out, size, "%" PRId64 " K", n / 1024);
    else
        snprintf(out, size, "%.1f M", (double)n / (1024 * 1024));
    return out;
}

static const char *colour_of(const struct snapshot_child *c)
{
    if (c->is_crash_loop) return "\033[31m";
    if (strcmp(c->state, "ready") == 0 || strcmp(c->state, "done") == 0) return "\033[32m";
    if (strcmp(c->state, "backoff") == 0 || strcmp(c->state, "dumping") == 0 || strcmp(c->state, "killing") == 0)
        return "\033[31m";
    return "\033[33m";
}

static void print_child(const struct snapshot_child *c, bool has_colour, int64_t now_ms)
{
    char uptime[32] = "-", memory[32], cpu[32] = "-", ping[32] = "-", pid[16] = "-", state[40], exit[256] = "-";
    if (c->pid) {
        span(c->uptime_s, uptime, sizeof uptime);
        snprintf(pid, sizeof pid, "%d", c->pid);
        snprintf(cpu, sizeof cpu, "%.1f%%", c->cpu_permille / 10.0);
    }
    if (c->watchdog_age_ms >= 0) snprintf(ping, sizeof ping, "%.1f s", (double)c->watchdog_age_ms / 1000);
    snprintf(state, sizeof state, "%s%s", c->state,
             c->is_draining               ? ", draining"
             : c->is_held                 ? ", held"
             : c->is_crash_loop && c->pid ? ", crash-loop"
                                          : "");
    if (c->last_exit[0]) {
        char ago[32];
        snprintf(exit, sizeof exit, "%s, %s ago", c->last_exit,
                 span((now_ms - c->last_exit_ms) / 1000, ago, sizeof ago));
    }
    printf("%-14s %s%-18s%s %7s %10s %4" PRId64 " %8s %6s %6s  %s\n", c->name, has_colour ? colour_of(c) : "", state,
           has_colour ? "\033[0m" : "", pid, uptime, c->restarts,
           bytes(c->pss_bytes ? c->pss_bytes : c->rss_bytes, memory, sizeof memory), cpu, ping, exit);
    if (c->next_start_ms > now_ms) printf("%-14s next try in %.1f s\n", "", (double)(c->next_start_ms - now_ms) / 1000);
    if (c->is_old_program)
        printf("%-14s old program: the file it was started from is another now (reload --exec replaces it)\n", "");
    if (c->status[0]) printf("%-14s %s\n", "", c->status);
}

static void print_head(const struct snapshot *s)
{
    char up[32], used[32], limit[32], own[32];
    printf("logikald %s, pid %d, %s, up %s", s->version, s->pid, s->state,
           span((s->written_ms - s->started_ms) / 1000, up, sizeof up));
    if (s->listening[0]) printf(", listening on %s", s->listening);
    printf("\nbackground sync %s%s%s\n", s->background_sync ? "on" : "off", s->background_note[0] ? ": " : "",
           s->background_note);
    printf("memory: supervisor %s", bytes(s->pss_bytes, own, sizeof own));
    if (s->memory_used_bytes) printf(", container %s", bytes(s->memory_used_bytes, used, sizeof used));
    if (s->memory_limit_bytes) printf(" of %s", bytes(s->memory_limit_bytes, limit, sizeof limit));
    if (s->memory_limit_hits) printf(", limit met %" PRId64 " times", s->memory_limit_hits);
    if (s->memory_pressure_permille)
        printf(", short of memory %d.%d %% of the time", s->memory_pressure_permille / 10,
               s->memory_pressure_permille % 10);
    if (s->oom_kills) printf(", %" PRId64 " killed for lack of memory", s->oom_kills);
    printf("\n");
    if (s->reload_error[0]) printf("the last reload was refused: %s\n", s->reload_error);
    if (s->log_lines_dropped) printf("%" PRId64 " log lines dropped\n", s->log_lines_dropped);
}

void ctl_print_status(const struct snapshot *s, const cJSON *overrides)
{
    bool has_colour = isatty(STDOUT_FILENO) && !getenv("NO_COLOR");
    print_head(s);
    const cJSON *o;
    cJSON_ArrayForEach(o, overrides) printf("runtime setting: %s = %s\n", o->string, cJSON_GetStringValue(o));
    printf("\n%-14s %-18s %7s %10s %4s %8s %6s %6s  %s\n", "NAME", "STATE", "PID", "UP", "RST", "MEMORY", "CPU", "PING",
           "LAST EXIT");
    for (int i = 0; i < s->count; i++) print_child(&s->children[i], has_colour, s->written_ms);
}
