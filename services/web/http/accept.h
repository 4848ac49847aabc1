/* Which form of an answer a client asks for in Accept. */
#ifndef LOGIKALD_SERVICES_WEB_HTTP_ACCEPT_H
#define LOGIKALD_SERVICES_WEB_HTTP_ACCEPT_H

#include "services/web/http/req.h"

#define TYPE_NDJSON "application/x-ndjson"
#define TYPE_CSV    "text/csv"

enum form { FORM_JSON, FORM_LINES, FORM_CSV };

/* What ?format= says, where the operation has it (for links of a page); else what Accept names with the greatest
 * weight, the first of equals; JSON when it names none of them. */
enum form accept_form(const struct req *r);

#endif
