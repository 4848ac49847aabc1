/* Faults on demand: rules say which calls go wrong, how, how often. Deciding is here, by the rules and a seeded
 * sequence alone; carrying a decision out is fault_answer.c. */
#ifndef LOGIKAL_SIM_FAULTS_H
#define LOGIKAL_SIM_FAULTS_H

#include <cjson/cJSON.h>
#include <stdbool.h>

#include "conf/text/buf.h"
#include "conf/err.h"
#include "tests/sim/stats.h"

enum fault_kind {
    FAULT_STATUS,     /* an error status instead of the answer; nothing is carried out */
    FAULT_CUT,        /* the connection is closed without an answer; nothing is carried out */
    FAULT_GARBAGE,    /* 200 with bytes that are no JSON */
    FAULT_SLOW,       /* the right answer, dripping */
    FAULT_TRUNCATE,   /* half of the answer, then the connection is closed */
    FAULT_EXPIRE,     /* the token is no longer valid: 401 */
    FAULT_LOCKED,     /* 409 */
    FAULT_WRONG_TYPE, /* valid JSON with members missing or of other types */
    FAULT_HANG,       /* no answer for a long time, then the connection is closed */
    FAULT_HUGE,       /* an answer without end, or nearly */
    FAULT_LOST,       /* carried out, then the connection is closed without an answer */
    FAULT_KINDS
};

struct fault_rule {
    bool matches[EP_COUNT];
    enum fault_kind kind;
    int status;
    double probability;
    long count;        /* how often it may strike; -1 = always */
    long after;        /* matching calls that it lets pass first */
    int retry_after_s; /* -1 = no such header */
    double duration_ms;
    double size_bytes;
    bool is_reset; /* cut with RST instead of FIN */
    unsigned long seen, struck;
};

#define FAULT_RULES 64

struct faults {
    struct fault_rule rules[FAULT_RULES];
    int rule_count;
    uint64_t state; /* of the random sequence */
};

/* Replaces the rules by {"rules":[...],"seed":N}. 0, or an error that names the fault; then the old rules stay. */
int faults_read(struct faults *f, const cJSON *json, struct err *err);
void faults_clear(struct faults *f);
/* The rule that strikes this call, or NULL. Counts. */
const struct fault_rule *faults_pick(struct faults *f, enum endpoint endpoint);
void faults_add_json(const struct faults *f, struct buf *out);

#endif
