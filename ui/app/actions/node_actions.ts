/** What can be done with a node. */
import { type NodeView, shortId } from "../../../mod.ts";
import { quote, table } from "../format.ts";
import { nodes } from "../live.ts";
import { type Action, wordsIn, wrongTags } from "./action.ts";

/** How a command line names a node: by its name where that is one plain word and only its own, else by its id. */
export function nodeWord(n: NodeView): string {
  const same = (nodes.value ?? []).filter((m) => m.name === n.name).length;
  return same === 1 && /^[A-Za-z0-9][A-Za-z0-9._-]*$/.test(n.name) ? n.name : shortId(n.id);
}

/** What can be done with a node in its present state. */
export function nodeActions(n: NodeView): Action[] {
  const word = nodeWord(n), node = n.id;
  const line = (verb: string) => () => `realm node ${verb} ${word}`;
  const found: Action[] = [];
  if (n.state === "removed") return found;
  if (n.scheduling === "open") {
    found.push({
      label: "Cordon",
      icon: "stop",
      role: "operator",
      title: `Cordon ${n.name}?`,
      text: "It gets no new work. What runs there keeps running.",
      command: line("cordon"),
      toml: () => table("node", { node, cordon: true }),
      run: (c) => c.command("node.cordon", { node }),
    });
  } else {
    found.push({
      label: "Uncordon",
      icon: "play",
      role: "operator",
      title: `Uncordon ${n.name}?`,
      text: "It takes new work again.",
      command: line("uncordon"),
      toml: () => table("node", { node, cordon: false }),
      run: (c) => c.command("node.uncordon", { node }),
    });
  }
  if (n.scheduling !== "draining") {
    found.push({
      label: "Drain",
      icon: "drain",
      role: "operator",
      title: `Drain ${n.name}?`,
      text:
        `It gets no new work, and its work (replicas: ${n.replicas}) moves to other nodes. Replicas with volumes stay.`,
      command: line("drain"),
      toml: () => table("node", { node, drain: true }),
      run: (c) => c.command("node.drain", { node }),
    });
  }
  found.push({
    label: "Tags",
    icon: "tag",
    role: "operator",
    title: `Tags of ${n.name}`,
    text: "Deploys select nodes by their tags. What runs here stays where its tags are no longer wished.",
    fields: [{
      name: "tags",
      label: "Tags",
      kind: "text",
      initial: n.tags.join(" "),
      hint: "word or key=value, separated by spaces",
      wrong: wrongTags,
    }],
    command: ({ tags }) => ["realm node tag", word, ...wordsIn(tags).map(quote)].join(" "),
    toml: ({ tags }) => table("node", { node, tags: wordsIn(tags) }),
    run: (c, { tags }) => c.command("node.tag", { node, tags: wordsIn(tags) }),
  }, {
    label: "Remove",
    icon: "trash",
    role: "admin",
    title: `Remove ${n.name} from the realm?`,
    text: "Its membership ends for ever; its work moves to others. Volumes on it are lost to the realm.",
    danger: true,
    typed: word,
    command: line("remove"),
    run: (c) => c.command("node.remove", { node }),
  });
  return found;
}
