/* Telling the supervisor how we are: the sd_notify(3) text protocol, one datagram a message ("READY=1", "STATUS=...",
 * "WATCHDOG=1", "STOPPING=1", "RELOADING=1"), sent to the socket that NOTIFY_SOCKET names (a path, or "@name" in the
 * abstract namespace), or written to the inherited datagram socket whose number is in LOGIKALD_NOTIFY_FD, which wins.
 */
#ifndef LOGIKALD_IPC_NOTIFY_H
#define LOGIKALD_IPC_NOTIFY_H

#include <stdint.h>

/* Each sends its lines; none blocks; 0 also when nobody listens, -1 when they were lost. */
int notify_ready(const char *status);  /* READY=1 and STATUS= */
int notify_status(const char *status); /* STATUS= */
int notify_stopping(void);
int notify_reloading(int64_t mono_us); /* RELOADING=1 as of this time; READY=1 has to follow */
int notify_watchdog(void);

/* Half of WATCHDOG_USEC when it is meant for this process (WATCHDOG_PID), in milliseconds: how often to ping; 0 =
 * never. */
int64_t notify_watchdog_interval_ms(void);

/* Descriptors passed by LISTEN_FDS/LISTEN_PID: the number of the first listening socket (3), or -1 when there is none.
 * LISTEN_PID is not compared when LOGIKALD_SUPERVISED is set. Sets CLOEXEC on it. */
int notify_listen_fd(void);

#endif
