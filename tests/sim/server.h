/* The HTTP side: one event loop, a timer for each call that waits, and the answers. A call arrives, is routed, gets its
 * delay (and perhaps a fault), is carried out when the delay has passed, and is answered. Nothing blocks. */
#ifndef LOGIKAL_SIM_SERVER_H
#define LOGIKAL_SIM_SERVER_H

#include <cjson/cJSON.h>
#include <event2/event.h>
#include <event2/http.h>
#include <sys/queue.h>

#include "conf/err.h"
#include "tests/sim/faults.h"
#include "tests/sim/world/identifier.h"
#include "tests/sim/lies.h"
#include "tests/sim/options.h"
#include "tests/sim/session.h"
#include "tests/sim/stats.h"
#include "tests/sim/world/world.h"

#define API_PREFIX     "/MbioeService.svc/api/v3"
#define CONTROL_PREFIX "/_sim"

struct sim {
    struct event_base *base;
    struct evhttp *http;
    struct world *world;
    struct sessions sessions;
    struct stats stats;
    struct options options;
    int port;
    LIST_HEAD(call_list, call) calls; /* on their way */
    LIST_HEAD(drip_list, drip) drips; /* answers that take their time */
    LIST_HEAD(dump_list, dump) dumps;
    struct faults faults;
    struct lies lies;
    bool is_arriving[KIND_COUNT]; /* behind the next list of them one comes from another place */
};

/* One call of the upstream's API on its way. */
struct call {
    LIST_ENTRY(call) link;
    struct sim *sim;
    struct evhttp_request *req; /* NULL once the client has gone */
    const struct route *route;
    const struct fault_rule *fault; /* a copy of the rule that strikes it, or NULL */
    struct fault_rule fault_copy;
    const struct lie *lie; /* that strikes it, or NULL */
    struct event *timer;
    struct session *session;  /* valid while the handler runs; after a login the new one */
    char id[IDENTIFIER_SIZE]; /* the variable part of the path */
    int status;
    const char *content_type;
    struct buf body;
};

struct route {
    enum evhttp_cmd_type method;
    const char *path; /* after the prefix; "{id}" stands for one segment */
    enum endpoint endpoint;
    enum delay delay;
    bool is_public; /* needs no session */
    void (*handle)(struct call *call);
};

/* The table of the upstream's calls, in api.c; ends with a row without a path. */
extern const struct route api_routes[];

int server_open(struct sim *sim, struct err *err); /* listens; 0 or a negative err_code */
void server_close(struct sim *sim);

/* Sends body (emptied) as the answer to req. */
void server_reply(struct sim *sim, struct evhttp_request *req, int status, const char *content_type, struct buf *body);

/* The body of a request as JSON (NULL when it is not) that the caller deletes. */
cJSON *request_json(struct evhttp_request *req);

/* Fills the answer of a call: the upstream's error object, or {"hints":[],"warnings":[]}. */
void call_error(struct call *call, int status, const char *message);
void call_success(struct call *call);

#endif
