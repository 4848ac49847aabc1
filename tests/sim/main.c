/* logikal-sim: the upstream's REST API v3 over an invented company. Reads the command line, makes the world, listens,
 * says so, and serves until TERM or INT. */
#include <event2/event.h>
#include <signal.h>
#include <stdio.h>

#include "conf/log.h"
#include "ipc/notify.h"
#include "tests/sim/files/parts.h"
#include "tests/sim/server.h"

static void on_stop(evutil_socket_t signal_number, short what, void *base)
{
    (void)signal_number, (void)what;
    notify_stopping();
    event_base_loopbreak(base);
}

static void on_watchdog(evutil_socket_t fd, short what, void *arg)
{
    (void)fd, (void)what, (void)arg;
    notify_watchdog();
}

/* Tells everybody who waits for it that the simulator serves. */
static int announce(const struct sim *sim)
{
    printf("listening on %s:%d\n", sim->options.host, sim->port);
    fflush(stdout);
    if (sim->options.port_file) {
        FILE *file = fopen(sim->options.port_file, "we");
        if (!file || fprintf(file, "%d\n", sim->port) < 0 || fclose(file) != 0) {
            fprintf(stderr, "logikal-sim: cannot write %s: %m\n", sim->options.port_file);
            return -1;
        }
    }
    char status[128];
    snprintf(status, sizeof status, "serving %u projects, %u elevations on port %d", sim->world->count[KIND_PROJECT],
             sim->world->count[KIND_ELEVATION], sim->port);
    notify_ready(status);
    return 0;
}

static void serve(struct sim *sim)
{
    struct event *term = evsignal_new(sim->base, SIGTERM, on_stop, sim->base);
    struct event *interrupt = evsignal_new(sim->base, SIGINT, on_stop, sim->base);
    struct event *watchdog = event_new(sim->base, -1, EV_PERSIST, on_watchdog, NULL);
    int64_t interval_ms = notify_watchdog_interval_ms();
    struct timeval interval = {interval_ms / 1000, interval_ms % 1000 * 1000};

    evsignal_add(term, NULL);
    evsignal_add(interrupt, NULL);
    if (interval_ms > 0) evtimer_add(watchdog, &interval);
    event_base_dispatch(sim->base);
    event_free(watchdog);
    event_free(interrupt);
    event_free(term);
}

static int read_faults(struct sim *sim, struct err *err)
{
    if (!sim->options.faults) return 0;
    cJSON *json = cJSON_Parse(sim->options.faults);
    int rc = faults_read(&sim->faults, json, err);
    cJSON_Delete(json);
    if (rc < 0) err_prefix(err, "--faults");
    return rc;
}

static int arm_lies(struct sim *sim, struct err *err)
{
    lies_clear(&sim->lies);
    for (int i = 0; i < sim->options.lie_count; i++) {
        if (lies_arm(&sim->lies, sim->options.lies[i], err) < 0) {
            err_prefix(err, "--lie");
            return -ERR_INPUT;
        }
    }
    return 0;
}

int main(int argc, char **argv)
{
    struct sim sim = {0};
    struct err err = {0};
    int early = options_read(&sim.options, argc, argv);
    if (early) return early - 1;

    int status = 1;
    signal(SIGPIPE, SIG_IGN);
    log_open("sim", LOG_INFO, LOG_TEXT);
    parts_set_size(sim.options.parts);
    sim.world = world_new(&sim.options.shape);
    stats_reset(&sim.stats, &sim.sessions);
    if (read_faults(&sim, &err) < 0 || arm_lies(&sim, &err) < 0 || server_open(&sim, &err) < 0) {
        fprintf(stderr, "logikal-sim: %s\n", err.text);
    } else if (announce(&sim) == 0) {
        status = 0;
        serve(&sim);
    }
    server_close(&sim);
    sessions_free(&sim.sessions);
    world_free(sim.world);
    parts_forget();
    return status;
}
