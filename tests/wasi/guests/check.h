/* What the guests of the suite share: checks that name their line, and short names for preview 1 calls. */
#ifndef CHECK_H
#define CHECK_H
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <wasi/api.h>

/* The condition holds, or the guest ends with 1 and says where. */
#define check(condition)                                              \
  do {                                                                \
    if (!(condition)) {                                               \
      fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition); \
      exit(1);                                                        \
    }                                                                 \
  } while (0)

/* The call returns this error number. */
#define returns(expected, call)                                                                     \
  do {                                                                                              \
    int returned_ = (call);                                                                         \
    if (returned_ != (expected)) {                                                                  \
      fprintf(stderr, "%s:%d: %s returned %d, not " #expected "\n", __FILE__, __LINE__, #call, returned_); \
      exit(1);                                                                                      \
    }                                                                                               \
  } while (0)

#define ok(call) returns(__WASI_ERRNO_SUCCESS, call)

typedef __wasi_fd_t fd_t;
typedef __wasi_rights_t rights_t;

#define FOLLOW __WASI_LOOKUPFLAGS_SYMLINK_FOLLOW
#define CREAT __WASI_OFLAGS_CREAT
#define DIRECTORY __WASI_OFLAGS_DIRECTORY
#define EXCL __WASI_OFLAGS_EXCL
#define TRUNC __WASI_OFLAGS_TRUNC
#define R(name) __WASI_RIGHTS_##name

#define FILE_RIGHTS                                                                                       \
  (R(FD_READ) | R(FD_WRITE) | R(FD_SEEK) | R(FD_TELL) | R(FD_FILESTAT_GET) | R(FD_FILESTAT_SET_SIZE) |    \
   R(FD_FILESTAT_SET_TIMES) | R(FD_FDSTAT_SET_FLAGS) | R(FD_ALLOCATE) | R(FD_ADVISE) | R(FD_SYNC) |       \
   R(FD_DATASYNC) | R(POLL_FD_READWRITE))

/* The descriptor of a directory given at start under this name. */
static fd_t preopen(const char *name) {
  for (fd_t fd = 3;; fd++) {
    __wasi_prestat_t stat;
    char found[256];
    ok(__wasi_fd_prestat_get(fd, &stat));
    check(stat.tag == __WASI_PREOPENTYPE_DIR && stat.u.dir.pr_name_len < sizeof found);
    ok(__wasi_fd_prestat_dir_name(fd, (uint8_t *)found, stat.u.dir.pr_name_len));
    found[stat.u.dir.pr_name_len] = 0;
    if (strcmp(found, name) == 0) return fd;
  }
}

/* Opens with given flags and rights. */
static int open_with(fd_t dir, int lookup, const char *path, int how, rights_t base, int flags, fd_t *fd) {
  rights_t inheriting = 0;
  if (how & DIRECTORY) {
    __wasi_fdstat_t stat;
    ok(__wasi_fd_fdstat_get(dir, &stat));
    inheriting = stat.fs_rights_inheriting;
    if (base == 0) base = stat.fs_rights_base;
  }
  return __wasi_path_open(dir, lookup, path, how, base, inheriting, flags, fd);
}

/* Creates a file, or empties it, and opens it with every right. */
static fd_t create(fd_t dir, const char *path) {
  fd_t fd;
  ok(open_with(dir, 0, path, CREAT | TRUNC, FILE_RIGHTS, 0, &fd));
  return fd;
}

/* Opens a directory with the rights of the one it is opened from. */
static fd_t open_dir(fd_t dir, const char *path) {
  fd_t fd;
  ok(open_with(dir, 0, path, DIRECTORY, 0, 0, &fd));
  return fd;
}

/* A scratch directory of this name, made anew. */
static fd_t scratch(fd_t dir, const char *name) {
  ok(__wasi_path_create_directory(dir, name));
  return open_dir(dir, name);
}

static size_t write_text(fd_t fd, const char *text) {
  __wasi_ciovec_t vector = {(const uint8_t *)text, strlen(text)};
  size_t n;
  ok(__wasi_fd_write(fd, &vector, 1, &n));
  return n;
}

/* Reads from the position into a static, terminated buffer. */
static const char *read_text(fd_t fd) {
  static char buffer[4096];
  __wasi_iovec_t vector = {(uint8_t *)buffer, sizeof buffer - 1};
  size_t n;
  ok(__wasi_fd_read(fd, &vector, 1, &n));
  buffer[n] = 0;
  return buffer;
}

static uint64_t size_of(fd_t fd) {
  __wasi_filestat_t stat;
  ok(__wasi_fd_filestat_get(fd, &stat));
  return stat.size;
}

static void put(fd_t dir, const char *path, const char *text) {
  fd_t fd = create(dir, path);
  check(write_text(fd, text) == strlen(text));
  ok(__wasi_fd_close(fd));
}

/* Whether the file at a path has exactly this content. */
static int holds(fd_t dir, const char *path, const char *text) {
  fd_t fd;
  ok(open_with(dir, FOLLOW, path, 0, R(FD_READ), 0, &fd));
  int same = strcmp(read_text(fd), text) == 0;
  ok(__wasi_fd_close(fd));
  return same;
}

#endif
