/** Names of runs: known to whoever asks for them, and unique for ever. */
/** The ids of the runs of a submission, in its order. */
export function runIdsOf(submission: string, runs: readonly { readonly job: string }[]): readonly string[] {
  const counts = new Map<string, number>(), at = new Map<string, number>();
  for (const { job } of runs) counts.set(job, (counts.get(job) ?? 0) + 1);
  return runs.map(({ job }) => {
    const n = (at.get(job) ?? 0) + 1;
    at.set(job, n);
    const id = `${job}-${submission.slice(0, 12)}`;
    return counts.get(job) === 1 ? id : `${id}-${n}`;
  });
}
