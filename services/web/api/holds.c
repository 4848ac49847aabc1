/* What the sync holds back: the list, and an administrator's word on one of them. Who said it is in the action log. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cjson/cJSON.h>

#include "services/store/web/holds_read.h"
#include "services/web/gate/handlers.h"
#include "services/web/http/reply.h"

#define LIST_MAX    "200"
#define DIGITS_MAX  15
#define DETAIL_SIZE 400

void web_holds(struct req *r)
{
    const char *state = req_arg(r, "state");
    req_json(r, &query_holds, 2, (const char *[]){state ? state : "", LIST_MAX}, NULL);
}

static const char *const types[] = {"directories", "projects", "phases", "elevations"};

static void reply_decided(struct req *r, const PGresult *result, const char *decision)
{
    char message[DETAIL_SIZE];
    cJSON *out = cJSON_CreateObject();
    bool is_applied = strcmp(decision, "apply") == 0;
    if (is_applied)
        snprintf(message, sizeof message, "Marked as gone: %s directories, %s projects, %s phases, %s elevations",
                 PQgetvalue(result, 0, 1), PQgetvalue(result, 0, 2), PQgetvalue(result, 0, 3),
                 PQgetvalue(result, 0, 4));
    else
        snprintf(message, sizeof message,
                 "What is held stays, and is not held again as long as it stays missing in Logikal");
    cJSON_AddTrueToObject(out, "success");
    cJSON_AddStringToObject(out, "message", message);
    cJSON_AddNumberToObject(out, "hold", strtod(req_param(r, 0), NULL));
    cJSON_AddStringToObject(out, "state", is_applied ? "applied" : "refused");
    cJSON *marked = cJSON_AddObjectToObject(out, "marked");
    for (int i = 0; i < 4; i++) cJSON_AddNumberToObject(marked, types[i], strtod(PQgetvalue(result, 0, 1 + i), NULL));
    reply_cjson_take(r, 200, out);
}

static void then_decided(struct req *r, const PGresult *result, const char *decision)
{
    if (PQntuples(result) == 0) {
        reply_fault(r, 404, "NOT_FOUND", "No such hold");
    } else if (strcmp(PQgetvalue(result, 0, 0), "open") != 0) {
        reply_fault(r, 409, "ALREADY_DECIDED", "This hold is %s already", PQgetvalue(result, 0, 0));
    } else {
        reply_decided(r, result, decision);
    }
}

static void then_applied(struct req *r, const PGresult *result)
{
    then_decided(r, result, "apply");
}

static void then_refused(struct req *r, const PGresult *result)
{
    then_decided(r, result, "refuse");
}

static void decide(struct req *r, const char *decision, void (*then)(struct req *r, const PGresult *result))
{
    if (strlen(req_param(r, 0)) > DIGITS_MAX)
        reply_fault(r, 404, "NOT_FOUND", "No such hold");
    else
        req_query(r, &query_hold_decide, 3, (const char *[]){req_param(r, 0), decision, r->who.name}, then);
}

void web_hold_apply(struct req *r)
{
    decide(r, "apply", then_applied);
}

void web_hold_refuse(struct req *r)
{
    decide(r, "refuse", then_refused);
}
