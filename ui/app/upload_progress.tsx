/** How far an upload is, with a button that stops it. */
import { Bar } from "./parts.tsx";

/** Bytes of an upload; `filesOf` 0: the realm is still asked what it lacks. */
export interface Uploading {
  readonly bytes: number;
  readonly bytesOf: number;
  readonly filesOf: number;
}

/** See the module's text. */
export const UploadProgress = (
  { of, text, stop }: { of: Uploading; text: string; stop: () => void },
) => (
  <div class="progress" role="status">
    <Bar
      goal
      part={of.bytes}
      whole={of.bytesOf}
      text={of.filesOf === 0 ? "asking what the realm lacks" : text}
    />
    <button type="button" onClick={stop}>Stop</button>
  </div>
);
