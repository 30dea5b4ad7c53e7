/** Starting an upgrade: files by platform, the plan, then the signature, the upload and the signed command. */
import { useEffect, useRef, useState } from "preact/hooks";
import {
  type PlannedNode,
  planUpgrade,
  releaseManifest,
  signRelease,
  type UpgradePlan,
} from "../../../mod.ts";
import { type Answers, type Field, initialAnswers, spanIn, wordsIn } from "../actions/action.ts";
import { Fields, Same } from "../confirm.tsx";
import { type Dropped, readDropped, releaseVersion } from "../files/executables.ts";
import type { Local } from "../files/local_files.ts";
import { missingOf, sendCounted } from "../files/upload.ts";
import { bytes, quote } from "../format.ts";
import { apps, nodes } from "../live.ts";
import { Alert, Bar, Id, Name, Panel, say, sentence, Table } from "../parts.tsx";
import { session } from "../session.ts";
import { DropZone } from "./drop_zone.tsx";

const DAY_MS = 86_400_000;
const wholeUpTo = (most: number) => (text: string): string | undefined =>
  /^[0-9]{1,4}$/.test(text.trim()) && Number(text) >= 1 && Number(text) <= most
    ? undefined
    : `a whole number from 1 to ${most}`;
/** Seconds or minutes, such as 20s. */
const shortSpan = (text: string): number | undefined => {
  const match = /^([0-9]{1,4})s$/.exec(text.trim());
  return match ? Number(match[1]) * 1_000 : spanIn(text);
};
const FIELDS: readonly Field[] = [{
  name: "canary",
  label: "Canaries",
  kind: "text",
  initial: "1",
  hint: "so many per platform, or names of nodes: nobody else tries it before",
  wrong: (text) =>
    text.trim() === "" ? "a number or names" : /^[0-9]+$/.test(text.trim()) ? wholeUpTo(10)(text) : undefined,
}, {
  name: "batch",
  label: "Then at once",
  kind: "text",
  initial: "2",
  hint: "nodes per batch; apps must be well between two",
  wrong: wholeUpTo(1_000),
}, {
  name: "probation",
  label: "Probation",
  kind: "text",
  initial: "20s",
  hint: "a node must be well for so long, else it returns to the old version",
  wrong: (text) =>
    (shortSpan(text) ?? Infinity) <= 600_000 ? undefined : "a time such as 20s or 2m, at most 10m",
}, { name: "downgrade", label: "Also where a later version runs (downgrade)", kind: "check" }];

const lineOf = (d: Dropped, a: Answers): string =>
  [
    "realm upgrade",
    ...d.executables.map((e) => quote(e.file.name)),
    a.canary.trim() !== "1" && `--canary ${quote(wordsIn(a.canary).join(","))}`,
    a.batch.trim() !== "2" && `--batch ${a.batch.trim()}`,
    a.probation.trim() !== "20s" && `--probation ${a.probation.trim()}`,
    a.downgrade && "--allow-downgrade",
  ].filter(Boolean).join(" ");

const ACTIONS: Readonly<Record<PlannedNode["action"], string>> = {
  canary: "canary, first",
  batch: "in a batch",
  later: "when it returns",
  skip: "stays as it is",
};

/** See the module's text. */
export function StartUpgrade() {
  const [dropped, setDropped] = useState<Dropped>();
  const [answers, setAnswers] = useState(initialAnswers(FIELDS));
  const [reading, setReading] = useState("");
  const [sending, setSending] = useState<{ what: string; part: number; whole: number }>();
  const [error, setError] = useState("");
  const open = useRef(true);
  useEffect(() => () => void (open.current = false), []);
  const take = async (all: readonly Local[]) => {
    setError("");
    setDropped(undefined);
    setReading("reading");
    try {
      const found = await readDropped(
        all,
        (name, part, whole) => setReading(`${name}: ${bytes(part)} of ${bytes(whole)} hashed`),
        () => open.current,
      );
      setDropped(found);
    } catch (failure) {
      setError(sentence(failure));
    }
    setReading("");
  };
  return (
    <Panel title="New release">
      <DropZone
        folders
        many
        text="Drop executables here, one per platform, or the folder of a build"
        busy={reading}
        onDrop={(all) => void take(all)}
      />
      <Alert text={error} />
      {dropped && <Files of={dropped} />}
      {dropped && (
        <Plan
          of={dropped}
          answers={answers}
          change={(name, value) => setAnswers((old) => ({ ...old, [name]: value }))}
          sending={sending}
          tell={setSending}
          done={() => {
            setSending(undefined);
            setDropped(undefined);
          }}
        />
      )}
    </Panel>
  );
}

