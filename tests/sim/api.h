/* Handlers of the upstream's API; the table that names them is api_routes in api.c. */
#ifndef LOGIKAL_SIM_API_H
#define LOGIKAL_SIM_API_H

#include "tests/sim/files/picture.h"
#include "tests/sim/server.h"

/* The object that an identifier means in any spelling, under a lie about them too; NO_INDEX when there is none. */
uint32_t call_find(struct call *call, enum kind kind, const char *identifier, uint32_t parent);

void api_thumbnail(struct call *call);
void api_thumbnail_selected(struct call *call);
void api_parts(struct call *call);
void api_drawing(struct call *call);

/* Reads the picture that a query string asks for. False when a parameter is missing or not valid. */
bool picture_read(const struct evkeyvalq *query, struct picture *out);

#endif
