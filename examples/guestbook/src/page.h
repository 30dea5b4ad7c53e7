/* The guest book as HTML. Everything works without JavaScript; the script in /app.js adds what is pleasant. */
#ifndef GUESTBOOK_PAGE_H
#define GUESTBOOK_PAGE_H

#include "wasi_http.h"

enum { PAGE_CARDS = 24 };

/* What the owner of the book can set: config/config.json, and the environment for whether it takes entries. */
typedef struct {
  char title[80];
  char subtitle[240];
  char question[120];
  char version[32];
  bool open;
} page_config;

/* What a visitor typed and why it was refused, shown again with the form. */
typedef struct {
  const char *problem;
  http_text name, message;
} page_draft;

extern const char *const STAMPS[];
/* The known stamp with that name, or the first. */
const char *stamp_named(http_text name);

/* A whole page: the form and the cards older than index `end`. */
void page_book(http_exchange *x, const page_config *config, size_t end, const page_draft *draft);
/* The newest cards alone, for the script. */
void page_cards(http_exchange *x, size_t end);
/* A page that says one thing. */
void page_notice(http_exchange *x, const page_config *config, const char *title, const char *text);

#endif
