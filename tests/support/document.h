/* Documents in which what was measured stands between two lines that mark it. */
#ifndef LOGIKALD_TESTS_SUPPORT_DOCUMENT_H
#define LOGIKALD_TESTS_SUPPORT_DOCUMENT_H

/* Puts the text in the place of what stands between the two lines (with their newlines); fails the test when they are
 * not there. */
void document_put(const char *path, const char *begin, const char *end, const char *text);

#endif
