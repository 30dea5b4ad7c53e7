/** Attempts on this node: what it is to execute, and what it says of them. */
import { canonicalJson } from "../../protocol/encoding.ts";
import { jobLimits } from "../../protocol/job_limits.ts";
import { type AttemptStatus, isEnd } from "../../protocol/job_record.ts";
import type { RecordBody } from "../../protocol/record.ts";
import type { Write } from "../control.ts";
import type { AttemptOrder, Effect, OrderedInput } from "../events.ts";
import { recordOf } from "../record_store.ts";
import type { Core } from "../state.ts";
import { cancelOf, cancelText } from "./cancelling.ts";
import { commitOf } from "./commits.ts";
import { releasePromise } from "./control.ts";
import { activeAttempt, artifactsOf, attemptStatus, runsOfJob, type RunState } from "./runs.ts";

/** Everything that the decisions want executed on this node. */
export function attemptOrders(core: Core): AttemptOrder[] {
  const { jobs } = core;
  const orders: AttemptOrder[] = [];
  for (const id of [...jobs.open].sort()) {
    const run = jobs.runs.get(id)!;
    const attempt = activeAttempt(run);
    if (!attempt || attempt.node !== core.config.self) continue;
    const status = attemptStatus(run, attempt);
    if (status && isEnd(status.state)) continue;
    const cancel = cancelOf(jobs, run);
    orders.push({
      attempt: attempt.id,
      run: id,
      number: attempt.number,
      epoch: attempt.epoch,
      spec: run.spec,
      by: run.by,
      via: core.commands.get(run.command)?.via ?? core.config.self,
      inputs: inputsFor(core, run),
      ...(cancel ? { cancelled: cancelText(cancel) } : {}),
    });
  }
  return orders;
}

/** The inputs of a run with everything resolved; an artifact that is not there is named by `missing`. */
function inputsFor(core: Core, run: RunState): OrderedInput[] {
  return run.spec.inputs.map((input): OrderedInput => {
    if (input.from === "blob") {
      const { digest, bytes, form, mount, read_only } = input;
      return { digest, bytes, form, mount, readOnly: read_only };
    }
    if (input.from === "git") {
      const commit = input.commit ?? commitOf(core.jobs, run, input);
      return { git: { ...input, ...(commit === undefined ? {} : { commit }) }, mount: input.mount };
    }
    const makers = runsOfJob(core.jobs, run.submission, input.job);
    for (const maker of makers) {
      const found = artifactsOf(maker).find((a) => a.name === input.output);
      const holder = maker.decision?.value.attempts.at(-1)?.node;
      if (found && maker.decision?.value.state === "succeeded") {
        const { digest, bytes, form } = found;
        return { digest, bytes, form, mount: input.mount, readOnly: false, ...(holder ? { holder } : {}) };
      }
    }
    return { missing: `${input.output} of ${input.job}`, mount: input.mount };
  });
}

/** Tells the shell when the list of what it is to execute has changed. */
export function orderAttempts(core: Core, effects: Effect[]): void {
  // Not before it is said that what ran before this start has ended.
  if (!core.info) return;
  const orders = attemptOrders(core);
  for (const o of orders) releasePromise(core, o.attempt);
  const text = canonicalJson(orders.map((o) => [o.attempt, o.cancelled ?? ""]));
  if (text === core.jobs.lastOrders) return;
  core.jobs.lastOrders = text;
  effects.push({ t: "attempts", orders });
}

/** What this node says of one of its attempts. */
export function writeAttempt(core: Core, run: string, status: AttemptStatus, write: Write): void {
  const known = recordOf(core.store, core.config.self, `attempts/${run}`)?.body as
    | RecordBody<"attempts">
    | null
    | undefined;
  const before = known?.list.find((s) => s.attempt === status.attempt);
  // What has ended stays ended, however late a word of its life arrives.
  if (before && isEnd(before.state) && !isEnd(status.state)) return;
  const others = (known?.list ?? []).filter((s) => s.attempt !== status.attempt);
  write(`attempts/${run}`, { run, list: [...others, status].slice(-jobLimits.attemptsPerNode) });
}

/** What ran here before this start does not run any more, but for those that go on. */
export function forgetAttempts(core: Core, goOn: readonly string[], now: number, write: Write): void {
  const isOver = (s: AttemptStatus) => isEnd(s.state) || goOn.includes(s.attempt);
  for (const record of [...core.store.authors.get(core.config.self)?.live.values() ?? []]) {
    if (record.kind !== "attempts" || record.body === null) continue;
    const { run, list } = record.body as RecordBody<"attempts">;
    if (list.every(isOver)) continue;
    write(record.key, {
      run,
      list: list.map((s) =>
        isOver(s) ? s : { ...s, state: "lost", reason: "the node ended while it ran", since: now }
      ),
    });
  }
}
