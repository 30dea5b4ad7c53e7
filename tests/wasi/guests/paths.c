/* path_open, path_create_directory, path_remove_directory, path_unlink_file, path_rename, path_link. */
#include "check.h"

static int try_open(fd_t dir, const char *path, int how) {
  fd_t fd;
  int result = open_with(dir, 0, path, how, R(FD_READ), 0, &fd);
  if (result == 0) ok(__wasi_fd_close(fd));
  return result;
}

static void opening(fd_t dir) {
  returns(__WASI_ERRNO_NOENT, try_open(dir, "f", 0));
  ok(try_open(dir, "f", CREAT | EXCL));
  returns(__WASI_ERRNO_EXIST, try_open(dir, "f", CREAT | EXCL));
  ok(try_open(dir, "f", CREAT));
  put(dir, "f", "text");
  ok(try_open(dir, "f", CREAT));
  check(holds(dir, "f", "text"));
  ok(try_open(dir, "f", TRUNC));
  check(holds(dir, "f", ""));
  returns(__WASI_ERRNO_NOTDIR, try_open(dir, "f", DIRECTORY));
  returns(__WASI_ERRNO_NOTDIR, try_open(dir, "f/", 0));
  returns(__WASI_ERRNO_NOTDIR, try_open(dir, "f/.", 0));
  returns(__WASI_ERRNO_NOTDIR, try_open(dir, "f/x", 0));
  returns(__WASI_ERRNO_NOENT, try_open(dir, "missing/x", CREAT));
  returns(__WASI_ERRNO_ISDIR, try_open(dir, "new/", CREAT));
  returns(__WASI_ERRNO_INVAL, try_open(dir, "new", CREAT | DIRECTORY));
  returns(__WASI_ERRNO_NOENT, try_open(dir, "", 0));
  ok(try_open(dir, ".", 0));
  fd_t fd, other;
  ok(open_with(dir, 0, "f", 0, R(FD_READ), 0, &fd));
  returns(__WASI_ERRNO_NOTDIR, open_with(fd, 0, "x", 0, 0, 0, &other));
  returns(__WASI_ERRNO_NOTDIR, open_with(1, 0, "x", 0, 0, 0, &other));
  returns(__WASI_ERRNO_BADF, open_with(500, 0, "x", 0, 0, 0, &other));
  /* Not UTF-8, and too long. */
  returns(__WASI_ERRNO_ILSEQ, try_open(dir, "\xff", CREAT));
  static char longer[5000];
  memset(longer, 'n', 256);
  returns(__WASI_ERRNO_NAMETOOLONG, try_open(dir, longer, CREAT));
  longer[255] = 0;
  ok(try_open(dir, longer, CREAT));
  memset(longer, '/', 4999);
  returns(__WASI_ERRNO_NAMETOOLONG, try_open(dir, longer, 0));
  ok(__wasi_fd_close(fd));
}

static void ways(fd_t dir) {
  ok(__wasi_path_create_directory(dir, "a"));
  ok(__wasi_path_create_directory(dir, "a/b"));
  put(dir, "a/b/f", "deep");
  check(holds(dir, "a/.//b/../../a/b/../b///./f", "deep"));
  ok(try_open(dir, "a/b/", DIRECTORY));
  ok(try_open(dir, "a/b///", 0));
  ok(try_open(dir, "a/..", DIRECTORY));
  returns(__WASI_ERRNO_PERM, try_open(dir, "..", 0));
  returns(__WASI_ERRNO_PERM, try_open(dir, "a/../..", 0));
  returns(__WASI_ERRNO_PERM, try_open(dir, "a/b/../../../paths/a/b/f", 0));
  returns(__WASI_ERRNO_PERM, try_open(dir, "/a/b/f", 0));
  fd_t b = open_dir(dir, "a/b");
  check(holds(b, "f", "deep"));
  returns(__WASI_ERRNO_PERM, try_open(b, "../b/f", 0));
  ok(__wasi_fd_close(b));
}

static void removing(fd_t dir) {
  returns(__WASI_ERRNO_EXIST, __wasi_path_create_directory(dir, "a"));
  returns(__WASI_ERRNO_EXIST, __wasi_path_create_directory(dir, "f"));
  returns(__WASI_ERRNO_NOENT, __wasi_path_create_directory(dir, "missing/x"));
  ok(__wasi_path_create_directory(dir, "slash/"));
  ok(__wasi_path_remove_directory(dir, "slash/"));
  returns(__WASI_ERRNO_NOTEMPTY, __wasi_path_remove_directory(dir, "a"));
  returns(__WASI_ERRNO_NOTDIR, __wasi_path_remove_directory(dir, "f"));
  returns(__WASI_ERRNO_NOTDIR, __wasi_path_remove_directory(dir, "f/"));
  returns(__WASI_ERRNO_NOENT, __wasi_path_remove_directory(dir, "missing"));
  returns(__WASI_ERRNO_INVAL, __wasi_path_remove_directory(dir, "a/b/."));
  returns(__WASI_ERRNO_ISDIR, __wasi_path_unlink_file(dir, "a"));
  returns(__WASI_ERRNO_ISDIR, __wasi_path_unlink_file(dir, "a/"));
  returns(__WASI_ERRNO_NOTDIR, __wasi_path_unlink_file(dir, "f/"));
  returns(__WASI_ERRNO_NOENT, __wasi_path_unlink_file(dir, "missing"));
  ok(__wasi_path_unlink_file(dir, "f"));
  returns(__WASI_ERRNO_NOENT, __wasi_path_unlink_file(dir, "f"));
}

