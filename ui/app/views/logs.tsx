/** Log lines of an app or a run, live; bounded, and following only while its end is in view. */
import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import type { RealmClient } from "../../../mod.ts";
import { pieces } from "../ansi.ts";
import { Command } from "../copy.tsx";
import { counted, quote } from "../format.ts";
import { Icon } from "../icons.tsx";
import { link } from "../live.ts";
import { Panel, sentence } from "../parts.tsx";
import { session } from "../session.ts";
import { save } from "../save.ts";

/** Lines in memory, lines drawn, and lines of the past in which one that comes twice is looked for. */
const KEPT = 5_000, DRAWN = 1_000, PAST = 500;
/** Characters of a line that are shown. */
const LINE = 4_000;

/** One line. */
export interface LogLine {
  /** Its own for ever. */
  readonly key: string;
  readonly at: number;
  readonly stream: "stdout" | "stderr" | "system";
  readonly node: string;
  /** Replica or attempt. */
  readonly from: string;
  readonly text: string;
}
/** Gives lines as they come, those of the past first; `last`: the last one that is known already. */
export type LogSource = (
  client: RealmClient,
  last: LogLine | undefined,
  stop: AbortSignal,
) => AsyncIterable<LogLine>;

/** Lines as they come; what came twice after a reconnect is there once. `id` changes with the source. */
function useLines(id: string, source: LogSource): { lines: readonly LogLine[]; error: string } {
  const [lines, setLines] = useState<readonly LogLine[]>([]);
  const [error, setError] = useState("");
  const last = useRef<LogLine | undefined>(undefined);
  const live = link.value.live, client: RealmClient | undefined = session.value?.client;
  useEffect(() => {
    if (!client || !live) return;
    const stop = new AbortController();
    let fresh: LogLine[] = [], timer: ReturnType<typeof setTimeout> | undefined;
    const flush = () => {
      timer = undefined;
      const more = fresh;
      fresh = [];
      setLines((old) => {
        const known = new Set(old.slice(-2 * PAST).map((l) => l.key));
        const added = more.filter((l) => !known.has(l.key));
        return added.length === 0 ? old : [...old, ...added].slice(-KEPT);
      });
    };
    void (async () => {
      try {
        setError("");
        for await (const line of source(client, last.current, stop.signal)) {
          fresh.push(last.current = line);
          if (fresh.length > KEPT) fresh.shift();
          timer ??= setTimeout(flush, 100);
        }
      } catch (failure) {
        if (!stop.signal.aborted) setError(sentence(failure));
      }
    })();
    return () => {
      stop.abort();
      clearTimeout(timer);
      if (fresh.length > 0) flush();
    };
  }, [id, live, client]);
  return { lines, error };
}

/** A line with what is searched for marked. */
function Text({ line, grep }: { line: LogLine; grep: string }) {
  const at = grep ? line.text.toLowerCase().indexOf(grep.toLowerCase()) : -1;
  if (at >= 0 && !line.text.includes("\x1b")) {
    return (
      <bdi>
        {line.text.slice(0, at)}
        <mark>{line.text.slice(at, at + grep.length)}</mark>
        {line.text.slice(at + grep.length, LINE)}
      </bdi>
    );
  }
  return (
    <bdi>
      {pieces(line.text.slice(0, LINE)).map((p, i) =>
        p.look ? <i key={i} class={p.look}>{p.text}</i> : p.text
      )}
    </bdi>
  );
}

/** See the module's text. `name`: of the file that is saved; `line`: the same on the command line, with what lines
 * shall contain. */
export function LogPanel({ id, source, name, line }: {
  id: string;
  source: LogSource;
  name: string;
  line: (contains: string) => string;
}) {
  const { lines, error } = useLines(id, source);
  const [grep, setGrep] = useState("");
  const [node, setNode] = useState("");
  const [stream, setStream] = useState("");
  const [follow, setFollow] = useState(true);
  const box = useRef<HTMLDivElement>(null);
  const names = useMemo(() => [...new Set(lines.map((l) => l.node))].sort(), [lines]);
  const shown = useMemo(() => {
    const wanted = grep.toLowerCase();
    return lines.filter((l) =>
      (!wanted || l.text.toLowerCase().includes(wanted)) && (!node || l.node === node) &&
      (!stream || l.stream === stream)
    );
  }, [lines, grep, node, stream]);
  useEffect(() => {
    const el = box.current;
    if (el && follow) el.scrollTop = el.scrollHeight;
  }, [shown, follow]);
  const download = () =>
    save(
      `${name}.log`,
      "text/plain",
      shown.map((l) => `${new Date(l.at).toISOString()} ${l.node} ${l.from} ${l.stream} ${l.text}\n`),
    );
  return (
    <Panel
      title="Logs"
      aside={
        <span class="tools">
          <input
            type="search"
            placeholder="Contains"
            aria-label="Only lines that contain"
            value={grep}
            onInput={(e) => setGrep(e.currentTarget.value)}
          />
          <select aria-label="Only of node" value={node} onChange={(e) => setNode(e.currentTarget.value)}>
            <option value="">all nodes</option>
            {names.map((n) => <option key={n} value={n}>{n.slice(0, 40)}</option>)}
          </select>
          <select
            aria-label="Only of stream"
            value={stream}
            onChange={(e) => setStream(e.currentTarget.value)}
          >
            <option value="">all streams</option>
            {["stdout", "stderr", "system"].map((s) => <option key={s} value={s}>{s}</option>)}
          </select>
          <button type="button" aria-pressed={follow} onClick={() => setFollow(!follow)}>
            <Icon is={follow ? "pause" : "play"} /> {follow ? "Pause" : "Follow"}
          </button>
          <button type="button" disabled={shown.length === 0} onClick={download}>
            <Icon is="download" /> Save
          </button>
        </span>
      }
    >
      <div
        class="log"
        ref={box}
        tabIndex={0}
        role="log"
        aria-label="Log lines"
        onScroll={(e) => {
          const el = e.currentTarget;
          const end = el.scrollHeight - el.scrollTop - el.clientHeight < 60;
          if (end !== follow) setFollow(end);
        }}
      >
        {shown.length === 0 && (
          <p class="muted">{lines.length > 0 ? "No line fits." : "Nothing was written yet."}</p>
        )}
        {shown.slice(-DRAWN).map((l) => (
          <div key={l.key} class={l.stream}>
            <time title={new Date(l.at).toLocaleString()}>{new Date(l.at).toLocaleTimeString()}</time>
            <b title={`${l.node} ${l.from}`}>{l.node.slice(0, 16)}</b>
            <Text line={l} grep={grep} />
          </div>
        ))}
      </div>
      {error && <p class="error">{error}</p>}
      <p class="under">
        <Command line={line(grep)} />
        <small class="muted">
          {shown.length > DRAWN
            ? `the newest ${DRAWN} of ${shown.length} lines`
            : shown.length === 1
            ? "1 line"
            : counted(shown.length, "line")}
        </small>
      </p>
    </Panel>
  );
}

/** What an app's replicas write. */
export const Logs = ({ app }: { app: string }) => (
  <LogPanel
    id={`app ${app}`}
    name={app}
    line={(contains) => `realm app logs ${quote(app)} -f${contains ? ` --grep ${quote(contains)}` : ""}`}
    source={async function* (client, _, stop) {
      let unnumbered = 0;
      for await (const l of client.logs(app, { follow: true, tail: PAST }, stop)) {
        const key = l.seq === 0 ? `${Date.now()} ${++unnumbered}` : `${l.node} ${l.replica} ${l.seq}`;
        yield { ...l, key, from: l.replica };
      }
    }}
  />
);
