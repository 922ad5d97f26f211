/** A ledger of the real contract with a real log and real signatures; keys come from names, so that every run gives the same bytes. */
import { execute } from "../../chaincode/rules/execute.ts";
import type { TransactionBody, TransactionType } from "../../chaincode/rules/transactions.ts";
import { saltedDigest, sha256 } from "../../crypto/suites/digest.ts";
import { toBase64url, utf8 } from "../../crypto/suites/encoding.ts";
import { type SigningIdentity, signingIdentity, signStatement, signStatements } from "../../crypto/suites/signed.ts";
import { verifyForContract } from "../contract.ts";
import { cosignerNameOf, openCheckpoint, originOf, signCheckpoint } from "../log/checkpoint.ts";
import { cosign, withCosignatures } from "../log/cosignature.ts";
import { leafHashOf } from "../log/leaf.ts";
import { noteKey } from "../log/note.ts";
import { formatProof } from "../log/proof-text.ts";
import { proveInclusion } from "../log/proofs.ts";
import { appendLeaf, type CompactRange, EMPTY_RANGE, rootOf } from "../log/tree.ts";
import type { LedgerEntry, LedgerProof, SignedTransaction } from "../port.ts";
import type { ProvenEntry } from "./build.ts";
import { memoryStore } from "./memory-store.ts";
import type { TrustFile } from "./trust.ts";

export const NETWORK = "auditnet";
const START = Date.parse("2026-01-05T08:00:00.000Z");

const bytesOf = (name: string): Uint8Array => sha256(utf8(`fixture ${name}`));
export const identityOf = (member: string, generation = 1): SigningIdentity =>
  signingIdentity(member, "intl", bytesOf(`key ${member} ${generation}`));
export const digest = (name: string) => toBase64url(bytesOf(name));
export const uuid = (name: string) => {
  const hex = Buffer.from(bytesOf(name)).toString("hex");
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20, 32)}`;
};
export const salted = <D>(name: string, document: D) => {
  const salt = bytesOf(`salt ${name}`);
  return { part: { document, salt: toBase64url(salt) }, digest: saltedDigest(salt, document) };
};

export interface LedgerFixture {
  submit<T extends TransactionType>(as: string, type: T, body: TransactionBody<T>): Promise<LedgerEntry>;
  /** Under one signature. */
  submitTogether<T extends TransactionType>(as: string, type: T, bodies: readonly TransactionBody<T>[]): Promise<void>;
  /** Moves the ordering clock. */
  advance(milliseconds: number): void;
  now(): string;
  prove(entry: LedgerEntry): Promise<ProvenEntry>;
  checkpoint(cosigners?: readonly string[]): string;
  readonly entries: readonly LedgerEntry[];
  signer(member: string): SigningIdentity;
  rotate(member: string): Promise<LedgerEntry>;
}

/**
 * A ledger of the real contract whose sequencer is `operator`; the first two of `cosigners` cosign. A lawless one takes
 * every record unexamined, as a colluding sequencer and quorum could.
 */
export function ledgerFixture(cosigners: readonly string[], { lawless = false } = {}): LedgerFixture {
  const store = memoryStore();
  const entries: LedgerEntry[] = [];
  const nodes = new Map<string, Uint8Array>();
  const generations = new Map<string, number>();
  let range: CompactRange = EMPTY_RANGE;
  let clock = START;
  const signer = (member: string) => identityOf(member, generations.get(member) ?? 1);
  const now = () => new Date(clock).toISOString();

  async function record(transaction: SignedTransaction): Promise<LedgerEntry> {
    clock += 1000;
    const entry = { position: entries.length, time: now(), transaction };
    const host = {
      store,
      time: entry.time,
      position: entry.position,
      logSize: entry.position,
      verify: verifyForContract,
    };
    if (!lawless) {
      const outcome = await execute(host, transaction);
      if (!outcome.ok)
        throw new Error(`${transaction.statement.type} by ${transaction.signer}: ${outcome.code} ${outcome.message}`);
    }
    const grown = appendLeaf(range, leafHashOf(entry));
    for (const node of grown.nodes) nodes.set(`${node.level}/${node.index}`, node.hash);
    range = grown.range;
    entries.push(entry);
    return entry;
  }

  const ledger: LedgerFixture = {
    entries,
    signer,
    now,
    advance: (milliseconds) => {
      clock += milliseconds;
    },
    async submit(as, type, body) {
      const statement = { network: NETWORK, id: uuid(`transaction ${entries.length}`), type, body };
      return record(signStatement(signer(as), "transaction", statement) as unknown as SignedTransaction);
    },
    async submitTogether(as, type, bodies) {
      const statements = bodies.map((body, at) => {
        return { network: NETWORK, id: uuid(`transaction ${entries.length + at}`), type, body };
      });
      const signed = signStatements(signer(as), "transaction", statements) as unknown as SignedTransaction[];
      for (const transaction of signed) await record(transaction);
    },
    async rotate(member) {
      const generation = (generations.get(member) ?? 1) + 1;
      const next = identityOf(member, generation);
      const statement = { member, replaces: signer(member).key, next: next.key };
      const entry = await ledger.submit(member, "key.rotate", {
        next: { key: next.key, suite: "intl", publicKey: toBase64url(next.publicKey) },
        proof: signStatement(next, "application", statement),
      });
      generations.set(member, generation);
      return entry;
    },
    // Exactly a quorum of three, so that no cosignature is to spare.
    checkpoint(by = cosigners.slice(0, 2)) {
      const operator = signer("operator");
      const note = signCheckpoint({ origin: originOf(NETWORK), size: range.size, root: rootOf(range) }, operator);
      const opened = openCheckpoint(note, noteKey(originOf(NETWORK), "note", operator));
      const lines = by.map((member) => {
        const name = cosignerNameOf(NETWORK, member);
        return cosign(opened.note.text, { ...signer(member), name }, Math.floor(clock / 1000));
      });
      return withCosignatures(opened, lines);
    },
    async prove(entry) {
      const path = await proveInclusion(entry.position, range.size, (level, index) => nodes.get(`${level}/${index}`)!);
      const proof: LedgerProof = {
        kind: "tlog",
        proof: formatProof({ index: entry.position, path, checkpoint: ledger.checkpoint() }),
      };
      return { entry, proof };
    },
  };
  return ledger;
}

/** As `sealane trust export` gives it: spans of members and keys, read off the ledger. */
export function trustOf(
  ledger: { readonly entries: readonly LedgerEntry[] },
  checkpoint: string,
  network = NETWORK,
): TrustFile {
  const members = new Map<string, TrustFile["members"][number]>();
  for (const { position, transaction } of ledger.entries) {
    const { type, body } = transaction.statement;
    const record =
      type === "network.found"
        ? (body as TransactionBody<"network.found">).founder
        : type === "member.admit"
          ? (body as TransactionBody<"member.admit">).application.statement.member
          : undefined;
    if (record !== undefined) {
      const { id, cosigner, identity } = record;
      members.set(id, { id, cosigner, keys: [{ ...identity, from: position }], active: [{ from: position }] });
    }
    if (type === "key.rotate") {
      const member = members.get(transaction.signer)!;
      member.keys.at(-1)!.ended = { at: position, how: "replaced" };
      member.keys.push({ ...(body as TransactionBody<"key.rotate">).next, from: position });
    }
  }
  return {
    format: "sealane/trust/v1",
    network,
    origin: originOf(network),
    sequencers: [{ member: ledger.entries[0]!.transaction.signer, from: 0 }],
    members: [...members.values()].sort((a, b) => (a.id < b.id ? -1 : 1)),
    checkpoint,
  };
}
