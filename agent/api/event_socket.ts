/** Events over a WebSocket, for browsers: one JSON value a message. A reader that is too slow is cut off. */
import { apiLimits } from "../protocol/mod.ts";
import { problemOf } from "./problem.ts";

/** Sub-protocols by which a browser, which cannot set headers here, tells its session: `realm`, `token.<bearer>`. */
export const socketProtocol = "realm";
const TOKEN_PREFIX = "token.";

/** The token that a WebSocket request carries. */
export function socketToken(request: Request): string | undefined {
  const offered = (request.headers.get("sec-websocket-protocol") ?? "").split(",").map((p) => p.trim());
  return offered.find((p) => p.startsWith(TOKEN_PREFIX))?.slice(TOKEN_PREFIX.length);
}

/** Whether a request wants a WebSocket. */
export const wantsSocket = (request: Request): boolean =>
  request.headers.get("upgrade")?.toLowerCase() === "websocket";

/** Upgrades the request and sends `values` until they end or the client goes; then calls `stop`. */
export function serveSocket(request: Request, values: AsyncIterable<unknown>, stop: () => void): Response {
  const offered = request.headers.get("sec-websocket-protocol") ?? "";
  const protocol = offered.split(",").some((p) => p.trim() === socketProtocol) ? socketProtocol : undefined;
  const { socket, response } = Deno.upgradeWebSocket(request, {
    idleTimeout: apiLimits.heartbeatMs / 1_000,
    ...(protocol !== undefined && { protocol }),
  });
  const send = async () => {
    try {
      for await (const value of values) {
        if (socket.readyState !== WebSocket.OPEN) return;
        if (socket.bufferedAmount > apiLimits.socketBufferBytes) return socket.close(1013, "too slow");
        socket.send(JSON.stringify(value));
      }
      socket.close(1000);
    } catch (error) {
      if (socket.readyState === WebSocket.OPEN) socket.close(1011, problemOf(error).code);
    } finally {
      stop();
    }
  };
  socket.addEventListener("open", () => void send());
  socket.addEventListener("close", stop);
  socket.addEventListener("error", stop);
  return response;
}
