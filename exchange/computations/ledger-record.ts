/** Ledger entries as the secure-aggregation steps read them. */
import type { LedgerRecord } from "../../crypto/secagg/opened.ts";
import type { LedgerEntry, TransactionBody } from "../../ledger/port.ts";

/** The computation an entry belongs to, or undefined. */
export function computationOf(entry: LedgerEntry): string | undefined {
  const { type, body } = entry.transaction.statement;
  if (!type.startsWith("computation.") && !type.startsWith("result.")) return undefined;
  return (body as { computation?: string }).computation;
}

/** `bitmap`: what the contract computed for this mask set (registry mode). */
export function ledgerRecordOf(entry: LedgerEntry, bitmap?: string): LedgerRecord | undefined {
  const { position, time, transaction } = entry;
  const at = { position, time };
  const { type, body } = transaction.statement;
  switch (type) {
    case "computation.keyset": {
      const { members, root } = body as TransactionBody<typeof type>;
      return { ...at, record: "keyset", members, root };
    }
    case "computation.maskset": {
      const { members, root } = body as TransactionBody<typeof type>;
      return { ...at, record: "maskset", members, root, ...(bitmap === undefined ? {} : { bitmap }) };
    }
    case "computation.close": {
      const { phase, headers, root, sum } = body as TransactionBody<typeof type>;
      return { ...at, record: "close", phase, headers, root, ...(sum === undefined ? {} : { sum }) };
    }
    case "computation.counts":
      return { ...at, record: "counts", digest: (body as TransactionBody<typeof type>).digest };
    case "computation.omitted": {
      const { phase } = body as TransactionBody<typeof type>;
      return { ...at, record: "omitted", phase, member: transaction.signer };
    }
    case "computation.fail": {
      const { reason, blamed } = body as TransactionBody<typeof type>;
      return { ...at, record: "fail", reason, ...(blamed === undefined ? {} : { blamed }) };
    }
    case "result.release":
      return { ...at, record: "release" };
    case "result.withhold":
      return { ...at, record: "withhold" };
    default:
      return undefined;
  }
}
