/* fd_read, fd_write, fd_pread, fd_pwrite, fd_seek, fd_tell, fd_allocate, fd_advise, fd_sync, fd_datasync, append. */
#include "check.h"

static void seek_and_tell(fd_t dir) {
  fd_t fd = create(dir, "seek");
  __wasi_filesize_t at;
  check(write_text(fd, "0123456789") == 10);
  ok(__wasi_fd_tell(fd, &at));
  check(at == 10);
  ok(__wasi_fd_seek(fd, 3, __WASI_WHENCE_SET, &at));
  check(at == 3 && strcmp(read_text(fd), "3456789") == 0);
  check(strcmp(read_text(fd), "") == 0);
  ok(__wasi_fd_seek(fd, -4, __WASI_WHENCE_CUR, &at));
  check(at == 6 && strcmp(read_text(fd), "6789") == 0);
  ok(__wasi_fd_seek(fd, -1, __WASI_WHENCE_END, &at));
  check(at == 9 && strcmp(read_text(fd), "9") == 0);
  /* Refused moves leave the position alone. */
  returns(__WASI_ERRNO_INVAL, __wasi_fd_seek(fd, -1, __WASI_WHENCE_SET, &at));
  returns(__WASI_ERRNO_INVAL, __wasi_fd_seek(fd, -11, __WASI_WHENCE_END, &at));
  returns(__WASI_ERRNO_INVAL, __wasi_fd_seek(fd, 0, 3, &at));
  returns(__WASI_ERRNO_INVAL, __wasi_fd_seek(fd, INT64_MAX, __WASI_WHENCE_END, &at));
  ok(__wasi_fd_tell(fd, &at));
  check(at == 10);
  /* Past the end: a hole of zeros. */
  ok(__wasi_fd_seek(fd, 5, __WASI_WHENCE_END, &at));
  check(at == 15 && size_of(fd) == 10);
  write_text(fd, "x");
  check(size_of(fd) == 16);
  uint8_t hole[6];
  __wasi_iovec_t vector = {hole, 6};
  size_t n;
  ok(__wasi_fd_pread(fd, &vector, 1, 10, &n));
  check(n == 6 && memcmp(hole, "\0\0\0\0\0x", 6) == 0);
  ok(__wasi_fd_close(fd));
}

static void vectors(fd_t dir) {
  fd_t fd = create(dir, "vectors");
  __wasi_ciovec_t out[4] = {{(const uint8_t *)"ab", 2}, {0, 0}, {(const uint8_t *)"cde", 3}, {(const uint8_t *)"f", 1}};
  size_t n;
  ok(__wasi_fd_write(fd, out, 4, &n));
  check(n == 6);
  ok(__wasi_fd_pwrite(fd, out, 3, 8, &n));
  check(n == 5 && size_of(fd) == 13);
  __wasi_filesize_t at;
  ok(__wasi_fd_tell(fd, &at));
  check(at == 6);
  uint8_t a[4], b[100];
  __wasi_iovec_t in[2] = {{a, 4}, {b, 100}};
  ok(__wasi_fd_pread(fd, in, 2, 1, &n));
  check(n == 12 && memcmp(a, "bcde", 4) == 0 && memcmp(b, "f\0\0abcde", 8) == 0);
  ok(__wasi_fd_tell(fd, &at));
  check(at == 6);
  ok(__wasi_fd_seek(fd, 0, __WASI_WHENCE_SET, &at));
  ok(__wasi_fd_read(fd, in, 2, &n));
  check(n == 13);
  ok(__wasi_fd_read(fd, in, 2, &n));
  check(n == 0);
  ok(__wasi_fd_read(fd, in, 0, &n));
  check(n == 0);
  ok(__wasi_fd_pread(fd, in, 2, 1ull << 60, &n));
  check(n == 0);
  returns(__WASI_ERRNO_INVAL, __wasi_fd_pread(fd, in, 2, 1ull << 63, &n));
  returns(__WASI_ERRNO_INVAL, __wasi_fd_pwrite(fd, out, 1, 1ull << 63, &n));
  returns(__WASI_ERRNO_FBIG, __wasi_fd_pwrite(fd, out, 1, 1ull << 62, &n));
  /* More buffers than any system takes. */
  static __wasi_iovec_t many[1025];
  returns(__WASI_ERRNO_INVAL, __wasi_fd_read(fd, many, 1025, &n));
  ok(__wasi_fd_close(fd));
}

static void append(fd_t dir) {
  fd_t fd, other;
  put(dir, "append", "start");
  ok(open_with(dir, 0, "append", 0, FILE_RIGHTS, __WASI_FDFLAGS_APPEND, &fd));
  ok(open_with(dir, 0, "append", 0, FILE_RIGHTS, 0, &other));
  write_text(fd, "-one");
  __wasi_filesize_t at;
  ok(__wasi_fd_tell(fd, &at));
  check(at == 9);
  ok(__wasi_fd_seek(other, 0, __WASI_WHENCE_END, &at));
  write_text(other, "-two");
  ok(__wasi_fd_seek(fd, 0, __WASI_WHENCE_SET, &at));
  write_text(fd, "-three");
  check(holds(dir, "append", "start-one-two-three"));
  /* Off and on again. */
  ok(__wasi_fd_fdstat_set_flags(fd, 0));
  ok(__wasi_fd_seek(fd, 0, __WASI_WHENCE_SET, &at));
  write_text(fd, "START");
  ok(__wasi_fd_fdstat_set_flags(fd, __WASI_FDFLAGS_APPEND | __WASI_FDFLAGS_SYNC));
  write_text(fd, "!");
  check(holds(dir, "append", "START-one-two-three!"));
  __wasi_ciovec_t three[3] = {{(const uint8_t *)"1", 1}, {(const uint8_t *)"2", 1}, {(const uint8_t *)"3", 1}};
  size_t n;
  ok(__wasi_fd_write(fd, three, 3, &n));
  check(n == 3 && holds(dir, "append", "START-one-two-three!123"));
  ok(__wasi_fd_close(fd));
  ok(__wasi_fd_close(other));
}

