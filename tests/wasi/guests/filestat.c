/* fd_filestat_*, path_filestat_*: sizes, kinds, links and timestamps to the nanosecond. */
#include "check.h"

#define ATIM __WASI_FSTFLAGS_ATIM
#define ATIM_NOW __WASI_FSTFLAGS_ATIM_NOW
#define MTIM __WASI_FSTFLAGS_MTIM
#define MTIM_NOW __WASI_FSTFLAGS_MTIM_NOW

static __wasi_filestat_t at_path(fd_t dir, int lookup, const char *path) {
  __wasi_filestat_t stat;
  memset(&stat, 0xff, sizeof stat);
  ok(__wasi_path_filestat_get(dir, lookup, path, &stat));
  return stat;
}
static __wasi_filestat_t of(fd_t fd) {
  __wasi_filestat_t stat;
  ok(__wasi_fd_filestat_get(fd, &stat));
  return stat;
}

static void attributes(fd_t dir) {
  fd_t fd = create(dir, "f");
  write_text(fd, "12345");
  __wasi_filestat_t a = of(fd), b = at_path(dir, 0, "f");
  check(memcmp(&a, &b, sizeof a) == 0);
  check(a.filetype == __WASI_FILETYPE_REGULAR_FILE && a.size == 5 && a.nlink == 1 && a.ino != 0);
  check(of(dir).filetype == __WASI_FILETYPE_DIRECTORY && of(dir).dev == a.dev && of(dir).ino != a.ino);
  check(at_path(dir, 0, ".").ino == of(dir).ino);
  ok(__wasi_path_link(dir, 0, "f", dir, "g"));
  check(of(fd).nlink == 2 && at_path(dir, 0, "g").ino == a.ino);
  ok(__wasi_path_symlink("f", dir, "l"));
  check(at_path(dir, 0, "l").filetype == __WASI_FILETYPE_SYMBOLIC_LINK && at_path(dir, 0, "l").size == 1);
  check(at_path(dir, FOLLOW, "l").ino == a.ino);
  __wasi_filestat_t stat;
  returns(__WASI_ERRNO_NOENT, __wasi_path_filestat_get(dir, 0, "missing", &stat));
  returns(__WASI_ERRNO_NOTDIR, __wasi_path_filestat_get(dir, 0, "f/", &stat));
  returns(__WASI_ERRNO_INVAL, __wasi_path_filestat_get(dir, 2, "f", &stat));
  /* Times are those of the wall clock. */
  __wasi_timestamp_t now;
  ok(__wasi_clock_time_get(__WASI_CLOCKID_REALTIME, 0, &now));
  check(a.mtim > now - 60000000000ull && a.mtim < now + 60000000000ull);
  ok(__wasi_fd_close(fd));
}

static void sizes(fd_t dir) {
  fd_t fd = create(dir, "size");
  write_text(fd, "0123456789");
  ok(__wasi_fd_filestat_set_size(fd, 4));
  check(holds(dir, "size", "0123"));
  ok(__wasi_fd_filestat_set_size(fd, 100000));
  check(size_of(fd) == 100000);
  __wasi_filesize_t at;
  ok(__wasi_fd_tell(fd, &at));
  check(at == 10);
  returns(__WASI_ERRNO_INVAL, __wasi_fd_filestat_set_size(fd, UINT64_MAX));
  returns(__WASI_ERRNO_FBIG, __wasi_fd_filestat_set_size(fd, 1ull << 60));
  fd_t again;
  ok(open_with(dir, 0, "size", TRUNC, R(FD_READ), 0, &again));
  check(size_of(fd) == 0);
  ok(__wasi_fd_close(again));
  ok(__wasi_fd_close(fd));
}

