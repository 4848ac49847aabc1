/* How lies are carried out; lies_table.c says which does what. Each file of these has its own sort:
 * lie_list.c whole listings, lie_object.c identifiers and members, lie_answer.c the bytes, the status, the session. */
#ifndef LOGIKAL_SIM_LIE_EDITS_H
#define LOGIKAL_SIM_LIE_EDITS_H

#include "tests/sim/server.h"

/* Of listings: `data` of the answer. */
void lie_data_value(struct call *call, const struct lie *lie, cJSON *answer); /* becomes the JSON of value; "" = none */
void lie_bare(struct call *call, const struct lie *lie, cJSON *answer);       /* the first object instead of the list */
void lie_text(struct call *call, const struct lie *lie, cJSON *answer);       /* the list as a text */
void lie_envelope(struct call *call, const struct lie *lie, cJSON *answer);   /* {"items": list} */
void lie_keep(struct call *call, const struct lie *lie, cJSON *answer);  /* one of number, beginning with the first */
void lie_first(struct call *call, const struct lie *lie, cJSON *answer); /* no more than number */
/* Half of the list; beside it member, of the answer, is the JSON of value. */
void lie_beside(struct call *call, const struct lie *lie, cJSON *answer);
void lie_doubled(struct call *call, const struct lie *lie, cJSON *answer);
void lie_twin(struct call *call, const struct lie *lie, cJSON *answer); /* the first again, whose member is value */
void lie_reversed(struct call *call, const struct lie *lie, cJSON *answer);
void lie_nulls(struct call *call, const struct lie *lie, cJSON *answer); /* null and a number between the objects */
void lie_stale(struct call *call, const struct lie *lie, cJSON *answer);
void lie_neighbour(struct call *call, const struct lie *lie, cJSON *answer);
void lie_also_elsewhere(struct call *call, const struct lie *lie, cJSON *answer);
void lie_invented(struct call *call, const struct lie *lie, cJSON *answer); /* number objects that do not exist */
void lie_flat(struct call *call, const struct lie *lie, cJSON *answer);     /* all directories */
void lie_cycle(struct call *call, const struct lie *lie, cJSON *answer);
void lie_ring(struct call *call, const struct lie *lie, cJSON *answer);
void lie_deep(struct call *call, const struct lie *lie, cJSON *answer);

/* Of objects: identifiers and members. */
void lie_tenant(struct call *call, const struct lie *lie, cJSON *answer);
void lie_swapped(struct call *call, const struct lie *lie, cJSON *answer);
void lie_same_id(struct call *call, const struct lie *lie, cJSON *answer);
void lie_id_form(struct call *call, const struct lie *lie, cJSON *answer); /* value: "upper", "braces" or "digits" */
void lie_id(struct call *call, const struct lie *lie, cJSON *answer); /* of the first object: value, "" = none at all */
void lie_id_long(struct call *call, const struct lie *lie, cJSON *answer);
void lie_member(struct call *call, const struct lie *lie, cJSON *answer);      /* of the first: member becomes value */
void lie_member_all(struct call *call, const struct lie *lie, cJSON *answer);  /* of all; "" = it is missing */
void lie_member_name(struct call *call, const struct lie *lie, cJSON *answer); /* what follows the name of the first */
void lie_name_of(struct call *call, const struct lie *lie, cJSON *answer);     /* number times value as its name */
void lie_large(struct call *call, const struct lie *lie, cJSON *answer);       /* the first has a member of number kB */
void lie_nested(struct call *call, const struct lie *lie,
                cJSON *answer);                                          /* the first has lists in lists, number deep */
void lie_extra(struct call *call, const struct lie *lie, cJSON *answer); /* members that nobody knows */
void lie_sparse(struct call *call, const struct lie *lie, cJSON *answer); /* nothing but what identifies it */

/* Of answers: bytes, status, headers, effects. */
void lie_prefix(struct call *call, const struct lie *lie); /* value before the body */
void lie_suffix(struct call *call, const struct lie *lie); /* value behind it */
void lie_body(struct call *call, const struct lie *lie);   /* value instead of it; number: another status */
void lie_status(struct call *call, const struct lie *lie); /* number as the status of an answer that is whole */
void lie_half(struct call *call, const struct lie *lie);   /* half of it, announced as the whole */
void lie_utf16(struct call *call, const struct lie *lie);
void lie_latin1(struct call *call, const struct lie *lie);
void lie_gzip(struct call *call, const struct lie *lie);
void lie_type(struct call *call, const struct lie *lie);   /* value as the content type */
bool lie_german(struct call *call, const struct lie *lie); /* an error of number with a long text, shifted each time */
bool lie_refuse(struct call *call, const struct lie *lie); /* number as the status, value as the body */
bool lie_redirect(struct call *call, const struct lie *lie);      /* number, to value */
bool lie_clock(struct call *call, const struct lie *lie);         /* Date: number seconds off, or value */
bool lie_session_limit(struct call *call, const struct lie *lie); /* number to a login while a session is open */
bool lie_ends_others(struct call *call, const struct lie *lie);   /* a login ends all other sessions */
bool lie_same_token(struct call *call, const struct lie *lie);    /* a login gets the session that is open */
bool lie_short_token(struct call *call, const struct lie *lie);   /* a token is good for number calls */
void lie_token_long(struct call *call, const struct lie *lie);
bool lie_not_done(struct call *call, const struct lie *lie);   /* a select that is answered and not carried out */
bool lie_done_twice(struct call *call, const struct lie *lie); /* a select that comes twice: the answer to the second */
void lie_done_but(struct call *call, const struct lie *lie);   /* carried out, answered with number */
bool lie_select_other(struct call *call, const struct lie *lie);

/* Of files: parts lists, thumbnails, drawings. */
void lie_drawing_half(struct call *call, const struct lie *lie); /* one in the form of value, of which half comes */
void lie_parts_other(struct call *call, const struct lie *lie);
void lie_parts_bytes(struct call *call, const struct lie *lie); /* value: what is done to the database's bytes */
void lie_parts_sql(struct call *call, const struct lie *lie);   /* value: run on the database */

#endif
