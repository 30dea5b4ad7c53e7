/* poll_oneoff: clocks, files, streams, wrong descriptors. Run with stdin "abc" that comes after a while. */
#include "check.h"

#define MS 1000000ull

static __wasi_subscription_t clock_after(uint64_t userdata, uint32_t id, uint64_t timeout, int flags) {
  __wasi_subscription_t s;
  memset(&s, 0, sizeof s);
  s.userdata = userdata;
  s.u.tag = __WASI_EVENTTYPE_CLOCK;
  s.u.u.clock.id = id;
  s.u.u.clock.timeout = timeout;
  s.u.u.clock.flags = flags;
  return s;
}
static __wasi_subscription_t on(uint64_t userdata, int type, fd_t fd) {
  __wasi_subscription_t s;
  memset(&s, 0, sizeof s);
  s.userdata = userdata;
  s.u.tag = type;
  s.u.u.fd_read.file_descriptor = fd;
  return s;
}
static uint64_t now(void) {
  __wasi_timestamp_t t;
  ok(__wasi_clock_time_get(__WASI_CLOCKID_MONOTONIC, 0, &t));
  return t;
}
static uint64_t wall(void) {
  __wasi_timestamp_t t;
  ok(__wasi_clock_time_get(__WASI_CLOCKID_REALTIME, 0, &t));
  return t;
}

static void clocks(void) {
  __wasi_event_t events[4];
  size_t n;
  uint64_t start = now();
  __wasi_subscription_t one = clock_after(7, __WASI_CLOCKID_MONOTONIC, 30 * MS, 0);
  ok(__wasi_poll_oneoff(&one, events, 1, &n));
  uint64_t took = now() - start;
  check(n == 1 && events[0].userdata == 7 && events[0].error == 0 && events[0].type == __WASI_EVENTTYPE_CLOCK);
  check(took >= 30 * MS && took < 10000 * MS);
  /* Of several, the earliest. */
  __wasi_subscription_t three[3] = {
      clock_after(1, __WASI_CLOCKID_MONOTONIC, 60000 * MS, 0),
      clock_after(2, __WASI_CLOCKID_REALTIME, 10 * MS, 0),
      clock_after(3, __WASI_CLOCKID_MONOTONIC, 60000 * MS, 0),
  };
  ok(__wasi_poll_oneoff(three, events, 3, &n));
  check(n == 1 && events[0].userdata == 2);
  /* Absolute times, ahead and past. */
  start = now();
  one = clock_after(8, __WASI_CLOCKID_MONOTONIC, start + 20 * MS, __WASI_SUBCLOCKFLAGS_SUBSCRIPTION_CLOCK_ABSTIME);
  ok(__wasi_poll_oneoff(&one, events, 1, &n));
  check(n == 1 && now() - start >= 20 * MS);
  one = clock_after(9, __WASI_CLOCKID_REALTIME, wall() - 1000 * MS, __WASI_SUBCLOCKFLAGS_SUBSCRIPTION_CLOCK_ABSTIME);
  ok(__wasi_poll_oneoff(&one, events, 1, &n));
  check(n == 1 && events[0].userdata == 9);
  one = clock_after(1, __WASI_CLOCKID_MONOTONIC, 0, 0);
  ok(__wasi_poll_oneoff(&one, events, 1, &n));
  check(n == 1);
  /* Unknown clock, unknown flags, unknown kind, none at all. */
  one = clock_after(4, 17, MS, 0);
  ok(__wasi_poll_oneoff(&one, events, 1, &n));
  check(n == 1 && events[0].error == __WASI_ERRNO_INVAL && events[0].userdata == 4);
  one = clock_after(5, 1, MS, 2);
  ok(__wasi_poll_oneoff(&one, events, 1, &n));
  check(n == 1 && events[0].error == __WASI_ERRNO_INVAL);
  one.u.tag = 9;
  returns(__WASI_ERRNO_INVAL, __wasi_poll_oneoff(&one, events, 1, &n));
  returns(__WASI_ERRNO_INVAL, __wasi_poll_oneoff(&one, events, 0, &n));
  static __wasi_subscription_t many[3000];
  static __wasi_event_t out[3000];
  returns(__WASI_ERRNO_INVAL, __wasi_poll_oneoff(many, out, 3000, &n));
}

