/** `sealane trust export`: the members, keys and spans of this node's verified replica as the file an auditor pins. */

import type { ProposalState } from "../../../chaincode/rules/records.ts";
import type { TransactionBody } from "../../../chaincode/rules/transactions.ts";
import type { FabricProof } from "../../../ledger/audit/fabric-bundle.ts";
import { pinnedFabric } from "../../../ledger/audit/fabric-parts.ts";
import type { PinnedMember, TrustFile } from "../../../ledger/audit/trust.ts";
import { originOf } from "../../../ledger/log/checkpoint.ts";
import { parseProof } from "../../../ledger/log/proof-text.ts";
import type { Ledger } from "../../../ledger/port.ts";
import { NetworkError } from "./network-error.ts";

type Draft = { -readonly [K in keyof PinnedMember]: PinnedMember[K] };
type Identity = TransactionBody<"network.found">["founder"]["identity"];

/** Who was a member with which key from where to where, by the first `size` records. Acknowledged records never change. */
interface Spans {
  size: number;
  readonly members: Map<string, Draft>;
  readonly sequencers: TrustFile["sequencers"];
  /** One export after the other: each goes on where the one before stopped. */
  turn: Promise<unknown>;
}
const spansByLedger = new WeakMap<Ledger, Spans>();

/** Reads the records since the last export of the same ledger only: a requester exports with every result. */
export function exportTrust(deps: { readonly ledger: Ledger; readonly network: string }): Promise<TrustFile> {
  const { ledger } = deps;
  const spans = spansByLedger.get(ledger) ?? { size: 0, members: new Map(), sequencers: [], turn: Promise.resolve() };
  spansByLedger.set(ledger, spans);
  const exported = spans.turn.then(() => exportNow(deps, spans));
  spans.turn = exported.catch(() => undefined);
  return exported;
}

async function exportNow(
  { ledger, network }: { readonly ledger: Ledger; readonly network: string },
  spans: Spans,
): Promise<TrustFile> {
  const { height } = await ledger.status();
  const proof = height === 0 ? undefined : await ledger.prove(height - 1);
  if (proof === undefined) throw new NetworkError("ERR_NETWORK_NONE", "ledger: holds no record yet");
  await follow(ledger, spans, height);
  const { members, sequencers } = await withProposals(ledger, spans, height);
  return {
    format: "sealane/trust/v1",
    network,
    origin: originOf(network),
    sequencers,
    members: members.toSorted((a, b) => (a.id < b.id ? -1 : 1)),
    ...(proof.kind === "tlog"
      ? { checkpoint: parseProof(proof.proof).checkpoint }
      : { fabric: pinnedFabric(proof.proof as FabricProof) }),
  };
}

const endActive = (member: Draft | undefined, until: number): void => {
  const last = member?.active.at(-1);
  if (last !== undefined && last.until === undefined) last.until = until;
};

async function follow(ledger: Ledger, spans: Spans, height: number): Promise<void> {
  const { members, sequencers } = spans;

  const admit = (record: { id: string; cosigner: boolean; identity: Identity }, from: number) =>
    members.set(record.id, {
      id: record.id,
      cosigner: record.cosigner,
      keys: [{ ...record.identity, from }],
      active: [{ from }],
    });
  const endKey = (member: Draft | undefined, key: string, at: number, how: "replaced" | "revoked") => {
    const found = member?.keys.find((pinned) => pinned.key === key);
    if (found !== undefined && found.ended?.how !== "revoked") found.ended = { at, how };
  };

  for await (const { position, transaction } of ledger.entries(spans.size, height - spans.size)) {
    const { type, body } = transaction.statement;
    switch (type) {
      case "network.found": {
        const { founder, sequencer } = body as TransactionBody<"network.found">;
        admit(founder, position);
        sequencers.push({ member: sequencer, from: position });
        break;
      }
      case "member.admit":
        admit((body as TransactionBody<"member.admit">).application.statement.member, position);
        break;
      case "member.suspend":
        endActive(members.get((body as TransactionBody<"member.suspend">).member), position);
        break;
      case "member.reinstate":
        members.get((body as TransactionBody<"member.reinstate">).member)?.active.push({ from: position });
        break;
      case "key.rotate": {
        const { next } = body as TransactionBody<"key.rotate">;
        const member = members.get(transaction.signer);
        endKey(member, transaction.key, position, "replaced");
        member?.keys.push({ ...next, from: position });
        break;
      }
      case "key.revoke": {
        const { member, key } = body as TransactionBody<"key.revoke">;
        endKey(members.get(member), key, position, "revoked");
        break;
      }
    }
    spans.size = position + 1;
  }
}

/** What votes carried is told by the state, not by one record; the spans themselves stay as the records have them. */
async function withProposals(ledger: Ledger, spans: Spans, height: number) {
  const members = structuredClone(spans.members);
  const sequencers = structuredClone(spans.sequencers);
  for await (const [, proposal] of ledger.range<ProposalState>("proposal/")) {
    if (proposal.state !== "carried" || proposal.carried.position >= height) continue;
    const { position } = proposal.carried;
    if (proposal.proposal.kind === "expel-member") endActive(members.get(proposal.proposal.member), position);
    // The carrying vote is the last record that the old sequencer orders.
    else sequencers.push({ member: proposal.proposal.sequencer, from: position + 1 });
  }
  return { members: [...members.values()], sequencers: sequencers.toSorted((a, b) => a.from - b.from) };
}
