/**
 * A cheap HTTP/1.1 load generator: keep-alive connections that each send one prepared request after the other and look
 * for the end of each answer. Run as a process of its own: `http_load.ts PORT CONNECTIONS MILLISECONDS [PATH] [HOST]`.
 * Prints `{ "requests", "seconds", "errors" }`.
 */

const END_OF_CHUNKS = "\r\n0\r\n\r\n";

/** Bytes of a complete response at the start of `text`, or 0 when it is not complete. */
function responseLength(text: string): number {
  const head = text.indexOf("\r\n\r\n");
  if (head < 0) return 0;
  const length = /\r\ncontent-length: *(\d+)/i.exec(text.slice(0, head))?.[1];
  if (length !== undefined) {
    const total = head + 4 + Number(length);
    return text.length >= total ? total : 0;
  }
  const end = text.indexOf(END_OF_CHUNKS, head);
  return end < 0 ? 0 : end + END_OF_CHUNKS.length;
}

if (import.meta.main) {
  const [port, connections, ms, path = "/", host = "127.0.0.1"] = Deno.args;
  const request = new TextEncoder().encode(`GET ${path} HTTP/1.1\r\nhost: ${host}\r\n\r\n`);
  const decoder = new TextDecoder("latin1");
  const started = performance.now();
  const deadline = started + Number(ms);
  let requests = 0;
  let errors = 0;
  const connection = async () => {
    const conn = await Deno.connect({ hostname: "127.0.0.1", port: Number(port) });
    conn.setNoDelay(true);
    const buffer = new Uint8Array(65_536);
    try {
      while (performance.now() < deadline) {
        await conn.write(request);
        let text = "";
        while (responseLength(text) === 0) {
          const n = await conn.read(buffer);
          if (n === null) throw new Error("closed");
          text += decoder.decode(buffer.subarray(0, n));
        }
        if (text.startsWith("HTTP/1.1 200")) requests++;
        else errors++;
      }
    } catch {
      errors++;
    } finally {
      conn.close();
    }
  };
  await Promise.all(Array.from({ length: Number(connections) }, connection));
  console.log(JSON.stringify({ requests, seconds: (performance.now() - started) / 1000, errors }));
}