static void descriptors(fd_t dir) {
  __wasi_event_t events[6];
  size_t n;
  put(dir, "f", "0123456789");
  fd_t fd, silent;
  ok(open_with(dir, 0, "f", 0, FILE_RIGHTS, 0, &fd));
  ok(open_with(dir, 0, "f", 0, R(FD_READ) | R(FD_WRITE), 0, &silent));
  __wasi_filesize_t at;
  ok(__wasi_fd_seek(fd, 4, __WASI_WHENCE_SET, &at));
  __wasi_subscription_t s[6] = {
      on(10, __WASI_EVENTTYPE_FD_READ, fd),
      on(11, __WASI_EVENTTYPE_FD_WRITE, fd),
      on(12, __WASI_EVENTTYPE_FD_WRITE, 1),
      on(13, __WASI_EVENTTYPE_FD_READ, 999),
      on(14, __WASI_EVENTTYPE_FD_READ, silent),
      clock_after(15, __WASI_CLOCKID_MONOTONIC, 60000 * MS, 0),
  };
  ok(__wasi_poll_oneoff(s, events, 6, &n));
  check(n == 5);
  for (size_t i = 0; i < n; i++) {
    check(events[i].userdata == 10 + i);
    int expected = i == 3 ? __WASI_ERRNO_BADF : i == 4 ? __WASI_ERRNO_NOTCAPABLE : 0;
    check(events[i].error == expected);
  }
  check(events[0].fd_readwrite.nbytes == 6);
  check(events[1].type == __WASI_EVENTTYPE_FD_WRITE && events[0].type == __WASI_EVENTTYPE_FD_READ);
  s[0] = on(1, __WASI_EVENTTYPE_FD_READ, dir);
  s[1] = on(2, __WASI_EVENTTYPE_FD_READ, 1);
  ok(__wasi_poll_oneoff(s, events, 2, &n));
  check(n == 2 && events[0].error == __WASI_ERRNO_BADF && events[1].error == __WASI_ERRNO_NOTCAPABLE);
  ok(__wasi_fd_close(fd));
  ok(__wasi_fd_close(silent));
}

static void input(void) {
  __wasi_event_t events[2];
  size_t n;
  /* Nothing there yet: the clock is first. */
  __wasi_subscription_t s[2] = {
      on(1, __WASI_EVENTTYPE_FD_READ, 0),
      clock_after(2, __WASI_CLOCKID_MONOTONIC, 5 * MS, 0),
  };
  ok(__wasi_poll_oneoff(s, events, 2, &n));
  check(n == 1 && events[0].userdata == 2);
  /* Tell the other side to send, and wait for it. */
  write_text(1, "ready\n");
  s[1] = clock_after(2, __WASI_CLOCKID_MONOTONIC, 60000 * MS, 0);
  ok(__wasi_poll_oneoff(s, events, 2, &n));
  check(n == 1 && events[0].userdata == 1 && events[0].fd_readwrite.nbytes == 3);
  check(strcmp(read_text(0), "abc") == 0);
  /* Then it ends. */
  ok(__wasi_poll_oneoff(s, events, 1, &n));
  check(n == 1 && events[0].fd_readwrite.nbytes == 0);
  check(events[0].fd_readwrite.flags == __WASI_EVENTRWFLAGS_FD_READWRITE_HANGUP);
  check(strcmp(read_text(0), "") == 0);
}

int main(void) {
  clocks();
  descriptors(scratch(preopen("/rw"), "poll"));
  input();
  return 0;
}
