/* Rights: base and inheriting, at opening and later; descriptor flags; fd_renumber; prestat. */
#include "check.h"

static __wasi_fdstat_t fdstat(fd_t fd) {
  __wasi_fdstat_t stat;
  memset(&stat, 0xff, sizeof stat);
  ok(__wasi_fd_fdstat_get(fd, &stat));
  return stat;
}

static void opening(fd_t dir) {
  fd_t fd;
  size_t n;
  uint8_t byte = 'x';
  __wasi_iovec_t in = {&byte, 1};
  __wasi_ciovec_t out = {&byte, 1};
  put(dir, "f", "content");

  ok(open_with(dir, 0, "f", 0, R(FD_READ), 0, &fd));
  check(fdstat(fd).fs_rights_base == R(FD_READ) && fdstat(fd).fs_filetype == __WASI_FILETYPE_REGULAR_FILE);
  ok(__wasi_fd_read(fd, &in, 1, &n));
  returns(__WASI_ERRNO_BADF, __wasi_fd_write(fd, &out, 1, &n));
  __wasi_filesize_t at;
  __wasi_filestat_t stat;
  returns(__WASI_ERRNO_NOTCAPABLE, __wasi_fd_seek(fd, 0, 0, &at));
  returns(__WASI_ERRNO_NOTCAPABLE, __wasi_fd_tell(fd, &at));
  returns(__WASI_ERRNO_NOTCAPABLE, __wasi_fd_filestat_get(fd, &stat));
  returns(__WASI_ERRNO_NOTCAPABLE, __wasi_fd_filestat_set_size(fd, 0));
  returns(__WASI_ERRNO_NOTCAPABLE, __wasi_fd_filestat_set_times(fd, 0, 0, 0));
  returns(__WASI_ERRNO_NOTCAPABLE, __wasi_fd_allocate(fd, 0, 1));
  returns(__WASI_ERRNO_NOTCAPABLE, __wasi_fd_advise(fd, 0, 1, 0));
  returns(__WASI_ERRNO_NOTCAPABLE, __wasi_fd_sync(fd));
  returns(__WASI_ERRNO_NOTCAPABLE, __wasi_fd_datasync(fd));
  returns(__WASI_ERRNO_NOTCAPABLE, __wasi_fd_fdstat_set_flags(fd, 0));
  returns(__WASI_ERRNO_NOTCAPABLE, __wasi_fd_pread(fd, &in, 1, 0, &n));
  ok(__wasi_fd_close(fd));

  ok(open_with(dir, 0, "f", 0, R(FD_WRITE), 0, &fd));
  returns(__WASI_ERRNO_BADF, __wasi_fd_read(fd, &in, 1, &n));
  byte = 'x';
  ok(__wasi_fd_write(fd, &out, 1, &n));
  ok(__wasi_fd_close(fd));
  check(holds(dir, "f", "xontent"));

  /* The size can be set without the right to write. */
  ok(open_with(dir, 0, "f", 0, R(FD_FILESTAT_SET_SIZE), 0, &fd));
  ok(__wasi_fd_filestat_set_size(fd, 3));
  returns(__WASI_ERRNO_BADF, __wasi_fd_write(fd, &out, 1, &n));
  ok(__wasi_fd_close(fd));
  check(holds(dir, "f", "xon"));
}

static void dropping(fd_t dir) {
  fd_t fd = create(dir, "drop");
  __wasi_fdstat_t before = fdstat(fd);
  ok(__wasi_fd_fdstat_set_rights(fd, before.fs_rights_base & ~R(FD_WRITE), before.fs_rights_inheriting));
  check(fdstat(fd).fs_rights_base == (before.fs_rights_base & ~R(FD_WRITE)));
  size_t n;
  __wasi_ciovec_t out = {(const uint8_t *)"x", 1};
  returns(__WASI_ERRNO_BADF, __wasi_fd_write(fd, &out, 1, &n));
  returns(__WASI_ERRNO_NOTCAPABLE, __wasi_fd_fdstat_set_rights(fd, before.fs_rights_base, 0));
  returns(__WASI_ERRNO_NOTCAPABLE, __wasi_fd_fdstat_set_rights(fd, 0, R(PATH_OPEN)));
  check(fdstat(fd).fs_rights_base == (before.fs_rights_base & ~R(FD_WRITE)));
  ok(__wasi_fd_close(fd));
  returns(__WASI_ERRNO_BADF, __wasi_fd_fdstat_set_rights(fd, 0, 0));
  returns(__WASI_ERRNO_BADF, __wasi_fd_fdstat_get(fd, &before));
}

