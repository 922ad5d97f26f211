/**
 * What a failed call of the Gateway means, in the words of the Ledger port. `again`: nothing was ordered, a new proposal
 * may be made at once; `wait`: nothing was ordered, try later or elsewhere; `less`: nothing was ordered, with fewer records it
 * may go; `unknown`: it may have been ordered.
 */
import { type LEDGER_ERRORS, LedgerError } from "../port.ts";

export type FailureKind = "again" | "wait" | "less" | "unknown";

export interface Failure {
  readonly kind: FailureKind;
  readonly error: LedgerError;
}

/** What a GatewayError of fabric-gateway carries; read by shape, so that recorded ones are as good. */
interface GatewayShape {
  readonly message: string;
  readonly details: readonly { readonly address?: string; readonly mspId?: string; readonly message: string }[];
}

export type Stage = "connect" | "endorse" | "submit" | "commit status" | "evaluate" | "blocks";

interface Meaning {
  readonly said: RegExp;
  readonly kind: FailureKind;
  readonly code: (typeof LEDGER_ERRORS)[number];
  readonly means: string;
}

/** What the ordering service said itself, so that nothing was ordered: statuses from 400 to 499 of its answer. */
const REFUSED = /^10 ABORTED: received unsuccessful response from orderer: status=/;

const ORDERING: readonly Meaning[] = [
  {
    said: /exceeds maximum allowed \d+ bytes|status=REQUEST_ENTITY_TOO_LARGE/,
    kind: "less",
    code: "ERR_LEDGER_UNREACHABLE",
    means: "too large for the ordering service",
  },
  {
    said: /status=(?:FORBIDDEN|NOT_FOUND|BAD_REQUEST)/,
    kind: "wait",
    code: "ERR_LEDGER_PROFILE",
    means: "the ordering service refuses the call",
  },
];

/** The first that fits; the peers' words are those of Fabric 2.5 and 3.1 (fixtures/recorded-failures-*.json). */
const MEANINGS: readonly Meaning[] = [
  {
    said: /larger than max|^4 [A-Z_]+:|timeout expired while executing transaction/i,
    kind: "less",
    code: "ERR_LEDGER_UNREACHABLE",
    means: "too much at once, or too slow",
  },
  {
    said: /ProposalResponsePayloads do not match/i,
    kind: "again",
    code: "ERR_LEDGER_NO_QUORUM",
    means: "the organisations' peers give different results: one is behind, or runs other code",
  },
  // Clocks are set right; the other refusals of a call need a person.
  { said: /ERR_FABRIC_CLOCK: /, kind: "wait", code: "ERR_LEDGER_UNREACHABLE", means: "the chaincode refuses the call" },
  { said: /ERR_FABRIC_[A-Z]+: /, kind: "wait", code: "ERR_LEDGER_PROFILE", means: "the chaincode refuses the call" },
  { said: /expired/i, kind: "wait", code: "ERR_LEDGER_PROFILE", means: "the client certificate has expired" },
  {
    said: /access denied|creator is malformed|status response: 403|^(?:7|16) [A-Z_]+:/i,
    kind: "wait",
    code: "ERR_LEDGER_PROFILE",
    means: "the network does not accept this client",
  },
  {
    said: /config for channel|status response: 404/i,
    kind: "wait",
    code: "ERR_LEDGER_PROFILE",
    means: "no such channel there",
  },
  {
    said: /no metadata was found for chaincode|namespace \S+ is not defined/i,
    kind: "wait",
    code: "ERR_LEDGER_PROFILE",
    means: "no such chaincode on the channel",
  },
  {
    said: /no combination of peers|enough transaction endorsements|failed to endorse/i,
    kind: "wait",
    code: "ERR_LEDGER_NO_QUORUM",
    means: "too few organisations endorse",
  },
];

/** `where` is the peer that was called. */
export function failureOf(cause: unknown, stage: Stage, where: string): Failure {
  if (cause instanceof LedgerError) return { kind: "wait", error: cause };
  const said = saidBy(cause);
  const failed = (kind: FailureKind, code: (typeof LEDGER_ERRORS)[number], detail: string): Failure => {
    return { kind, error: new LedgerError(code, `fabric: ${stage} at ${where}: ${detail}`, { cause }) };
  };
  if (stage === "submit" && REFUSED.test(said)) {
    const meaning = ORDERING.find((one) => one.said.test(said));
    if (meaning !== undefined) return failed(meaning.kind, meaning.code, `${meaning.means}: ${said}`);
  }
  if (stage === "submit" || stage === "commit status") {
    const state = stage === "submit" ? "it may be ordered all the same" : "it is ordered, how it ended is not known";
    return failed("unknown", "ERR_LEDGER_UNREACHABLE", `${said}; ${state}`);
  }
  const meaning = MEANINGS.find((one) => one.said.test(said));
  if (meaning === undefined) return failed("wait", "ERR_LEDGER_UNREACHABLE", said);
  return failed(meaning.kind, meaning.code, `${meaning.means}: ${said}`);
}

/** Ordered, and found invalid by the peers: see TxValidationCode in fabric-protos. */
export function invalidOf(code: number, name: string, transactionId: string): Failure {
  const detail = `transaction ${transactionId}: the peers found it invalid: ${name} (${code})`;
  // MVCC_READ_CONFLICT and PHANTOM_READ_CONFLICT: somebody else wrote first. Nothing of it is in the state.
  if (code === 11 || code === 12)
    return { kind: "again", error: new LedgerError("ERR_LEDGER_UNREACHABLE", `fabric: ${detail}`) };
  // DUPLICATE_TXID: the same transaction is in an earlier block, or before it in this one.
  if (code === 9) return { kind: "unknown", error: new LedgerError("ERR_LEDGER_UNREACHABLE", `fabric: ${detail}`) };
  return { kind: "wait", error: new LedgerError("ERR_LEDGER_NO_QUORUM", `fabric: ${detail}`) };
}

/** The peers' own words are in the details; the message only says that there are some. */
function saidBy(cause: unknown): string {
  const { message = String(cause), details } = (cause ?? {}) as Partial<GatewayShape>;
  if (!Array.isArray(details) || details.length === 0) return message;
  const each = (details as GatewayShape["details"]).map(
    ({ mspId = "?", address = "?", message: detail }) => `${mspId} at ${address}: ${detail}`,
  );
  return [message, ...each].join("; ");
}
