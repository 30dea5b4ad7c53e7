/* Copies stdin to stdout, and says on stderr how much. */
#include <stdio.h>

int main(void) {
  static char buffer[65536];
  size_t n, total = 0;
  while ((n = fread(buffer, 1, sizeof buffer, stdin)) > 0) {
    if (fwrite(buffer, 1, n, stdout) != n) return 1;
    total += n;
  }
  fflush(stdout);
  fprintf(stderr, "%zu bytes\n", total);
  return 0;
}
