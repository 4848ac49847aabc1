/* Which build this is. The text is made by the Makefile from the file VERSION and the revision of the sources. */
#ifndef LOGIKALD_CONF_VERSION_H
#define LOGIKALD_CONF_VERSION_H

/* "0.2.0+1a2b3c4": the version, and the revision that this program was built from ("+dev" in builds for tests). */
extern const char version_text[];

#endif
