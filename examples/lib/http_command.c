/*
 * wasi_http.h for a command, one request a run: the request comes by environment and stdin, the answer goes to stdout. With it an
 * application is tested as a plain preview 1 module.
 *
 *     METHOD, TARGET (path with query), AUTHORITY, HEADER_<NAME> (capitals, - as _)   →   "status\nname: value\n…\n\nbody"
 */
#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "wasi_http.h"

struct http_exchange {
  unsigned status;
  bool head_sent;
  size_t head_len, body_len;
  char head[4096];
  char body[1 << 20];
};

static http_text text_of(const char *text, const char *fallback) {
  if (!text) text = fallback;
  return (http_text){text, strlen(text)};
}

http_text http_method(http_exchange *x) { return (void)x, text_of(getenv("METHOD"), "GET"); }
http_text http_authority(http_exchange *x) { return (void)x, text_of(getenv("AUTHORITY"), ""); }

http_text http_path(http_exchange *x) {
  (void)x;
  http_text target = text_of(getenv("TARGET"), "/");
  return (http_text){target.data, strcspn(target.data, "?")};
}

http_text http_query(http_exchange *x) {
  (void)x;
  http_text target = text_of(getenv("TARGET"), "/");
  size_t path = strcspn(target.data, "?");
  return path == target.len ? (http_text){NULL, 0} : text_of(target.data + path + 1, "");
}

bool http_header(http_exchange *x, const char *name, http_text *value) {
  char key[64] = "HEADER_";
  (void)x;
  for (size_t i = 0; name[i] && i < sizeof key - 8; i++) key[7 + i] = name[i] == '-' ? '_' : (char)toupper(name[i]);
  const char *found = getenv(key);
  if (found) *value = text_of(found, "");
  return found != NULL;
}

ptrdiff_t http_read(http_exchange *x, void *buffer, size_t capacity) { return (void)x, read(0, buffer, capacity); }

ptrdiff_t http_read_all(http_exchange *x, void *buffer, size_t capacity) {
  size_t len = 0;
  ptrdiff_t got;
  char probe;
  while (len < capacity && (got = http_read(x, (char *)buffer + len, capacity - len)) > 0) len += (size_t)got;
  return len == capacity && http_read(x, &probe, 1) > 0 ? -2 : (ptrdiff_t)len;
}

void http_status(http_exchange *x, unsigned status) { x->status = status; }

bool http_add_header(http_exchange *x, const char *name, const char *value) {
  int len = snprintf(x->head + x->head_len, sizeof x->head - x->head_len, "%s: %s\n", name, value);
  if (len < 0 || x->head_len + (size_t)len >= sizeof x->head) abort();
  x->head_len += (size_t)len;
  return true;
}

void http_write(http_exchange *x, const void *data, size_t len) {
  if (len > sizeof x->body - x->body_len) abort();
  memcpy(x->body + x->body_len, data, len);
  x->body_len += len;
}

void http_write_text(http_exchange *x, const char *text) { http_write(x, text, strlen(text)); }

void http_writef(http_exchange *x, const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  int len = vsnprintf(x->body + x->body_len, sizeof x->body - x->body_len, format, arguments);
  va_end(arguments);
  if (len < 0 || (size_t)len >= sizeof x->body - x->body_len) abort();
  x->body_len += (size_t)len;
}

bool http_flush(http_exchange *x) { return (void)x, true; }

int main(void) {
  static http_exchange x;
  http_handle(&x);
  printf("%u\n%.*s\n", x.status ? x.status : 500, (int)x.head_len, x.head);
  if (!http_is(http_method(&x), "HEAD")) fwrite(x.body, 1, x.body_len, stdout);
  return fflush(stdout) != 0;
}
