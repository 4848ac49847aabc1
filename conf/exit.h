/* How our programs and roles end, in the numbers of sysexits.h; exit_words.c of the supervisor says them to people. */
#ifndef LOGIKALD_CONF_EXIT_H
#define LOGIKALD_CONF_EXIT_H

enum exit_code {
    EXIT_FAILED = 1,       /* asked, and the answer is no: a task that failed, a server that is not well */
    EXIT_USAGE = 64,       /* the command line cannot be understood */
    EXIT_NO_SUCH = 66,     /* what was named is not there */
    EXIT_UNAVAILABLE = 69, /* what is needed does not answer */
    EXIT_INTERNAL = 70,    /* no memory, or what cannot be; also an essential child that stays away */
    EXIT_CONFIG = 78,      /* the configuration was refused */
    EXIT_PREPARE = 126,    /* a process could not be made ready to run its program */
    EXIT_EXEC = 127,       /* the program could not be executed */
};

#endif
