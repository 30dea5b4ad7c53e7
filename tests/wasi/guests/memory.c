/* Allocates until it is refused, and says how many MiB it got. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int main(void) {
  int mib = 0;
  /* Volatile, or the compiler leaves the whole allocation out. */
  char *volatile block;
  while (mib < 4000 && (block = malloc(1 << 20))) {
    memset(block, 1, 1 << 20);
    mib++;
  }
  printf("%d\n", mib);
  return 0;
}
