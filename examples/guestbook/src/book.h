/*
 * The book: an append-only file of records, one a line, each with a checksum. A record is written in one piece and synced before
 * it counts; a line that a crash or a full disk tore does not match its checksum and is passed over. Several instances may append at
 * once.
 *
 *     checksum TAB "E" TAB id TAB time_ms TAB stamp TAB name TAB message      an entry
 *     checksum TAB "H" TAB id TAB time_ms                                     a heart for an entry
 *
 * checksum: CRC-32 of what follows its tab, 8 hex digits. In name and message \n, \t and \ are written as \\n, \\t, \\\\.
 */
#ifndef GUESTBOOK_BOOK_H
#define GUESTBOOK_BOOK_H

#include "wasi_http.h"

enum {
  BOOK_NAME_BYTES = 80,
  BOOK_MESSAGE_BYTES = 1500,
  BOOK_ID_BYTES = 16,
  BOOK_STAMP_BYTES = 15,
  BOOK_FILE_BYTES = 4 * 1024 * 1024, /* read by a fresh instance: bounds its start and its memory */
  BOOK_ENTRIES_PER_MINUTE = 30,      /* of all visitors together: an evening's rush, no flood */
  BOOK_HEARTS_PER_MINUTE = 240,
};

typedef struct {
  char id[BOOK_ID_BYTES + 1];
  char stamp[BOOK_STAMP_BYTES + 1];
  int64_t time_ms;
  unsigned hearts;
  http_text name, message;
} book_entry;

typedef enum { BOOK_OK, BOOK_BROKEN, BOOK_FULL, BOOK_TOO_FAST, BOOK_UNKNOWN } book_result;

/* Reads what was appended since the last call. BOOK_BROKEN when the file cannot be opened or read. */
book_result book_refresh(void);
/* Entries in the order in which they were written; the newest is at `book_count() - 1`. Valid until the next refresh. */
size_t book_count(void);
const book_entry *book_at(size_t index);
/* The index of an entry, or -1. */
ptrdiff_t book_find(http_text id);
/* Appends an entry, durably. The same name and message twice within a minute are one entry. `index` is where it stands then. */
book_result book_add(http_text name, http_text message, const char *stamp, size_t *index);
/* Appends a heart, durably. */
book_result book_heart(http_text id, size_t *index);
/* Writes the records as text to the client, in pieces. */
book_result book_export(http_exchange *x);
/* Milliseconds since 1970. */
int64_t book_now(void);

#endif