/* Each path call needs its right on the directory. */
static void directories(fd_t root) {
  fd_t dir = scratch(root, "limited");
  put(dir, "f", "1");
  ok(__wasi_path_create_directory(dir, "d"));
  ok(__wasi_path_symlink("f", dir, "l"));
  __wasi_fdstat_t all = fdstat(dir);
  check(all.fs_filetype == __WASI_FILETYPE_DIRECTORY);
  fd_t limited;
  __wasi_filestat_t stat;
  size_t n;
  uint8_t buffer[64];
#define WITHOUT(right, call)                                                                                  \
  ok(__wasi_path_open(root, 0, "limited", DIRECTORY, all.fs_rights_base & ~R(right), all.fs_rights_inheriting, \
                      0, &limited));                                                                          \
  returns(__WASI_ERRNO_NOTCAPABLE, call);                                                                     \
  ok(__wasi_fd_close(limited))

  fd_t fd;
  WITHOUT(PATH_OPEN, open_with(limited, 0, "f", 0, R(FD_READ), 0, &fd));
  WITHOUT(PATH_CREATE_FILE, open_with(limited, 0, "f", CREAT, R(FD_READ), 0, &fd));
  WITHOUT(PATH_FILESTAT_SET_SIZE, open_with(limited, 0, "f", TRUNC, R(FD_READ), 0, &fd));
  WITHOUT(PATH_CREATE_DIRECTORY, __wasi_path_create_directory(limited, "x"));
  WITHOUT(PATH_REMOVE_DIRECTORY, __wasi_path_remove_directory(limited, "d"));
  WITHOUT(PATH_UNLINK_FILE, __wasi_path_unlink_file(limited, "f"));
  WITHOUT(PATH_READLINK, __wasi_path_readlink(limited, "l", buffer, sizeof buffer, &n));
  WITHOUT(PATH_SYMLINK, __wasi_path_symlink("f", limited, "m"));
  WITHOUT(PATH_FILESTAT_GET, __wasi_path_filestat_get(limited, 0, "f", &stat));
  WITHOUT(PATH_FILESTAT_SET_TIMES, __wasi_path_filestat_set_times(limited, 0, "f", 0, 0, 0));
  WITHOUT(PATH_RENAME_SOURCE, __wasi_path_rename(limited, "f", dir, "g"));
  WITHOUT(PATH_RENAME_TARGET, __wasi_path_rename(dir, "f", limited, "g"));
  WITHOUT(PATH_LINK_SOURCE, __wasi_path_link(limited, 0, "f", dir, "g"));
  WITHOUT(PATH_LINK_TARGET, __wasi_path_link(dir, 0, "f", limited, "g"));
  WITHOUT(FD_READDIR, __wasi_fd_readdir(limited, buffer, sizeof buffer, 0, &n));
  WITHOUT(FD_FILESTAT_GET, __wasi_fd_filestat_get(limited, &stat));
  WITHOUT(FD_FILESTAT_SET_TIMES, __wasi_fd_filestat_set_times(limited, 0, 0, 0));
  check(holds(dir, "f", "1"));

  /* What is opened cannot have more than the inheriting rights. */
  ok(__wasi_path_open(root, 0, "limited", DIRECTORY, all.fs_rights_base, R(FD_READ) | R(FD_SEEK), 0, &limited));
  check(fdstat(limited).fs_rights_inheriting == (R(FD_READ) | R(FD_SEEK)));
  returns(__WASI_ERRNO_NOTCAPABLE, __wasi_path_open(limited, 0, "f", 0, R(FD_WRITE), 0, 0, &fd));
  returns(__WASI_ERRNO_NOTCAPABLE, __wasi_path_open(limited, 0, "f", 0, R(FD_READ), R(FD_WRITE), 0, &fd));
  ok(__wasi_path_open(limited, 0, "f", 0, R(FD_READ), 0, 0, &fd));
  check(fdstat(fd).fs_rights_base == R(FD_READ));
  ok(__wasi_fd_close(fd));
  /* Dropped inheriting rights are gone for what is opened later. */
  ok(__wasi_fd_fdstat_set_rights(limited, fdstat(limited).fs_rights_base, R(FD_READ)));
  returns(__WASI_ERRNO_NOTCAPABLE, __wasi_path_open(limited, 0, "f", 0, R(FD_READ) | R(FD_SEEK), 0, 0, &fd));
  ok(__wasi_fd_close(limited));

  /* A directory never gets rights that mean nothing for it. */
  ok(__wasi_path_open(root, 0, "limited", DIRECTORY, R(FD_SEEK) | R(FD_READ) | R(FD_ALLOCATE), 0, 0, &limited));
  check(fdstat(limited).fs_rights_base == 0);
  ok(__wasi_fd_close(limited));
  returns(__WASI_ERRNO_ISDIR, __wasi_path_open(root, 0, "limited", DIRECTORY, R(FD_WRITE), 0, 0, &limited));
  returns(__WASI_ERRNO_ISDIR, __wasi_path_open(root, 0, "limited", 0, R(FD_READ) | R(FD_WRITE), 0, 0, &limited));
}

