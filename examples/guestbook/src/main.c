/*
 * A guest book: what it does with each request. State is one file in the volume at /data (book.c), the look comes from the static
 * mount (served by the gateway), title and texts from the config mount at /etc/app, and GUESTBOOK_OPEN=no makes it read-only.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "book.h"
#include "page.h"
#include "text.h"
#include "wasi_http.h"

enum { BODY_BYTES = 16 * 1024, CONFIG_BYTES = 4 * 1024, LIST_DEFAULT = 50, LIST_MOST = 200 };

static const char NO_SCRIPTS_FROM_ELSEWHERE[] =
    "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; connect-src 'self'; form-action 'self'; "
    "base-uri 'none'; frame-ancestors 'none'";

static void answer(http_exchange *x, unsigned status, const char *type) {
  http_status(x, status);
  http_add_header(x, "content-type", type);
  http_add_header(x, "cache-control", "no-store");
  http_add_header(x, "content-security-policy", NO_SCRIPTS_FROM_ELSEWHERE);
  http_add_header(x, "x-content-type-options", "nosniff");
  http_add_header(x, "referrer-policy", "same-origin");
}
static void answer_html(http_exchange *x, unsigned status) { answer(x, status, "text/html; charset=utf-8"); }
static void answer_json(http_exchange *x, unsigned status) { answer(x, status, "application/json"); }

static void refuse(http_exchange *x, unsigned status, const char *code, const char *message) {
  answer_json(x, status);
  if (status == 429) http_add_header(x, "retry-after", "30");
  http_writef(x, "{\"error\":\"%s\",\"message\":\"%s\"}\n", code, message);
}

/* --- configuration ----------------------------------------------------------------------------------------------------- */

static void read_config(page_config *config) {
  char json[CONFIG_BYTES];
  ssize_t len = 0;
  int file = open("/etc/app/config.json", O_RDONLY);
  if (file >= 0) {
    len = read(file, json, sizeof json);
    close(file);
  }
  http_text text = {json, len > 0 ? (size_t)len : 0};
  if (json_string(text, "title", config->title, sizeof config->title) < 0) strcpy(config->title, "Guest book");
  if (json_string(text, "subtitle", config->subtitle, sizeof config->subtitle) < 0) config->subtitle[0] = 0;
  if (json_string(text, "question", config->question, sizeof config->question) < 0) strcpy(config->question, "Your message");
  if (json_string(text, "version", config->version, sizeof config->version) < 0) strcpy(config->version, "unknown");
  const char *open_for_all = getenv("GUESTBOOK_OPEN");
  config->open = !open_for_all || strcmp(open_for_all, "no") != 0;
}

static void say(const char *what, const char *id) {
  const char *level = getenv("LOG");
  if (level && strcmp(level, "info") == 0) printf("%s %s\n", what, id), fflush(stdout);
}

/* --- entries ----------------------------------------------------------------------------------------------------------- */

static void write_entry(http_exchange *x, const book_entry *entry) {
  http_writef(x, "{\"id\":\"%s\",\"time_ms\":%lld,\"stamp\":\"%s\",\"hearts\":%u,\"name\":", entry->id, (long long)entry->time_ms,
              stamp_named((http_text){entry->stamp, strlen(entry->stamp)}), entry->hearts);
  write_json(x, entry->name);
  http_write_text(x, ",\"message\":");
  write_json(x, entry->message);
  http_write_text(x, "}");
}

/* Where a list ends that shows what is older than the entry named by `?before=`. */
static size_t list_end(http_exchange *x) {
  char id[BOOK_ID_BYTES];
  ptrdiff_t len = http_form_field(http_query(x), "before", id, sizeof id);
  ptrdiff_t found = len < 0 ? -1 : book_find((http_text){id, (size_t)len});
  return found < 0 ? book_count() : (size_t)found;
}

static void get_entries(http_exchange *x, const page_config *config) {
  char text[8];
  ptrdiff_t len = http_form_field(http_query(x), "limit", text, sizeof text - 1);
  long limit = len > 0 ? (text[len] = 0, strtol(text, NULL, 10)) : LIST_DEFAULT;
  if (limit < 1 || limit > LIST_MOST) return refuse(x, 400, "invalid", "limit is a number from 1 to 200.");
  size_t end = list_end(x), first = end > (size_t)limit ? end - (size_t)limit : 0;
  answer_json(x, 200);
  http_write_text(x, "{\"title\":");
  write_json(x, (http_text){config->title, strlen(config->title)});
  http_writef(x, ",\"total\":%zu,\"entries\":[", book_count());
  for (size_t i = end; i-- > first;) {
    write_entry(x, book_at(i));
    if (i > first) http_write(x, ",", 1);
  }
  http_write_text(x, "],\"next\":");
  if (first) http_writef(x, "\"/api/entries?limit=%ld&before=%s\"}\n", limit, book_at(first)->id);
  else http_write_text(x, "null}\n");
}

