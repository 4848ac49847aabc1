/* Celery's signatures: what kind of thing one is, what it is made of, and changing a copy of one. Pure but for fresh
 * ids.
 */
#ifndef LOGIKALD_SERVICES_RUNNER_SIGNATURE_H
#define LOGIKALD_SERVICES_RUNNER_SIGNATURE_H

#include <cjson/cJSON.h>

#include "conf/text/buf.h"

#define SIGNATURE_DEPTH 64 /* of signatures in signatures; what lies deeper is taken for single tasks */

enum signature_kind { KIND_TASK, KIND_GROUP, KIND_CHAIN, KIND_CHORD };
enum signature_kind signature_kind(const cJSON *signature);

/* The signature is an object, and so is each that it is made of. */
bool signature_is_whole(const cJSON *signature);
/* A member that is there and not null; the same when it is a text and not empty. */
const cJSON *signature_member(const cJSON *object, const char *name);
const char *signature_text(const cJSON *object, const char *name);
/* The members of a group or chain, or of a chord's header, which is a list or a group; or NULL. */
cJSON *signature_members(const cJSON *signature);
cJSON *signature_body(const cJSON *chord);
/* A copy of an option that may be a list or a lone signature, as a list; NULL when there is none. */
cJSON *signature_list_option(const cJSON *signature, const char *name);
bool signature_ends_in_group(const cJSON *signature); /* a chain that does */
/* Calls fn for each single task in it that has an id: those that somebody may wait for. */
void signature_each(const cJSON *signature, void (*fn)(void *arg, const cJSON *task), void *arg);

void signature_set_option(cJSON *signature, const char *name, cJSON *value); /* value is taken */
void signature_extend_option(cJSON *signature, const char *name, const cJSON *more);
const char *signature_id(cJSON *signature); /* a fresh one when it has none */
/* What is asked of a group or chord as a whole is asked of each of its tasks. */
void signature_pass_on(cJSON *to, const cJSON *from);
void signature_flatten(cJSON *to, const cJSON *tasks, int depth); /* groups in groups are one */

/* The place of a task in a group, or in a chord's header. */
struct chord_place {
    const char *group;
    const cJSON *body; /* NULL = a plain group */
    int index;         /* of the next */
};
/* Gives what counts of a signature its place: the task, the last of a chain, all of a group, the body of a chord. How
 * many they are. */
int signature_freeze(cJSON *signature, struct chord_place *place, int depth);

/* The result of a group as Celery's as_tuple() has it; gives an id to whatever has none. */
void signature_group_result(struct buf *out, const char *id, cJSON *tasks, const char *parent, int depth);

#endif
