/* Text in and out: a small JSON reader, writers that escape, and a buffer of fixed size. */
#ifndef GUESTBOOK_TEXT_H
#define GUESTBOOK_TEXT_H

#include "wasi_http.h"

/*
 * The string member `name` of a flat JSON object, decoded to UTF-8 with a 0 at its end. Its length; -1 when it is absent or not
 * a string; -2 when the text is not a flat JSON object (values: strings, numbers, true, false, null) or `out` is too small.
 */
ptrdiff_t json_string(http_text json, const char *name, char *out, size_t capacity);

/* Writes a JSON string with its quotes. `<` is escaped too: the text may stand inside HTML. */
void write_json(http_exchange *x, http_text text);
/* Writes text into HTML: between tags or in a quoted attribute. */
void write_html(http_exchange *x, http_text text);

/*
 * Makes what a person typed presentable, in place: no control or direction-override characters, line ends as \n, no more than one
 * empty line in a row (`lines`) or none at all, nothing at either end. Returns the new length; the text must be UTF-8.
 */
size_t tidy_text(char *text, size_t len, bool lines);

#endif
