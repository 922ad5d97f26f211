/** What the log commits to: the leaf bytes of one ledger entry. */
import { canonicalJson } from "../../crypto/suites/digest.ts";
import { hashLeafText } from "../../crypto/suites/merkle.ts";
import type { LedgerEntry } from "../port.ts";

/** RFC 8785 text of {time, transaction}. The position is not inside: the tree gives it. */
export const leafText = ({ time, transaction }: Pick<LedgerEntry, "time" | "transaction">): string =>
  canonicalJson({ time, transaction });

export const leafHashOf = (entry: Pick<LedgerEntry, "time" | "transaction">): Uint8Array =>
  hashLeafText(leafText(entry));
