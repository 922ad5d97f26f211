/** The steps of a request as they show in peer messages, and which of them a message is. */
import type { ObservedMessage } from "../peer/client.ts";

export const ROLES = ["requester", "provider", "coordinator", "receiver", "sequencer", "cosigner"] as const;
export type Role = (typeof ROLES)[number];

/** `before`: the message has not left. `after`: its answer has come and nothing has been done with it. */
export type Moment = "before" | "after";

export interface Step {
  readonly name: string;
  /** Whose message it is. */
  readonly by: Exclude<Role, "sequencer">;
  readonly moments: readonly Moment[];
  /** Happens only where counts are computed first. */
  readonly counted?: true;
  /** Happens only where a vector has several chunks. */
  readonly long?: true;
  /** Happens only under the homomorphic envelope. */
  readonly sealed?: true;
}

const BOTH: readonly Moment[] = ["before", "after"];
const AFTER: readonly Moment[] = ["after"];
const steps = (by: Step["by"], moments: readonly Moment[], names: readonly string[]): Step[] =>
  names.map((name) => ({ name, by, moments, ...only(name) }));
function only(name: string): Pick<Step, "counted" | "long" | "sealed"> {
  if (/-1$|\.counts$/.test(name)) return { counted: true };
  if (name.endsWith("chunk")) return { long: true };
  return name.endsWith("sum") ? { sealed: true } : {};
}

/** Names: ledger records by their type, messages by theirs, `heard:` what a member fetched from the coordinator. */
export const STEPS: readonly Step[] = [
  ...steps("requester", BOTH, ["request.submit", "receiver-key", "documents", "dossier", "computation.open", "result"]),
  ...steps("provider", BOTH, ["waiting", "decision.record", "agreement", "agreement.conclude", "event"]),
  ...steps("provider", BOTH, ["keys", "shares", "accept", "contribution-1", "view-1", "unmask-1"]),
  ...steps("provider", BOTH, ["contribution-2", "view-2", "unmask-2"]),
  ...steps("provider", AFTER, ["heard:documents", "heard:keyset", "heard:boxes", "heard:maskset"]),
  ...steps("provider", AFTER, ["heard:receipt-1", "heard:views-1", "heard:result-1"]),
  ...steps("provider", AFTER, ["heard:receipt-2", "heard:views-2"]),
  ...steps("coordinator", BOTH, ["computation.keyset", "computation.maskset", "close-1", "computation.counts"]),
  ...steps("coordinator", BOTH, ["close-2", "transcript"]),
  ...steps("provider", BOTH, ["put-chunk"]),
  ...steps("receiver", BOTH, ["get-chunk", "get-sum", "result.release"]),
  ...steps("cosigner", BOTH, ["cosign"]),
];

/** Of an encrypted query; of no other round. */
export const QUERY_STEPS: readonly Step[] = [
  ...steps("requester", BOTH, ["query"]),
  ...steps("provider", BOTH, ["query.answer"]),
];

const CALLS: readonly (readonly [call: RegExp, name: string])[] = [
  [/^POST \/dsp\/2025-1\/waiting$/, "waiting"],
  [/^POST \/dsp\/2025-1\/negotiations\/[^/]+\/agreement$/, "agreement"],
  [/^POST \/dsp\/2025-1\/negotiations\/[^/]+\/events$/, "event"],
  [/^[A-Z]+ \/peer\/v1\/computations\/[^/]+\/(?<name>receiver-key|documents|dossier|transcript)$/, ""],
  [/^PUT \/peer\/v1\/computations\/[^/]+\/contributions\//, "put-chunk"],
  [/^GET \/peer\/v1\/computations\/[^/]+\/contributions\//, "get-chunk"],
  [/^GET \/peer\/v1\/computations\/[^/]+\/sums\//, "get-sum"],
  [/^[A-Z]+ \/peer\/v1\/results\//, "result"],
  [/^POST \/peer\/v1\/requests\/[^/]+\/queries$/, "query"],
  [/^[A-Z]+ \/peer\/v1\/ledger\/cosignatures$/, "cosign"],
];

/** Tells the steps of one node's messages; an answer has the name of the call it answers. */
export function createStepReader(): (message: ObservedMessage) => readonly string[] {
  const called = new Map<string, readonly string[]>();
  return ({ direction, method, path, body }) => {
    if (path.includes("/mailbox?")) return direction === "sent" ? [] : heard(body);
    // The answer to a message is what the coordinator says next.
    if (direction === "received" && path.includes("/messages?")) return heard(body);
    const call = `${method} ${path}`;
    if (direction === "received") return called.get(call) ?? [];
    const names = namesOf(call, path, body);
    called.set(call, names);
    return names;
  };
}

interface Submission {
  readonly transactions: readonly { readonly statement: { readonly type: string; readonly body: object } }[];
}

function namesOf(call: string, path: string, body: Uint8Array): readonly string[] {
  if (path.split("?")[0]!.endsWith("/messages")) return [(parsed(body) as { type: string }).type];
  if (path === "/peer/v1/ledger/transactions") {
    const said = parsed(body) as Submission & { readonly asked?: Submission };
    // Over the connection for the ledger a call is the content of a message.
    const { transactions } = said.asked ?? said;
    return transactions.map(({ statement: { type, body: record } }) =>
      type === "computation.close" ? `close-${(record as { phase: number }).phase}` : type,
    );
  }
  for (const [pattern, name] of CALLS) {
    const found = pattern.exec(call);
    if (found !== null) return [found.groups?.name ?? name];
  }
  return [];
}

function heard(page: Uint8Array): readonly string[] {
  const { messages = [] } = parsed(page) as { messages?: { type: string }[] };
  return messages.map(({ type }) => `heard:${type}`);
}

const parsed = (body: Uint8Array): unknown => JSON.parse(Buffer.from(body).toString("utf8"));
