/* Takes known secrets out of texts: what stands in the settings, in the environment behind the name of a secret, or was
 * named by the caller. Found as they are, and as URLs (%41), JSON (\u0041, \") and HTML (&amp;) write them; besides
 * them what hide.h knows by its place. */
#ifndef LOGIKALD_CONF_SCRUB_H
#define LOGIKALD_CONF_SCRUB_H

#include <stdbool.h>
#include <stddef.h>

#include "conf/text/buf.h"

struct conf;

struct scrub {
    struct scrub_secret *secrets;
    size_t count, room;
    bool failed; /* no memory: scrub_text then gives nothing away */
};

/* Shorter ones than this are taken out only where they stand alone, like words. */
#define SCRUB_WORD_BYTES 6

/* Notes a secret; nothing is done for an empty one, or one that is known. */
void scrub_add(struct scrub *s, const char *secret, size_t len);
/* Secret settings, passwords of URLs in all of them, secrets in the environment of programs. */
void scrub_add_conf(struct scrub *s, const struct conf *conf);
/* Variables of this process whose names sound like a secret, or that the configuration takes secrets from. */
void scrub_add_environment(struct scrub *s, const struct conf *conf);
const char *scrub_secret(const struct scrub *s, size_t index, size_t *len); /* of count */
void scrub_free(struct scrub *s);

/* Adds len bytes of text to out, with stars for secrets. False, and nothing added, without memory. */
bool scrub_text(const struct scrub *s, struct buf *out, const char *text, size_t len);

#endif
