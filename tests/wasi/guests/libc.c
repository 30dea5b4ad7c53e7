/* What programs do through the C library: files, directories, times, sleeping, seeking, temporary names. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
#include "check.h"

int main(void) {
  check(mkdir("/rw/libc", 0777) == 0);
  FILE *file = fopen("/rw/libc/a.txt", "w+");
  check(file != NULL);
  for (int i = 0; i < 1000; i++) fprintf(file, "line %d\n", i);
  check(fseek(file, 0, SEEK_SET) == 0);
  char line[64];
  int lines = 0;
  while (fgets(line, sizeof line, file)) lines++;
  check(lines == 1000);
  fclose(file);

  file = fopen("/rw/libc/a.txt", "a");
  fputs("end\n", file);
  fclose(file);
  struct stat st;
  check(stat("/rw/libc/a.txt", &st) == 0 && S_ISREG(st.st_mode) && st.st_size == 8890 + 4);
  check(stat("/rw/libc", &st) == 0 && S_ISDIR(st.st_mode));
  check(stat("/rw/none", &st) == -1 && errno == ENOENT);

  check(rename("/rw/libc/a.txt", "/rw/libc/b.txt") == 0);
  check(link("/rw/libc/b.txt", "/rw/libc/c.txt") == 0);
  check(symlink("b.txt", "/rw/libc/s.txt") == 0);
  check(readlink("/rw/libc/s.txt", line, sizeof line) == 5);
  check(access("/rw/libc/s.txt", R_OK) == 0);

  DIR *dir = opendir("/rw/libc");
  check(dir != NULL);
  int entries = 0;
  while (readdir(dir)) entries++;
  check(entries == 5);
  rewinddir(dir);
  check(readdir(dir) != NULL);
  closedir(dir);

  struct timespec times[2] = {{1, 2}, {3, 4}};
  check(utimensat(AT_FDCWD, "/rw/libc/b.txt", times, 0) == 0);
  check(stat("/rw/libc/b.txt", &st) == 0 && st.st_atim.tv_nsec == 2 && st.st_mtim.tv_sec == 3 && st.st_mtim.tv_nsec == 4);

  int fd = open("/rw/libc/b.txt", O_RDWR | O_TRUNC);
  check(fd > 2 && lseek(fd, 0, SEEK_END) == 0);
  check(pwrite(fd, "xyz", 3, 2) == 3 && lseek(fd, 0, SEEK_CUR) == 0);
  check(ftruncate(fd, 4) == 0 && fsync(fd) == 0);
  check(pread(fd, line, 10, 0) == 4 && memcmp(line, "\0\0xy", 4) == 0);
  close(fd);
  fd = open("/rw/libc/b.txt", O_WRONLY | O_APPEND);
  check(write(fd, "!", 1) == 1 && lseek(fd, 0, SEEK_CUR) == 5);
  close(fd);
  check(open("/rw/libc/b.txt", O_CREAT | O_EXCL | O_RDWR, 0666) == -1 && errno == EEXIST);
  check(open("/rw/libc/s.txt", O_RDONLY | O_NOFOLLOW) == -1 && errno == ELOOP);

  struct timespec nap = {0, 20000000}, before, after;
  clock_gettime(CLOCK_MONOTONIC, &before);
  check(nanosleep(&nap, NULL) == 0);
  clock_gettime(CLOCK_MONOTONIC, &after);
  check((after.tv_sec - before.tv_sec) * 1000000000LL + after.tv_nsec - before.tv_nsec >= 20000000);
  check(time(NULL) > 1577836800);
  check(!isatty(1));

  check(unlink("/rw/libc/b.txt") == 0 && unlink("/rw/libc/c.txt") == 0 && unlink("/rw/libc/s.txt") == 0);
  check(rmdir("/rw/libc") == 0);
  puts("done");
  return 0;
}
