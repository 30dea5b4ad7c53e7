/* Pointers and lengths outside the memory: every call refuses them, and nothing else happens. */
#include "check.h"

#define RAW(name, ...) \
  int raw_##name(__VA_ARGS__) __attribute__((import_module("wasi_snapshot_preview1"), import_name(#name)))
typedef uint32_t p;
RAW(args_get, p, p);
RAW(args_sizes_get, p, p);
RAW(environ_get, p, p);
RAW(environ_sizes_get, p, p);
RAW(clock_res_get, int, p);
RAW(clock_time_get, int, uint64_t, p);
RAW(random_get, p, p);
RAW(fd_read, int, p, p, p);
RAW(fd_write, int, p, p, p);
RAW(fd_pread, int, p, p, uint64_t, p);
RAW(fd_pwrite, int, p, p, uint64_t, p);
RAW(fd_seek, int, int64_t, int, p);
RAW(fd_tell, int, p);
RAW(fd_fdstat_get, int, p);
RAW(fd_filestat_get, int, p);
RAW(fd_prestat_get, int, p);
RAW(fd_prestat_dir_name, int, p, p);
RAW(fd_readdir, int, p, p, uint64_t, p);
RAW(path_open, int, int, p, p, int, uint64_t, uint64_t, int, p);
RAW(path_create_directory, int, p, p);
RAW(path_remove_directory, int, p, p);
RAW(path_unlink_file, int, p, p);
RAW(path_filestat_get, int, int, p, p, p);
RAW(path_filestat_set_times, int, int, p, p, uint64_t, uint64_t, int);
RAW(path_link, int, int, p, p, int, p, p);
RAW(path_symlink, p, p, int, p, p);
RAW(path_rename, int, p, p, int, p, p);
RAW(path_readlink, int, p, p, p, p, p);
RAW(poll_oneoff, p, p, p, p);

#define FAULT __WASI_ERRNO_FAULT

int main(void) {
  fd_t root = preopen("/rw");
  fd_t dir = scratch(root, "pointers");
  fd_t fd = create(dir, "f");
  write_text(fd, "content");
  p end = __builtin_wasm_memory_size(0) * 65536;
  uint32_t word[8];
  p good = (p)word;
  /* Just outside, straddling the end, and wrapping round. */
  p bad[] = {end, end - 1, 0xffffffff, 0xfffffffc, 0x80000000};
  char name[] = "f";
  p f = (p)name;
  ok(__wasi_path_symlink("f", dir, "l"));
  char link[] = "l";
  for (int i = 0; i < 5; i++) {
    p b = bad[i];
    returns(FAULT, raw_args_get(b, good));
    returns(FAULT, raw_args_get(good, b));
    returns(FAULT, raw_args_sizes_get(b, good));
    returns(FAULT, raw_args_sizes_get(good, b));
    returns(FAULT, raw_environ_get(b, good));
    returns(FAULT, raw_environ_sizes_get(b, good));
    returns(FAULT, raw_environ_sizes_get(good, b));
    returns(FAULT, raw_clock_res_get(0, b));
    returns(FAULT, raw_clock_time_get(0, 0, b));
    returns(FAULT, raw_random_get(b, 16));
    returns(FAULT, raw_fd_read(fd, b, 1, good));
    returns(FAULT, raw_fd_write(fd, b, 1, good));
    returns(FAULT, raw_fd_pread(fd, b, 1, 0, good));
    returns(FAULT, raw_fd_pwrite(fd, b, 1, 0, good));
    /* A good vector of a bad buffer. */
    word[0] = b;
    word[1] = 8;
    returns(FAULT, raw_fd_read(fd, good, 1, (p)(word + 4)));
    returns(FAULT, raw_fd_write(fd, good, 1, (p)(word + 4)));
    returns(FAULT, raw_fd_pread(fd, good, 1, 0, (p)(word + 4)));
    returns(FAULT, raw_fd_pwrite(fd, good, 1, 0, (p)(word + 4)));
    /* A good buffer, a bad place for the result. */
    word[0] = (p)(word + 4);
    word[1] = 1;
    returns(FAULT, raw_fd_read(fd, good, 1, b));
    returns(FAULT, raw_fd_write(fd, good, 1, b));
    returns(FAULT, raw_fd_pread(fd, good, 1, 0, b));
    returns(FAULT, raw_fd_pwrite(fd, good, 1, 0, b));
    returns(FAULT, raw_fd_seek(fd, 1, 0, b));
    returns(FAULT, raw_fd_tell(fd, b));
    returns(FAULT, raw_fd_fdstat_get(fd, b));
    returns(FAULT, raw_fd_filestat_get(fd, b));
    returns(FAULT, raw_fd_prestat_get(root, b));
    returns(FAULT, raw_fd_prestat_dir_name(root, b, 3));
    returns(FAULT, raw_fd_readdir(dir, b, 100, 0, good));
    returns(FAULT, raw_fd_readdir(dir, good, 4, 0, b));
    returns(FAULT, raw_path_open(dir, 0, b, 2, 0, 0, 0, 0, good));
    returns(FAULT, raw_path_open(dir, 0, f, 1, CREAT, 0, 0, 0, b));
    returns(FAULT, raw_path_create_directory(dir, b, 2));
    returns(FAULT, raw_path_remove_directory(dir, b, 2));
    returns(FAULT, raw_path_unlink_file(dir, b, 2));
    returns(FAULT, raw_path_filestat_get(dir, 0, b, 2, good));
    returns(FAULT, raw_path_filestat_get(dir, 0, f, 1, b));
    returns(FAULT, raw_path_filestat_set_times(dir, 0, b, 2, 0, 0, 0));
    returns(FAULT, raw_path_link(dir, 0, b, 2, dir, f, 1));
    returns(FAULT, raw_path_link(dir, 0, f, 1, dir, b, 2));
    returns(FAULT, raw_path_symlink(b, 2, dir, f, 1));
    returns(FAULT, raw_path_symlink(f, 1, dir, b, 2));
    returns(FAULT, raw_path_rename(dir, b, 2, dir, f, 1));
    returns(FAULT, raw_path_rename(dir, f, 1, dir, b, 2));
    returns(FAULT, raw_path_readlink(dir, b, 2, good, 4, (p)(word + 4)));
    returns(FAULT, raw_path_readlink(dir, (p)link, 1, b, 4, good));
    returns(FAULT, raw_path_readlink(dir, (p)link, 1, good, 4, b));
    returns(FAULT, raw_poll_oneoff(b, good, 1, good));
    returns(FAULT, raw_poll_oneoff(good, b, 1, good));
  }
  /* Lengths that reach over the end. */
  returns(FAULT, raw_random_get(good, 0xffffffff));
  returns(FAULT, raw_fd_readdir(dir, good, 0xffffffff, 0, good));
  returns(FAULT, raw_path_unlink_file(dir, f, 0xffffffff));
  returns(FAULT, raw_path_unlink_file(dir, f, end));
  /* Two buffers that are too long together. */
  word[0] = 0;
  word[1] = end;
  int all = raw_fd_write(fd, good, 1, (p)(word + 4));
  check(all == 0);
  word[1] = 0x80000000;
  returns(__WASI_ERRNO_INVAL, raw_fd_write(fd, good, 1, (p)(word + 4)));
  check(size_of(fd) == 7 + end);
  __wasi_filesize_t at;
  ok(__wasi_fd_tell(fd, &at));
  check(at == 7 + end);
  return 0;
}
