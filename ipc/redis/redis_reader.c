/* The protocol's reader (hiredis) with bounds, and the words of errors. A server that announces more elements than ever
 * come would have room made for all of them at once. */
#include <string.h>
#include <hiredis/hiredis.h>

#include "conf/text/utf8.h"
#include "ipc/redis/redis_internal.h"

#define ELEMENTS_MOST (4 << 20) /* of one array; the longest that is asked for has thousands */

#if HIREDIS_MAJOR >= 1
static void bound(redisReader *reader)
{
    reader->maxelements = ELEMENTS_MOST;
}
#else
static redisReplyObjectFunctions bounded;
static void *(*create_array)(const redisReadTask *task, int elements);

static void *create_bounded(const redisReadTask *task, int elements)
{
    return elements > ELEMENTS_MOST ? NULL : create_array(task, elements);
}

static void bound(redisReader *reader)
{
    create_array = reader->fn->createArray;
    bounded = *reader->fn;
    bounded.createArray = create_bounded;
    reader->fn = &bounded;
}
#endif

redisReader *redis_reader_new(void)
{
    redisReader *reader = redisReaderCreate();
    if (reader) bound(reader);
    return reader;
}

char *reply_line(char *text)
{
    utf8_repair(text, strlen(text));
    return utf8_line(utf8_finish(text));
}

/* Freeing leaves the text of what is no text alone. */
static void give_texts(redisReply *list)
{
    static char no_text[1];
    for (size_t i = 0; i < (size_t)list->elements; i++) {
        redisReply *one = list->element[i];
        if (one->type == REDIS_REPLY_ARRAY) give_texts(one);
        if (!one->str) one->str = no_text;
    }
}

void reply_tidy(redisReply *reply)
{
    if (reply->type == REDIS_REPLY_ARRAY) give_texts(reply);
    if (reply->type != REDIS_REPLY_ERROR && reply->type != REDIS_REPLY_STATUS) return;
    for (size_t i = 0; i < (size_t)reply->len; i++)
        if (!reply->str[i]) reply->str[i] = ' ';
    reply_line(reply->str);
}

const char *reply_error(const redisReply *reply)
{
    return reply->str[strspn(reply->str, " ")] ? reply->str : "an error without a word";
}
