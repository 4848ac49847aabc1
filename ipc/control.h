/* Talking to the supervisor: a unix stream socket in the run directory (mode 0600, only our own user and root are
 * heard), one JSON object a line. A request is {"command":"restart","args":["web"]}. Answers are objects too: any
 * number of {"line":"..."} (tail), then {"ok":true, ...} or {"ok":false,"error":"..."}, which is the last one. */
#ifndef LOGIKALD_IPC_CONTROL_H
#define LOGIKALD_IPC_CONTROL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <cjson/cJSON.h>

#include "conf/text/buf.h"
#include "conf/err.h"

#define CONTROL_SOCKET        "control.sock"
#define CONTROL_REQUEST_BYTES 16384
#define CONTROL_ANSWER_BYTES  (1024 * 1024)

/* The socket's address for a run directory: 0, or -ERR_LIMIT when the path is too long for one. */
int control_address(const char *run_dir, struct sockaddr_un *out, struct err *err);

/* A request as a line with its "\n", the caller's to free; NULL without memory. */
char *control_request(const char *command, int argc, char *const *argv);

/* The blocking client, for command lines. */
struct control_client {
    int fd;
    struct buf in;
};
/* 0; -ERR_NOT_FOUND when no supervisor runs there; another error otherwise. */
int control_open(struct control_client *c, const char *run_dir, struct err *err);
int control_send(struct control_client *c, const char *command, int argc, char *const *argv, struct err *err);
/* The next answer, the caller's to delete. NULL with err: ERR_TIMEOUT after timeout_ms (< 0 = wait for ever),
 * ERR_SYSTEM when the supervisor has closed, ERR_INPUT when it speaks something else. */
cJSON *control_read(struct control_client *c, int64_t timeout_ms, struct err *err);
void control_close(struct control_client *c);

#endif
