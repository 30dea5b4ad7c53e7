/* fd_readdir: contents, cookies, small buffers, changes while reading. */
#include "check.h"

typedef struct {
  __wasi_dirent_t head;
  char name[256];
} entry_t;

/* Reads entries from a cookie with a buffer of a given size. Returns how many were complete; *full: the buffer was filled. */
static int list(fd_t dir, __wasi_dircookie_t cookie, size_t size, entry_t *entries, int max, int *full) {
  static uint8_t buffer[70000];
  size_t used;
  ok(__wasi_fd_readdir(dir, buffer, size, cookie, &used));
  check(used <= size);
  *full = used == size;
  int n = 0;
  for (size_t at = 0; n < max && used - at >= sizeof(__wasi_dirent_t);) {
    memcpy(&entries[n].head, buffer + at, sizeof(__wasi_dirent_t));
    size_t length = entries[n].head.d_namlen;
    at += sizeof(__wasi_dirent_t);
    if (used - at < length) break;
    memcpy(entries[n].name, buffer + at, length);
    entries[n].name[length] = 0;
    at += length;
    n++;
  }
  return n;
}

static entry_t *find(entry_t *entries, int n, const char *name) {
  for (int i = 0; i < n; i++)
    if (strcmp(entries[i].name, name) == 0) return &entries[i];
  return NULL;
}

static void contents(fd_t dir) {
  entry_t e[20];
  int full;
  check(list(dir, 0, 4096, e, 20, &full) == 2 && !full);
  check(find(e, 2, ".") && find(e, 2, ".."));
  __wasi_filestat_t stat;
  ok(__wasi_fd_filestat_get(dir, &stat));
  check(find(e, 2, ".")->head.d_ino == stat.ino && find(e, 2, ".")->head.d_type == __WASI_FILETYPE_DIRECTORY);

  put(dir, "file", "");
  put(dir, "name with \xc3\xa9", "");
  ok(__wasi_path_create_directory(dir, "sub"));
  ok(__wasi_path_symlink("file", dir, "link"));
  int n = list(dir, 0, 4096, e, 20, &full);
  check(n == 6 && find(e, n, "name with \xc3\xa9"));
  ok(__wasi_path_filestat_get(dir, 0, "file", &stat));
  check(find(e, n, "file")->head.d_ino == stat.ino && find(e, n, "file")->head.d_type == __WASI_FILETYPE_REGULAR_FILE);
  check(find(e, n, "sub")->head.d_type == __WASI_FILETYPE_DIRECTORY);
  check(find(e, n, "link")->head.d_type == __WASI_FILETYPE_SYMBOLIC_LINK);

  /* Every cookie continues right after its entry. */
  for (int i = 0; i < n; i++) {
    entry_t rest[20];
    int m = list(dir, e[i].head.d_next, 4096, rest, 20, &full);
    check(m == n - i - 1);
    for (int j = 0; j < m; j++) check(strcmp(rest[j].name, e[i + 1 + j].name) == 0);
  }
  /* Through another descriptor as well. */
  fd_t again = open_dir(dir, ".");
  entry_t rest[20];
  check(list(again, e[2].head.d_next, 4096, rest, 20, &full) == n - 3);
  check(strcmp(rest[0].name, e[3].name) == 0);
  ok(__wasi_fd_close(again));
}

static void small_buffers(fd_t dir) {
  entry_t e[20], one[20];
  int full;
  int n = list(dir, 0, 4096, e, 20, &full);
  /* A buffer for one entry and a bit: the rest is cut off and comes with the cookie. */
  __wasi_dircookie_t cookie = 0;
  for (int i = 0; i < n; i++) {
    size_t size = sizeof(__wasi_dirent_t) + strlen(e[i].name);
    check(list(dir, cookie, size, one, 20, &full) == 1);
    check(strcmp(one[0].name, e[i].name) == 0);
    cookie = one[0].head.d_next;
  }
  check(list(dir, cookie, 4096, one, 20, &full) == 0 && !full);
  /* Even a part of the head is given, and filled means more. */
  check(list(dir, 0, 10, one, 20, &full) == 0 && full);
  check(list(dir, 0, 0, one, 20, &full) == 0);
  check(list(dir, 1ull << 63, 4096, one, 20, &full) == 0);
}

/* What is removed or added meanwhile neither hides nor repeats the others. */
static void changes(fd_t root) {
  fd_t dir = scratch(root, "changing");
  for (int i = 0; i < 40; i++) {
    char name[16];
    snprintf(name, sizeof name, "f%02d", i);
    put(dir, name, "");
  }
  int seen[40] = {0}, full = 1;
  __wasi_dircookie_t cookie = 0;
  while (full) {
    entry_t e[20];
    int n = list(dir, cookie, 200, e, 20, &full);
    check(n > 0);
    for (int i = 0; i < n; i++) {
      cookie = e[i].head.d_next;
      if (e[i].name[0] != 'f') continue;
      seen[atoi(e[i].name + 1)]++;
      ok(__wasi_path_unlink_file(dir, e[i].name));
    }
  }
  for (int i = 0; i < 40; i++) check(seen[i] == 1);
  entry_t e[20];
  check(list(dir, 0, 4096, e, 20, &full) == 2);
  ok(__wasi_fd_close(dir));
  ok(__wasi_path_remove_directory(root, "changing"));
}

static void many(fd_t root) {
  fd_t dir = scratch(root, "many");
  for (int i = 0; i < 1000; i++) {
    char name[16];
    snprintf(name, sizeof name, "file.%d", i);
    put(dir, name, "");
  }
  int total = 0, full = 1;
  __wasi_dircookie_t cookie = 0;
  while (full) {
    entry_t e[20];
    int n = list(dir, cookie, 256, e, 20, &full);
    total += n;
    if (n > 0) cookie = e[n - 1].head.d_next;
  }
  check(total == 1002);
}

int main(void) {
  fd_t root = preopen("/rw");
  fd_t dir = scratch(root, "readdir");
  contents(dir);
  small_buffers(dir);
  changes(dir);
  many(dir);
  uint8_t byte;
  size_t used;
  fd_t file = create(dir, "plain");
  returns(__WASI_ERRNO_NOTDIR, __wasi_fd_readdir(file, &byte, 1, 0, &used));
  returns(__WASI_ERRNO_BADF, __wasi_fd_readdir(999, &byte, 1, 0, &used));
  return 0;
}
