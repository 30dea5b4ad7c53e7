/*
 * Does random things with files, directories and links below `/`, and prints what came of each. Built for the host as
 * well, where it starts in an empty directory: of one seed both must print the same.
 *
 *     walk SEED STEPS
 *
 * Left out is what a guest is refused on purpose: leaving its directory, absolute links, changing the size through a
 * descriptor that is for reading only, and what is left of a directory after its removal.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#define SLOTS 6
#define BUFFER 64

static unsigned long long state;
static unsigned below(unsigned n) {
  state = state * 6364136223846793005ULL + 1442695040888963407ULL;
  return (unsigned)(state >> 33) % n;
}

static const char *const names[] = {"a", "b", "c", "d"};
static const char *name(void) { return names[below(4)]; }

/* A path that never leaves the directory by its own `..`. */
static void make_path(char *path) {
  unsigned depth = 0, parts = 1 + below(3) * below(2);
  *path = 0;
  for (unsigned i = 0; i < parts; i++) {
    unsigned kind = below(24);
    if (i > 0) strcat(path, below(20) ? "/" : "//");
    if (kind == 0) strcat(path, ".");
    else if (kind == 1 && depth > 0) {
      strcat(path, "..");
      depth--;
    } else {
      strcat(path, name());
      depth++;
    }
  }
  if (below(12) == 0) strcat(path, "/");
  if (below(40) == 0) strcat(path, "/.");
}

/* What a symlink points to: never out of the directory either, wherever the link is moved. */
static void make_target(char *target) {
  const char *one = name(), *other = name();
  switch (below(5)) {
    case 0: sprintf(target, "%s/%s", one, other); break;
    case 1: sprintf(target, "./%s", one); break;
    case 2: sprintf(target, "%s/", one); break;
    case 3: sprintf(target, "%s/../%s", one, other); break;
    default: strcpy(target, one);
  }
}

static struct {
  int fd;
  int access;
  int append;
  int directory;
} slots[SLOTS];

static const char *error_name(int code) {
  static char other[80];
  switch (code) {
#define NAME(code) case code: return #code
    NAME(EACCES);
    NAME(EBADF);
    NAME(EBUSY);
    NAME(EEXIST);
    NAME(EINVAL);
    NAME(EISDIR);
    NAME(ELOOP);
    NAME(ENAMETOOLONG);
    NAME(ENOENT);
    NAME(ENOTDIR);
    NAME(ENOTEMPTY);
    NAME(EPERM);
    NAME(ESPIPE);
    NAME(EXDEV);
  }
  snprintf(other, sizeof other, "%s", strerror(code));
  return other;
}

static void result(long long value) {
  if (value < 0) printf(" = %s\n", error_name(errno));
  else printf(" = %lld\n", value);
}

static void show_bytes(const char *bytes, long long count) {
  for (long long i = 0; i < count; i++) printf("%02x", (unsigned char)bytes[i]);
}

static const char *type_of(mode_t mode) {
  return S_ISDIR(mode) ? "directory" : S_ISREG(mode) ? "file" : S_ISLNK(mode) ? "link" : "other";
}

/* Sizes and link counts of directories are the host's own affair. */
static void show_stat(const struct stat *stat) {
  printf(" %s", type_of(stat->st_mode));
  if (!S_ISDIR(stat->st_mode)) printf(" %lld*%d", (long long)stat->st_size, (int)stat->st_nlink);
}

static void do_open(unsigned slot, const char *path) {
  static const int accesses[] = {O_RDONLY, O_WRONLY, O_RDWR};
  unsigned access = below(3);
  int create = below(2), exclusive = create && below(3) == 0, truncate = access != 0 && below(4) == 0;
  int append = below(5) == 0, nofollow = below(6) == 0, directory = !create && below(6) == 0;
  int flags = accesses[access] | (create ? O_CREAT : 0) | (exclusive ? O_EXCL : 0) | (truncate ? O_TRUNC : 0) |
              (append ? O_APPEND : 0) | (nofollow ? O_NOFOLLOW : 0) | (directory ? O_DIRECTORY : 0);
  if (slots[slot].fd >= 0) close(slots[slot].fd);
  printf("open %u %s access %u%s%s%s%s%s%s", slot, path, access, create ? " create" : "", exclusive ? " exclusive" : "",
         truncate ? " truncate" : "", append ? " append" : "", nofollow ? " nofollow" : "",
         directory ? " directory" : "");
  int fd = open(path, flags, 0666);
  result(fd < 0 ? -1 : 0);
  struct stat stat;
  slots[slot].fd = fd;
  slots[slot].access = (int)access;
  slots[slot].append = append;
  slots[slot].directory = fd >= 0 && fstat(fd, &stat) == 0 && S_ISDIR(stat.st_mode);
}

static int by_text(const void *one, const void *other) { return strcmp(*(char *const *)one, *(char *const *)other); }

static void do_list(const char *path) {
  char *found[64];
  int count = 0;
  printf("list %s", path);
  DIR *directory = opendir(path);
  if (directory == NULL) {
    result(-1);
    return;
  }
  for (struct dirent *entry; count < 64 && (entry = readdir(directory)) != NULL;) {
    char text[64];
    int type = entry->d_type;
    snprintf(text, sizeof text, "%s:%s", entry->d_name,
             type == DT_DIR ? "directory" : type == DT_REG ? "file" : type == DT_LNK ? "link" : "other");
    found[count++] = strdup(text);
  }
  closedir(directory);
  qsort(found, count, sizeof *found, by_text);
  for (int i = 0; i < count; i++) {
    printf(" %s", found[i]);
    free(found[i]);
  }
  result(count);
}

