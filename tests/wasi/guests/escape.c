/*
 * Attempts to get out. Outside, next to the mounts, lies "outside/secret" with "secret"; the host has planted in /rw:
 * absolute -> .../outside/secret, relative -> ../outside/secret, dir -> ../outside, dangling -> ../outside/planted,
 * deep/up -> ../.. and etc -> /etc.
 */
#include <dirent.h>
#include <fcntl.h>
#include <unistd.h>
#include "check.h"

static const char *const out[] = {
    "../outside/secret", "../../etc/passwd", "../../../../../../../../etc/passwd", "/etc/passwd", "absolute", "relative",
    "dir/secret", "etc/passwd", "deep/up/outside/secret", "deep/../../outside/secret", "./../outside/secret", "..", "dir/..",
    "made", "made_dir/secret",
};
#define OUT (int)(sizeof out / sizeof *out)

static void every_call(fd_t rw) {
  for (int i = 0; i < OUT; i++) {
    const char *path = out[i];
    fd_t fd;
    __wasi_filestat_t stat;
    returns(__WASI_ERRNO_PERM, open_with(rw, FOLLOW, path, 0, R(FD_READ), 0, &fd));
    returns(__WASI_ERRNO_PERM, open_with(rw, FOLLOW, path, 0, R(FD_READ) | R(FD_WRITE), 0, &fd));
    returns(__WASI_ERRNO_PERM, open_with(rw, FOLLOW, path, CREAT | TRUNC, R(FD_WRITE), 0, &fd));
    returns(__WASI_ERRNO_PERM, open_with(rw, FOLLOW, path, DIRECTORY, 0, 0, &fd));
    returns(__WASI_ERRNO_PERM, __wasi_path_filestat_get(rw, FOLLOW, path, &stat));
    returns(__WASI_ERRNO_PERM, __wasi_path_filestat_set_times(rw, FOLLOW, path, 1, 1, 5));
  }
  /* Calls that do not follow at the end: what goes through a directory is refused. */
  const char *through[] = {"../outside/secret", "/etc/passwd", "dir/secret", "etc/passwd", "deep/up/outside/secret", "made_dir/secret"};
  for (int i = 0; i < 6; i++) {
    const char *path = through[i];
    uint8_t buffer[64];
    size_t used;
    fd_t fd;
    returns(__WASI_ERRNO_PERM, open_with(rw, 0, path, 0, R(FD_READ), 0, &fd));
    returns(__WASI_ERRNO_PERM, open_with(rw, 0, path, CREAT | EXCL, R(FD_READ), 0, &fd));
    returns(__WASI_ERRNO_PERM, __wasi_path_unlink_file(rw, path));
    returns(__WASI_ERRNO_PERM, __wasi_path_remove_directory(rw, path));
    returns(__WASI_ERRNO_PERM, __wasi_path_create_directory(rw, path));
    returns(__WASI_ERRNO_PERM, __wasi_path_rename(rw, path, rw, "stolen"));
    returns(__WASI_ERRNO_PERM, __wasi_path_rename(rw, "bait", rw, path));
    returns(__WASI_ERRNO_PERM, __wasi_path_link(rw, 0, path, rw, "stolen"));
    returns(__WASI_ERRNO_PERM, __wasi_path_link(rw, 0, "bait", rw, path));
    returns(__WASI_ERRNO_PERM, __wasi_path_symlink("x", rw, path));
    returns(__WASI_ERRNO_PERM, __wasi_path_readlink(rw, path, buffer, sizeof buffer, &used));
  }
  /* A symlink can be linked, moved and removed, but stays a wall. */
  ok(__wasi_path_link(rw, 0, "relative", rw, "relative2"));
  ok(__wasi_path_rename(rw, "relative2", rw, "deep/relative2"));
  fd_t fd;
  returns(__WASI_ERRNO_NOENT, open_with(rw, FOLLOW, "deep/relative2", 0, R(FD_READ), 0, &fd));
  ok(__wasi_path_rename(rw, "deep/relative2", rw, "relative2"));
  returns(__WASI_ERRNO_PERM, open_with(rw, FOLLOW, "relative2", 0, R(FD_READ), 0, &fd));
}

