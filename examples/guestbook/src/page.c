#include "page.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "book.h"
#include "text.h"

const char *const STAMPS[] = {"sun", "boat", "wave", "leaf", "star", "heart", NULL};

const char *stamp_named(http_text name) {
  for (size_t i = 0; STAMPS[i]; i++)
    if (http_is(name, STAMPS[i])) return STAMPS[i];
  return STAMPS[0];
}

static http_text text_of(const char *text) { return (http_text){text, strlen(text)}; }

static void page_head(http_exchange *x, const page_config *config) {
  http_write_text(x,
                  "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
                  "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
                  "<meta name=\"color-scheme\" content=\"light dark\">\n<title>");
  write_html(x, text_of(config->title));
  http_write_text(x,
                  "</title>\n<link rel=\"icon\" href=\"/favicon.svg\" type=\"image/svg+xml\">\n"
                  "<link rel=\"stylesheet\" href=\"/style.css\">\n<script src=\"/app.js\" type=\"module\"></script>\n"
                  "</head>\n<body>\n<header class=\"masthead\">\n<a class=\"home\" href=\"/\"><h1>");
  write_html(x, text_of(config->title));
  http_write_text(x, "</h1></a>\n<p>");
  write_html(x, text_of(config->subtitle));
  http_write_text(x, "</p>\n</header>\n");
}

static void page_foot(http_exchange *x, const page_config *config) {
  http_write_text(x, "<footer class=\"foot\"><span>Version ");
  write_html(x, text_of(config->version));
  http_write_text(x,
                  "</span><a href=\"/api/entries\">as JSON</a><a href=\"/api/export\">the whole book as text</a></footer>\n"
                  "</body>\n</html>\n");
}

static void write_stamp(http_exchange *x, const char *stamp, const char *class) {
  http_writef(x, "<svg class=\"%s\" viewBox=\"0 0 48 48\" aria-hidden=\"true\"><use href=\"/stamps.svg#%s\"/></svg>", class, stamp);
}

static void write_form(http_exchange *x, const page_config *config, const page_draft *draft) {
  http_write_text(x, "<form class=\"write\" method=\"post\" action=\"/\">\n<h2>Leave a card</h2>\n<p class=\"problem\" role=\"alert\">");
  if (draft && draft->problem) write_html(x, text_of(draft->problem));
  http_write_text(x,
                  "</p>\n<label for=\"name\">Your name</label>\n"
                  "<input id=\"name\" name=\"name\" required maxlength=\"40\" autocomplete=\"nickname\" value=\"");
  if (draft) write_html(x, draft->name);
  http_write_text(x, "\">\n<label for=\"message\">");
  write_html(x, text_of(config->question));
  http_write_text(x, "</label>\n<textarea id=\"message\" name=\"message\" required maxlength=\"500\" rows=\"5\">\n");
  if (draft) write_html(x, draft->message);
  http_write_text(x, "</textarea>\n<p class=\"trap\" aria-hidden=\"true\"><label>Leave this empty <input name=\"website\" tabindex=\"-1\" autocomplete=\"off\"></label></p>\n"
                     "<fieldset><legend>Pick a stamp</legend><div class=\"stamps\">\n");
  for (size_t i = 0; STAMPS[i]; i++) {
    http_writef(x, "<label><input type=\"radio\" name=\"stamp\" value=\"%s\"%s aria-label=\"%s\">", STAMPS[i], i ? "" : " checked", STAMPS[i]);
    write_stamp(x, STAMPS[i], "stamp");
    http_write_text(x, "</label>\n");
  }
  http_write_text(x, "</div></fieldset>\n<button>Put it on the wall</button>\n<p class=\"left\" aria-live=\"polite\"></p>\n</form>\n");
}

static void write_card(http_exchange *x, const book_entry *entry) {
  char machine[32], human[32];
  time_t seconds = (time_t)(entry->time_ms / 1000);
  struct tm parts;
  gmtime_r(&seconds, &parts);
  strftime(machine, sizeof machine, "%Y-%m-%dT%H:%M:%SZ", &parts);
  strftime(human, sizeof human, "%e %b %Y", &parts);
  http_writef(x, "<article class=\"card\" id=\"c%s\">\n", entry->id);
  write_stamp(x, stamp_named(text_of(entry->stamp)), "stamp");
  http_write_text(x, "<h3>");
  write_html(x, entry->name);
  http_writef(x, "</h3>\n<time datetime=\"%s\">%s</time>\n<p>", machine, human);
  write_html(x, entry->message);
  http_writef(x,
              "</p>\n<form method=\"post\" action=\"/api/entries/%s/heart\"><button class=\"like\" title=\"Send a heart\">"
              "<svg viewBox=\"0 0 48 48\" aria-hidden=\"true\"><use href=\"/stamps.svg#like\"/></svg>"
              "<span>%u</span><span class=\"only-heard\"> hearts</span></button></form>\n</article>\n",
              entry->id, entry->hearts);
}

void page_cards(http_exchange *x, size_t end) {
  size_t shown = 0;
  for (size_t i = end; i-- > 0 && shown < PAGE_CARDS; shown++) write_card(x, book_at(i));
  if (end == 0) http_write_text(x, "<p class=\"empty\">No card yet. Yours would be the first.</p>\n");
  if (end > PAGE_CARDS) {
    http_writef(x, "<p class=\"older\"><a href=\"/?before=%s\">Older cards</a></p>\n", book_at(end - PAGE_CARDS)->id);
  }
}

void page_book(http_exchange *x, const page_config *config, size_t end, const page_draft *draft) {
  page_head(x, config);
  http_write_text(x, "<main>\n");
  if (config->open) {
    write_form(x, config, draft);
  } else {
    http_write_text(x, "<section class=\"write\"><h2>The book is closed</h2><p>It can be read, but takes no new cards just now.</p></section>\n");
  }
  size_t all = book_count();
  http_writef(x, "<section class=\"wall\" aria-label=\"Cards\"><p class=\"count\"><b>%zu</b> %s on the wall</p>\n", all,
              all == 1 ? "card" : "cards");
  http_writef(x, "<div class=\"cards\"%s>\n", end == all ? " data-live" : "");
  page_cards(x, end);
  http_write_text(x, "</div>\n</section>\n</main>\n");
  page_foot(x, config);
}

void page_notice(http_exchange *x, const page_config *config, const char *title, const char *text) {
  page_head(x, config);
  http_writef(x, "<main class=\"notice\"><section class=\"write\"><h2>%s</h2><p>%s</p><p><a href=\"/\">Back to the wall</a></p></section></main>\n",
              title, text);
  page_foot(x, config);
}
