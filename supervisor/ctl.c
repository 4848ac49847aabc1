/* The control client: see ctl.h. `status` reads the snapshot that the supervisor keeps. */
#include "supervisor/ctl.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "conf/conf.h"
#include "ipc/snapshot.h"

#define EXIT_USAGE       64
#define EXIT_UNAVAILABLE 69
#define EXIT_CONFIG      78

int ctl_main(int argc, char **argv)
{
    struct err err = {0};
    if (argc != 2 || strcmp(argv[1], "status") != 0) {
        fputs("usage: logikald ctl status\n", stderr);
        return EXIT_USAGE;
    }
    struct conf_paths paths = conf_paths_from_environment();
    struct conf *conf = conf_load(&paths, &err);
    struct snapshot *s = calloc(1, sizeof *s);
    int status = EXIT_CONFIG;
    if (conf && s) {
        status = snapshot_read(conf_str(conf, SET_RUN_DIR), s, &err) == 0 ? 0 : EXIT_UNAVAILABLE;
        for (int i = 0; i < s->count; i++)
            printf("%-16s %-10s pid %-7d up %" PRId64 " s, %" PRId64 " restarts\n", s->children[i].name,
                   s->children[i].state, s->children[i].pid, s->children[i].uptime_s, s->children[i].restarts);
    }
    if (status) fprintf(stderr, "logikald: %s\n", err.text);
    free(s);
    conf_free(conf);
    return status;
}
