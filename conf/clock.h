/* Time. Durations and deadlines use the monotonic clock; wall time is only for what is shown or stored. */
#ifndef LOGIKALD_CONF_CLOCK_H
#define LOGIKALD_CONF_CLOCK_H

#include <stddef.h>
#include <stdint.h>

int64_t mono_ms(void); /* CLOCK_MONOTONIC, milliseconds */
int64_t mono_us(void); /* the same, microseconds */
int64_t wall_ms(void); /* unix time, milliseconds */
int64_t wall_us(void); /* unix time, microseconds */

#define CLOCK_TEXT_SIZE 40

/* Writes "2026-11-24T07:55:57.222Z" (UTC, milliseconds) to out, and returns out. */
char *clock_iso_ms(int64_t unix_ms, char out[CLOCK_TEXT_SIZE]);

/* Writes "2026-11-24T07:55:57.222443" (UTC, microseconds, no offset: the form Python's isoformat() has), returns out.
 */
char *clock_iso_us(int64_t unix_us, char out[CLOCK_TEXT_SIZE]);

/* Reads ISO 8601: "2026-11-24T07:55:57", optional fraction (1 to 9 digits), optional "Z" or "+hh:mm", "+hhmm", "+hh".
 * Without an offset it means UTC. A space may stand for the "T". Years 1970 to 9999.
 * 0 and *unix_us, or -1 when the text is anything else (trailing bytes included). */
int clock_parse_iso(const char *text, int64_t *unix_us);
/* The same, and all other forms of ISO 8601 that Python reads: a date alone or of a week (2026-W48-2), hours alone, the
 * basic format (20261124T075557Z), offsets with seconds, years from 1 on. */
int clock_parse_iso_loose(const char *text, int64_t *unix_us);

#endif