static void allocate(fd_t dir) {
  fd_t fd = create(dir, "allocate");
  ok(__wasi_fd_allocate(fd, 10, 20));
  check(size_of(fd) == 30);
  ok(__wasi_fd_allocate(fd, 0, 5));
  check(size_of(fd) == 30);
  returns(__WASI_ERRNO_INVAL, __wasi_fd_allocate(fd, 0, 0));
  returns(__WASI_ERRNO_INVAL, __wasi_fd_allocate(fd, 1ull << 63, 1));
  returns(__WASI_ERRNO_FBIG, __wasi_fd_allocate(fd, 1ull << 62, 1));
  for (int advice = 0; advice <= 5; advice++) ok(__wasi_fd_advise(fd, 0, 100, advice));
  returns(__WASI_ERRNO_INVAL, __wasi_fd_advise(fd, 0, 0, 6));
  returns(__WASI_ERRNO_INVAL, __wasi_fd_advise(fd, 1ull << 63, 0, 0));
  ok(__wasi_fd_sync(fd));
  ok(__wasi_fd_datasync(fd));
  check(size_of(fd) == 30);
  ok(__wasi_fd_close(fd));
}

static void wrong_descriptors(fd_t dir) {
  size_t n;
  uint8_t byte;
  __wasi_iovec_t in = {&byte, 1};
  __wasi_ciovec_t out = {&byte, 1};
  __wasi_filesize_t at;
  fd_t none = 1000;
  returns(__WASI_ERRNO_BADF, __wasi_fd_read(none, &in, 1, &n));
  returns(__WASI_ERRNO_BADF, __wasi_fd_write(none, &out, 1, &n));
  returns(__WASI_ERRNO_BADF, __wasi_fd_pread(none, &in, 1, 0, &n));
  returns(__WASI_ERRNO_BADF, __wasi_fd_pwrite(none, &out, 1, 0, &n));
  returns(__WASI_ERRNO_BADF, __wasi_fd_seek(none, 0, 0, &at));
  returns(__WASI_ERRNO_BADF, __wasi_fd_tell(none, &at));
  returns(__WASI_ERRNO_BADF, __wasi_fd_sync(none));
  returns(__WASI_ERRNO_BADF, __wasi_fd_datasync(none));
  returns(__WASI_ERRNO_BADF, __wasi_fd_allocate(none, 0, 1));
  returns(__WASI_ERRNO_BADF, __wasi_fd_advise(none, 0, 1, 0));
  returns(__WASI_ERRNO_BADF, __wasi_fd_close(none));
  /* A directory is no file. */
  returns(__WASI_ERRNO_ISDIR, __wasi_fd_read(dir, &in, 1, &n));
  returns(__WASI_ERRNO_BADF, __wasi_fd_write(dir, &out, 1, &n));
  returns(__WASI_ERRNO_BADF, __wasi_fd_seek(dir, 0, 0, &at));
  returns(__WASI_ERRNO_BADF, __wasi_fd_allocate(dir, 0, 1));
  /* Streams do not seek, and go one way. */
  returns(__WASI_ERRNO_SPIPE, __wasi_fd_seek(1, 0, 0, &at));
  returns(__WASI_ERRNO_SPIPE, __wasi_fd_tell(0, &at));
  returns(__WASI_ERRNO_BADF, __wasi_fd_write(0, &out, 1, &n));
  returns(__WASI_ERRNO_BADF, __wasi_fd_read(1, &in, 1, &n));
  /* Closed is closed. */
  fd_t fd = create(dir, "closed");
  ok(__wasi_fd_close(fd));
  returns(__WASI_ERRNO_BADF, __wasi_fd_write(fd, &out, 1, &n));
  returns(__WASI_ERRNO_BADF, __wasi_fd_close(fd));
  /* The number is used again. */
  check(create(dir, "closed") == fd);
  ok(__wasi_fd_close(fd));
}

static void removed(fd_t dir) {
  fd_t fd = create(dir, "removed");
  write_text(fd, "still here");
  ok(__wasi_path_unlink_file(dir, "removed"));
  __wasi_filesize_t at;
  ok(__wasi_fd_seek(fd, 0, __WASI_WHENCE_SET, &at));
  check(strcmp(read_text(fd), "still here") == 0);
  __wasi_filestat_t stat;
  ok(__wasi_fd_filestat_get(fd, &stat));
  check(stat.nlink == 0 && stat.size == 10);
  ok(__wasi_fd_close(fd));
}

int main(void) {
  fd_t dir = scratch(preopen("/rw"), "file_io");
  seek_and_tell(dir);
  vectors(dir);
  append(dir);
  allocate(dir);
  wrong_descriptors(dir);
  removed(dir);
  return 0;
}
