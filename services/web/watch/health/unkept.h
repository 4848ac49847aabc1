/* Why large bills of materials cannot be kept in the database (api/parts/bill_kept.h), as the last one that this
 * process has had made told. It stands in the log once a cause, and in the verdict until one is kept, or for an hour.
 */
#ifndef LOGIKALD_SERVICES_WEB_WATCH_HEALTH_UNKEPT_H
#define LOGIKALD_SERVICES_WEB_WATCH_HEALTH_UNKEPT_H

void unkept_note(const char *why); /* NULL: it was kept */
const char *unkept_why(void);      /* "" = nothing is known against it */

#endif
