/* The text functions of wasi_http.h: they need nothing of the host and can be tried natively. */
#include "wasi_http.h"

#include <string.h>
#include <strings.h>

bool http_is(http_text text, const char *literal) {
  size_t len = strlen(literal);
  return text.len == len && memcmp(text.data, literal, len) == 0;
}

bool http_starts_with(http_text text, const char *prefix) {
  size_t len = strlen(prefix);
  return text.len >= len && memcmp(text.data, prefix, len) == 0;
}

bool http_starts_with_any_case(http_text text, const char *prefix) {
  size_t len = strlen(prefix);
  return text.len >= len && strncasecmp(text.data, prefix, len) == 0;
}

static int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

static ptrdiff_t form_decode(const char *from, const char *end, char *out, size_t capacity) {
  size_t len = 0;
  for (; from < end; from++) {
    char c = *from;
    if (c == '+') {
      c = ' ';
    } else if (c == '%') {
      if (end - from < 3) return -2;
      int high = hex_digit(from[1]), low = hex_digit(from[2]);
      if (high < 0 || low < 0) return -2;
      c = (char)(high * 16 + low);
      from += 2;
    }
    if (len == capacity) return -2;
    out[len++] = c;
  }
  return (ptrdiff_t)len;
}

ptrdiff_t http_form_field(http_text form, const char *name, char *out, size_t capacity) {
  size_t name_len = strlen(name);
  const char *at = form.data, *end = form.data + form.len;
  while (at < end) {
    const char *stop = memchr(at, '&', (size_t)(end - at));
    if (!stop) stop = end;
    if ((size_t)(stop - at) >= name_len && memcmp(at, name, name_len) == 0) {
      const char *value = at + name_len;
      if (value == stop) return 0;
      if (*value == '=') return form_decode(value + 1, stop, out, capacity);
    }
    at = stop + 1;
  }
  return -1;
}

bool http_is_utf8(http_text text) {
  const unsigned char *s = (const unsigned char *)text.data;
  for (size_t i = 0; i < text.len;) {
    unsigned char c = s[i];
    size_t more = c < 0x80 ? 0 : c >= 0xc2 && c < 0xe0 ? 1 : c >= 0xe0 && c < 0xf0 ? 2 : c >= 0xf0 && c < 0xf5 ? 3 : 4;
    if (more == 4 || text.len - i <= more) return false;
    for (size_t k = 1; k <= more; k++)
      if ((s[i + k] & 0xc0) != 0x80) return false;
    if (c == 0xe0 && s[i + 1] < 0xa0) return false; /* overlong */
    if (c == 0xed && s[i + 1] > 0x9f) return false; /* surrogate */
    if (c == 0xf0 && s[i + 1] < 0x90) return false; /* overlong */
    if (c == 0xf4 && s[i + 1] > 0x8f) return false; /* beyond U+10FFFF */
    i += more + 1;
  }
  return true;
}
