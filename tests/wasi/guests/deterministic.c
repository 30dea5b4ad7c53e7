/* Prints everything of time and chance that a guest can see. */
#include <sys/stat.h>
#include "check.h"

int main(void) {
  for (uint32_t id = 0; id < 4; id++) {
    __wasi_timestamp_t t;
    ok(__wasi_clock_time_get(id, 0, &t));
    printf("clock %u %llu\n", id, t);
  }
  uint32_t words[4];
  ok(__wasi_random_get((uint8_t *)words, sizeof words));
  printf("random %08x %08x %08x %08x\n", words[0], words[1], words[2], words[3]);
  put(preopen("/rw"), "f", "x");
  struct stat st;
  check(stat("/rw/f", &st) == 0);
  printf("file %lld.%09ld\n", (long long)st.st_mtim.tv_sec, st.st_mtim.tv_nsec);
  /* A long sleep takes no time. */
  __wasi_subscription_t s;
  memset(&s, 0, sizeof s);
  s.u.u.clock.id = 1;
  s.u.u.clock.timeout = 3600000000000ull;
  __wasi_event_t event;
  size_t n;
  ok(__wasi_poll_oneoff(&s, &event, 1, &n));
  __wasi_timestamp_t t;
  ok(__wasi_clock_time_get(1, 0, &t));
  check(t >= 3600000000000ull);
  return 0;
}
