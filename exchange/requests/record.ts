/** Writes a transaction under an id that is a function of what it is about, so that a repeat after a crash is answered, not doubled. */
import { digestOf } from "../../crypto/suites/digest.ts";
import { fromBase64url } from "../../crypto/suites/encoding.ts";
import { signStatement, signStatements } from "../../crypto/suites/signed.ts";
import type { LedgerEntry, SignedTransaction, TransactionBody, TransactionType } from "../../ledger/port.ts";
import type { Party } from "./ports.ts";

/** A version-8 UUID (RFC 9562 section 5.8) over the digest of a JSON value. */
export function uuidOf(value: unknown): string {
  const bytes = fromBase64url(digestOf(value), "digest").slice(0, 16);
  bytes[6] = (bytes[6]! & 0x0f) | 0x80;
  bytes[8] = (bytes[8]! & 0x3f) | 0x80;
  const hex = Buffer.from(bytes).toString("hex");
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join("-");
}

export function transaction<T extends TransactionType>(
  party: Pick<Party, "network" | "identity">,
  type: T,
  body: TransactionBody<T>,
  about: unknown,
): SignedTransaction {
  return signStatement(party.identity, "transaction", statementOf(party, { type, body, about }));
}

/** One record to write; `about` names the one thing that it may say once. */
export interface ToRecord<T extends TransactionType = TransactionType> {
  readonly type: T;
  readonly body: TransactionBody<T>;
  readonly about: unknown;
}

function statementOf({ network, identity }: Pick<Party, "network" | "identity">, { type, body, about }: ToRecord) {
  const id = uuidOf({ network, signer: identity.member, type, about });
  return { network, id, type, body };
}

/** Under one signature and in this order; resolves once all are acknowledged. A rejection names the index of the first. */
export async function recordTogether(
  party: Pick<Party, "network" | "identity" | "ledger">,
  records: readonly ToRecord[],
): Promise<void> {
  const statements = records.map((one) => statementOf(party, one));
  await party.ledger.submit(signStatements(party.identity, "transaction", statements));
}

/** Resolves once the record is acknowledged. `about` names the one thing this record may say once. */
export async function record<T extends TransactionType>(
  party: Pick<Party, "network" | "identity" | "ledger">,
  type: T,
  body: TransactionBody<T>,
  about: unknown,
): Promise<LedgerEntry> {
  const [entry] = await party.ledger.submit([transaction(party, type, body, about)]);
  return entry!;
}
