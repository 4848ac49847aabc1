/* What a program takes for granted of how it was started, and whether what it printed has arrived. */
#ifndef LOGIKALD_CONF_STREAMS_H
#define LOGIKALD_CONF_STREAMS_H

/* First thing in main. The three standard descriptors are open: else a connection or a file gets one of their numbers,
 * and what is printed goes there. And what it makes it may use itself, whatever the umask. */
void streams_begin(void);
/* Last thing: the exit status, which is EXIT_FAILED instead of 0 when not all that was printed could be written, with
 * the reason on standard error. Who reads only a part of it (head) is no error. */
int streams_end(int status);

#endif
