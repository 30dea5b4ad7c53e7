#include "count.h"
#include <stdlib.h>

static void expect(const char *text, long words) {
  FILE *file = tmpfile();
  if (!file) exit(2);
  fputs(text, file);
  rewind(file);
  long counted = count_words(file);
  fclose(file);
  if (counted == words) return;
  fprintf(stderr, "\"%s\" has %ld words, counted %ld\n", text, words, counted);
  exit(1);
}

int main(void) {
  expect("", 0);
  expect("one", 1);
  expect("  one\ttwo \n three\n", 3);
  puts("all tests passed");
  return 0;
}