typedef struct {
  char name[BODY_BYTES], message[BODY_BYTES], stamp[32], website[8];
  ptrdiff_t name_len, message_len, stamp_len, website_len;
} submission;

/* Takes the fields from a form or a JSON body. False when it is neither, well-formed. */
static bool read_fields(submission *s, http_text body, bool json) {
#define FIELD(field)                                                               \
  s->field##_len = json ? json_string(body, #field, s->field, sizeof s->field) \
                        : http_form_field(body, #field, s->field, sizeof s->field)
  FIELD(name);
  FIELD(message);
  FIELD(stamp);
  FIELD(website);
#undef FIELD
  return s->name_len != -2 && s->message_len != -2 && s->stamp_len != -2;
}

/* Why an entry is refused; NULL when it is fine. Tidies it. */
static const char *problem_of(submission *s) {
  if (!http_is_utf8((http_text){s->name, s->name_len > 0 ? (size_t)s->name_len : 0}) ||
      !http_is_utf8((http_text){s->message, s->message_len > 0 ? (size_t)s->message_len : 0})) {
    return "The text is not valid UTF-8.";
  }
  s->name_len = s->name_len > 0 ? (ptrdiff_t)tidy_text(s->name, (size_t)s->name_len, false) : 0;
  s->message_len = s->message_len > 0 ? (ptrdiff_t)tidy_text(s->message, (size_t)s->message_len, true) : 0;
  if (!s->name_len) return "Please write your name.";
  if (!s->message_len) return "Please write a few words.";
  if (s->name_len > BOOK_NAME_BYTES) return "That name is too long: 40 letters fit.";
  if (s->message_len > BOOK_MESSAGE_BYTES) return "That message is too long: about 500 letters fit.";
  return NULL;
}

static const char *sorry(book_result result) {
  switch (result) {
    case BOOK_FULL: return "The book is full: its volume or its 4 MB are used up.";
    case BOOK_TOO_FAST: return "So many at once: please try again in half a minute.";
    case BOOK_UNKNOWN: return "There is no such card.";
    default: return "The book cannot be written just now.";
  }
}
static unsigned status_of(book_result result) {
  return result == BOOK_FULL ? 507 : result == BOOK_TOO_FAST ? 429 : result == BOOK_UNKNOWN ? 404 : 503;
}
static const char *code_of(book_result result) {
  return result == BOOK_FULL ? "full" : result == BOOK_TOO_FAST ? "too_fast" : result == BOOK_UNKNOWN ? "not_found" : "unavailable";
}

static void see(http_exchange *x, const char *id) {
  char location[BOOK_ID_BYTES + 8];
  snprintf(location, sizeof location, id ? "/#c%s" : "/", id);
  answer_html(x, 303);
  http_add_header(x, "location", location);
}

static void post_entry(http_exchange *x, const page_config *config, bool json) {
  static submission s; /* too large for the stack */
  static char body[BODY_BYTES];
  http_text type = {NULL, 0};
  http_header(x, "content-type", &type);
  const char *wanted = json ? "application/json" : "application/x-www-form-urlencoded";
  if (!http_starts_with_any_case(type, wanted)) return refuse(x, 415, "type", json ? "Send application/json." : "Send the form.");
  if (!config->open) return refuse(x, 403, "closed", "The book takes no new cards just now.");
  ptrdiff_t len = http_read_all(x, body, sizeof body);
  if (len == -1) return refuse(x, 400, "broken", "The body broke off.");
  if (len == -2) return refuse(x, 413, "too_large", "A card is at most 16 KiB.");
  if (!read_fields(&s, (http_text){body, (size_t)len}, json)) return refuse(x, 400, "invalid", "The body is not well-formed.");
  const char *problem = problem_of(&s);
  http_text name = {s.name, (size_t)s.name_len}, message = {s.message, (size_t)s.message_len};
  size_t index = 0;
  book_result result = BOOK_OK;
  bool trapped = s.website_len > 0 || s.website_len == -2; /* only a machine fills that field in */
  if (!problem && trapped) return see(x, NULL);
  if (!problem) {
    http_text stamp = {s.stamp, s.stamp_len > 0 ? (size_t)s.stamp_len : 0};
    result = book_add(name, message, stamp_named(stamp), &index);
    if (result != BOOK_OK) problem = sorry(result);
  }
  if (problem) {
    unsigned status = result == BOOK_OK ? 422 : status_of(result);
    if (json) return refuse(x, status, result == BOOK_OK ? "invalid" : code_of(result), problem);
    answer_html(x, status);
    return page_book(x, config, book_count(), &(page_draft){problem, name, message});
  }
  say("card", book_at(index)->id);
  if (!json) return see(x, book_at(index)->id);
  answer_json(x, 201);
  write_entry(x, book_at(index));
  http_write_text(x, "\n");
}

static void post_heart(http_exchange *x, const page_config *config, http_text id) {
  size_t index = 0;
  http_text accept = {NULL, 0};
  if (!config->open) return refuse(x, 403, "closed", "The book is read-only just now.");
  book_result result = book_heart(id, &index);
  if (result != BOOK_OK) return refuse(x, status_of(result), code_of(result), sorry(result));
  if (http_header(x, "accept", &accept) && http_starts_with_any_case(accept, "text/html")) return see(x, book_at(index)->id);
  answer_json(x, 200);
  http_writef(x, "{\"id\":\"%s\",\"hearts\":%u}\n", book_at(index)->id, book_at(index)->hearts);
}

/* --- routes ------------------------------------------------------------------------------------------------------------ */

static void health(http_exchange *x, const page_config *config, book_result book) {
  answer_json(x, book == BOOK_OK ? 200 : 503);
  http_writef(x, "{\"status\":\"%s\",\"entries\":%zu,\"version\":", book == BOOK_OK ? "ok" : "broken", book_count());
  write_json(x, (http_text){config->version, strlen(config->version)});
  http_write_text(x, "}\n");
}

static void export_book(http_exchange *x) {
  answer(x, 200, "text/plain; charset=utf-8");
  book_export(x);
}

/* A browser says where a form was sent from; one on another site must not write here. */
static bool from_elsewhere(http_exchange *x) {
  http_text site = {NULL, 0};
  return http_header(x, "sec-fetch-site", &site) && !http_is(site, "same-origin") && !http_is(site, "none");
}

static void get(http_exchange *x, const page_config *config, http_text path) {
  if (http_is(path, "/")) {
    answer_html(x, 200);
    page_book(x, config, list_end(x), NULL);
  } else if (http_is(path, "/cards")) {
    answer_html(x, 200);
    page_cards(x, book_count());
  } else if (http_is(path, "/api/entries")) {
    get_entries(x, config);
  } else if (http_is(path, "/api/export")) {
    export_book(x);
  } else if (http_starts_with(path, "/api/")) {
    refuse(x, 404, "not_found", "There is no such resource.");
  } else {
    answer_html(x, 404);
    page_notice(x, config, "Not on this wall", "The page you asked for does not exist.");
  }
}

static void post(http_exchange *x, const page_config *config, http_text path) {
  static const char ENTRIES[] = "/api/entries/", HEART[] = "/heart";
  size_t before = sizeof ENTRIES - 1, after = sizeof HEART - 1;
  if (from_elsewhere(x)) return refuse(x, 403, "cross_site", "Cards are written on this site alone.");
  if (http_is(path, "/")) return post_entry(x, config, false);
  if (http_is(path, "/api/entries")) return post_entry(x, config, true);
  if (http_starts_with(path, ENTRIES) && path.len == before + BOOK_ID_BYTES + after &&
      memcmp(path.data + path.len - after, HEART, after) == 0) {
    return post_heart(x, config, (http_text){path.data + before, BOOK_ID_BYTES});
  }
  refuse(x, 404, "not_found", "There is nothing to write to.");
}

void http_handle(http_exchange *x) {
  page_config config;
  read_config(&config);
  book_result book = book_refresh();
  http_text method = http_method(x), path = http_path(x);
  bool reads = http_is(method, "GET") || http_is(method, "HEAD");
  if (reads && http_is(path, "/healthz")) return health(x, &config, book);
  if (book != BOOK_OK) return refuse(x, 503, "unavailable", "The book cannot be read just now.");
  if (reads) return get(x, &config, path);
  if (http_is(method, "POST")) return post(x, &config, path);
  refuse(x, 405, "method", "Only GET, HEAD and POST are answered.");
  http_add_header(x, "allow", "GET, HEAD, POST");
}