static void renaming(fd_t dir) {
  put(dir, "x", "X");
  put(dir, "y", "Y");
  ok(__wasi_path_rename(dir, "x", dir, "z"));
  returns(__WASI_ERRNO_NOENT, try_open(dir, "x", 0));
  ok(__wasi_path_rename(dir, "z", dir, "y"));
  check(holds(dir, "y", "X"));
  ok(__wasi_path_rename(dir, "y", dir, "y"));
  check(holds(dir, "y", "X"));
  returns(__WASI_ERRNO_NOENT, __wasi_path_rename(dir, "missing", dir, "y"));
  returns(__WASI_ERRNO_NOTDIR, __wasi_path_rename(dir, "y", dir, "z/"));
  returns(__WASI_ERRNO_NOTDIR, __wasi_path_rename(dir, "y/", dir, "z"));
  ok(__wasi_path_create_directory(dir, "d"));
  ok(__wasi_path_create_directory(dir, "e"));
  returns(__WASI_ERRNO_ISDIR, __wasi_path_rename(dir, "y", dir, "d"));
  returns(__WASI_ERRNO_NOTDIR, __wasi_path_rename(dir, "d", dir, "y"));
  ok(__wasi_path_rename(dir, "d", dir, "e"));
  ok(__wasi_path_rename(dir, "e/", dir, "d/"));
  put(dir, "d/in", "");
  ok(__wasi_path_create_directory(dir, "e"));
  returns(__WASI_ERRNO_NOTEMPTY, __wasi_path_rename(dir, "e", dir, "d"));
  returns(__WASI_ERRNO_INVAL, __wasi_path_rename(dir, "d", dir, "d/sub"));
  /* Between directories, by descriptors; open ones follow. */
  fd_t d = open_dir(dir, "d");
  ok(__wasi_path_rename(dir, "y", d, "moved"));
  check(holds(dir, "d/moved", "X"));
  ok(__wasi_path_rename(dir, "d", dir, "e/d2"));
  check(holds(d, "moved", "X"));
  check(holds(dir, "e/d2/moved", "X"));
  put(d, "later", "1");
  check(holds(dir, "e/d2/later", "1"));
  ok(__wasi_fd_close(d));
}

static void linking(fd_t dir) {
  put(dir, "one", "1");
  ok(__wasi_path_link(dir, 0, "one", dir, "two"));
  put(dir, "one", "changed");
  check(holds(dir, "two", "changed"));
  returns(__WASI_ERRNO_EXIST, __wasi_path_link(dir, 0, "one", dir, "two"));
  returns(__WASI_ERRNO_EXIST, __wasi_path_link(dir, 0, "one", dir, "one"));
  returns(__WASI_ERRNO_NOENT, __wasi_path_link(dir, 0, "missing", dir, "three"));
  returns(__WASI_ERRNO_NOENT, __wasi_path_link(dir, 0, "one", dir, "three/"));
  returns(__WASI_ERRNO_PERM, __wasi_path_link(dir, 0, "a", dir, "three"));
  ok(__wasi_path_symlink("one", dir, "sym"));
  ok(__wasi_path_link(dir, 0, "sym", dir, "sym2"));
  check(holds(dir, "sym2", "changed"));
  returns(__WASI_ERRNO_INVAL, __wasi_path_link(dir, FOLLOW, "sym", dir, "three"));
}

/* A descriptor of a directory that is gone. */
static void gone(fd_t dir) {
  fd_t d = scratch(dir, "gone");
  ok(__wasi_path_remove_directory(dir, "gone"));
  returns(__WASI_ERRNO_NOENT, try_open(d, "x", CREAT));
  returns(__WASI_ERRNO_NOENT, __wasi_path_create_directory(d, "x"));
  ok(__wasi_path_create_directory(dir, "gone"));
  ok(__wasi_fd_close(d));
}

int main(void) {
  fd_t dir = scratch(preopen("/rw"), "paths");
  opening(dir);
  ways(dir);
  removing(dir);
  renaming(dir);
  linking(dir);
  gone(dir);
  return 0;
}
