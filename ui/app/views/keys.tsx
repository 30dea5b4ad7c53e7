/** Keys that hold or held a role, what they did, and letting in other people and machines. */
import { type KeyView, shortId } from "../../../mod.ts";
import { keyActions, revokeInvite } from "../actions/key_actions.ts";
import { asking } from "../actions/action.ts";
import { Buttons } from "../confirm.tsx";
import { Copy } from "../copy.tsx";
import { granting } from "../granting.ts";
import { Icon } from "../icons.tsx";
import { inviting, made } from "../invites.ts";
import { now } from "../live.ts";
import { Empty, Facts, Id, Name, noSuch, Panel, State, Table, Time, useFetched } from "../parts.tsx";
import { to } from "../router.ts";
import { may, session } from "../session.ts";
import { GrantDialog } from "./grant.tsx";
import { InviteDialog } from "./invite.tsx";

const stateOf = (k: KeyView): string =>
  k.revoked_at !== undefined ? "revoked" : k.until !== undefined && k.until <= now.value ? "expired" : "ok";
const until = (k: KeyView) => k.until === undefined ? "for ever" : <Time at={k.until} />;

/** All keys. */
export function Keys() {
  const { value, error } = useFetched("keys", (c) => c.keys());
  const keys = (value ?? []).toSorted((a, b) => Number(stateOf(a) !== "ok") - Number(stateOf(b) !== "ok"));
  return (
    <>
      <div class="title">
        <h1>Keys & invites</h1>
        {may("admin") && (
          <span class="buttons">
            <button type="button" onClick={() => inviting.value = true}>
              <Icon is="invite" />
              Invite a machine
            </button>
            <button type="button" onClick={() => granting.value = true}>
              <Icon is="key" />
              Grant a role
            </button>
          </span>
        )}
      </div>
      <Panel title="Who may do what">
        {error && <p class="error">{error}</p>}
        <Table
          label="Keys"
          head={["Key", "Name", "Role", "State", "Until", "Granted by", "Action"]}
          rows={keys.map((k) => ({
            key: k.key,
            cells: [
              <a href={to("keys", k.key)}>
                <Id id={k.key} short={shortId(k.key)} />
              </a>,
              k.name ? <Name text={k.name} /> : "–",
              k.role,
              <State is={stateOf(k)} />,
              until(k),
              k.issuer ? <Id id={k.issuer} short={shortId(k.issuer)} /> : "–",
              may("admin") && keyActions(k, now.value).length > 0
                ? <Buttons of={keyActions(k, now.value)} />
                : "–",
            ],
          }))}
        />
        {session.value && (
          <p class="muted">
            You are <code title={session.value.key}>{shortId(session.value.key)}</code>, {session.value.role}.
          </p>
        )}
      </Panel>
      <Panel
        title="Invites"
        aside={may("admin") && (
          <button
            type="button"
            class="quiet"
            onClick={() => asking.value = revokeInvite()}
          >
            Revoke one by its token
          </button>
        )}
      >
        {made.value.length === 0
          ? (
            <Empty
              text="An invite is a token that proves itself; no node keeps a list of those that are unused. Make one:"
              command="realm invite"
            />
          )
          : (
            <Table
              label="Invites"
              head={["Invite", "Machines", "Tags", "Until", "Action"]}
              rows={made.value.map((m) => ({
                key: m.id,
                cells: [
                  <Id id={m.id} short={shortId(m.id)} />,
                  m.uses,
                  m.tags.join(" ") || "–",
                  <Time at={m.until} />,
                  m.revoked ? <State is="revoked" /> : <Buttons of={[revokeInvite(m.id)]} />,
                ],
              }))}
            />
          )}
        {made.value.length > 0 && (
          <p class="muted">Made on this page. Close it and the list is gone; the invites stay valid.</p>
        )}
      </Panel>
      {inviting.value && <InviteDialog />}
      {granting.value && <GrantDialog />}
    </>
  );
}

/** One key. */
export function Key({ name }: { name: string }) {
  const keys = useFetched("keys", (c) => c.keys());
  const k = keys.value?.find((x) => x.key === name);
  const did = useFetched(`did ${name}`, (c) => c.audit({ actor: name, limit: 50 }));
  return (
    <>
      <p class="crumbs">
        <a href="/keys">Keys & invites</a>
      </p>
      <div class="title">
        <h1>
          {k?.name ? <Name text={k.name} /> : keys.value && !k ? noSuch("key") : <code>{shortId(name)}</code>}
        </h1>
        {k && <State is={stateOf(k)} />}
        {k && <Buttons of={keyActions(k, now.value)} />}
      </div>
      {keys.value && !k && (
        <Empty text="No such key has or had a role here. All keys:" command="realm key show" />
      )}
      {k && (
        <Panel title="What it is">
          <Facts
            of={[
              [
                "Key",
                (
                  <>
                    <code>{k.key}</code> <Copy text={k.key} what="the key" />
                  </>
                ),
              ],
              ["Role", k.role],
              ["From", k.from !== undefined && <Time at={k.from} />],
              ["Until", until(k)],
              [
                "Granted by",
                k.issuer && (
                  <a href={to("keys", k.issuer)}>
                    <Id id={k.issuer} short={shortId(k.issuer)} />
                  </a>
                ),
              ],
              ["Revoked", k.revoked_at !== undefined && <Time at={k.revoked_at} />],
            ]}
          />
        </Panel>
      )}
      <Panel title="What it did, as this node recorded it">
        {did.value?.length === 0 && (
          <Empty text="Nothing that this node accepted." command={`realm audit list --actor ${name}`} />
        )}
        {did.value && did.value.length > 0 && (
          <Table
            label="What it did"
            head={["When", "Action", "Target", "Result"]}
            rows={did.value.map((e) => ({
              key: String(e.n),
              cells: [
                <Time at={e.at} />,
                <b>{e.action}</b>,
                <Name text={e.target.length > 40 ? shortId(e.target) : e.target} />,
                <State is={e.result} />,
              ],
            }))}
          />
        )}
      </Panel>
    </>
  );
}
