/* A mount with a quota of 100 KB: full is ENOSPC, and removing makes room. */
#include <errno.h>
#include "check.h"

int main(void) {
  fd_t rw = preopen("/rw");
  static char block[10000];
  memset(block, 'x', sizeof block);
  __wasi_ciovec_t vector = {(const uint8_t *)block, sizeof block};
  size_t n, total = 0;
  fd_t fd = create(rw, "big");
  int result;
  while ((result = __wasi_fd_write(fd, &vector, 1, &n)) == 0 && total < 1000000) total += n;
  check(result == __WASI_ERRNO_NOSPC && total >= 80000 && total <= 100000);
  returns(__WASI_ERRNO_NOSPC, __wasi_fd_filestat_set_size(fd, 200000));
  returns(__WASI_ERRNO_NOSPC, __wasi_fd_allocate(fd, 0, 200000));
  returns(__WASI_ERRNO_NOSPC, __wasi_fd_pwrite(fd, &vector, 1, 1000000, &n));
  /* What is there can be overwritten, and made smaller. */
  ok(__wasi_fd_pwrite(fd, &vector, 1, 0, &n));
  check(n == sizeof block);
  ok(__wasi_fd_filestat_set_size(fd, 0));
  ok(__wasi_fd_pwrite(fd, &vector, 1, 50000, &n));
  ok(__wasi_fd_close(fd));
  ok(__wasi_path_unlink_file(rw, "big"));
  /* Many small ones, and the C library's error. */
  int files = 0;
  for (; files < 1000; files++) {
    char name[32];
    snprintf(name, sizeof name, "/rw/f%d", files);
    FILE *file = fopen(name, "w");
    if (!file) break;
    fwrite(block, 1, 1000, file);
    if (fclose(file) != 0) break;
  }
  check(errno == ENOSPC && files > 50 && files < 100);
  return 0;
}
