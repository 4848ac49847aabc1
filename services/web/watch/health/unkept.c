/* Why large bills of materials cannot be kept. See unkept.h. */
#include "services/web/watch/health/unkept.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "conf/clock.h"
#include "conf/log.h"
#include "conf/text/utf8.h"

#define TOLD_MS 3600000

static char last_why[200];
static int64_t last_ms;

const char *unkept_why(void)
{
    if (*last_why && mono_ms() - last_ms > TOLD_MS) *last_why = '\0';
    return last_why;
}

void unkept_note(const char *why)
{
    char text[sizeof last_why] = "";
    if (why) snprintf(text, sizeof text, "%.*s", (int)utf8_cut(why, sizeof text - 1), why);
    if (why && strcmp(unkept_why(), text) != 0)
        log_warning("a large bill of materials cannot be kept in the database (parts_bills), and is made anew for"
                    " whoever asks: %s",
                    text);
    if (!why && *last_why) log_info("large bills of materials are kept in the database again");
    memcpy(last_why, text, sizeof last_why);
    last_ms = mono_ms();
}
