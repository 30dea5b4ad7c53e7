/** Deploying a package: what is wished, what it would change, then the upload and the signed command. */
import { useEffect, useRef, useState } from "preact/hooks";
import {
  type AppManifest,
  appSpecOf,
  type AppView,
  type DeployWish,
  packageBlobs,
  type PackageReader,
  type PlanView,
} from "../../../mod.ts";
import {
  type Answers,
  type Field,
  initialAnswers,
  replicasIn,
  wordsIn,
  wrongReplicas,
  wrongSelector,
} from "../actions/action.ts";
import { Fields, Same } from "../confirm.tsx";
import { missingOf, type Progress, uploadPackage } from "../files/upload.ts";
import { bytes, quote, rate, table } from "../format.ts";
import { apps, version } from "../live.ts";
import { Alert, Empty, Panel, say, sentence } from "../parts.tsx";
import { go, to } from "../router.ts";
import { may, session } from "../session.ts";
import { Plan } from "./plan.tsx";
import { UploadProgress } from "../upload_progress.tsx";

/** A plan is asked for when the person has paused for this long. */
const PAUSE_MS = 250;
const STRATEGIES = ["rolling", "all", "canary"] as const;

/** `present`: the app of that name as it stands; what is wished of it goes on unless it is changed here. */
const fieldsOf = (manifest: AppManifest, present: AppView | undefined): readonly Field[] => [{
  name: "name",
  label: "App",
  kind: "text",
  initial: manifest.name,
  hint: "under this name it is deployed",
  wrong: (name) =>
    /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/.test(name) ? undefined : "lower-case letters, digits and '-'",
}, {
  name: "replicas",
  label: "Replicas",
  kind: "text",
  initial: String(present?.wanted ?? 1),
  hint: "a number, or all: one on each node",
  wrong: wrongReplicas,
}, {
  name: "tags",
  label: "On nodes with",
  kind: "text",
  initial: present?.tags.join(" "),
  hint: "tags; !tag excludes; empty: any",
  wrong: wrongSelector,
}, {
  name: "strategy",
  label: "Strategy",
  kind: "choice",
  initial: present?.strategy ?? "rolling",
  choices: STRATEGIES,
  hint: "how a new version replaces the old",
}];

const lineOf = (path: string, manifest: AppManifest, a: Answers): string =>
  [
    "realm deploy",
    quote(path),
    a.name !== manifest.name && `--name ${quote(a.name)}`,
    a.replicas.trim() !== "1" && `--replicas ${quote(a.replicas.trim())}`,
    ...wordsIn(a.tags).map((t) => `--tag ${quote(t)}`),
    a.strategy !== "rolling" && `--strategy ${a.strategy}`,
  ].filter(Boolean).join(" ");

const tomlOf = (path: string, manifest: AppManifest, a: Answers): string =>
  table("app", {
    package: path,
    name: a.name === manifest.name ? undefined : a.name,
    replicas: replicasIn(a.replicas),
    tags: wordsIn(a.tags).length > 0 ? wordsIn(a.tags) : undefined,
    strategy: a.strategy === "rolling" ? undefined : a.strategy,
  });

interface Known {
  readonly plan?: PlanView;
  readonly upload?: { readonly files: number; readonly bytes: number; readonly of: number };
  readonly error?: string;
}

