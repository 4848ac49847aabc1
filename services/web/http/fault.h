/* What an error tells the outside. Errors have texts for the operator: hosts, ports, roles, statements, values of rows.
 * Those go to the log, with the request's id; the answer has a sentence of its own, and the id to find the text by. */
#ifndef LOGIKALD_SERVICES_WEB_HTTP_FAULT_H
#define LOGIKALD_SERVICES_WEB_HTTP_FAULT_H

#include <stddef.h>

#include "conf/err.h"
#include "services/web/http/req.h"

/* The sentence for r's answer. What is withheld is logged. Lives as long as r. */
const char *fault_told(struct req *r, const struct err *err);
/* The same for an error of a statement, whose text is PostgreSQL's, whatever its code. */
const char *fault_told_of_statement(struct req *r, const struct err *err);
/* The text without addresses: hosts, ports and URLs are left out. Lives as long as r. */
const char *fault_without_places(struct req *r, const char *text);
char *fault_text_without_places(const char *text); /* to be freed; NULL without memory */

#endif
