/** Keys that hold or held a role. */
import { type KeyView, shortId } from "../../../mod.ts";
import { revokeKey } from "../actions/key_actions.ts";
import { Buttons } from "../confirm.tsx";
import { now } from "../live.ts";
import { Empty, Id, Name, Panel, State, Table, useFetched } from "../parts.tsx";
import { session } from "../session.ts";

const stateOf = (k: KeyView): string =>
  k.revoked_at !== undefined ? "revoked" : k.until !== undefined && k.until <= now.value ? "expired" : "ok";

/** See the module's text. */
export function Keys() {
  const { value, error } = useFetched("keys", (c) => c.keys());
  return (
    <>
      <div class="title">
        <h1>Keys</h1>
      </div>
      <Panel title="Who may do what">
        {error && <p class="error">{error}</p>}
        <Table
          label="Keys"
          head={["Key", "Name", "Role", "State", "Until", "Granted by", "Action"]}
          rows={(value ?? []).map((k) => ({
            key: k.key,
            cells: [
              <Id id={k.key} short={shortId(k.key)} />,
              k.name ? <Name text={k.name} /> : "–",
              k.role,
              <State is={stateOf(k)} />,
              k.until === undefined ? "for ever" : new Date(k.until).toLocaleString(),
              k.issuer ? <Id id={k.issuer} short={shortId(k.issuer)} /> : "–",
              k.role !== "owner" && stateOf(k) === "ok" ? <Buttons of={[revokeKey(k)]} /> : "–",
            ],
          }))}
        />
        {session.value && (
          <p class="muted">
            You are <code title={session.value.key}>{shortId(session.value.key)}</code>, {session.value.role}.
          </p>
        )}
      </Panel>
      <Panel title="Another person, another machine">
        <Empty
          text="A person: they make a key with 'realm key create', you grant it a role."
          command="realm key grant KEY --role operator"
        />
        <Empty text="A machine joins with a token:" command="realm invite" />
      </Panel>
    </>
  );
}
