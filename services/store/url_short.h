/* URLs whose path or query may be a secret, as they are shown: scheme and host, and a mark for the rest. SQL. */
#ifndef LOGIKALD_SERVICES_STORE_URL_SHORT_H
#define LOGIKALD_SERVICES_STORE_URL_SHORT_H

/* A column that is one URL. */
#define URL_SHORT(column)                                                                                              \
    "regexp_replace(" column ", '^([a-z0-9+.-]+://)(?:[^/?#]*@)?([^/?#@]*)(?:/(?=.)|[?#@]).*$', '\\1\\2/…', 'i')"

/* All that stand in a text of JSON. */
#define URLS_SHORT(text)                                                                                               \
    "regexp_replace(" text ", '([a-z][a-z0-9+.-]*://)(?:(?:[^\"\\\\/?#]|\\\\.)*@)?([^\"\\\\/?#@]*)"                    \
    "(?:/(?=[^\"])|[?#@]|(?=\\\\))(?:[^\"\\\\]|\\\\.)*', '\\1\\2/…', 'gi')"

#endif
