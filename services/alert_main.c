/* `logikald alert test`: tells every channel of the settings of a test, from here and now, and says what became of it.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <event2/event.h>

#include "conf/exit.h"
#include "services/alert/channels.h"
#include "services/role.h"

static const char usage[] =
    "usage: logikald alert test\n\n"
    "Tells the channels of the settings (ALERT_WEBHOOK_URL, SMTP_URL with ALERT_EMAIL_TO) of a test, calls\n"
    "HEARTBEAT_URL, and says of each whether it was taken. Exit status 0: all of them; 69: not; 78: there is none.\n";

struct channel_trial {
    const char *name;
    int *waiting, *refused;
};

static void on_told(void *arg, const char *why)
{
    struct channel_trial *t = arg;
    printf("%s: %s\n", t->name, why ? why : "taken");
    *t->refused += why != NULL;
    --*t->waiting;
}

static int tell_all(struct conf *conf, struct event_base *base, struct courier *courier)
{
    int waiting = 0, refused = 0, tried = 0;
    struct err err = {0};
    struct channel_trial trials[CHANNELS + 1];
    for (int i = 0; i <= CHANNELS; i++) {
        bool is_beat = i == CHANNELS;
        if (!(is_beat ? conf_is_set(conf, SET_HEARTBEAT_URL) : channel_is_set(conf, (enum channel)i))) continue;
        trials[i] = (struct channel_trial){is_beat ? "heartbeat" : channel_name((enum channel)i), &waiting, &refused};
        tried++;
        waiting++;
        int rc = is_beat ? courier_call(courier, conf_str(conf, SET_HEARTBEAT_URL), NULL, on_told, &trials[i], &err)
                         : channel_send(courier, conf, (enum channel)i, "test", NULL, on_told, &trials[i], &err);
        if (rc < 0) on_told(&trials[i], err.text);
    }
    while (waiting > 0) event_base_loop(base, EVLOOP_ONCE);
    if (tried == 0)
        fputs("logikald alert: nobody is told: set ALERT_WEBHOOK_URL, or SMTP_URL and ALERT_EMAIL_TO\n", stderr);
    return tried == 0 ? EXIT_CONFIG : refused ? EXIT_UNAVAILABLE : 0;
}

int alert_main(struct conf *conf, int argc, char **argv)
{
    int status = EXIT_USAGE;
    if (argc != 1 || strcmp(argv[0], "test") != 0) {
        fputs(usage, stderr);
    } else {
        struct event_base *base = event_base_new();
        struct courier *courier = base ? courier_new(base) : NULL;
        status = courier ? tell_all(conf, base, courier) : EXIT_INTERNAL;
        courier_free(courier);
        if (base) event_base_free(base);
    }
    conf_free(conf);
    return status;
}
