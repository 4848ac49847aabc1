/* Reading the command line: see options.h. */
#include "tests/sim/options.h"

#include <errno.h>
#include <getopt.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/sim/lies.h"

static const char help[] =
    "logikal-sim: a simulated Logikal MBIOE service (REST API v3) for tests and demonstrations\n"
    "\n"
    "  --host ADDRESS         address to listen on (127.0.0.1)\n"
    "  --port PORT            port to listen on; 0 = any free one (0)\n"
    "  --port-file FILE       write the port to FILE once listening\n"
    "  --username NAME        accepted login (demo)\n"
    "  --password TEXT        accepted password (demo)\n"
    "\n"
    "What is in it:\n"
    "  --preset field-case    1 directory, 1 project, phases of 13 and 4 elevations\n"
    "  --preset demo          nested directories, 12 projects, about 300 elevations, small delays\n"
    "  --seed N               other names, numbers and identifiers (1)\n"
    "  --directories N        directories in all (3)\n"
    "  --depth N              deepest nesting of directories (2)\n"
    "  --projects N           projects for each directory (2)\n"
    "  --phases N             phases for each project, the default phase included (2)\n"
    "  --elevations N         elevations for each phase (10)\n"
    "  --total-elevations N   elevations in all, spread over the phases\n"
    "  --parts=real|tiny|huge parts lists of 0.7 to 1.7 MB with 71 tables, of a few kB, or of 20 MB (real)\n"
    "  --uneven               vary the number of projects and elevations from parent to parent\n"
    "\n"
    "How it behaves:\n"
    "  --delay NAME=MS,...    delays for auth, directory, project, phase, elevation (selects), list, thumbnail, "
    "parts,\n"
    "                         logout; \"field\" = as measured at a real one (auth=4500,directory=100,project=700,\n"
    "                         phase=300,elevation=300,list=200,thumbnail=80,parts=2000)\n"
    "  --delay-scale X        multiply all delays (1)\n"
    "  --sideways=allow|deny  whether a sibling may be selected from where a session is (deny: 409)\n"
    "  --jump=allow|deny      whether a directory may be selected from above its parent (allow)\n"
    "  --max-sessions N       refuse the login beyond N open sessions (0 = no limit)\n"
    "  --session-limit-status N   status of that refusal (401)\n"
    "  --token-ttl SECONDS    a token expires after this time (0 = never)\n"
    "  --faults JSON          rules as POST /_sim/faults takes them\n"
    "  --lie NAME[:WHERE]     tell this lie, at directory, project, phase, elevation, login, thumbnail, parts or\n"
    "                         drawing; may be repeated; GET /_sim/lies lists them\n"
    "  --catalogue=FORM       print the catalogue of lies, as markdown or json, and end\n"
    "  --verbose              one line on stderr for each call\n"
    "\n"
    "Control while it runs: /_sim/ (GET /_sim/ lists the calls). See docs/simulator.md.\n";

static const char *const delay_names[DELAY_NONE] = {"auth", "directory", "project", "phase", "elevation",
                                                    "list", "thumbnail", "parts",   "logout"};
static const double field_ms[DELAY_COUNT] = {4500, 100, 700, 300, 300, 200, 80, 2000, 0, 0};
static const double demo_ms[DELAY_COUNT] = {200, 5, 20, 10, 10, 8, 4, 30, 5, 0};

const char *delay_name(enum delay delay)
{
    return delay < DELAY_NONE ? delay_names[delay] : "none";
}

static bool read_number(const char *text, double min, double max, double *out)
{
    char *end;
    errno = 0;
    double v = strtod(text, &end);
    if (end == text || *end || errno || !isfinite(v) || v < min || v > max) return false;
    *out = v;
    return true;
}

