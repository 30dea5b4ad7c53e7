/* What a path ends in: a name, slashes, `.` or `..`; and what counts first when several things are wrong. As on Linux. */
#include "check.h"

static fd_t dir;

static int make(const char *path) { return __wasi_path_create_directory(dir, path); }
static int drop(const char *path) { return __wasi_path_remove_directory(dir, path); }
static int unlinks(const char *path) { return __wasi_path_unlink_file(dir, path); }
static int moves(const char *from, const char *to) { return __wasi_path_rename(dir, from, dir, to); }
static int links(const char *from, const char *to) { return __wasi_path_link(dir, 0, from, dir, to); }
static int symlinks(const char *path) { return __wasi_path_symlink("f", dir, path); }
static int opens(const char *path, int how) {
  fd_t fd;
  int result = open_with(dir, 0, path, how, how & DIRECTORY ? R(FD_READDIR) : R(FD_READ), 0, &fd);
  if (result == 0) ok(__wasi_fd_close(fd));
  return result;
}

/* Nothing is made by a name that ends in a dot, and a symlink with slashes behind it is not followed to make it. */
static void making(void) {
  returns(__WASI_ERRNO_NOENT, make("new/."));
  returns(__WASI_ERRNO_NOENT, make("new/.."));
  returns(__WASI_ERRNO_NOENT, opens("new", 0));
  returns(__WASI_ERRNO_NOTDIR, make("f/."));
  returns(__WASI_ERRNO_EXIST, make("d/."));
  returns(__WASI_ERRNO_EXIST, make("d/.."));
  returns(__WASI_ERRNO_EXIST, make("f/"));
  returns(__WASI_ERRNO_EXIST, make("dangling/"));
  returns(__WASI_ERRNO_NOENT, opens("nothing", 0));
  returns(__WASI_ERRNO_EXIST, make("loop/"));
  returns(__WASI_ERRNO_EXIST, symlinks("to-d/"));
  returns(__WASI_ERRNO_EXIST, symlinks("dangling/"));
  returns(__WASI_ERRNO_EXIST, symlinks("d/."));
  returns(__WASI_ERRNO_NOTDIR, symlinks("f/."));
  returns(__WASI_ERRNO_NOENT, symlinks("new/"));
  returns(__WASI_ERRNO_EXIST, links("f", "dangling/"));
  returns(__WASI_ERRNO_EXIST, links("d", "to-d/"));
  returns(__WASI_ERRNO_NOTDIR, links("d", "f/."));
  returns(__WASI_ERRNO_NOENT, links("d", "new/."));
  returns(__WASI_ERRNO_PERM, links("d", "new"));
}

static void opening(void) {
  returns(__WASI_ERRNO_ISDIR, opens("f/", CREAT));
  returns(__WASI_ERRNO_ISDIR, opens("d/", CREAT | EXCL));
  returns(__WASI_ERRNO_ISDIR, opens("dangling/", CREAT));
  returns(__WASI_ERRNO_NOENT, opens("new/.", CREAT));
  returns(__WASI_ERRNO_NOTDIR, opens("f/.", CREAT | EXCL));
  returns(__WASI_ERRNO_EXIST, opens("d/.", CREAT | EXCL));
  returns(__WASI_ERRNO_ISDIR, opens("d/.", CREAT));
  returns(__WASI_ERRNO_NOTDIR, opens("to-d", DIRECTORY));
  returns(__WASI_ERRNO_LOOP, opens("to-d", 0));
  ok(opens("to-d/", 0));
}

static void removing(void) {
  returns(__WASI_ERRNO_NOTDIR, drop("to-d/"));
  returns(__WASI_ERRNO_NOTDIR, drop("dangling/"));
  returns(__WASI_ERRNO_NOTDIR, drop("loop/"));
  returns(__WASI_ERRNO_NOENT, drop("new/."));
  returns(__WASI_ERRNO_NOTDIR, drop("f/."));
  returns(__WASI_ERRNO_INVAL, drop("d/."));
  returns(__WASI_ERRNO_NOTEMPTY, drop("d/.."));
  returns(__WASI_ERRNO_NOTDIR, unlinks("to-d/"));
  returns(__WASI_ERRNO_NOTDIR, unlinks("dangling/"));
  returns(__WASI_ERRNO_ISDIR, unlinks("d/."));
  returns(__WASI_ERRNO_ISDIR, unlinks("d/.."));
}

static void renaming(void) {
  returns(__WASI_ERRNO_NOTDIR, moves("missing", "f/x"));
  returns(__WASI_ERRNO_NOENT, moves("new/.", "x"));
  returns(__WASI_ERRNO_NOTDIR, moves("d", "f/."));
  returns(__WASI_ERRNO_BUSY, moves("d/.", "x"));
  returns(__WASI_ERRNO_BUSY, moves("d", "d/e/.."));
  returns(__WASI_ERRNO_NOTDIR, moves("to-d/", "x"));
  returns(__WASI_ERRNO_NOTDIR, moves("d", "dangling/"));
  returns(__WASI_ERRNO_INVAL, moves("d", "d/f"));
  returns(__WASI_ERRNO_INVAL, moves("d", "d/e/x"));
  returns(__WASI_ERRNO_NOTEMPTY, moves("d/f", "d"));
  returns(__WASI_ERRNO_NOTEMPTY, moves("d/e", "d"));
}

int main(void) {
  dir = scratch(preopen("/rw"), "names");
  put(dir, "f", "text");
  ok(make("d"));
  ok(make("d/e"));
  put(dir, "d/f", "deep");
  ok(__wasi_path_symlink("d", dir, "to-d"));
  ok(__wasi_path_symlink("nothing", dir, "dangling"));
  ok(__wasi_path_symlink("loop", dir, "loop"));
  making();
  opening();
  removing();
  renaming();
  check(holds(dir, "f", "text") && holds(dir, "d/f", "deep"));
  /* A directory may still be named with slashes. */
  ok(moves("d/e/", "d/g/"));
  ok(drop("d/g//"));
  ok(make("d/h//"));
  return 0;
}
