/* JSON as nearly all senders write it: ASCII without escapes, integers that print as they came. Such a text is read in
 * one pass, where it lies: the strings are ended in it, and the nodes are the caller's. Anything else is left to
 * json_parse, which makes the same tree of it. */
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "ipc/queue/queue_message.h"

#define DEPTH_MAX  8
#define DIGITS_MAX 15 /* with the sign */

struct plain {
    cJSON *node, *end; /* the next one, behind the last one */
    char *at;
};

static bool take_value(struct plain *p, cJSON *item, int depth);

static void skip_blanks(struct plain *p)
{
    while (*p->at == ' ' || *p->at == '\n' || *p->at == '\r' || *p->at == '\t') p->at++;
}

/* The string that begins at the quote; NULL when it is none, or not plain. */
static char *take_string(struct plain *p)
{
    if (*p->at != '"') return NULL;
    char *from = ++p->at;
    while (*p->at >= ' ' && *p->at < 0x7f && *p->at != '"' && *p->at != '\\') p->at++;
    if (*p->at != '"') return NULL;
    *p->at++ = '\0';
    return from;
}

static bool take_word(struct plain *p, cJSON *item, const char *word, int type)
{
    size_t len = strlen(word);
    if (strncmp(p->at, word, len) != 0) return false;
    p->at += len;
    item->type = type;
    item->valueint = type == cJSON_True;
    return true;
}

static bool take_integer(struct plain *p, cJSON *item)
{
    const char *from = p->at;
    int64_t value = 0;
    bool is_negative = *p->at == '-';
    p->at += is_negative;
    if (*p->at == '0' && (is_negative || (p->at[1] >= '0' && p->at[1] <= '9'))) return false;
    while (*p->at >= '0' && *p->at <= '9' && p->at - from < DIGITS_MAX) value = value * 10 + (*p->at++ - '0');
    if (p->at == from + is_negative) return false;
    item->type = cJSON_Number;
    item->valuedouble = (double)(is_negative ? -value : value);
    item->valueint = value > INT_MAX ? (is_negative ? INT_MIN : INT_MAX) : (int)item->valuedouble;
    return true;
}

/* Behind the opening bracket. */
static bool take_members(struct plain *p, cJSON *parent, char close, int depth)
{
    cJSON *last = NULL;
    skip_blanks(p);
    if (*p->at == close) {
        p->at++;
        return true;
    }
    for (;;) {
        cJSON *child = p->node < p->end ? p->node++ : NULL;
        if (!child) return false;
        *child = (cJSON){.prev = last};
        skip_blanks(p);
        if (close == '}') {
            if (!(child->string = take_string(p))) return false;
            skip_blanks(p);
            if (*p->at++ != ':') return false;
            skip_blanks(p);
        }
        if (!take_value(p, child, depth)) return false;
        if (last)
            last->next = child;
        else
            parent->child = child;
        parent->child->prev = last = child;
        skip_blanks(p);
        if (*p->at == close) {
            p->at++;
            return true;
        }
        if (*p->at++ != ',') return false;
    }
}

static bool take_value(struct plain *p, cJSON *item, int depth)
{
    switch (*p->at) {
    case '"':
        item->type = cJSON_String;
        item->valuestring = take_string(p);
        return item->valuestring != NULL;
    case '{':
        item->type = cJSON_Object;
        p->at++;
        return depth > 0 && take_members(p, item, '}', depth - 1);
    case '[':
        item->type = cJSON_Array;
        p->at++;
        return depth > 0 && take_members(p, item, ']', depth - 1);
    case 'n': return take_word(p, item, "null", cJSON_NULL);
    case 't': return take_word(p, item, "true", cJSON_True);
    case 'f': return take_word(p, item, "false", cJSON_False);
    default: return take_integer(p, item);
    }
}

cJSON *json_read_plain(char *text, size_t len, cJSON *nodes, size_t count)
{
    struct plain p = {.node = nodes + 1, .end = nodes + count, .at = text};
    *nodes = (cJSON){0};
    skip_blanks(&p);
    bool is_plain = take_value(&p, nodes, DEPTH_MAX);
    if (is_plain) skip_blanks(&p);
    return is_plain && p.at == text + len ? nodes : NULL;
}
