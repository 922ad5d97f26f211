/** What the log commits to: the leaf bytes of one ledger entry. */
import { canonicalJson } from "../../crypto/suites/digest.ts";
import { utf8 } from "../../crypto/suites/encoding.ts";
import type { LedgerEntry } from "../port.ts";
import { hashLeaf } from "./tree.ts";

/** RFC 8785 text of {time, transaction}. The position is not inside: the tree gives it. */
export const leafBytes = (entry: Pick<LedgerEntry, "time" | "transaction">): Uint8Array =>
  utf8(canonicalJson({ time: entry.time, transaction: entry.transaction }));

export const leafHashOf = (entry: Pick<LedgerEntry, "time" | "transaction">): Uint8Array => hashLeaf(leafBytes(entry));