static void do_times(const char *path) {
  struct timespec times[2];
  for (int i = 0; i < 2; i++) {
    times[i].tv_sec = below(100000);
    times[i].tv_nsec = below(1000000000);
  }
  int flags = below(2) ? AT_SYMLINK_NOFOLLOW : 0;
  printf("times %s%s", path, flags ? " nofollow" : "");
  int done = utimensat(AT_FDCWD, path, times, flags);
  struct stat stat;
  if (done == 0 && fstatat(AT_FDCWD, path, &stat, flags) == 0) {
    printf(" %lld.%09ld", (long long)stat.st_mtim.tv_sec, stat.st_mtim.tv_nsec);
  }
  result(done);
}

/* What is done through a descriptor. */
static void with_slot(unsigned slot, const char *path, const char *other) {
  int fd = slots[slot].fd, length = (int)below(BUFFER), place = (int)below(200) - 40;
  char bytes[BUFFER], more[BUFFER];
  struct stat stat;
  memset(bytes, 'a' + (int)below(26), sizeof bytes);
  memset(more, 'A' + (int)below(26), sizeof more);
  if (slots[slot].directory) {
    int way = (int)below(4);
    printf("at %u way %d %s", slot, way, path);
    if (way == 0) {
      int opened = openat(fd, path, O_RDONLY);
      int done = opened < 0 ? -1 : fstat(opened, &stat);
      if (done == 0) show_stat(&stat);
      if (opened >= 0) close(opened);
      result(done);
    } else result(way == 1 ? mkdirat(fd, path, 0777) : way == 2 ? unlinkat(fd, path, 0) : renameat(fd, path, AT_FDCWD, other));
    return;
  }
  switch (below(8)) {
    case 0: {
      printf("fstat %u", slot);
      int done = fstat(fd, &stat);
      if (done == 0) show_stat(&stat);
      result(done);
      break;
    }
    case 1: {
      printf("read %u %d ", slot, length);
      long long count = read(fd, bytes, length);
      show_bytes(bytes, count);
      result(count);
      /* A stream of WASI 0.2 that has come to its end stays there until a place is chosen. */
      if (count == 0) lseek(fd, lseek(fd, 0, SEEK_CUR), SEEK_SET);
      break;
    }
    case 2:
      printf("write %u %d %c", slot, length, bytes[0]);
      result(write(fd, bytes, length));
      break;
    case 3: {
      printf("pread %u %d at %d ", slot, length, place);
      long long count = pread(fd, bytes, length, place);
      show_bytes(bytes, count);
      result(count);
      break;
    }
    case 4:
      /* Where this writes with O_APPEND, POSIX and Linux differ. */
      if (slots[slot].append) {
        printf("skip\n");
        break;
      }
      printf("pwrite %u %d at %d", slot, length, place);
      result(pwrite(fd, bytes, length, place));
      break;
    case 5: {
      int whence = (int)below(3);
      printf("seek %u %d from %d", slot, place, whence);
      result(lseek(fd, place, whence == 0 ? SEEK_SET : whence == 1 ? SEEK_CUR : SEEK_END));
      break;
    }
    case 6:
      if (fd >= 0 && slots[slot].access == 0) {
        printf("skip\n");
        break;
      }
      printf("size %u %d", slot, place);
      result(ftruncate(fd, place));
      break;
    case 7: {
      struct iovec vectors[3] = {{bytes, (size_t)length}, {more, 0}, {more, below(BUFFER)}};
      printf("writev %u %d+%d", slot, length, (int)vectors[2].iov_len);
      /* It may write less than all; the walk goes on from where all has been written. */
      long long done = writev(fd, vectors, 3);
      if (done >= 0 && done < length) done += write(fd, bytes + done, length - done);
      if (done >= length) done += write(fd, more + (done - length), vectors[2].iov_len - (done - length));
      result(done);
      break;
    }
  }
}

static void step(void) {
  char path[100], other[100], target[100];
  struct stat stat;
  make_path(path);
  make_path(other);
  make_target(target);
  unsigned slot = below(SLOTS);
  errno = 0;
  switch (below(20)) {
    case 0: case 1: case 2:
      do_open(slot, path);
      break;
    case 3: case 4:
      printf("mkdir %s", path);
      result(mkdir(path, 0777));
      break;
    case 5:
      printf("rmdir %s", path);
      result(rmdir(path));
      break;
    case 6:
      printf("unlink %s", path);
      result(unlink(path));
      break;
    case 7: case 8:
      printf("rename %s %s", path, other);
      result(rename(path, other));
      break;
    case 9:
      printf("link %s %s", path, other);
      result(link(path, other));
      break;
    case 10: case 11:
      printf("symlink %s %s", target, path);
      result(symlink(target, path));
      break;
    case 12: {
      long long count = readlink(path, target, 3 + below(60));
      printf("readlink %s ", path);
      if (count > 0) printf("%.*s", (int)count, target);
      result(count);
      break;
    }
    case 13: case 14: {
      int nofollow = (int)below(2);
      printf("stat %s%s", path, nofollow ? " nofollow" : "");
      int done = nofollow ? lstat(path, &stat) : (stat = (struct stat){0}, fstatat(AT_FDCWD, path, &stat, 0));
      if (done == 0) show_stat(&stat);
      result(done);
      break;
    }
    case 15:
      do_list(path);
      break;
    case 16:
      do_times(path);
      break;
    default:
      with_slot(slot, path, other);
  }
}

int main(int count, char **arguments) {
  if (count != 3) return 2;
  state = strtoull(arguments[1], NULL, 10) * 7919 + 17;
  for (int i = 0; i < SLOTS; i++) slots[i].fd = -1;
  for (int i = 0, steps = atoi(arguments[2]); i < steps; i++) {
    printf("%d ", i);
    step();
  }
  return 0;
}
