#include "text.h"

#include <string.h>

/* --- JSON in ----------------------------------------------------------------------------------------------------------- */

typedef struct {
  const char *at, *end;
} cursor;

static void skip_space(cursor *c) {
  while (c->at < c->end && strchr(" \t\r\n", *c->at) && *c->at) c->at++;
}

static bool take(cursor *c, char expected) {
  skip_space(c);
  if (c->at == c->end || *c->at != expected) return false;
  c->at++;
  return true;
}

static bool hex4(cursor *c, uint32_t *value) {
  if (c->end - c->at < 4) return false;
  *value = 0;
  for (int i = 0; i < 4; i++) {
    char d = *c->at++;
    int digit = d >= '0' && d <= '9' ? d - '0' : d >= 'a' && d <= 'f' ? d - 'a' + 10 : d >= 'A' && d <= 'F' ? d - 'A' + 10 : -1;
    if (digit < 0) return false;
    *value = *value * 16 + (uint32_t)digit;
  }
  return true;
}

static size_t encode_utf8(uint32_t point, char *out) {
  if (point < 0x80) return out[0] = (char)point, 1;
  if (point < 0x800) return out[0] = (char)(0xc0 | point >> 6), out[1] = (char)(0x80 | (point & 63)), 2;
  if (point < 0x10000) {
    out[0] = (char)(0xe0 | point >> 12), out[1] = (char)(0x80 | (point >> 6 & 63)), out[2] = (char)(0x80 | (point & 63));
    return 3;
  }
  out[0] = (char)(0xf0 | point >> 18), out[1] = (char)(0x80 | (point >> 12 & 63));
  out[2] = (char)(0x80 | (point >> 6 & 63)), out[3] = (char)(0x80 | (point & 63));
  return 4;
}

/* One character of a string, decoded: its bytes, 0 at the closing quote, -1 when malformed. */
static int string_char(cursor *c, char out[4]) {
  if (c->at == c->end || (unsigned char)*c->at < 0x20) return -1;
  char first = *c->at++;
  if (first == '"') return 0;
  if (first != '\\') return out[0] = first, 1;
  if (c->at == c->end) return -1;
  static const char names[] = "\"\\/bfnrt", values[] = "\"\\/\b\f\n\r\t";
  char escape = *c->at++;
  if (escape != 'u') {
    const char *found = escape ? strchr(names, escape) : NULL;
    return found ? (out[0] = values[found - names], 1) : -1;
  }
  uint32_t point, low;
  if (!hex4(c, &point)) return -1;
  if (point >= 0xdc00 && point < 0xe000) return -1;
  if (point >= 0xd800 && point < 0xdc00) {
    if (c->end - c->at < 6 || c->at[0] != '\\' || c->at[1] != 'u') return -1;
    c->at += 2;
    if (!hex4(c, &low) || low < 0xdc00 || low >= 0xe000) return -1;
    point = 0x10000 + ((point - 0xd800) << 10) + (low - 0xdc00);
  }
  return (int)encode_utf8(point, out);
}

/* Reads a string into `out` (with a 0) or over it (`out` NULL): its length, -2 when malformed or too long. */
static ptrdiff_t read_string(cursor *c, char *out, size_t capacity) {
  if (!take(c, '"')) return -2;
  size_t len = 0;
  char bytes[4];
  int n;
  while ((n = string_char(c, bytes)) > 0) {
    if (out) {
      if (len + (size_t)n >= capacity) return -2;
      memcpy(out + len, bytes, (size_t)n);
    }
    len += (size_t)n;
  }
  if (n < 0) return -2;
  if (out) out[len] = 0;
  return (ptrdiff_t)len;
}

/* Passes a number, true, false or null. What exactly it says does not matter here. */
static bool skip_plain(cursor *c) {
  const char *start = c->at;
  while (c->at < c->end && *c->at && strchr("+-.0123456789eEtrufalsn", *c->at)) c->at++;
  return c->at > start;
}