/* A symlink that points inside where it is made and outside where it is moved. */
static void moved_symlink(fd_t rw) {
  fd_t fd;
  ok(__wasi_path_create_directory(rw, "x"));
  ok(__wasi_path_create_directory(rw, "x/y"));
  ok(__wasi_path_create_directory(rw, "outside"));
  put(rw, "outside/secret", "decoy");
  ok(__wasi_path_symlink("../../outside/secret", rw, "x/y/l"));
  check(holds(rw, "x/y/l", "decoy"));
  ok(__wasi_path_rename(rw, "x/y/l", rw, "x/l"));
  returns(__WASI_ERRNO_PERM, open_with(rw, FOLLOW, "x/l", 0, R(FD_READ), 0, &fd));
  /* The same by moving its directory. */
  ok(__wasi_path_rename(rw, "x/l", rw, "x/y/l"));
  ok(__wasi_path_rename(rw, "x/y", rw, "y"));
  returns(__WASI_ERRNO_PERM, open_with(rw, FOLLOW, "y/l", 0, R(FD_READ), 0, &fd));
}

/* A directory with a descriptor is replaced by a symlink: the descriptor must not lead through it. */
static void swapped(fd_t rw) {
  ok(__wasi_path_create_directory(rw, "swap"));
  ok(__wasi_path_create_directory(rw, "swap/in"));
  fd_t in = open_dir(rw, "swap/in"), fd;
  put(in, "secret", "mine");
  for (int round = 0; round < 3; round++) {
    ok(__wasi_path_rename(rw, "swap", rw, "aside"));
    ok(__wasi_path_symlink("..", rw, "swap"));
    check(holds(in, "secret", "mine"));
    put(in, "written", "here");
    check(holds(rw, "aside/in/written", "here"));
    ok(__wasi_path_unlink_file(rw, "swap"));
    ok(__wasi_path_rename(rw, "aside", rw, "swap"));
  }
  /* Removed and replaced: the descriptor is dead. */
  ok(__wasi_path_unlink_file(in, "secret"));
  ok(__wasi_path_unlink_file(in, "written"));
  ok(__wasi_path_remove_directory(rw, "swap/in"));
  ok(__wasi_path_symlink("../../outside", rw, "swap/in"));
  returns(__WASI_ERRNO_NOENT, open_with(in, FOLLOW, "secret", 0, R(FD_READ), 0, &fd));
  returns(__WASI_ERRNO_NOENT, open_with(in, 0, "new", CREAT, R(FD_WRITE), 0, &fd));
  returns(__WASI_ERRNO_PERM, open_with(rw, FOLLOW, "swap/in/secret", 0, R(FD_READ), 0, &fd));
}

static void across_mounts(fd_t rw, fd_t rw2) {
  put(rw, "here", "1");
  returns(__WASI_ERRNO_XDEV, __wasi_path_rename(rw, "here", rw2, "there"));
  returns(__WASI_ERRNO_XDEV, __wasi_path_link(rw, 0, "here", rw2, "there"));
  fd_t fd;
  /* A mount is not reached through another, though they lie side by side on the host. */
  returns(__WASI_ERRNO_PERM, open_with(rw, FOLLOW, "../rw2/f", 0, R(FD_READ), 0, &fd));
}

static void by_libc(void) {
  check(open("/etc/passwd", O_RDONLY) == -1);
  check(open("/rw/../outside/secret", O_RDONLY) == -1);
  check(open("/rw/dir/secret", O_RDONLY) == -1);
  check(open("../../etc/passwd", O_RDONLY) == -1);
  check(opendir("/") == NULL && opendir("/etc") == NULL && opendir("/rw/dir") == NULL);
}

int main(void) {
  fd_t rw = preopen("/rw");
  put(rw, "bait", "bait");
  /* Those the guest makes itself. */
  ok(__wasi_path_symlink("../outside/secret", rw, "made"));
  ok(__wasi_path_symlink("../outside", rw, "made_dir"));
  returns(__WASI_ERRNO_PERM, __wasi_path_symlink("/etc/passwd", rw, "made_absolute"));
  every_call(rw);
  moved_symlink(rw);
  swapped(rw);
  across_mounts(rw, preopen("/rw2"));
  by_libc();
  return 0;
}
