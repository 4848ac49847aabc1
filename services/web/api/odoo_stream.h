/* The ERP's documents of projects that are too large to be built: the same JSON, streamed with memory for one piece.
 * Its counts follow what they count, and say how many were sent. */
#ifndef LOGIKALD_SERVICES_WEB_API_ODOO_STREAM_H
#define LOGIKALD_SERVICES_WEB_API_ODOO_STREAM_H

#include "services/web/http/req.h"

/* For cache_json_or. The project is path parameter 0, the phase 1. */
void odoo_stream_project(struct req *r);
void odoo_stream_complete(struct req *r); /* every elevation twice: in the project, and in phases_with_elevations */
void odoo_stream_elevations(struct req *r);

#endif