bool delays_read(const char *text, double delay_ms[DELAY_COUNT])
{
    double read[DELAY_COUNT];
    memcpy(read, delay_ms, sizeof read);
    while (*text) {
        char item[64];
        size_t len = strcspn(text, ",");
        if (len >= sizeof item) return false;
        memcpy(item, text, len);
        item[len] = 0;
        text += len + (text[len] == ',');
        if (strcmp(item, "field") == 0)
            memcpy(read, field_ms, sizeof read);
        else if (strcmp(item, "none") == 0)
            memset(read, 0, sizeof read);
        else {
            char *value = strchr(item, '=');
            if (!value) return false;
            *value++ = 0;
            int d = 0;
            while (d < DELAY_NONE && strcmp(delay_names[d], item) != 0) d++;
            if (d == DELAY_NONE || !read_number(value, 0, 3600e3, &read[d])) return false;
        }
    }
    memcpy(delay_ms, read, sizeof read);
    return true;
}

/* Counts as they are given; the shape is made of them at the end. */
struct counts {
    double directories, depth, projects, phases, elevations, total_elevations;
};

static bool apply_preset(const char *name, struct options *o, struct counts *c)
{
    if (strcmp(name, "field-case") == 0) {
        *c = (struct counts){.directories = 1, .depth = 1, .projects = 1, .phases = 2, .total_elevations = 17};
        o->shape.fixed[0] = 13;
        o->shape.fixed[1] = 4;
        return true;
    }
    if (strcmp(name, "demo") != 0) return false;
    *c = (struct counts){.directories = 5, .depth = 3, .projects = 2.4, .phases = 3, .total_elevations = 300};
    o->shape.is_uneven = true;
    memcpy(o->delay_ms, demo_ms, sizeof demo_ms);
    return true;
}

static bool make_shape(const struct counts *c, struct options *o)
{
    double projects = round(c->directories * c->projects), phases = projects * c->phases;
    double elevations = c->total_elevations >= 0 ? c->total_elevations : phases * c->elevations;
    if (phases > 1e8 || elevations > 1e8 || (elevations > 0 && phases < 1)) return false;
    if (elevations != 17 || phases != 2) o->shape.fixed[0] = 0; /* the counts of the preset were replaced */
    o->shape.count[KIND_DIRECTORY] = (uint32_t)c->directories;
    o->shape.count[KIND_PROJECT] = (uint32_t)projects;
    o->shape.count[KIND_PHASE] = (uint32_t)phases;
    o->shape.count[KIND_ELEVATION] = (uint32_t)elevations;
    o->shape.depth = (uint32_t)c->depth;
    return true;
}

static bool read_allow(const char *text, bool *out)
{
    *out = strcmp(text, "allow") == 0;
    return *out || strcmp(text, "deny") == 0;
}

enum {
    HOST = 256,
    PORT,
    PORT_FILE,
    USERNAME,
    PASSWORD,
    PRESET,
    SEED,
    DIRECTORIES,
    DEPTH,
    PROJECTS,
    PHASES,
    ELEVATIONS,
    TOTAL,
    UNEVEN,
    PARTS,
    DELAY,
    SCALE,
    SIDEWAYS,
    JUMP,
    MAX_SESSIONS,
    LIMIT_STATUS,
    TTL,
    FAULTS,
    LIE,
    CATALOGUE,
    VERBOSE,
    HELP
};

static const struct option long_options[] = {
    {"host", 1, 0, HOST},
    {"port", 1, 0, PORT},
    {"port-file", 1, 0, PORT_FILE},
    {"username", 1, 0, USERNAME},
    {"password", 1, 0, PASSWORD},
    {"preset", 1, 0, PRESET},
    {"seed", 1, 0, SEED},
    {"directories", 1, 0, DIRECTORIES},
    {"depth", 1, 0, DEPTH},
    {"projects", 1, 0, PROJECTS},
    {"phases", 1, 0, PHASES},
    {"elevations", 1, 0, ELEVATIONS},
    {"total-elevations", 1, 0, TOTAL},
    {"uneven", 0, 0, UNEVEN},
    {"parts", 1, 0, PARTS},
    {"delay", 1, 0, DELAY},
    {"delay-scale", 1, 0, SCALE},
    {"sideways", 1, 0, SIDEWAYS},
    {"jump", 1, 0, JUMP},
    {"max-sessions", 1, 0, MAX_SESSIONS},
    {"session-limit-status", 1, 0, LIMIT_STATUS},
    {"token-ttl", 1, 0, TTL},
    {"faults", 1, 0, FAULTS},
    {"lie", 1, 0, LIE},
    {"catalogue", 1, 0, CATALOGUE},
    {"verbose", 0, 0, VERBOSE},
    {"help", 0, 0, HELP},
    {0, 0, 0, 0},
};

