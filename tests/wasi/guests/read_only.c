/* A read-only mount: /ro has file "f" with "fixed" and directory "d". Everything that changes it fails with EROFS. */
#include "check.h"

int main(void) {
  fd_t ro = preopen("/ro"), rw = preopen("/rw");
  fd_t fd;
  put(rw, "mine", "1");
  returns(__WASI_ERRNO_ROFS, open_with(ro, 0, "new", CREAT, R(FD_WRITE), 0, &fd));
  returns(__WASI_ERRNO_ROFS, open_with(ro, 0, "new", CREAT, R(FD_READ), 0, &fd));
  returns(__WASI_ERRNO_ROFS, open_with(ro, 0, "f", 0, R(FD_READ) | R(FD_WRITE), 0, &fd));
  returns(__WASI_ERRNO_ROFS, open_with(ro, 0, "f", TRUNC, R(FD_READ), 0, &fd));
  returns(__WASI_ERRNO_ROFS, open_with(ro, 0, "f", 0, R(FD_READ) | R(FD_FILESTAT_SET_SIZE), 0, &fd));
  returns(__WASI_ERRNO_ROFS, __wasi_path_create_directory(ro, "new"));
  returns(__WASI_ERRNO_ROFS, __wasi_path_remove_directory(ro, "d"));
  returns(__WASI_ERRNO_ROFS, __wasi_path_unlink_file(ro, "f"));
  returns(__WASI_ERRNO_ROFS, __wasi_path_rename(ro, "f", ro, "g"));
  returns(__WASI_ERRNO_ROFS, __wasi_path_rename(rw, "mine", ro, "mine"));
  returns(__WASI_ERRNO_ROFS, __wasi_path_rename(ro, "f", rw, "f"));
  returns(__WASI_ERRNO_ROFS, __wasi_path_link(ro, 0, "f", ro, "g"));
  returns(__WASI_ERRNO_ROFS, __wasi_path_link(ro, 0, "f", rw, "f"));
  returns(__WASI_ERRNO_ROFS, __wasi_path_symlink("f", ro, "g"));
  returns(__WASI_ERRNO_ROFS, __wasi_path_filestat_set_times(ro, 0, "f", 0, 1, __WASI_FSTFLAGS_MTIM));
  returns(__WASI_ERRNO_ROFS, __wasi_fd_filestat_set_times(ro, 0, 1, __WASI_FSTFLAGS_MTIM));
  ok(open_with(ro, 0, "f", 0, R(FD_READ) | R(FD_FILESTAT_SET_TIMES), 0, &fd));
  check(strcmp(read_text(fd), "fixed") == 0);
  returns(__WASI_ERRNO_ROFS, __wasi_fd_filestat_set_times(fd, 0, 1, __WASI_FSTFLAGS_MTIM));
  ok(__wasi_fd_close(fd));
  /* By the C library, as programs do. */
  check(fopen("/ro/f", "w") == NULL);
  check(fopen("/ro/new", "w") == NULL);
  FILE *file = fopen("/ro/f", "r");
  char line[16];
  check(file && fgets(line, sizeof line, file) && strcmp(line, "fixed") == 0);
  fclose(file);
  return 0;
}
