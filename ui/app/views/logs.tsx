/** Log lines of an app, live; bounded, and following only while its end is in view. */
import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import type { LogLineView, RealmClient } from "../../../mod.ts";
import { pieces } from "../ansi.ts";
import { Command } from "../copy.tsx";
import { quote } from "../format.ts";
import { Icon } from "../icons.tsx";
import { link } from "../live.ts";
import { Panel, sentence } from "../parts.tsx";
import { session } from "../session.ts";
import { save } from "../save.ts";

/** Lines in memory, lines drawn, and lines asked of the past. */
const KEPT = 5_000, DRAWN = 1_000, PAST = 500;
const LINE = 4_000;

const keyOf = (l: LogLineView) => `${l.node} ${l.replica} ${l.seq}`;

/** Lines of an app as they come; what came twice after a reconnect is there once. */
function useLines(app: string): { lines: readonly LogLineView[]; error: string } {
  const [lines, setLines] = useState<readonly LogLineView[]>([]);
  const [error, setError] = useState("");
  const live = link.value.live, client: RealmClient | undefined = session.value?.client;
  useEffect(() => {
    if (!client || !live) return;
    const stop = new AbortController();
    let fresh: LogLineView[] = [], timer: ReturnType<typeof setTimeout> | undefined;
    const flush = () => {
      timer = undefined;
      const more = fresh;
      fresh = [];
      setLines((old) => {
        const known = new Set(old.slice(-2 * PAST).map(keyOf));
        const added = more.filter((l) => l.seq === 0 || !known.has(keyOf(l)));
        return added.length === 0 ? old : [...old, ...added].slice(-KEPT);
      });
    };
    void (async () => {
      try {
        setError("");
        for await (const line of client.logs(app, { follow: true, tail: PAST }, stop.signal)) {
          fresh.push(line);
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
  }, [app, live, client]);
  return { lines, error };
}

/** A line with what is searched for marked. */
function Text({ line, grep }: { line: LogLineView; grep: string }) {
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

/** See the module's text. */
export function Logs({ app }: { app: string }) {
  const { lines, error } = useLines(app);
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
      `${app}.log`,
      "text/plain",
      shown.map((l) => `${new Date(l.at).toISOString()} ${l.node} ${l.replica} ${l.stream} ${l.text}\n`),
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
          <div key={keyOf(l)} class={l.stream}>
            <time title={new Date(l.at).toLocaleString()}>{new Date(l.at).toLocaleTimeString()}</time>
            <b title={`${l.node} ${l.replica}`}>{l.node.slice(0, 16)}</b>
            <Text line={l} grep={grep} />
          </div>
        ))}
      </div>
      {error && <p class="error">{error}</p>}
      <p class="under">
        <Command line={`realm app logs ${quote(app)} -f${grep ? ` --grep ${quote(grep)}` : ""}`} />
        <small class="muted">
          {shown.length > DRAWN
            ? `the newest ${DRAWN} of ${shown.length} lines`
            : shown.length === 1
            ? "1 line"
            : `${shown.length} lines`}
        </small>
      </p>
    </Panel>
  );
}
