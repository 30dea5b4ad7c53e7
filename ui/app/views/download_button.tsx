/** Saves content of the realm to this machine. */
import { useEffect, useState } from "preact/hooks";
import { download } from "../files/download.ts";
import { bytes } from "../format.ts";
import { Icon } from "../icons.tsx";
import { say, sentence } from "../parts.tsx";
import { session } from "../session.ts";

/** See the module's text. Counts while it comes; given up with the view. */
export function Download({ digest, name, size }: { digest: string; name: string; size: number }) {
  const [done, setDone] = useState<number>();
  const [stop] = useState(() => new AbortController());
  useEffect(() => () => stop.abort(), []);
  const save = async () => {
    const client = session.value?.client;
    if (!client) return;
    setDone(0);
    try {
      await download(client, digest, name, size, setDone, stop.signal);
    } catch (error) {
      if (!stop.signal.aborted) say(sentence(error), true);
    }
    setDone(undefined);
  };
  return (
    <button type="button" disabled={done !== undefined} onClick={() => void save()}>
      <Icon is="download" />
      {done === undefined ? "Download" : bytes(done)}
    </button>
  );
}
