/**
 * One side of measured negotiations, in a process of its own: the product's processes, routes, tokens, limits, client,
 * store and access log on disk, over TLS. Policy and ledger are left out: the provider agrees to every offer, and what a
 * request costs with them is the benchmark `request`. Started by negotiate.bench.ts.
 */
import { randomUUID } from "node:crypto";
import type { SigningIdentity } from "../../crypto/suites/signed.ts";
import {
  agreementMessage,
  eventMessage,
  firstRequest,
  verificationMessage,
} from "../../exchange/negotiation/compose.ts";
import type { NegotiationMessage } from "../../exchange/negotiation/messages.ts";
import type { Negotiation } from "../../exchange/negotiation/negotiation.ts";
import { negotiationProtocol } from "../../exchange/negotiation/protocol.ts";
import { DATASPACE_PATH } from "../../exchange/protocol/paths.ts";
import { testMember } from "../../ledger/conformance/fixture.ts";
import { policyOf } from "../../policies/model/policy-of.ts";
import { createDataspaceClient } from "../dataspace/client.ts";
import { createConnections } from "../dataspace/connections.ts";
import { participantToken } from "../dataspace/participant-token.ts";
import type { ProcessRecord } from "../dataspace/process-record.ts";
import { createProcesses } from "../dataspace/processes.ts";
import type { PeerTarget } from "../peer/member-directory.ts";
import { PeerError } from "../peer/peer-error.ts";
import { systemEffects } from "../runtime/effects.ts";
import { openDatabase } from "../store/database.ts";
import { type Kept, openRecords, type RecordStore } from "../store/records.ts";
import { serveParty } from "./dataspace-party.ts";

/** Sums over everything since the start of the process. */
export interface PartyUsage {
  readonly cpuMs: number;
  readonly peakBytes: number;
  readonly calls: number;
  /** Waiting for the other side's answers, and for writes of this side's store. */
  readonly callMs: number;
  readonly writes: number;
  readonly writeMs: number;
}
export type ToParty =
  | { readonly meet: { readonly member: string; readonly port: number; readonly pin: string } }
  | { readonly begin: { readonly count: number; readonly atOnce: number } }
  | "usage";
export type FromParty =
  | { readonly ready: { readonly port: number; readonly pin: string } }
  /** Milliseconds from the first message to FINALIZED, both on disk. */
  | { readonly samples: readonly number[] }
  | { readonly usage: PartyUsage };

type Record = ProcessRecord<Negotiation, NegotiationMessage>;

const [folder = "", self = ""] = process.argv.slice(2);
const { identity } = testMember(self);
const { now } = systemEffects;
const database = await openDatabase(folder);
const spent = { calls: 0, callMs: 0, writes: 0, writeMs: 0 };

async function timed<T>(kind: "call" | "write", work: () => Promise<T>): Promise<T> {
  const from = performance.now();
  try {
    return await work();
  } finally {
    spent[`${kind}s`] += 1;
    spent[`${kind}Ms`] += performance.now() - from;
  }
}

function openStore<V>(name: string, kept?: Kept): RecordStore<V> {
  const store = openRecords<V>(database, name, undefined, kept);
  return {
    ...store,
    put: (id, value) => timed("write", () => store.put(id, value)),
    delete: (id) => timed("write", () => store.delete(id)),
  };
}

interface Other extends PeerTarget {
  readonly identity: SigningIdentity;
}
const others = new Map<string, Other>();
const members = {
  async publicKey(member: string, key: string) {
    const of = others.get(member)?.identity;
    return of?.key === key ? of.publicKey : undefined;
  },
  isReplaced: async () => false,
  async target(member: string) {
    const found = others.get(member);
    if (found === undefined) throw new PeerError("ERR_PEER_UNKNOWN_MEMBER", member);
    return found;
  },
};
const connections = createConnections(members);
const client = createDataspaceClient({
  dispatcher: connections.to,
  authorize: ({ peer: audience, method, url, body }) =>
    participantToken(identity, { audience, method, target: new URL(url).pathname, body }, systemEffects),
});
const finished = new Map<string, () => void>();
const shared = {
  now,
  post: (...about: Parameters<typeof client.post>) => timed("call", () => client.post(...about)),
  ask: client.get,
  onError: (pid: string, error: unknown) => console.error(pid, error),
};

async function next({ peer, side: { role, document } }: Record): Promise<NegotiationMessage | undefined> {
  if (document === undefined) return undefined;
  const { state, offer } = document;
  if (role === "consumer") return state === "AGREED" ? verificationMessage(document) : undefined;
  if (state === "VERIFIED") return eventMessage(document, "FINALIZED");
  if (state !== "REQUESTED" || offer === undefined) return undefined;
  const about = { "@id": `urn:uuid:${document.providerPid}`, "@type": "Agreement" as const, timestamp: now() };
  const { "@id": _id, "@type": _type, ...terms } = offer;
  return agreementMessage(document, { ...terms, ...about, assigner: self, assignee: peer });
}

const negotiations = createProcesses<Negotiation, NegotiationMessage>({
  ...shared,
  protocol: negotiationProtocol,
  records: openStore<Record>("dsp-negotiations"),
  open: openStore<true>("dsp-negotiations-open", "unless-power-fails"),
  admits: async () => undefined,
  next,
  onMoved({ pid, side: { document } }) {
    if (document?.state === "FINALIZED") finished.get(pid)?.();
  },
});

const { port, pin } = await serveParty({ folder, member: self, members, openStore, negotiations });

const OFFER = policyOf({
  ...{ id: "policy", version: 1, asset: "provider:panel", provider: "provider" },
  ...{ purposes: ["statistics"], requesterKinds: ["government"], validUntil: "2099-12-31T00:00:00Z" },
  ...{ receiverModes: ["direct"], approval: "none", aggregate: { "energy-coal": ["sum", "mean"] } },
});

async function negotiate(peer: string): Promise<number> {
  const pid = randomUUID();
  const offer = { ...OFFER, "@id": "policy" } as never;
  const message = firstRequest(pid, offer, `https://127.0.0.1:${port}${DATASPACE_PATH}`);
  const { promise, resolve } = Promise.withResolvers<void>();
  finished.set(pid, resolve);
  const from = performance.now();
  await negotiations.begin({ pid, peer, address: `${others.get(peer)!.endpoint}${DATASPACE_PATH}`, message });
  await promise;
  finished.delete(pid);
  return performance.now() - from;
}

async function begin(count: number, atOnce: number): Promise<void> {
  const [peer = ""] = others.keys();
  const samples: number[] = [];
  let begun = 0;
  const worker = async () => {
    while (begun < count) {
      begun += 1;
      samples.push(await negotiate(peer));
    }
  };
  await Promise.all(Array.from({ length: atOnce }, worker));
  tell({ samples });
}

const tell = (message: FromParty): void => void process.send?.(message);
function usage(): PartyUsage {
  const { user, system } = process.cpuUsage();
  return { ...spent, cpuMs: (user + system) / 1000, peakBytes: process.resourceUsage().maxRSS * 1024 };
}

process.on("message", (asked: ToParty) => {
  if (asked === "usage") {
    tell({ usage: usage() });
  } else if ("begin" in asked) {
    void begin(asked.begin.count, asked.begin.atOnce);
  } else {
    const { member, port: of, pin } = asked.meet;
    const { identity: theirs } = testMember(member);
    others.set(member, { member, endpoint: `https://127.0.0.1:${of}`, tls: pin, identity: theirs });
  }
});
process.once("disconnect", () => process.exit(0));
tell({ ready: { port, pin } });
