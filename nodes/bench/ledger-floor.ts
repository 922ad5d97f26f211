/** What bounds the ledger on this machine, measured alone. */
import { mkdtemp, open, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { hashLeafText } from "../../crypto/suites/merkle.ts";
import { verifySigned, verifySignedAhead } from "../../crypto/suites/signed.ts";
import { storedForm } from "../../ledger/audit/replica.ts";
import type { LedgerEntry, SignedTransaction } from "../../ledger/port.ts";

const SAMPLE = 4_000;
const SYNCS = 50;

/** Signatures of the author of most records, on one core. */
export function signaturesPerSecond(entries: readonly LedgerEntry[], publicKey: Uint8Array): number {
  const own = signedAlone(entries);
  const started = performance.now();
  for (const transaction of own) verifySigned(publicKey, "transaction", transaction);
  return (own.length * 1000) / (performance.now() - started);
}

/** The same on all cores. */
export async function signaturesPerSecondAtOnce(
  entries: readonly LedgerEntry[],
  publicKey: Uint8Array,
): Promise<number> {
  const own = signedAlone(entries);
  const started = performance.now();
  await Promise.all(own.map((transaction) => verifySignedAhead(publicKey, "transaction", transaction)));
  return (own.length * 1000) / (performance.now() - started);
}

const signedAlone = (entries: readonly LedgerEntry[]): readonly SignedTransaction[] =>
  entries.map(({ transaction }) => transaction).slice(-SAMPLE);

/** Records per second that one core can parse and hash as leaves, and do nothing else. */
export function parsedAndHashedPerSecond(entries: readonly LedgerEntry[]): number {
  const texts = entries.map((entry) => storedForm(entry).text);
  const started = performance.now();
  for (const text of texts) {
    JSON.parse(text);
    hashLeafText(text);
  }
  return (texts.length * 1000) / (performance.now() - started);
}

/** Of 4 KiB appended to a file on the disk where the ledgers are. */
export async function fsyncMs(): Promise<number> {
  const folder = await mkdtemp(join(tmpdir(), "sealane-bench-fsync-"));
  const file = await open(join(folder, "file"), "a");
  try {
    const block = Buffer.alloc(4096);
    const started = performance.now();
    for (let at = 0; at < SYNCS; at += 1) {
      await file.write(block);
      await file.datasync();
    }
    return (performance.now() - started) / SYNCS;
  } finally {
    await file.close();
    await rm(folder, { recursive: true, force: true });
  }
}
