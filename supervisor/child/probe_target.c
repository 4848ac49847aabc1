/* Where a probe asks: reading "HOST:PORT", "PATH", "HOST:PORT/PATH" and command words. See probe.h. */
#include <netinet/in.h>
#include <arpa/inet.h>
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>

#include "supervisor/child/probe.h"

#define WORDS_MAX 64

/* "127.0.0.1:80", "[::1]:80", "localhost:80", each perhaps with "/path" when is_http. */
static int parse_inet(const char *text, bool is_http, struct probe_target *out, struct err *err)
{
    bool is_bracketed = text[0] == '[';
    const char *host = text + (is_bracketed ? 1 : 0);
    const char *host_end = is_bracketed ? strchr(host, ']') : strchr(host, ':');
    const char *colon = host_end && is_bracketed ? host_end + 1 : host_end;
    size_t host_len = host_end ? (size_t)(host_end - host) : 0;
    char *end = NULL;
    long port = colon && *colon == ':' && isdigit((unsigned char)colon[1]) ? strtol(colon + 1, &end, 10) : 0;
    bool is_ended = end && (*end == 0 || (is_http && *end == '/'));
    if (is_ended && strlen(end) >= sizeof out->path)
        return err_set(err, ERR_CONFIG, "readiness \"%.40s...\": expected a path of at most %zu bytes", text,
                       sizeof out->path - 1);
    if (host_len == 0 || host_len >= sizeof out->host || port < 1 || port > 65535 || !is_ended)
        return err_set(err, ERR_CONFIG, "readiness \"%s\": expected %s", text,
                       is_http ? "HOST:PORT/PATH" : "HOST:PORT");
    snprintf(out->host, sizeof out->host, "%.*s", (int)host_len, host);
    snprintf(out->path, sizeof out->path, "%s", *end ? end : "/");
    const char *address = strcmp(out->host, "localhost") == 0 ? "127.0.0.1" : out->host;
    struct sockaddr_in *v4 = (struct sockaddr_in *)&out->addr;
    struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)&out->addr;
    if (inet_pton(AF_INET, address, &v4->sin_addr) == 1) {
        v4->sin_family = AF_INET;
        v4->sin_port = htons((uint16_t)port);
        out->addr_len = sizeof *v4;
    } else if (inet_pton(AF_INET6, address, &v6->sin6_addr) == 1) {
        v6->sin6_family = AF_INET6;
        v6->sin6_port = htons((uint16_t)port);
        out->addr_len = sizeof *v6;
    } else {
        return err_set(err, ERR_CONFIG, "readiness \"%s\": the host must be an address or localhost", text);
    }
    return 0;
}

static int parse_unix(const char *text, struct probe_target *out, struct err *err)
{
    struct sockaddr_un *un = (struct sockaddr_un *)&out->addr;
    size_t len = strlen(text);
    if (len == 0 || len >= sizeof un->sun_path)
        return err_set(err, ERR_CONFIG, "readiness \"unix:%s\": expected a path of at most %zu bytes", text,
                       sizeof un->sun_path - 1);
    un->sun_family = AF_UNIX;
    memcpy(un->sun_path, text, len + 1);
    out->addr_len = sizeof *un;
    return 0;
}

/* Words split at blanks; '...' and "..." keep blanks. */
static int parse_command(const char *text, struct probe_target *out, struct err *err)
{
    char *copy = strdup(text), **words = calloc(WORDS_MAX + 1, sizeof *words);
    if (!copy || !words) {
        free(copy);
        free(words);
        return err_set(err, ERR_NOMEM, "no memory for a probe's command");
    }
    int count = 0;
    const char *wrong = NULL;
    char *in = copy, *to = copy;
    while (*(in += strspn(in, " \t"))) {
        if (count == WORDS_MAX) {
            wrong = "at most 64 words";
            break;
        }
        words[count++] = to;
        char quote = 0;
        for (; *in && (quote || (*in != ' ' && *in != '\t')); in++) {
            if (quote ? *in == quote : (*in == '\'' || *in == '"'))
                quote = quote ? 0 : *in;
            else
                *to++ = *in;
        }
        if (quote) wrong = "an end of what is in quotes";
        if (*in) in++;
        *to++ = 0;
    }
    if (count == 0) wrong = "the command's words";
    if (wrong) {
        free(copy);
        free(words);
        return err_set(err, ERR_CONFIG, "readiness \"command:%.200s\": expected %s", text, wrong);
    }
    out->command = words;
    return 0;
}

int probe_target_parse(enum program_ready kind, const char *text, struct probe_target *out, struct err *err)
{
    memset(out, 0, sizeof *out);
    if (!text) text = "";
    switch (kind) {
    case READY_TCP: return parse_inet(text, false, out, err);
    case READY_HTTP: return parse_inet(text, true, out, err);
    case READY_UNIX: return parse_unix(text, out, err);
    case READY_COMMAND: return parse_command(text, out, err);
    default: return 0;
    }
}

void probe_target_free(struct probe_target *t)
{
    if (t->command) free(t->command[0]);
    free(t->command);
    t->command = NULL;
}