static void flags(fd_t dir) {
  fd_t fd = create(dir, "flags");
  check(fdstat(fd).fs_flags == 0);
  for (int set = 0; set < 32; set++) {
    ok(__wasi_fd_fdstat_set_flags(fd, set));
    check(fdstat(fd).fs_flags == set);
  }
  returns(__WASI_ERRNO_INVAL, __wasi_fd_fdstat_set_flags(fd, 32));
  returns(__WASI_ERRNO_BADF, __wasi_fd_fdstat_set_flags(dir, 0));
  ok(__wasi_fd_close(fd));
  returns(__WASI_ERRNO_INVAL, open_with(dir, 0, "flags", 0, R(FD_READ), 32, &fd));
  returns(__WASI_ERRNO_INVAL, open_with(dir, 0, "flags", 16, R(FD_READ), 0, &fd));
  returns(__WASI_ERRNO_INVAL, open_with(dir, 2, "flags", 0, R(FD_READ), 0, &fd));
  ok(open_with(dir, 0, "flags", 0, R(FD_WRITE), __WASI_FDFLAGS_APPEND | __WASI_FDFLAGS_DSYNC, &fd));
  check(fdstat(fd).fs_flags == (__WASI_FDFLAGS_APPEND | __WASI_FDFLAGS_DSYNC));
  write_text(fd, "durable");
  ok(__wasi_fd_close(fd));
  check(holds(dir, "flags", "durable"));
}

static void streams(void) {
  check(fdstat(0).fs_rights_base & R(FD_READ) && !(fdstat(0).fs_rights_base & R(FD_WRITE)));
  check(fdstat(1).fs_rights_base & R(FD_WRITE) && !(fdstat(1).fs_rights_base & (R(FD_READ) | R(FD_SEEK))));
  __wasi_filestat_t stat;
  for (fd_t fd = 0; fd < 3; fd++) {
    check(fdstat(fd).fs_filetype != __WASI_FILETYPE_CHARACTER_DEVICE);
    ok(__wasi_fd_filestat_get(fd, &stat));
    check(stat.size == 0);
  }
}

static void renumber(fd_t dir) {
  put(dir, "a", "A");
  put(dir, "b", "B");
  fd_t a, b;
  ok(open_with(dir, 0, "a", 0, FILE_RIGHTS, 0, &a));
  ok(open_with(dir, 0, "b", 0, FILE_RIGHTS, 0, &b));
  ok(__wasi_fd_renumber(a, a));
  ok(__wasi_fd_renumber(a, b));
  check(strcmp(read_text(b), "A") == 0);
  returns(__WASI_ERRNO_BADF, __wasi_fd_close(a));
  returns(__WASI_ERRNO_BADF, __wasi_fd_renumber(b, a));
  returns(__WASI_ERRNO_BADF, __wasi_fd_renumber(a, b));
  returns(__WASI_ERRNO_BADF, __wasi_fd_renumber(b, 12345));
  /* The freed number is given out again. */
  fd_t again;
  ok(open_with(dir, 0, "b", 0, FILE_RIGHTS, 0, &again));
  check(again == a);
  /* A stream can be replaced by a file, and stdout then goes there. */
  fd_t out = create(dir, "out");
  ok(__wasi_fd_renumber(out, 1));
  printf("into the file\n");
  fflush(stdout);
  check(holds(dir, "out", "into the file\n"));
  ok(__wasi_fd_close(again));
  ok(__wasi_fd_close(b));
}

static void preopens(fd_t root) {
  __wasi_prestat_t stat;
  uint8_t name[16];
  ok(__wasi_fd_prestat_get(root, &stat));
  check(stat.u.dir.pr_name_len == 3);
  returns(__WASI_ERRNO_NAMETOOLONG, __wasi_fd_prestat_dir_name(root, name, 2));
  ok(__wasi_fd_prestat_dir_name(root, name, sizeof name));
  check(memcmp(name, "/rw", 3) == 0);
  returns(__WASI_ERRNO_NOTDIR, __wasi_fd_prestat_get(0, &stat));
  returns(__WASI_ERRNO_BADF, __wasi_fd_prestat_get(100, &stat));
  fd_t dir = open_dir(root, ".");
  returns(__WASI_ERRNO_BADF, __wasi_fd_prestat_get(dir, &stat));
  /* A preopen can be closed, and another directory put in its place. */
  ok(__wasi_fd_renumber(dir, root));
  returns(__WASI_ERRNO_BADF, __wasi_fd_prestat_get(root, &stat));
  ok(__wasi_fd_close(root));
  fd_t fd;
  returns(__WASI_ERRNO_BADF, __wasi_path_open(root, 0, "x", 0, 0, 0, 0, &fd));
}

int main(void) {
  fd_t root = preopen("/rw");
  fd_t dir = scratch(root, "rights");
  opening(dir);
  dropping(dir);
  directories(dir);
  flags(dir);
  streams();
  renumber(dir);
  preopens(root);
  return 0;
}