ptrdiff_t json_string(http_text json, const char *name, char *out, size_t capacity) {
  cursor c = {json.data, json.data + json.len};
  ptrdiff_t result = -1;
  if (!take(&c, '{')) return -2;
  if (take(&c, '}')) return skip_space(&c), c.at == c.end ? -1 : -2;
  do {
    char key[32];
    cursor before = (skip_space(&c), c);
    ptrdiff_t key_len = read_string(&c, NULL, 0);
    if (key_len < 0) return -2;
    bool wanted = (size_t)key_len < sizeof key && (read_string(&before, key, sizeof key), strcmp(key, name) == 0);
    if (!take(&c, ':')) return -2;
    skip_space(&c);
    if (c.at < c.end && *c.at == '"') {
      ptrdiff_t len = read_string(&c, wanted ? out : NULL, capacity);
      if (len < 0) return -2;
      if (wanted) result = len;
    } else if (!skip_plain(&c)) {
      return -2;
    }
  } while (take(&c, ','));
  if (!take(&c, '}')) return -2;
  skip_space(&c);
  return c.at == c.end ? result : -2;
}

/* --- out --------------------------------------------------------------------------------------------------------------- */

void write_json(http_exchange *x, http_text text) {
  size_t from = 0;
  http_write(x, "\"", 1);
  for (size_t i = 0; i < text.len; i++) {
    unsigned char c = (unsigned char)text.data[i];
    if (c >= 0x20 && c != '"' && c != '\\' && c != '<' && c != 0x7f) continue;
    http_write(x, text.data + from, i - from);
    http_writef(x, "\\u%04x", c);
    from = i + 1;
  }
  if (text.len > from) http_write(x, text.data + from, text.len - from);
  http_write(x, "\"", 1);
}

void write_html(http_exchange *x, http_text text) {
  size_t from = 0;
  for (size_t i = 0; i < text.len; i++) {
    char c = text.data[i];
    const char *entity = c == '&' ? "&amp;" : c == '<' ? "&lt;" : c == '>' ? "&gt;" : c == '"' ? "&quot;" : c == '\'' ? "&#39;" : NULL;
    if (!entity) continue;
    http_write(x, text.data + from, i - from);
    http_write_text(x, entity);
    from = i + 1;
  }
  if (text.len > from) http_write(x, text.data + from, text.len - from);
}

/* U+202A-202E and U+2066-2069 turn the direction of what follows, also outside of the message; U+FEFF and U+200B hide. */
static bool unwanted3(const unsigned char *s) {
  return (s[0] == 0xe2 && s[1] == 0x80 && ((s[2] >= 0xaa && s[2] <= 0xae) || s[2] == 0x8b)) ||
         (s[0] == 0xe2 && s[1] == 0x81 && s[2] >= 0xa6 && s[2] <= 0xa9) || (s[0] == 0xef && s[1] == 0xbb && s[2] == 0xbf);
}

size_t tidy_text(char *text, size_t len, bool lines) {
  size_t out = 0;
  unsigned newlines = 0;
  for (size_t i = 0; i < len; i++) {
    unsigned char c = (unsigned char)text[i];
    if (len - i >= 3 && c >= 0xe2 && unwanted3((unsigned char *)text + i)) {
      i += 2;
      continue;
    }
    if (c == 0xc2 && i + 1 < len && (unsigned char)text[i + 1] < 0xa0) { /* U+0080-009F: control characters */
      i++;
      continue;
    }
    if (c == '\t' || (c == '\n' && !lines)) c = ' ';
    if (c == 0x7f || (c < 0x20 && c != '\n')) continue;
    if (c == ' ' && (out == 0 || text[out - 1] == '\n')) continue;
    if (c == '\n') {
      while (out && text[out - 1] == ' ') out--;
      if (out == 0 || ++newlines > 2) continue;
    } else {
      newlines = 0;
    }
    text[out++] = (char)c;
  }
  while (out && (text[out - 1] == ' ' || text[out - 1] == '\n')) out--;
  return out;
}
