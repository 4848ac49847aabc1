/* The pre-flight's parts. Each looks at one thing, blocks for its timeout at most, and says one line about it. */
#ifndef LOGIKALD_SERVICES_CHECK_INTERNAL_H
#define LOGIKALD_SERVICES_CHECK_INTERNAL_H

#include "conf/conf.h"

#define CHECK_TIMEOUT_S 10

enum check_verdict { CHECK_OK, CHECK_WARNING, CHECK_SKIPPED, CHECK_FAILED };

struct check_line {
    enum check_verdict verdict;
    char text[600]; /* what was seen, and what to do when it is not well; never a secret */
};

void check_say(struct check_line *line, enum check_verdict verdict, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

void check_configuration(const struct conf *conf, struct check_line *line);
void check_files(const struct conf *conf, struct check_line *line);
void check_postgres(const struct conf *conf, struct check_line *line);
void check_redis(const struct conf *conf, struct check_line *line);
void check_logikal(const struct conf *conf, struct check_line *line);
void check_disk(const struct conf *conf, struct check_line *line);
void check_memory(const struct conf *conf, struct check_line *line);

/* Asks the web process on this machine whether it lives: an exit status, 0 when it does. */
int check_live(const struct conf *conf);

#endif
