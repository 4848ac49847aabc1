/* The ways on which operators are told: a webhook (plain JSON, or as chats take it) and mail. Which there are is in the
 * settings. */
#ifndef LOGIKALD_SERVICES_ALERT_CHANNELS_H
#define LOGIKALD_SERVICES_ALERT_CHANNELS_H

#include <stdbool.h>
#include <cjson/cJSON.h>

#include "conf/conf.h"
#include "services/alert/courier.h"

enum channel { CHANNEL_WEBHOOK, CHANNEL_MAIL, CHANNELS };
const char *channel_name(enum channel channel); /* "webhook", "mail" */
bool channel_is_set(const struct conf *conf, enum channel channel);

/* kind: "problem", "again", "over" or "test". problem: as problems.h has it; NULL for a test. text: what is told, as
 * one line; the caller's to free, NULL without memory. */
char *alert_line(const char *kind, const cJSON *problem);
/* As courier_call. */
int channel_send(struct courier *c, const struct conf *conf, enum channel channel, const char *kind,
                 const cJSON *problem, courier_fn fn, void *arg, struct err *err);

#endif
