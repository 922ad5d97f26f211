/** What the log commits to: the leaf bytes of one ledger entry. */
import { canonicalJson } from "../../crypto/suites/digest.ts";
import { hashLeafText } from "../../crypto/suites/merkle.ts";
import type { LedgerEntry } from "../port.ts";

/**
 * RFC 8785 text of {time, transaction}; `transaction` is the canonical text of one. The position is not inside: the tree
 * gives it.
 */
export const leafText = (time: string, transaction: string): string =>
  `{"time":${JSON.stringify(time)},"transaction":${transaction}}`;

export const leafHashOf = ({ time, transaction }: Pick<LedgerEntry, "time" | "transaction">): Uint8Array =>
  hashLeafText(leafText(time, canonicalJson(transaction)));