function Files({ of }: { of: Dropped }) {
  return (
    <>
      <Table
        label="Files of the release"
        head={["File", "Platform", "Version", "Size", "SHA-256"]}
        rows={of.executables.map(({ file, artifact, version }) => ({
          key: artifact.sha256,
          cells: [
            <Name text={file.name} />,
            <span class="whole-word">{artifact.platform}</span>,
            version ?? "not said",
            bytes(artifact.size),
            <Id id={artifact.sha256} short={artifact.sha256.slice(0, 12)} />,
          ],
        }))}
      />
      {of.others.length > 0 && (
        <p class="muted">
          Left out, since they are no executables: <Name text={of.others.join(", ")} />
        </p>
      )}
      <p class="muted">
        {of.signed
          ? "Signed already: release.signed.json fits these files."
          : "Signed here, with your key, when you start it."}
      </p>
    </>
  );
}

interface Sending {
  readonly what: string;
  readonly part: number;
  readonly whole: number;
}

function Plan(
  { of, answers, change, sending, tell, done }: {
    of: Dropped;
    answers: Answers;
    change: (name: string, value: string) => void;
    sending: Sending | undefined;
    tell: (sending: Sending | undefined) => void;
    done: () => void;
  },
) {
  const [error, setError] = useState("");
  const wrong = FIELDS.some((f) => f.wrong?.(answers[f.name]) !== undefined);
  let plan: UpgradePlan | undefined, refused = "";
  const canaries = /^[0-9]+$/.test(answers.canary.trim()) ? Number(answers.canary) : wordsIn(answers.canary);
  const manifest = () =>
    of.signed?.manifest ??
      releaseManifest(releaseVersion(of.executables), of.executables.map((e) => e.artifact), {
        expires: Date.now() + 30 * DAY_MS,
      });
  try {
    if (!wrong) {
      plan = planUpgrade(nodes.value ?? [], apps.value ?? [], manifest(), {
        canaries,
        allowDowngrade: answers.downgrade !== "",
      });
    }
  } catch (failure) {
    refused = sentence(failure);
  }
  const submit = async (event: Event) => {
    event.preventDefault();
    const s = session.value;
    if (!s || !plan || sending) return;
    setError("");
    tell({ what: "", part: 0, whole: 1 });
    try {
      const { signer, grants } = s.credentials();
      const release = of.signed?.release ?? signRelease(manifest(), signer, grants);
      const used = new Set(plan.nodes.map((n) => n.platform));
      const wanted = of.executables.filter((e) => used.has(e.artifact.platform));
      const missing = await missingOf(s.client, wanted.map((e) => e.artifact.sha256));
      for (const { artifact, file } of wanted) {
        if (!missing.has(artifact.sha256)) continue;
        await sendCounted(
          s.client,
          artifact.sha256,
          file,
          (part) => tell({ what: artifact.platform, part: Math.min(part, file.size), whole: file.size }),
        );
      }
      const probation = shortSpan(answers.probation)!;
      await s.client.command("upgrade.start", {
        release,
        canaries: [...plan.canaries],
        batch: Number(answers.batch),
        probation_ms: probation,
        deadline_ms: Math.max(60_000, probation + 30_000),
        drain_ms: 300_000,
        allow_downgrade: answers.downgrade !== "",
      });
      say(`The upgrade to ${plan.version} has begun.`);
      done();
    } catch (failure) {
      setError(sentence(failure));
      tell(undefined);
    }
  };
  return (
    <form onSubmit={(e) => void submit(e)}>
      <Fields of={FIELDS} answers={answers} change={change} />
      {plan && (
        <Table
          label="Plan"
          head={["Node", "Platform", "From", "To", "Changes"]}
          rows={plan.nodes.map((n) => ({
            key: n.id,
            cells: [
              <Name text={n.name} />,
              <span class="whole-word">{n.platform}</span>,
              n.from,
              n.action === "skip" ? "–" : plan!.version,
              n.reason
                ? (
                  <span>
                    {ACTIONS[n.action]}: <span class="muted">{n.reason}</span>
                  </span>
                )
                : ACTIONS[n.action],
            ],
          }))}
        />
      )}
      <Alert text={refused || error} />
      <Same line={lineOf(of, answers)} />
      {sending && sending.what !== "" && (
        <Bar
          goal
          part={sending.part}
          whole={sending.whole}
          text={`${sending.what}: ${bytes(sending.part)} of ${bytes(sending.whole)} sent`}
        />
      )}
      <footer>
        <button type="submit" class="primary" disabled={!plan || sending !== undefined}>
          {of.signed ? "Start" : "Sign and start"}
        </button>
      </footer>
    </form>
  );
}
