/** Every byte of a small bundle and of a small ledger's stored records, with one bit or each of its bits flipped. */
import { sha256 } from "../../crypto/suites/digest.ts";
import { utf8 } from "../../crypto/suites/encoding.ts";
import { playLife } from "./_fixture.ts";
import { ledgerFixture, trustOf } from "./_ledger.ts";
import { firstRefusal } from "./_lying-receiver.ts";
import { COSIGNERS, foundNetwork } from "./_registry.ts";
import { encodeEvidence } from "./build.ts";
import type { EvidenceBundle } from "./bundle.ts";
import { collectFindings, PROBLEM_CODES, type Problem } from "./problems.ts";
import { storedForm, verifyReplica } from "./replica.ts";
import { indexTrust } from "./trust-index.ts";
import { readBundle } from "./verify.ts";

export interface Flips {
  readonly bytes: number;
  readonly flips: number;
  /** How often each reason was named. */
  readonly reasons: Readonly<Record<string, number>>;
  /** Flips that nothing refused, or that broke the verifier. */
  readonly missed: readonly string[];
}

/** `eachBit` flips all eight of every byte, otherwise one that the seed chooses. */
export interface FlipOptions {
  readonly seed: number;
  readonly eachBit: boolean;
}

type Find = (flipped: Uint8Array) => Promise<Problem | undefined> | Problem | undefined;

async function flipAll(bytes: Uint8Array, { seed, eachBit }: FlipOptions, find: Find): Promise<Flips> {
  const flipped = Uint8Array.from(bytes);
  const reasons: Record<string, number> = {};
  const missed: string[] = [];
  let flips = 0;
  for (let at = 0; at < bytes.length; at += 1) {
    const [chosen = 0] = sha256(utf8(`${seed} ${at}`));
    for (const bit of eachBit ? [0, 1, 2, 3, 4, 5, 6, 7] : [chosen & 7]) {
      flips += 1;
      flipped[at]! ^= 1 << bit;
      const code = (await find(flipped))?.code;
      flipped[at]! ^= 1 << bit;
      if (code === undefined || code === "verifier-error" || !PROBLEM_CODES.includes(code)) {
        missed.push(`byte ${at} bit ${bit}: ${code ?? "nothing found"}`);
      } else reasons[code] = (reasons[code] ?? 0) + 1;
    }
  }
  return { bytes: bytes.length, flips, reasons, missed };
}

/** The verifier's own steps in their order, up to the first that refuses: what follows cannot turn that into a pass. */
export async function flipBundle(options: FlipOptions): Promise<Flips> {
  const life = await playLife({ mode: "registry", providers: 3 });
  const trust = indexTrust(life.trust, collectFindings());
  return flipAll(Buffer.from(encodeEvidence(life.bundle)), options, (flipped) => {
    const read = readBundle(flipped);
    if ("problem" in read) return read.problem;
    return firstRefusal(read.bundle as EvidenceBundle, { trust, receiver: undefined })?.problem;
  });
}

/** Of every stored record, and of the checkpoint. */
export async function flipLedger(options: FlipOptions): Promise<Flips> {
  const ledger = ledgerFixture(COSIGNERS);
  await foundNetwork(ledger, (member) => `group-${member}`, 1);
  await ledger.rotate("p1");
  const digest = "A".repeat(43);
  const asset = { version: 1, metadataDigest: digest, policyDigest: digest, unitDomain: "domain-p1" };
  await ledger.submitTogether("p1", "asset.register", [
    { ...asset, asset: "p1:one" },
    { ...asset, asset: "p1:two" },
  ]);
  const checkpoint = ledger.checkpoint();
  const trust = trustOf(ledger, checkpoint);
  const stored = ledger.entries.map(storedForm);
  const parts: Flips[] = [];
  for (const [position, { text }] of stored.entries()) {
    const part = await flipAll(Buffer.from(text), options, async (flipped) => {
      // As the store reads it: what is no UTF-8 becomes the replacement character.
      const changed = { position, text: Buffer.from(flipped).toString("utf8") };
      return (await verifyReplica(stored.with(position, changed), checkpoint, trust)).problem;
    });
    parts.push({ ...part, missed: part.missed.map((text) => `record ${position} ${text}`) });
  }
  parts.push(
    await flipAll(Buffer.from(checkpoint), options, async (flipped) => {
      return (await verifyReplica(stored, Buffer.from(flipped).toString("utf8"), trust)).problem;
    }),
  );
  return parts.reduce((whole, part) => ({
    bytes: whole.bytes + part.bytes,
    flips: whole.flips + part.flips,
    reasons: sumOf(whole.reasons, part.reasons),
    missed: [...whole.missed, ...part.missed],
  }));
}

function sumOf(one: Flips["reasons"], other: Flips["reasons"]): Flips["reasons"] {
  const codes = new Set([...Object.keys(one), ...Object.keys(other)]);
  return Object.fromEntries([...codes].map((code) => [code, (one[code] ?? 0) + (other[code] ?? 0)]));
}
