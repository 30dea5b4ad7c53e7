/** Log lines of an app, live; bounded, and following only while its end is in view. */
import { useEffect, useRef, useState } from "preact/hooks";
import type { LogLineView } from "../../../mod.ts";
import { quote } from "../format.ts";
import { link } from "../live.ts";
import { Command } from "../copy.tsx";
import { Panel, sentence } from "../parts.tsx";
import { session } from "../session.ts";

const KEPT = 1_000;

/** See the module's text. */
export function Logs({ app }: { app: string }) {
  const [lines, setLines] = useState<readonly LogLineView[]>([]);
  const [grep, setGrep] = useState("");
  const [error, setError] = useState("");
  const box = useRef<HTMLDivElement>(null);
  const live = link.value.live, client = session.value?.client;
  useEffect(() => {
    if (!client || !live) return;
    const stop = new AbortController();
    let fresh: LogLineView[] = [], frame: ReturnType<typeof setTimeout> | undefined, first = true;
    const flush = () => {
      frame = undefined;
      const more = fresh, restart = first;
      fresh = [];
      first = false;
      setLines((old) => [...restart ? [] : old, ...more].slice(-KEPT));
    };
    void (async () => {
      try {
        setError("");
        for await (const line of client.logs(app, { follow: true, tail: 200 }, stop.signal)) {
          fresh.push(line);
          if (fresh.length > KEPT) fresh.shift();
          frame ??= setTimeout(flush, 100);
        }
      } catch (failure) {
        if (!stop.signal.aborted) setError(sentence(failure));
      }
    })();
    return () => {
      stop.abort();
      clearTimeout(frame);
    };
  }, [app, live, client]);
  useEffect(() => {
    const el = box.current;
    if (el && el.scrollHeight - el.scrollTop - el.clientHeight < 120) el.scrollTop = el.scrollHeight;
  }, [lines]);
  const shown = grep === "" ? lines : lines.filter((l) => l.text.includes(grep));
  return (
    <Panel
      title="Logs"
      aside={
        <input
          type="search"
          placeholder="Contains"
          aria-label="Only lines that contain"
          value={grep}
          onInput={(e) => setGrep(e.currentTarget.value)}
        />
      }
    >
      <div class="log" ref={box} tabIndex={0} role="log" aria-label="Log lines">
        {shown.length === 0 && <p class="muted">{grep ? "No line contains this." : "No lines yet."}</p>}
        {shown.map((l) => (
          <div key={`${l.replica} ${l.seq}`} class={l.stream}>
            <time title={new Date(l.at).toLocaleString()}>{new Date(l.at).toLocaleTimeString()}</time>
            <b>{l.replica.slice(-6)}</b>
            <bdi>{l.text.slice(0, 4_000)}</bdi>
          </div>
        ))}
      </div>
      {error && <p class="error">{error}</p>}
      <Command line={`realm app logs ${quote(app)} -f`} />
    </Panel>
  );
}
