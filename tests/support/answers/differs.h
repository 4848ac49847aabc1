/* Facts for judges that are pure, as the difference from facts that are known. */
#ifndef LOGIKALD_TESTS_SUPPORT_ANSWERS_DIFFERS_H
#define LOGIKALD_TESTS_SUPPORT_ANSWERS_DIFFERS_H

#include <cjson/cJSON.h>

/* JSON with ' in place of "; fails the test when it is none. The caller's to delete. */
cJSON *differs_parse(const char *text);
/* Members of objects are taken over one by one, elements of arrays by their place. */
void differs_merge(cJSON *to, const cJSON *from);
/* `base` with what differs from it. */
cJSON *differs_from(const char *base, const char *differs);

#endif
