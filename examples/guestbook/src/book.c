#include "book.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static const char PATH[] = "/data/guestbook.log";
enum { RECORD_BYTES = 4096, MINUTE_MS = 60 * 1000 };

/* What was read so far. A fresh instance begins empty; one that is kept continues at `read_to`. */
static struct {
  book_entry *entries;
  size_t count, capacity;
  off_t read_to; /* the end of the last whole line */
  int64_t heart_times[BOOK_HEARTS_PER_MINUTE];
  size_t hearts;
} book;

int64_t book_now(void) {
  struct timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

size_t book_count(void) { return book.count; }
const book_entry *book_at(size_t index) { return &book.entries[index]; }

ptrdiff_t book_find(http_text id) {
  if (id.len != BOOK_ID_BYTES) return -1;
  for (size_t i = book.count; i-- > 0;)
    if (memcmp(id.data, book.entries[i].id, BOOK_ID_BYTES) == 0) return (ptrdiff_t)i;
  return -1;
}

/* CRC-32 (IEEE 802.3, reflected, polynomial 0xEDB88320), bit by bit: the book is small. */
static uint32_t crc32_of(const char *data, size_t len) {
  uint32_t crc = 0xffffffffu;
  for (size_t i = 0; i < len; i++) {
    crc ^= (unsigned char)data[i];
    for (int bit = 0; bit < 8; bit++) crc = crc >> 1 ^ (0xedb88320u & (0u - (crc & 1)));
  }
  return ~crc;
}

/* --- reading ----------------------------------------------------------------------------------------------------------- */

static http_text next_field(http_text *rest) {
  const char *tab = rest->len ? memchr(rest->data, '\t', rest->len) : NULL;
  http_text field = {rest->data, tab ? (size_t)(tab - rest->data) : rest->len};
  size_t used = field.len + (tab ? 1 : 0);
  *rest = (http_text){rest->data + used, rest->len - used};
  return field;
}

static bool copy_field(http_text field, char *out, size_t capacity) {
  if (field.len > capacity) return false;
  memcpy(out, field.data, field.len);
  out[field.len] = 0;
  return true;
}

static http_text unescaped(http_text field) {
  char *text = malloc(field.len + 1);
  size_t len = 0;
  if (!text) abort();
  for (size_t i = 0; i < field.len; i++) {
    char c = field.data[i];
    if (c == '\\' && i + 1 < field.len) {
      c = field.data[++i];
      c = c == 'n' ? '\n' : c == 't' ? '\t' : c;
    }
    text[len++] = c;
  }
  return (http_text){text, len};
}

static int64_t number_of(http_text field) {
  int64_t value = 0;
  for (size_t i = 0; i < field.len && field.data[i] >= '0' && field.data[i] <= '9'; i++) value = value * 10 + (field.data[i] - '0');
  return value;
}

static void read_record(http_text line) {
  char sum[9];
  http_text whole = line, field = next_field(&whole);
  if (!copy_field(field, sum, 8) || field.len != 8) return;
  char *end;
  if (strtoul(sum, &end, 16) != crc32_of(whole.data, whole.len) || *end) return; /* torn or foreign */
  http_text kind = next_field(&whole), id = next_field(&whole), time = next_field(&whole);
  if (http_is(kind, "H")) {
    ptrdiff_t index = book_find(id);
    if (index < 0) return;
    book.entries[index].hearts++;
    book.heart_times[book.hearts++ % BOOK_HEARTS_PER_MINUTE] = number_of(time);
    return;
  }
  book_entry entry = {.time_ms = number_of(time)};
  if (!http_is(kind, "E") || id.len != BOOK_ID_BYTES || !copy_field(id, entry.id, BOOK_ID_BYTES)) return;
  if (!copy_field(next_field(&whole), entry.stamp, BOOK_STAMP_BYTES)) return;
  if (book.count == book.capacity) {
    book.capacity = book.capacity ? book.capacity * 2 : 64;
    book.entries = realloc(book.entries, book.capacity * sizeof *book.entries);
    if (!book.entries) abort();
  }
  entry.name = unescaped(next_field(&whole));
  entry.message = unescaped(next_field(&whole));
  book.entries[book.count++] = entry;
}

static void forget(void) {
  while (book.count) {
    book.count--;
    free((void *)book.entries[book.count].name.data);
    free((void *)book.entries[book.count].message.data);
  }
  book.read_to = 0;
  book.hearts = 0;
}

static int open_book(int flags) {
  int file = open(PATH, flags, 0600);
  if (file < 0) fprintf(stderr, "cannot open %s: %s\n", PATH, strerror(errno));
  return file;
}

book_result book_refresh(void) {
  struct stat info;
  int file = open_book(O_RDWR | O_CREAT);
  if (file < 0) return BOOK_BROKEN;
  if (fstat(file, &info) != 0) return close(file), BOOK_BROKEN;
  if (info.st_size < book.read_to) forget(); /* restored from a snapshot: another book */
  size_t size = (size_t)(info.st_size - book.read_to);
  if (size == 0) return close(file), BOOK_OK;
  char *text = malloc(size);
  size_t len = 0;
  ssize_t got = 1;
  if (!text) abort();
  while (len < size && (got = pread(file, text + len, size - len, book.read_to + (off_t)len)) > 0) len += (size_t)got;
  close(file);
  if (got < 0) return free(text), BOOK_BROKEN;
  size_t at = 0;
  const char *newline;
  while (at < len && (newline = memchr(text + at, '\n', len - at))) {
    size_t line = (size_t)(newline - text) - at;
    if (line) read_record((http_text){text + at, line});
    at += line + 1;
  }
  book.read_to += (off_t)at;
  free(text);
  return BOOK_OK;
}

/* --- writing ----------------------------------------------------------------------------------------------------------- */

typedef struct {
  char data[RECORD_BYTES];
  size_t len;
} record;

static void put(record *r, const char *data, size_t len) {
  if (len > sizeof r->data - r->len) abort(); /* the limits of book.h keep records smaller */
  memcpy(r->data + r->len, data, len);
  r->len += len;
}

static void put_escaped(record *r, http_text text) {
  for (size_t i = 0; i < text.len; i++) {
    char c = text.data[i];
    if (c == '\n') put(r, "\\n", 2);
    else if (c == '\t') put(r, "\\t", 2);
    else if (c == '\\') put(r, "\\\\", 2);
    else put(r, &c, 1);
  }
}

/* Appends one line in one write and waits until it is on the disk. It begins with a newline: what a crash left before it ends there. */
static book_result append(const record *body) {
  char line[RECORD_BYTES + 16];
  int head = snprintf(line, sizeof line, "\n%08x\t", crc32_of(body->data, body->len));
  memcpy(line + head, body->data, body->len);
  size_t len = (size_t)head + body->len;
  line[len++] = '\n';
  struct stat info;
  int file = open_book(O_WRONLY | O_CREAT | O_APPEND);
  if (file < 0) return BOOK_BROKEN;
  if (fstat(file, &info) == 0 && info.st_size + (off_t)len > BOOK_FILE_BYTES) return close(file), BOOK_FULL;
  bool written = write(file, line, len) == (ssize_t)len && fsync(file) == 0;
  int reason = errno;
  close(file);
  if (written) return book_refresh();
  fprintf(stderr, "cannot append to %s: %s\n", PATH, strerror(reason));
  return reason == ENOSPC || reason == EDQUOT ? BOOK_FULL : BOOK_BROKEN;
}

static bool same(http_text a, http_text b) { return a.len == b.len && memcmp(a.data, b.data, a.len) == 0; }

book_result book_add(http_text name, http_text message, const char *stamp, size_t *index) {
  int64_t now = book_now();
  unsigned recent = 0;
  for (size_t i = book.count; i-- > 0 && book.entries[i].time_ms > now - MINUTE_MS;) {
    recent++;
    if (same(book.entries[i].name, name) && same(book.entries[i].message, message)) return *index = i, BOOK_OK;
  }
  if (recent >= BOOK_ENTRIES_PER_MINUTE) return BOOK_TOO_FAST;
  uint32_t chance;
  char id[BOOK_ID_BYTES + 1], start[64];
  if (getentropy(&chance, sizeof chance) != 0) return BOOK_BROKEN;
  snprintf(id, sizeof id, "%011llx%05x", (unsigned long long)now, (unsigned)(chance & 0xfffff));
  record r = {.len = 0};
  put(&r, start, (size_t)snprintf(start, sizeof start, "E\t%s\t%lld\t%s\t", id, (long long)now, stamp));
  put_escaped(&r, name);
  put(&r, "\t", 1);
  put_escaped(&r, message);
  book_result result = append(&r);
  if (result != BOOK_OK) return result;
  ptrdiff_t found = book_find((http_text){id, BOOK_ID_BYTES});
  return found < 0 ? BOOK_BROKEN : (*index = (size_t)found, BOOK_OK);
}

book_result book_heart(http_text id, size_t *index) {
  ptrdiff_t found = book_find(id);
  if (found < 0) return BOOK_UNKNOWN;
  int64_t now = book_now();
  /* The oldest of the last hearts stands where the next one will. */
  if (book.hearts >= BOOK_HEARTS_PER_MINUTE && book.heart_times[book.hearts % BOOK_HEARTS_PER_MINUTE] > now - MINUTE_MS) {
    return BOOK_TOO_FAST;
  }
  char start[64];
  record r = {.len = 0};
  put(&r, start, (size_t)snprintf(start, sizeof start, "H\t%s\t%lld", book.entries[found].id, (long long)now));
  *index = (size_t)found;
  return append(&r);
}

book_result book_export(http_exchange *x) {
  char piece[8192];
  ssize_t got;
  int file = open_book(O_RDONLY);
  if (file < 0) return BOOK_BROKEN;
  while ((got = read(file, piece, sizeof piece)) > 0) http_write(x, piece, (size_t)got);
  close(file);
  return got < 0 ? BOOK_BROKEN : BOOK_OK;
}