static bool read_count(int option, const char *value, struct counts *c)
{
    switch (option) {
    case DIRECTORIES: return read_number(value, 0, 1e6, &c->directories);
    case DEPTH: return read_number(value, 1, 64, &c->depth);
    case PROJECTS: return read_number(value, 0, 1e6, &c->projects);
    case PHASES: return read_number(value, 1, 1e6, &c->phases);
    case ELEVATIONS: return read_number(value, 0, 1e7, &c->elevations);
    default: return read_number(value, 0, 1e8, &c->total_elevations);
    }
}

static bool read_option(int option, const char *value, struct options *o, struct counts *c)
{
    double n = 0;
    bool ok = true;
    switch (option) {
    case HOST: o->host = value; break;
    case PORT:
        ok = read_number(value, 0, 65535, &n);
        o->port = (int)n;
        break;
    case PORT_FILE: o->port_file = value; break;
    case USERNAME: o->username = value; break;
    case PASSWORD: o->password = value; break;
    case PRESET: return apply_preset(value, o, c);
    case SEED:
        ok = read_number(value, 0, 9e15, &n);
        o->shape.seed = (uint64_t)n;
        break;
    case UNEVEN: o->shape.is_uneven = true; break;
    case PARTS: return parts_size_of(value, &o->parts);
    case DELAY: return delays_read(value, o->delay_ms);
    case SCALE: return read_number(value, 0, 1000, &o->delay_scale);
    case SIDEWAYS: return read_allow(value, &o->is_sideways_allowed);
    case JUMP: return read_allow(value, &o->is_jump_allowed);
    case MAX_SESSIONS:
        ok = read_number(value, 0, 1e6, &n);
        o->max_sessions = (unsigned)n;
        break;
    case LIMIT_STATUS:
        ok = read_number(value, 400, 599, &n);
        o->session_limit_status = (int)n;
        break;
    case TTL: return read_number(value, 0, 1e9, &o->token_ttl_s);
    case FAULTS: o->faults = value; break;
    case LIE:
        ok = o->lie_count < OPTIONS_LIES;
        if (ok) o->lies[o->lie_count++] = value;
        break;
    case CATALOGUE: return false;
    case VERBOSE: o->is_verbose = true; break;
    default: return read_count(option, value, c);
    }
    return ok;
}

static bool print_catalogue(const char *form)
{
    struct buf text = {0};
    bool is_markdown = strcmp(form, "markdown") == 0;
    if (!is_markdown && strcmp(form, "json") != 0) return false;
    if (is_markdown)
        lies_add_markdown(&text);
    else
        lies_add_catalogue(&text);
    fwrite(text.data, 1, text.len, stdout);
    if (!is_markdown) putchar('\n');
    buf_free(&text);
    return true;
}

int options_read(struct options *o, int argc, char **argv)
{
    struct counts counts = {3, 2, 2, 2, 10, -1};
    *o = (struct options){.host = "127.0.0.1",
                          .username = "demo",
                          .password = "demo",
                          .shape.seed = 1,
                          .delay_scale = 1,
                          .is_jump_allowed = true,
                          .session_limit_status = 401};
    int option, at = 0;
    while ((option = getopt_long(argc, argv, "", long_options, &at)) != -1) {
        if (option == HELP) {
            fputs(help, stdout);
            return 1;
        }
        if (option == '?') return 3;
        if (option == CATALOGUE && print_catalogue(optarg)) return 1;
        if (!read_option(option, optarg, o, &counts)) {
            fprintf(stderr, "logikal-sim: --%s: \"%s\" is not valid; see --help\n", long_options[at].name, optarg);
            return 3;
        }
    }
    if (optind < argc) {
        fprintf(stderr, "logikal-sim: \"%s\" is not expected; see --help\n", argv[optind]);
        return 3;
    }
    if (!make_shape(&counts, o)) {
        fputs("logikal-sim: the counts do not fit: elevations need a phase to be in, at most 100 million of each\n",
              stderr);
        return 3;
    }
    return 0;
}
