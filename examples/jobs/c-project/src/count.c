#include "count.h"
#include <ctype.h>

long count_words(FILE *from) {
  long words = 0;
  int inside = 0;
  for (int c = getc(from); c != EOF; c = getc(from)) {
    int space = isspace(c) != 0;
    if (!space && !inside) words++;
    inside = !space;
  }
  return words;
}
