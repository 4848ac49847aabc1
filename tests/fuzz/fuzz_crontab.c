/* Crontab times: the next one is later, on a whole minute, and matches; the one after the minute before it is itself.
 */
#include "conf/crontab.h"

#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 4) return 0;
    uint32_t seconds;
    memcpy(&seconds, data, sizeof seconds);
    char *text = fuzz_text(data + 4, size - 4);
    struct err err = {0};
    struct crontab c;
    int rc = crontab_parse(text, &c, &err);
    PROMISE(rc <= 0 && (rc == 0 || err.text[0]));
    if (rc == 0) {
        int64_t next_s = crontab_next(&c, seconds);
        PROMISE(c.minutes && c.hours && c.days && c.months && c.weekdays);
        PROMISE(next_s == -1 || (next_s > seconds && next_s % 60 == 0 && crontab_next(&c, next_s - 60) == next_s));
        if (next_s > 0) PROMISE(c.minutes >> next_s / 60 % 60 & 1 && c.hours >> next_s / 3600 % 24 & 1);
    }
    free(text);
    return 0;
}
