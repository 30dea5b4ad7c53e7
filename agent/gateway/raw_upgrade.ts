/**
 * Takes over the connection of a request. Deno has no public call for it (`Deno.upgradeWebSocket` hands out messages,
 * not bytes, without backpressure); its own `node:http` uses the internal one that is used here. A test holds the
 * pinned version to it.
 */
import type { Duplex } from "./exchange.ts";
import type { Fields } from "./forwarding.ts";
import { utf8 } from "../protocol/encoding.ts";

type UpgradeHttpRaw = (
  request: Request,
) => { readonly response: Response; readonly conn: Deno.Conn };

/** Whether connections can be taken over here. */
export const canTakeOver = (): boolean => upgradeHttpRaw() !== undefined;

function upgradeHttpRaw(): UpgradeHttpRaw | undefined {
  const deno = Deno as unknown as Record<symbol, { upgradeHttpRaw?: UpgradeHttpRaw } | undefined> & {
    internal: symbol;
  };
  return deno[deno.internal]?.upgradeHttpRaw;
}

/** The client's end of an upgraded connection. */
export interface TakenOver {
  /** Must be returned to the server; nothing of it is sent. */
  readonly response: Response;
  /** Sends the 101 head and resolves with the bare connection. */
  switched(protocol: string, fields: Fields): Promise<Duplex>;
}

/** Takes the connection over. Throws `TypeError` for connections that have none of their own (HTTP/2). */
export function takeOver(request: Request): TakenOver {
  const { response, conn: socket } = upgradeHttpRaw()!(request);
  return {
    response,
    async switched(protocol, fields) {
      const lines = [...new Headers([...fields] as [string, string][])].map(([name, value]) =>
        `${name}: ${value}`
      );
      const head = [
        "HTTP/1.1 101 Switching Protocols",
        "connection: Upgrade",
        `upgrade: ${protocol}`,
        ...lines,
      ];
      const writer = socket.writable.getWriter();
      await writer.write(utf8(head.join("\r\n") + "\r\n\r\n"));
      writer.releaseLock();
      let closed = false;
      return {
        readable: socket.readable,
        writable: socket.writable,
        close() {
          if (closed) return;
          closed = true;
          try {
            socket.close();
          } catch {
            // Already closed by the end of one of its streams.
          }
        },
      };
    },
  };
}
