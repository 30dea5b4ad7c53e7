/** Tells ends of runs to whom their jobs name: a request with the facts as JSON, a few times until it is taken. */
import type { Notice } from "../../core/mod.ts";
import type { Log } from "../../ports.ts";
import { jobLimits, jobTiming } from "../../protocol/mod.ts";
import { deliver } from "../delivering.ts";

/** See the module's text. */
export class Notifier implements Disposable {
  readonly #log: Log;
  readonly #waits: readonly number[];
  readonly #stop = new AbortController();
  #under = 0;

  /** `waits`: ms before each further try. */
  constructor(log: Log, waits: readonly number[] = jobTiming.noticeWaitsMs) {
    this.#log = log;
    this.#waits = waits;
  }

  /** Begins to tell; what cannot be told is in the agent's log. */
  tell(notice: Notice): void {
    if (this.#under >= jobLimits.notices) {
      this.#log.warn("too many ends of runs are being told; one is not", { run: notice.run });
      return;
    }
    this.#under++;
    void this.#deliver(notice).finally(() => this.#under--);
  }

  async #deliver(notice: Notice): Promise<void> {
    const { webhook, submittedAt, endedAt, ...facts } = notice;
    const body = JSON.stringify({ ...facts, submitted_at: submittedAt, ended_at: endedAt });
    const send = () =>
      fetch(webhook, {
        method: "POST",
        // The same for each try, so that who gets one twice can tell.
        headers: { "content-type": "application/json", "x-realm-delivery": `${notice.run}/${notice.on}` },
        body,
        redirect: "manual",
        signal: AbortSignal.any([AbortSignal.timeout(jobTiming.noticeMs), this.#stop.signal]),
      });
    const why = await deliver(send, this.#waits, this.#stop.signal);
    if (why === undefined) return;
    this.#log.warn("the end of a run could not be told", {
      run: notice.run,
      webhook: new URL(webhook).host,
      why,
    });
  }

  [Symbol.dispose](): void {
    this.#stop.abort();
  }
}
