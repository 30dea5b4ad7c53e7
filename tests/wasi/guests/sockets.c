/* sock_*: nothing here is a socket. */
#include "check.h"

int main(void) {
  fd_t dir = scratch(preopen("/rw"), "sockets");
  fd_t file = create(dir, "f");
  fd_t all[] = {0, 1, 2, dir, file};
  uint8_t byte = 0;
  __wasi_iovec_t in = {&byte, 1};
  __wasi_ciovec_t out = {&byte, 1};
  size_t n;
  __wasi_roflags_t flags;
  fd_t accepted;
  for (int i = 0; i < 5; i++) {
    returns(__WASI_ERRNO_NOTSOCK, __wasi_sock_accept(all[i], 0, &accepted));
    returns(__WASI_ERRNO_NOTSOCK, __wasi_sock_recv(all[i], &in, 1, 0, &n, &flags));
    returns(__WASI_ERRNO_NOTSOCK, __wasi_sock_send(all[i], &out, 1, 0, &n));
    returns(__WASI_ERRNO_NOTSOCK, __wasi_sock_shutdown(all[i], __WASI_SDFLAGS_RD));
  }
  returns(__WASI_ERRNO_BADF, __wasi_sock_accept(99, 0, &accepted));
  returns(__WASI_ERRNO_BADF, __wasi_sock_recv(99, &in, 1, 0, &n, &flags));
  returns(__WASI_ERRNO_BADF, __wasi_sock_send(99, &out, 1, 0, &n));
  returns(__WASI_ERRNO_BADF, __wasi_sock_shutdown(99, __WASI_SDFLAGS_WR));
  returns(__WASI_ERRNO_INVAL, __wasi_sock_shutdown(1, 0));
  return 0;
}
