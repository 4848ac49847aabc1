/* What an operation of /openapi.json is called with, where the defaults do not do. */
#ifndef LOGIKALD_TESTS_SUPPORT_ANSWERS_OPERATION_CALLS_H
#define LOGIKALD_TESTS_SUPPORT_ANSWERS_OPERATION_CALLS_H

#define OPERATION_WEBHOOK "{\"url\":\"http://127.0.0.1:9/nobody\"}"

struct operation_call {
    const char *operation; /* operationId */
    const char *path; /* NULL = the pattern with its parameters filled in; {project} and {phase} are to be replaced */
    const char *body; /* {project} is to be replaced */
    int status;       /* expected of an administrator; 0 = 200 */
};

/* NULL: the defaults do. */
const struct operation_call *operation_call_of(const char *operation);

#endif
