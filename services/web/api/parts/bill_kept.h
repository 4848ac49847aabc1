/* Bills of materials of phases and projects: made once for what they are made of, kept in the database when they are
 * large, and sent from there piece by piece. */
#ifndef LOGIKALD_SERVICES_WEB_API_PARTS_BILL_KEPT_H
#define LOGIKALD_SERVICES_WEB_API_PARTS_BILL_KEPT_H

#include "services/web/http/req.h"

struct bill {
    const struct query *mark; /* of the path's first parameter, as parts_mark.h has it */
    const struct query *make; /* (parameter, name to be kept under): the document, NULL when it was kept; its mark */
    const char *not_found;
};

/* bill lives as long as the request. */
void bill_reply(struct req *r, const struct bill *bill);

#endif
