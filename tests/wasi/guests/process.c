/* args_*, environ_*, clock_*, random_get, sched_yield. Run with args "process", "two words", "", "ü" and env A=1, B="x=y". */
#include "check.h"

static void strings(void) {
  size_t count, bytes;
  ok(__wasi_args_sizes_get(&count, &bytes));
  check(count == 4 && bytes == 8 + 10 + 1 + 3);
  uint8_t *args[4];
  uint8_t buffer[32];
  memset(buffer, 0xaa, sizeof buffer);
  ok(__wasi_args_get(args, buffer));
  check(args[0] == buffer && strcmp((char *)args[0], "process") == 0);
  check(strcmp((char *)args[1], "two words") == 0 && args[2][0] == 0);
  check(strcmp((char *)args[3], "\xc3\xbc") == 0);
  check(buffer[bytes] == 0xaa);

  ok(__wasi_environ_sizes_get(&count, &bytes));
  check(count == 2 && bytes == 4 + 6);
  uint8_t *env[2];
  ok(__wasi_environ_get(env, buffer));
  check(strcmp((char *)env[0], "A=1") == 0 && strcmp((char *)env[1], "B=x=y") == 0);
  check(strcmp(getenv("B"), "x=y") == 0);
}

static void clocks(void) {
  for (uint32_t id = 0; id < 4; id++) {
    __wasi_timestamp_t resolution, first, second;
    ok(__wasi_clock_res_get(id, &resolution));
    check(resolution > 0 && resolution <= 1000000000);
    ok(__wasi_clock_time_get(id, 0, &first));
    ok(__wasi_clock_time_get(id, 1000000, &second));
    check(second >= first && second - first < 10000000000ull);
    /* The wall clock is past 2020. */
    if (id == __WASI_CLOCKID_REALTIME) check(first > 1577836799ull * 1000000000);
  }
  /* The monotonic clock has gone on whenever it is read again, however soon. */
  __wasi_timestamp_t before = 0, now;
  for (int i = 0; i < 10000; i++, before = now) {
    ok(__wasi_clock_time_get(__WASI_CLOCKID_MONOTONIC, 0, &now));
    check(now > before);
  }
  __wasi_timestamp_t unused;
  returns(__WASI_ERRNO_INVAL, __wasi_clock_res_get(4, &unused));
  returns(__WASI_ERRNO_INVAL, __wasi_clock_time_get(99, 0, &unused));
  ok(__wasi_sched_yield());
}

static void randomness(void) {
  static uint8_t big[200000];
  ok(__wasi_random_get(big, 0));
  check(big[0] == 0);
  ok(__wasi_random_get(big, sizeof big));
  /* Every part is filled, and evenly enough. */
  int counts[256] = {0};
  for (size_t i = 0; i < sizeof big; i++) counts[big[i]]++;
  for (int i = 0; i < 256; i++) check(counts[i] > 400 && counts[i] < 1200);
  for (size_t i = 0; i < sizeof big; i += 10000) {
    uint64_t word = 0;
    memcpy(&word, big + i, 8);
    check(word != 0);
  }
  uint64_t a, b;
  ok(__wasi_random_get((uint8_t *)&a, 8));
  ok(__wasi_random_get((uint8_t *)&b, 8));
  check(a != b);
}

int main(void) {
  strings();
  clocks();
  randomness();
  return 0;
}
