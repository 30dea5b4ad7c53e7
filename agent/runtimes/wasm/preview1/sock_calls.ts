/** `sock_*`: a guest of this host has no sockets, so every descriptor answers that it is none. */
import type { Calls, Context } from "./context.ts";
import { errno, refuse } from "./errno.ts";

/** The calls. */
export function sockCalls({ descriptors }: Context): Calls {
  const notSocket = (fd: number): never => {
    descriptors.get(fd);
    return refuse(errno.NOTSOCK);
  };
  return {
    sock_accept: notSocket,
    sock_recv: notSocket,
    sock_send: notSocket,
    sock_shutdown(fd: number, how: number) {
      descriptors.get(fd);
      if (how < 1 || how > 3) refuse(errno.INVAL);
      notSocket(fd);
    },
  };
}
