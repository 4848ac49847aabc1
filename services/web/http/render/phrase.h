/* What the program says, in another language: sentences that were made from formats, found again by the patterns of the
 * catalogue (scripts/translate makes text/LANGUAGE from services/web/ui/language). What is inserted in them is said in
 * that language as well, as far as the catalogue knows it. English comes out as it is. */
#ifndef LOGIKALD_SERVICES_WEB_HTTP_RENDER_PHRASE_H
#define LOGIKALD_SERVICES_WEB_HTTP_RENDER_PHRASE_H

#include <stdbool.h>

#include "conf/text/buf.h"

#define PHRASE_ENGLISH "en"

bool phrase_knows(const char *language); /* English, or one that there is a catalogue of */

void phrase_add(struct buf *out, const char *language, const char *text);
/* A number as C writes it ("-1234.5"), as the language writes it; anything else as it is. */
void phrase_add_number(struct buf *out, const char *language, const char *digits);

/* A time as ISO 8601 has it, in UTC; anything else as it is. */
void phrase_add_time(struct buf *out, const char *language, const char *iso);

#endif
