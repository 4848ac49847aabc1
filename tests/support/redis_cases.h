/* Cases in a file, of what a Redis holds and says, in lines:
 *
 *     == what the case is about        the Redis is empty, and nothing is said on its channels yet
 *     let NAME text                    $NAME is this text from here on, $sha:NAME its SHA-1
 *     COMMAND word "word"              a command of Redis; in quotes \n, \x06 and so on as C has them
 *     script NAME key ... | word ...   a call of NAME.lua
 *     heard                            what was published since the case began: [channel, text, ...]
 *     await LINE                       any of these, again and again until it answers what is written
 *     > answer                         what the line before it answered: 7, text, "a text", nil, !error, [of, these];
 *                                      what stands between < and > is a pattern (likeness.h)
 *
 * Without "> answer" a line may answer anything but an error. $s+7, $ms-7 in a command: the time, and 7 more or less.
 * A test may have lines of its own (extra); then nothing is emptied between the cases.
 */
#ifndef LOGIKALD_TESTS_SUPPORT_REDIS_CASES_H
#define LOGIKALD_TESTS_SUPPORT_REDIS_CASES_H

#include "tests/support/rig.h"

struct redis_cases {
    struct rig *rig;
    redisContext *ear; /* subscribed to all channels; NULL where "heard" is not used */
    bool (*extra)(const char *line, struct buf *answer); /* false: it is no line of the test's own; or NULL */
};
/* Fails the test unless all answers are as written. */
void redis_cases_run(struct redis_cases *c, const char *path);

#endif