static void times_by_descriptor(fd_t dir) {
  fd_t fd = create(dir, "times");
  ok(__wasi_fd_filestat_set_times(fd, 1234567890123456789ull, 987654321987654321ull, ATIM | MTIM));
  check(of(fd).atim == 1234567890123456789ull && of(fd).mtim == 987654321987654321ull);
  /* One by one, the other untouched. */
  ok(__wasi_fd_filestat_set_times(fd, 1, 0, ATIM));
  check(of(fd).atim == 1 && of(fd).mtim == 987654321987654321ull);
  ok(__wasi_fd_filestat_set_times(fd, 0, 999999999, MTIM));
  check(of(fd).atim == 1 && of(fd).mtim == 999999999);
  ok(__wasi_fd_filestat_set_times(fd, 5, 5, 0));
  check(of(fd).atim == 1 && of(fd).mtim == 999999999);
  __wasi_timestamp_t now;
  ok(__wasi_clock_time_get(__WASI_CLOCKID_REALTIME, 0, &now));
  ok(__wasi_fd_filestat_set_times(fd, 0, 0, MTIM_NOW));
  check(of(fd).atim == 1 && of(fd).mtim >= now - 1000000000 && of(fd).mtim < now + 10000000000ull);
  ok(__wasi_fd_filestat_set_times(fd, 0, 7, ATIM_NOW | MTIM));
  check(of(fd).atim >= now - 1000000000 && of(fd).mtim == 7);
  /* Contradictions and unknown flags. */
  returns(__WASI_ERRNO_INVAL, __wasi_fd_filestat_set_times(fd, 0, 0, ATIM | ATIM_NOW));
  returns(__WASI_ERRNO_INVAL, __wasi_fd_filestat_set_times(fd, 0, 0, MTIM | MTIM_NOW));
  returns(__WASI_ERRNO_INVAL, __wasi_fd_filestat_set_times(fd, 0, 0, 16));
  check(of(fd).mtim == 7);
  /* Writing changes the time of modification. */
  write_text(fd, "x");
  check(of(fd).mtim >= now - 1000000000);
  ok(__wasi_fd_filestat_set_times(dir, 11, 22, ATIM | MTIM));
  check(of(dir).atim == 11 && of(dir).mtim == 22);
  ok(__wasi_fd_close(fd));
}

static void times_by_path(fd_t dir) {
  put(dir, "p", "");
  ok(__wasi_path_symlink("p", dir, "pl"));
  __wasi_timestamp_t mtim = at_path(dir, 0, "p").mtim;
  /* Nanoseconds next to what was there. */
  ok(__wasi_path_filestat_set_times(dir, 0, "p", 0, mtim - 100, MTIM));
  check(at_path(dir, 0, "p").mtim == mtim - 100);
  ok(__wasi_path_filestat_set_times(dir, 0, "p", 0, mtim - 99, MTIM));
  check(at_path(dir, 0, "p").mtim == mtim - 99);
  /* The symlink itself, and through it. */
  __wasi_timestamp_t link = at_path(dir, 0, "pl").mtim;
  ok(__wasi_path_filestat_set_times(dir, 0, "pl", 0, link - 200, MTIM));
  check(at_path(dir, 0, "pl").mtim == link - 200 && at_path(dir, 0, "p").mtim == mtim - 99);
  ok(__wasi_path_filestat_set_times(dir, FOLLOW, "pl", 3, 4, ATIM | MTIM));
  check(at_path(dir, 0, "pl").mtim == link - 200 && at_path(dir, 0, "p").mtim == 4);
  check(at_path(dir, FOLLOW, "pl").atim == 3);
  /* Kept over a rename and a hard link, which are the same file. */
  ok(__wasi_path_rename(dir, "p", dir, "q"));
  ok(__wasi_path_link(dir, 0, "q", dir, "r"));
  check(at_path(dir, 0, "q").mtim == 4 && at_path(dir, 0, "r").mtim == 4);
  /* Not kept over removal and making anew. */
  ok(__wasi_path_unlink_file(dir, "q"));
  ok(__wasi_path_unlink_file(dir, "r"));
  put(dir, "q", "");
  check(at_path(dir, 0, "q").mtim >= mtim - 1000000000);
  returns(__WASI_ERRNO_INVAL, __wasi_path_filestat_set_times(dir, 0, "q", 0, 0, MTIM | MTIM_NOW));
  returns(__WASI_ERRNO_INVAL, __wasi_path_filestat_set_times(dir, 0, "q", 0, 0, 32));
  returns(__WASI_ERRNO_NOENT, __wasi_path_filestat_set_times(dir, FOLLOW, "pl", 0, 0, MTIM));
}

int main(void) {
  fd_t dir = scratch(preopen("/rw"), "filestat");
  attributes(dir);
  sizes(dir);
  times_by_descriptor(dir);
  times_by_path(dir);
  return 0;
}
