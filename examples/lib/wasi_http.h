/*
 * wasi_http: answer HTTP requests from C as a WASI 0.2 component (wasi:http/incoming-handler), without generated bindings.
 *
 * An application defines `http_handle`; this file's counterpart exports the component's entry point, and frees and closes
 * what the request left open when `http_handle` returns. Strings that come from a request are UTF-8 or bytes with a length,
 * never 0-terminated, and live until `http_handle` returns.
 */
#ifndef WASI_HTTP_H
#define WASI_HTTP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Bytes with a length; `data` may be NULL when `len` is 0. */
typedef struct {
  const char *data;
  size_t len;
} http_text;

/* One request being answered: what was asked, and the response under construction. */
typedef struct http_exchange http_exchange;

/* To be defined by the application. A request for which no status was set is answered 500. */
void http_handle(http_exchange *x);

/* --- the request ------------------------------------------------------------------------------------------------------- */

/* The method in capitals ("GET"). */
http_text http_method(http_exchange *x);
/* The path up to the first `?`, still percent-encoded; "/" when there is none. */
http_text http_path(http_exchange *x);
/* What follows the first `?`; empty when there is none. */
http_text http_query(http_exchange *x);
/* The host and port that was asked; empty when unknown. */
http_text http_authority(http_exchange *x);
/* The first value of header `name` (any case); false when it is absent. One request can ask 16 times. */
bool http_header(http_exchange *x, const char *name, http_text *value);

/* Reads up to `capacity` bytes of the body and waits for at least one: bytes read, 0 at the end, -1 when the body broke off. */
ptrdiff_t http_read(http_exchange *x, void *buffer, size_t capacity);
/* Reads the whole body: its length, -1 when it broke off, -2 when it is longer than `capacity`. */
ptrdiff_t http_read_all(http_exchange *x, void *buffer, size_t capacity);

/* --- the response ------------------------------------------------------------------------------------------------------ */

/* Sets the status. Only before the first byte of the body has left. */
void http_status(http_exchange *x, unsigned status);
/* Adds a header. False when the host refuses it (bad syntax, forbidden) or the head was sent already. */
bool http_add_header(http_exchange *x, const char *name, const char *value);
/*
 * Writes body bytes. They leave in pieces of up to 16 KiB; a body smaller than that is sent with its content-length. Of the
 * answer to a HEAD request only the head leaves, with the length that the body would have had.
 */
void http_write(http_exchange *x, const void *data, size_t len);
void http_write_text(http_exchange *x, const char *text);
/* printf into the body; one call makes at most 4 KiB. */
void http_writef(http_exchange *x, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Sends the head and everything written so far, for a response that is produced over time. False when the client is gone. */
bool http_flush(http_exchange *x);

/* --- text -------------------------------------------------------------------------------------------------------------- */

/* True when `text` is exactly `literal`. */
bool http_is(http_text text, const char *literal);
/* True when `text` begins with `prefix`. */
bool http_starts_with(http_text text, const char *prefix);
/* True when `text` begins with `prefix` in any case. */
bool http_starts_with_any_case(http_text text, const char *prefix);
/*
 * The value of field `name` in form-encoded text ("a=1&b=two+words"), decoded into `out`.
 * Its length; -1 when absent; -2 when longer than `capacity` or wrongly encoded.
 */
ptrdiff_t http_form_field(http_text form, const char *name, char *out, size_t capacity);
/* True when `text` is well-formed UTF-8 (no overlong forms, no surrogates). */
bool http_is_utf8(http_text text);

#endif
