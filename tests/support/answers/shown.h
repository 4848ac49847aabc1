/* Answers as a file has them: requests, each with what is expected, in the order in which they are made. */
#ifndef LOGIKALD_TESTS_SUPPORT_ANSWERS_SHOWN_H
#define LOGIKALD_TESTS_SUPPORT_ANSWERS_SHOWN_H

#include <stdint.h>
#include <cjson/cJSON.h>

struct shown_words {
    const char *word, *instead; /* what differs from run to run, as a port or a directory; ends with a NULL */
};

char *shown_json(const cJSON *json); /* with a line for each part; to be freed */

/* A body in a form that is the same each time: JSON and HTML with a line for each part (of a page only what stands in
 * its middle), times of these weeks as hours from now, digests and random ids without their digits. To be freed. */
char *shown_plain(const char *body, const struct shown_words *words);

/* What is in tests/fixtures/shown/NAME: "=== REQUEST" and then the lines that `answer` must give for it (to be freed),
 * within a while. Fails the test with the first lines that differ, unless another hour than that of began_ms, when the
 * world was made, has begun; 0: there is no world, the first answer counts. SHOWN_WRITE=1 in the environment writes the
 * file as it is answered instead. */
void shown_check(const char *name, int64_t began_ms, char *(*answer)(const char *request));

/* The whole of that file is this text, or the test fails with the first lines that differ; or is written, as above. */
void shown_compare(const char *name, const char *text);

#endif
