/* The root is preopened as "/": it is empty, and files can be made in it. */
#include <dirent.h>
#include "check.h"

int main(void) {
  fd_t root = preopen("/");
  DIR *dir = opendir("/");
  check(dir != NULL);
  int entries = 0;
  while (readdir(dir)) entries++;
  check(entries == 2);
  closedir(dir);
  put(root, "made", "1");
  FILE *file = fopen("/made", "r");
  check(file != NULL && fgetc(file) == '1');
  return 0;
}
