/* Lies and oddities: answers that are polite and wrong, or right and strange, by name. A lie is a row of the one table
 * in lies_table.c: where it can strike, what it does, and what a reader of it should do. Arming it and deciding
 * whether it strikes a call is here; carrying it out is in the lie_*.c files that the table names. */
#ifndef LOGIKAL_SIM_LIES_H
#define LOGIKAL_SIM_LIES_H

#include <cjson/cJSON.h>
#include <stdbool.h>

#include "conf/text/buf.h"
#include "conf/err.h"
#include "tests/sim/faults.h"
#include "tests/sim/world/shape.h"

struct call;
struct lie;

/* Where a lie strikes: the listing (or the select) of a kind of object, or a call of its own. */
enum lie_place { PLACE_LOGIN = KIND_COUNT, PLACE_THUMBNAIL, PLACE_PARTS, PLACE_DRAWING, PLACE_ANY, PLACE_COUNT };

/* What a reader of the lie should make of it. The names are told by GET /_sim/lies; a test judges by them. */
enum lie_rule {
    RULE_QUIET,   /* the same as without it: everything is synced, nothing is lost */
    RULE_AGAIN,   /* asked again; told by name, with the rows kept, when it stays so */
    RULE_REFUSED, /* believed at once: told by name, with the rows kept; the others are synced */
    RULE_HELD,    /* looked at a second time; held when it stays so and is much: nothing is marked */
    RULE_OBJECT,  /* that object is told and keeps its row; the others are synced */
    RULE_MEMBER,  /* that member is left out and told; the rest of the object is synced */
    RULE_WORD,    /* nobody can tell that it is wrong: followed, nothing marked, right again afterwards */
    RULE_ASKED,   /* what is fetched when somebody asks: whoever asks is told, and no sync knows of it */
    RULE_FILE,    /* the file is refused and told; the rows are synced; fetched again later */
    RULE_COUNT
};

struct lie {
    const char *name;
    unsigned places; /* bits of enum kind and enum lie_place */
    bool is_select;  /* of a kind's calls it strikes the select, not the listing */
    bool is_below;   /* never in the root, where there may be nothing for it to change */
    enum lie_rule rule;
    const char *what, *right;
    /* How; any of these. before: true when the call has its answer; edit: changes the answer's JSON; after: the bytes.
     */
    bool (*before)(struct call *call, const struct lie *lie);
    void (*edit)(struct call *call, const struct lie *lie, cJSON *answer);
    void (*after)(struct call *call, const struct lie *lie);
    bool has_fault;
    struct fault_rule fault;
    const char *member, *value; /* of edit and after */
    int number;
};

extern const struct lie lies_table[];
extern const int lies_table_count;

#define LIES_ARMED  32
#define LIES_PLACES 32

struct armed_lie {
    const struct lie *lie;
    unsigned places; /* of those where it can strike */
    double probability;
    long count, after; /* as a fault rule's */
    unsigned long seen, struck;
};

struct lies {
    struct armed_lie armed[LIES_ARMED];
    int armed_count;
    uint64_t state; /* of the random sequence */
    /* The projects in which one struck since it was armed, by index; is_wide: outside of any, or in more than fit. */
    uint32_t projects[LIES_PLACES];
    int project_count;
    bool is_wide;
};

/* Arms "NAME" or "NAME:WHERE". 0, or an error that names the mistake. */
int lies_arm(struct lies *l, const char *text, struct err *err);
/* Replaces what is armed by {"lies":[{"name":...,"where":...,"count":N,"after":N,"probability":P}],"seed":N}. */
int lies_read(struct lies *l, const cJSON *json, struct err *err);
void lies_clear(struct lies *l);
bool lies_has(const struct lies *l, const char *name); /* armed, wherever */

/* The lie that strikes this call, or NULL. Counts. */
const struct lie *lies_pick(struct call *call);
/* Around the carrying out of a call that a lie strikes; before: true when it stands in for it. */
bool lie_before(struct call *call, const struct lie *lie);
void lie_spoil(struct call *call, const struct lie *lie);

struct world;
void lies_add_catalogue(struct buf *out); /* a JSON list */
void lies_add_markdown(struct buf *out);  /* the table of docs/simulator.md */
/* {"catalogue": list, "armed": what is, "wide": ..., "projects": in which it struck}. */
void lies_add_json(const struct lies *l, const struct world *w, struct buf *out);

#endif
