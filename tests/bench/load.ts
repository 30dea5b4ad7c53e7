/** Load for benchmarks of servers. */

/** How a server is loaded. */
export interface Load {
  readonly seconds: number;
  readonly connections: number;
  /** Value of the `Host` header; default the bare address. */
  readonly host?: string;
}

/** Answers per second, by `wrk` where it is installed (it costs less of the machine it measures), else by http_load. */
export async function measureRate(
  port: number,
  { seconds, connections, host = "127.0.0.1" }: Load,
): Promise<{ perSecond: number; tool: string }> {
  const decoder = new TextDecoder();
  try {
    const { stdout } = await new Deno.Command("wrk", {
      args: ["-t1", `-c${connections}`, `-d${seconds}s`, "-H", `Host: ${host}`, `http://127.0.0.1:${port}/`],
    }).output();
    const text = decoder.decode(stdout);
    if (/Non-2xx|Socket errors/.test(text)) throw new TypeError(text);
    return { perSecond: Number(/Requests\/sec:\s+([\d.]+)/.exec(text)?.[1]), tool: "wrk" };
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
  const args = [port, connections, seconds * 1000, "/", host].map(String);
  const { stdout } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", `${import.meta.dirname}/http_load.ts`, ...args],
  }).output();
  const { requests, seconds: took, errors } = JSON.parse(decoder.decode(stdout));
  if (errors > 0) throw new TypeError(`${errors} answers were not 200`);
  return { perSecond: requests / took, tool: "http_load" };
}
