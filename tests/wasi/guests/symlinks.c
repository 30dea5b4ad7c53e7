/* path_symlink, path_readlink, and how symlinks are followed. */
#include "check.h"

static int try_open(fd_t dir, int lookup, const char *path, int how) {
  fd_t fd;
  int result = open_with(dir, lookup, path, how, R(FD_READ), 0, &fd);
  if (result == 0) ok(__wasi_fd_close(fd));
  return result;
}

static void reading(fd_t dir) {
  ok(__wasi_path_symlink("some/target", dir, "l"));
  uint8_t buffer[20];
  size_t used;
  memset(buffer, 0x55, sizeof buffer);
  ok(__wasi_path_readlink(dir, "l", buffer, sizeof buffer, &used));
  check(used == 11 && memcmp(buffer, "some/target", 11) == 0 && buffer[11] == 0x55);
  ok(__wasi_path_readlink(dir, "l", buffer, 4, &used));
  check(used == 4 && memcmp(buffer, "some", 4) == 0);
  ok(__wasi_path_readlink(dir, "l", buffer, 0, &used));
  check(used == 0);
  put(dir, "f", "file");
  returns(__WASI_ERRNO_INVAL, __wasi_path_readlink(dir, "f", buffer, sizeof buffer, &used));
  returns(__WASI_ERRNO_NOENT, __wasi_path_readlink(dir, "missing", buffer, sizeof buffer, &used));
}

static void making(fd_t dir) {
  returns(__WASI_ERRNO_EXIST, __wasi_path_symlink("x", dir, "l"));
  returns(__WASI_ERRNO_EXIST, __wasi_path_symlink("x", dir, "f"));
  returns(__WASI_ERRNO_NOENT, __wasi_path_symlink("x", dir, "new/"));
  returns(__WASI_ERRNO_NOENT, __wasi_path_symlink("x", dir, "missing/new"));
  returns(__WASI_ERRNO_NOENT, __wasi_path_symlink("", dir, "new"));
  returns(__WASI_ERRNO_PERM, __wasi_path_symlink("/", dir, "new"));
  returns(__WASI_ERRNO_PERM, __wasi_path_symlink("/etc/passwd", dir, "new"));
  ok(__wasi_path_create_directory(dir, "d"));
  returns(__WASI_ERRNO_EXIST, __wasi_path_symlink("x", dir, "d/"));
}

static void following(fd_t dir) {
  ok(__wasi_path_symlink("f", dir, "to_f"));
  ok(__wasi_path_symlink("d", dir, "to_d"));
  ok(__wasi_path_symlink("../f", dir, "d/up"));
  ok(__wasi_path_symlink("to_f", dir, "chain"));
  ok(try_open(dir, FOLLOW, "to_f", 0));
  returns(__WASI_ERRNO_LOOP, try_open(dir, 0, "to_f", 0));
  ok(try_open(dir, FOLLOW, "to_d", DIRECTORY));
  int refused = try_open(dir, 0, "to_d", DIRECTORY);
  check(refused == __WASI_ERRNO_LOOP || refused == __WASI_ERRNO_NOTDIR);
  returns(__WASI_ERRNO_NOTDIR, try_open(dir, FOLLOW, "to_f", DIRECTORY));
  check(holds(dir, "chain", "file"));
  /* In the middle of a path they are always followed, and at its end before a slash. */
  returns(__WASI_ERRNO_LOOP, try_open(dir, 0, "to_d/up", 0));
  ok(try_open(dir, FOLLOW, "to_d/up", 0));
  ok(try_open(dir, 0, "to_d/", DIRECTORY));
  put(dir, "to_d/made", "through");
  check(holds(dir, "d/made", "through"));
  /* Up out of the directory of the descriptor: not even through a symlink. */
  fd_t d = open_dir(dir, "d");
  returns(__WASI_ERRNO_PERM, try_open(d, FOLLOW, "up", 0));
  ok(__wasi_fd_close(d));
  /* Removing and renaming take the symlink, not what it points to. */
  ok(__wasi_path_rename(dir, "to_f", dir, "renamed"));
  check(holds(dir, "renamed", "file"));
  ok(__wasi_path_unlink_file(dir, "renamed"));
  ok(__wasi_path_unlink_file(dir, "to_d"));
  check(holds(dir, "f", "file") && holds(dir, "d/made", "through"));
}

static void loops(fd_t dir) {
  ok(__wasi_path_symlink("self", dir, "self"));
  returns(__WASI_ERRNO_LOOP, try_open(dir, 0, "self", 0));
  returns(__WASI_ERRNO_LOOP, try_open(dir, FOLLOW, "self", 0));
  returns(__WASI_ERRNO_LOOP, try_open(dir, 0, "self/x", 0));
  ok(__wasi_path_symlink("two", dir, "one"));
  ok(__wasi_path_symlink("one", dir, "two"));
  returns(__WASI_ERRNO_LOOP, try_open(dir, FOLLOW, "one", CREAT));
  /* Long chains are fine up to a limit. */
  char name[16], target[16];
  put(dir, "s0", "end");
  for (int i = 1; i <= 60; i++) {
    snprintf(name, sizeof name, "s%d", i);
    snprintf(target, sizeof target, "s%d", i - 1);
    ok(__wasi_path_symlink(target, dir, name));
  }
  check(holds(dir, "s30", "end"));
  returns(__WASI_ERRNO_LOOP, try_open(dir, FOLLOW, "s60", 0));
}

static void dangling(fd_t dir) {
  ok(__wasi_path_symlink("nowhere", dir, "dangling"));
  returns(__WASI_ERRNO_LOOP, try_open(dir, 0, "dangling", 0));
  returns(__WASI_ERRNO_NOENT, try_open(dir, FOLLOW, "dangling", 0));
  returns(__WASI_ERRNO_EXIST, try_open(dir, FOLLOW, "dangling", CREAT | EXCL));
  ok(try_open(dir, FOLLOW, "dangling", CREAT));
  check(holds(dir, "nowhere", ""));
}

int main(void) {
  fd_t dir = scratch(preopen("/rw"), "symlinks");
  reading(dir);
  making(dir);
  following(dir);
  loops(dir);
  dangling(dir);
  return 0;
}
