/* A mail as it goes over SMTP (RFC 5322): plain text in UTF-8, base64 (RFC 2045), its subject as encoded words (RFC
 * 2047), so that no line is too long and nothing in it is taken for a header. */
#ifndef LOGIKALD_SERVICES_ALERT_MAIL_H
#define LOGIKALD_SERVICES_ALERT_MAIL_H

char *mail_text(const char *from, const char *to, const char *subject, const char *text); /* malloc'ed; NULL = memory */

#endif
