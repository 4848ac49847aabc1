/* A web role that tells a receiver of the test's own of changes, and its webhooks by the API. One for each program. */
#ifndef LOGIKALD_TESTS_SUPPORT_WEBHOOK_H
#define LOGIKALD_TESTS_SUPPORT_WEBHOOK_H

#include <cjson/cJSON.h>

#include "tests/support/servers/certificates.h"
#include "tests/support/servers/hooks.h"
#include "tests/support/web.h"

extern struct hook_world {
    struct web_server web;
    struct receiver receiver;
    struct certificates made;
    int writes, newest; /* id of a webhook, 0 = none */
} hooked;

struct hook {
    int id;
    char secret[80], path[64];
};

int hook_start(void **state);
int hook_stop(void **state);
cJSON *hook_call(const char *method, const char *path, const char *body, int status);
const char *hook_text(const cJSON *object, const char *name);
int hook_number(const cJSON *object, const char *name);
/* A webhook of this path of the receiver; more: further members, each behind a comma. */
struct hook hook_make(const char *path, const char *more);
cJSON *hook_look(const struct hook *h);
void hook_act(const struct hook *h, const char *method, const char *verb, const char *body);
void hook_drop(const struct hook *h);
const char *hook_member(const struct hook *h, const char *name);
int hook_tries(const struct hook *h);
/* What was written by others than web is found by its next look; a change by the API has it look at once. */
void hook_tell(void);
/* Until it has been told everything and nobody looks at it any more. */
void hook_wait_for_rest(const struct hook *h);
/* One change of the elevation, whose description tells them apart. */
void hook_write_change(void);

#endif