/** See the module's text. `reader`: where the files are when they may have to be uploaded. */
export function Deploy(
  { manifest, digest, path, reader }: {
    manifest: AppManifest;
    digest: string;
    path: string;
    reader?: PackageReader;
  },
) {
  const [present] = useState(() =>
    apps.value?.find((a) => a.name === manifest.name && a.phase !== "removed")
  );
  const fields = fieldsOf(manifest, present);
  const [answers, setAnswers] = useState(initialAnswers(fields));
  const [known, setKnown] = useState<Known>({});
  const [progress, setProgress] = useState<Progress & { readonly speed: number }>();
  const [error, setError] = useState("");
  const stop = useRef<AbortController | undefined>(undefined);
  const client = session.value?.client;
  const wrong = fields.some((f) => f.wrong?.(answers[f.name]) !== undefined);
  const wish = (): DeployWish => ({
    app: answers.name,
    spec: appSpecOf(manifest, digest),
    replicas: replicasIn(answers.replicas),
    tags: wordsIn(answers.tags),
    strategy: answers.strategy as DeployWish["strategy"],
  });
  const tick = version.value;
  useEffect(() => {
    if (!client || wrong) return;
    let open = true;
    const timer = setTimeout(async () => {
      try {
        const plan = await client.plan(wish());
        if (open) setKnown((old) => ({ ...old, plan, error: undefined }));
      } catch (failure) {
        if (open) setKnown((old) => ({ ...old, plan: undefined, error: sentence(failure) }));
      }
    }, PAUSE_MS);
    return () => {
      open = false;
      clearTimeout(timer);
    };
  }, [client, JSON.stringify(answers), tick]);
  useEffect(() => {
    if (!client || !reader || !may("operator")) return;
    const blobs = packageBlobs(reader);
    missingOf(client, blobs.map((b) => b.digest)).then((missing) => {
      const lacking = blobs.filter((b) => missing.has(b.digest));
      const size = lacking.reduce((n, b) => n + b.size, 0);
      setKnown((old) => ({ ...old, upload: { files: lacking.length, bytes: size, of: blobs.length } }));
    }, () => {});
  }, [client, reader]);
  useEffect(() => () => stop.current?.abort(), []);

  const submit = async (event: Event) => {
    event.preventDefault();
    if (!client || wrong || progress) return;
    const started = performance.now(), controller = new AbortController();
    stop.current = controller;
    setError("");
    setProgress({ files: 0, filesOf: 0, bytes: 0, bytesOf: 0, speed: 0 });
    try {
      if (reader) {
        await uploadPackage(client, reader, (p) => {
          const seconds = (performance.now() - started) / 1000;
          setProgress({ ...p, speed: p.bytes / Math.max(0.05, seconds) });
        }, controller.signal);
      }
      controller.signal.throwIfAborted();
      await client.command("app.deploy", wish());
      say(`Accepted: ${answers.name} ${manifest.version} rolls out.`);
      go(to("apps", answers.name));
    } catch (failure) {
      setError(
        controller.signal.aborted ? "The upload was stopped; nothing was deployed." : sentence(failure),
      );
      setProgress(undefined);
    }
  };
  const { plan, upload } = known;
  const allowed = may("operator");
  return (
    <Panel title="Deploy">
      <form onSubmit={(e) => void submit(e)}>
        <div class="fields">
          <Fields
            of={fields}
            answers={answers}
            change={(name, value) => setAnswers((old) => ({ ...old, [name]: value }))}
          />
        </div>
        <Alert text={known.error} />
        {plan && !wrong && <Plan plan={plan} />}
        {upload && (
          <p class="muted">
            {upload.files === 0
              ? "All of its content is in the realm: nothing has to be uploaded."
              : `${upload.files} of ${upload.of} contents have to be uploaded, ${bytes(upload.bytes)}.`}
          </p>
        )}
        <Same line={lineOf(path, manifest, answers)} toml={tomlOf(path, manifest, answers)} />
        <Alert text={error} />
        {progress
          ? (
            <UploadProgress
              of={progress}
              text={`${progress.files} of ${progress.filesOf} uploaded, ${bytes(progress.bytes)} of ${
                bytes(progress.bytesOf)
              }, ${rate(progress.speed)}`}
              stop={() => stop.current?.abort()}
            />
          )
          : allowed
          ? (
            <button type="submit" class="primary" disabled={wrong || !plan}>
              {plan?.change === "upgrade" ? "Upgrade" : plan?.change === "same" ? "Deploy again" : "Deploy"}
            </button>
          )
          : <Empty text="Your role is viewer: an operator can deploy it." />}
      </form>
    </Panel>
  );
}
