/* The ways on which operators are told: a webhook (plain JSON, or as chats take it) and mail. See channels.h. */
#include "services/alert/channels.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "conf/text/buf.h"
#include "conf/clock.h"
#include "conf/text/json.h"
#include "conf/text/utf8.h"

static const char *const names[CHANNELS] = {"webhook", "mail"};

const char *channel_name(enum channel channel)
{
    return names[channel];
}

bool channel_is_set(const struct conf *conf, enum channel channel)
{
    if (channel == CHANNEL_WEBHOOK) return conf_is_set(conf, SET_ALERT_WEBHOOK);
    return conf_is_set(conf, SET_SMTP_URL) && conf_is_set(conf, SET_ALERT_MAIL_TO);
}

static const char *text_of(const cJSON *problem, const char *member)
{
    const char *text = json_text(problem, member);
    return text ? text : "";
}

char *alert_line(const char *kind, const cJSON *problem)
{
    struct buf out = {0};
    const char *cause = text_of(problem, "cause");
    if (strcmp(kind, "test") == 0)
        buf_str(&out, "A test: this is how problems are told");
    else if (strcmp(kind, "over") == 0)
        buf_printf(&out, "Over: %s", cause);
    else
        buf_printf(&out, "%s%s: %s", strcmp(kind, "again") == 0 ? "Still " : "", text_of(problem, "severity"), cause);
    return buf_steal(&out);
}

static void host_name(char out[128])
{
    if (gethostname(out, 128) != 0) snprintf(out, 128, "logikald");
    out[127] = 0;
}

static char *plain_json(const struct conf *conf, const char *kind, const cJSON *problem, const char *line)
{
    static const char *const members[] = {"key", "part", "severity", "cause", "since", "hits", "next", "advice"};
    char host[128], now[CLOCK_TEXT_SIZE];
    host_name(host);
    cJSON *out = cJSON_CreateObject();
    cJSON_AddStringToObject(out, "source", "logikald");
    cJSON_AddStringToObject(out, "host", host);
    cJSON_AddStringToObject(out, "environment", conf_str(conf, SET_ENVIRONMENT));
    cJSON_AddStringToObject(out, "at", clock_iso_ms(wall_ms(), now));
    cJSON_AddStringToObject(out, "kind", kind);
    cJSON_AddStringToObject(out, "text", line);
    for (size_t i = 0; i < sizeof members / sizeof *members; i++)
        if (json_text(problem, members[i])) cJSON_AddStringToObject(out, members[i], json_text(problem, members[i]));
    char *text = cJSON_PrintUnformatted(out);
    cJSON_Delete(out);
    return text;
}

/* Line after line, as mail and chats show it. */
static char *many_lines(const struct conf *conf, const cJSON *problem, const char *line)
{
    static const struct {
        const char *member, *label;
    } rows[] = {{"since", "Since"}, {"hits", "Hits"}, {"next", "Next try"}, {"advice", "What to do"}};
    struct buf out = {0};
    char host[128];
    host_name(host);
    buf_printf(&out, "%s\n", line);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (*text_of(problem, rows[i].member))
            buf_printf(&out, "%s: %s\n", rows[i].label, text_of(problem, rows[i].member));
    buf_printf(&out, "(logikald on %s, %s)\n", host, conf_str(conf, SET_ENVIRONMENT));
    return buf_steal(&out);
}

/* Where & < > mean something, they mean themselves. */
static char *chat_json(const char *lines)
{
    struct buf text = {0};
    for (const char *p = lines; *p; p++) {
        const char *escaped = *p == '&' ? "&amp;" : *p == '<' ? "&lt;" : *p == '>' ? "&gt;" : NULL;
        if (escaped)
            buf_str(&text, escaped);
        else
            buf_char(&text, *p);
    }
    cJSON *out = cJSON_CreateObject();
    cJSON_AddStringToObject(out, "text", text.data ? text.data : "");
    char *json = cJSON_PrintUnformatted(out);
    cJSON_Delete(out);
    buf_free(&text);
    return json;
}

int channel_send(struct courier *c, const struct conf *conf, enum channel channel, const char *kind,
                 const cJSON *problem, courier_fn fn, void *arg, struct err *err)
{
    char *line = alert_line(kind, problem), *lines = line ? many_lines(conf, problem, line) : NULL, *json = NULL;
    char subject[300];
    int rc;
    if (!lines) {
        rc = err_set(err, ERR_NOMEM, "no memory for a message");
    } else if (channel == CHANNEL_MAIL) {
        const char *from = conf_is_set(conf, SET_ALERT_MAIL_FROM) ? conf_str(conf, SET_ALERT_MAIL_FROM) : "logikald";
        snprintf(subject, sizeof subject, "[logikald] %.*s", (int)utf8_cut(line, 250), line);
        rc = courier_mail(c, conf_str(conf, SET_SMTP_URL), from, conf_str(conf, SET_ALERT_MAIL_TO), subject, lines, fn,
                          arg, err);
    } else {
        bool is_chat = strcmp(conf_str(conf, SET_ALERT_FORMAT), "slack") == 0;
        json = is_chat ? chat_json(lines) : plain_json(conf, kind, problem, line);
        rc = json ? courier_call(c, conf_str(conf, SET_ALERT_WEBHOOK), json, fn, arg, err)
                  : err_set(err, ERR_NOMEM, "no memory for a message");
    }
    free(line);
    free(lines);
    free(json);
    return rc;
}
