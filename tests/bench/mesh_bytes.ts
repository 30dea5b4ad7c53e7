/** Bytes between nodes, counted by the kernel: what their TCP connections to each other have sent (`ss`, iproute2). */

/** Sum of sent bytes over all open connections between the processes' mesh ports; payload of TCP, Noise included. */
export async function meshBytes(
  pids: readonly number[],
  ports: readonly number[],
): Promise<number | undefined> {
  let text: string;
  try {
    const { success, stdout } = await new Deno.Command("ss", { args: ["-tinpHO"] }).output();
    if (!success) return undefined;
    text = new TextDecoder().decode(stdout);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
  let sum = 0;
  for (const line of text.split("\n")) {
    const pid = Number(/pid=(\d+)/.exec(line)?.[1]);
    const [, , , local, remote] = line.trim().split(/\s+/);
    if (!pids.includes(pid) || !local || !remote) continue;
    const port = (address: string) => Number(address.slice(address.lastIndexOf(":") + 1));
    if (!ports.includes(port(local)) && !ports.includes(port(remote))) continue;
    sum += Number(/bytes_sent:(\d+)/.exec(line)?.[1] ?? 0);
  }
  return sum;
}
