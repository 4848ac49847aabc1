/* Bills of materials of phases and projects, and differences between two of them: made once for what they are made of,
 * kept in the database when they are large, and sent from there piece by piece. */
#ifndef LOGIKALD_SERVICES_WEB_API_PARTS_BILL_KEPT_H
#define LOGIKALD_SERVICES_WEB_API_PARTS_BILL_KEPT_H

#include "services/web/http/req.h"

#define BILL_ARGUMENTS 2

struct bill {
    const struct query *mark; /* of the path's first parameter, as parts_mark.h has it; and its id */
    const struct query *make; /* see query_bom_project */
    const char *not_found;
    const char
        *arguments[BILL_ARGUMENTS]; /* of the query, which make gets too; NULL = none. Each value is another bill */
};

/* bill lives as long as the request. */
void bill_reply(struct req *r, const struct bill *bill);

#endif
