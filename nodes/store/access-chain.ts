/** Entries of the access log and the hash chain over them. Pure: lines in, verdicts out. */
import { type Static, Type } from "typebox";
import { Compile } from "typebox/compile";
import { Count, closed, Digest, Instant } from "../../chaincode/rules/vocabulary.ts";
import { digestOf } from "../../crypto/suites/digest.ts";

export const AccessEvent = closed({
  /** Who: a member id, `<member>/<operator>` for people on the management interface, or `anonymous`. */
  actor: Type.String({ maxLength: 200 }),
  /** What, for example `POST /api/v1/members/:member/admit`. Route patterns, never values. */
  action: Type.String({ maxLength: 300 }),
  /** On which thing: an id, never a value. */
  target: Type.String({ maxLength: 300 }),
  /** HTTP status or a stable code. */
  outcome: Type.String({ maxLength: 100 }),
});
export type AccessEvent = Static<typeof AccessEvent>;

export const AccessEntry = closed({
  sequence: Count,
  time: Instant,
  event: AccessEvent,
  previous: Digest,
  /** digestOf({sequence, time, event, previous}). */
  digest: Digest,
});
export type AccessEntry = Static<typeof AccessEntry>;

/** Where a chain stands: its length and the digest of its last entry. */
export interface ChainHead {
  readonly entries: number;
  readonly digest: string;
}

export const CHAIN_START: ChainHead = Object.freeze({ entries: 0, digest: digestOf({ log: "sealane/access/v1" }) });

export type ChainFault = "syntax" | "schema" | "sequence" | "chain" | "digest";

export function nextEntry(head: ChainHead, time: string, event: AccessEvent): AccessEntry {
  const body = { sequence: head.entries, time, event, previous: head.digest };
  return { ...body, digest: digestOf(body) };
}

export const headAfter = (entry: AccessEntry): ChainHead => ({ entries: entry.sequence + 1, digest: entry.digest });

const check = Compile(AccessEntry);

/** The entry of a line that follows `head`, or what is wrong with it. */
export function checkLine(head: ChainHead, line: string): AccessEntry | ChainFault {
  let entry: unknown;
  try {
    entry = JSON.parse(line);
  } catch {
    return "syntax";
  }
  if (!check.Check(entry)) return "schema";
  if (entry.sequence !== head.entries) return "sequence";
  if (entry.previous !== head.digest) return "chain";
  const { digest, ...body } = entry;
  return digestOf(body) === digest ? entry : "digest";
}
