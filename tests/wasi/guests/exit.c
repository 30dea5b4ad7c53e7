/* Ends in the way named by its first argument: proc_exit, proc_raise, a return value, a trap, or an endless refusal to end. */
#include "check.h"

__wasi_errno_t proc_raise(int signal) __attribute__((import_module("wasi_snapshot_preview1"), import_name("proc_raise")));

/* Numbers of the standard; this C library has no names for them. */
enum { NONE = 0, ABRT = 6, CHLD = 16 };

int main(int argc, char **argv) {
  check(argc == 2);
  if (strcmp(argv[1], "exit") == 0) __wasi_proc_exit(42);
  if (strcmp(argv[1], "big") == 0) __wasi_proc_exit(4000000000u);
  if (strcmp(argv[1], "return") == 0) return 7;
  if (strcmp(argv[1], "trap") == 0) __builtin_trap();
  if (strcmp(argv[1], "raise") == 0) {
    ok(proc_raise(NONE));
    ok(proc_raise(CHLD));
    returns(__WASI_ERRNO_INVAL, proc_raise(31));
    returns(__WASI_ERRNO_INVAL, proc_raise(-1));
    proc_raise(ABRT);
  }
  return 1;
}
