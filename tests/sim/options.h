/* The command line of the simulator. */
#ifndef LOGIKAL_SIM_OPTIONS_H
#define LOGIKAL_SIM_OPTIONS_H

#include <stdbool.h>

#include "tests/sim/files/parts.h"
#include "tests/sim/world/shape.h"

/* What is slow in the upstream, each with its own delay. */
enum delay {
    DELAY_AUTH,
    DELAY_DIRECTORY,
    DELAY_PROJECT,
    DELAY_PHASE,
    DELAY_ELEVATION,
    DELAY_LIST,
    DELAY_THUMBNAIL,
    DELAY_PARTS,
    DELAY_LOGOUT,
    DELAY_NONE,
    DELAY_COUNT
};

#define OPTIONS_LIES 32

struct options {
    const char *host, *port_file, *username, *password, *faults;
    int port;
    struct shape shape;
    double delay_ms[DELAY_COUNT], delay_scale;
    bool is_sideways_allowed; /* selecting a sibling, or something higher up, works instead of 409 */
    bool is_jump_allowed;     /* a directory may be selected from any directory above it, not only from its parent */
    unsigned max_sessions;    /* 0 = no limit */
    int session_limit_status;
    double token_ttl_s;             /* 0 = tokens live for ever */
    const char *lies[OPTIONS_LIES]; /* NAME or NAME:WHERE */
    int lie_count;
    enum parts_size parts;
    bool is_verbose;
};

/* Fills o from the arguments. Returns 0, or the exit status with which the program has to end now (--help: 1 + 0 = 1;
 * an error, which it has explained on stderr: 1 + 2 = 3), raised by one. */
int options_read(struct options *o, int argc, char **argv);

/* Reads "auth=4500,list=200" into delays. "field" stands for what was measured in the field, "none" for no delay.
 * False when the text is anything else. */
bool delays_read(const char *text, double delay_ms[DELAY_COUNT]);
const char *delay_name(enum delay delay);

#endif
