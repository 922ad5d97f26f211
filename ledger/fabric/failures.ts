/**
 * What a failed call of the Gateway means, in the words of the Ledger port. `again`: nothing was ordered, a new proposal
 * may be made at once; `wait`: nothing was ordered, try later or elsewhere; `unknown`: it may have been ordered; `final`:
 * trying again changes nothing.
 */
import { CALL_ERRORS } from "../../chaincode/fabric/messages.ts";
import { type LEDGER_ERRORS, LedgerError } from "../port.ts";

export type FailureKind = "again" | "wait" | "unknown" | "final";

export interface Failure {
  readonly kind: FailureKind;
  readonly error: LedgerError;
}

/** gRPC status codes, as far as the Gateway's answers differ by them. */
const GRPC = {
  deadlineExceeded: 4,
  notFound: 5,
  permissionDenied: 7,
  failedPrecondition: 9,
  aborted: 10,
  unavailable: 14,
  unauthenticated: 16,
};

/** What a GatewayError of fabric-gateway carries; read by shape, so that recorded ones are as good. */
interface GatewayShape {
  readonly name: string;
  readonly code: number;
  readonly message: string;
  readonly details: readonly { readonly address?: string; readonly mspId?: string; readonly message: string }[];
}

export type Stage = "connect" | "endorse" | "submit" | "commit status" | "evaluate" | "blocks";

/** `where` is the peer that was called. */
export function failureOf(cause: unknown, stage: Stage, where: string): Failure {
  if (cause instanceof LedgerError) return { kind: "wait", error: cause };
  if (!isGateway(cause))
    return failure("wait", "ERR_LEDGER_UNREACHABLE", stage, where, String((cause as Error)?.message ?? cause), cause);
  const said = saidBy(cause);
  if (stage === "submit" || stage === "commit status") {
    const ordered = stage === "submit" ? "it may be ordered all the same" : "it is ordered, how it ended is not known";
    return failure("unknown", "ERR_LEDGER_UNREACHABLE", stage, where, `${said}; ${ordered}`, cause);
  }
  const refused = CALL_ERRORS.find((code) => said.includes(`${code}: `));
  if (refused !== undefined) {
    const detail = said.slice(said.indexOf(`${refused}: `));
    // Clocks are set right, and everything else needs a person.
    const code = refused === "ERR_FABRIC_CLOCK" ? "ERR_LEDGER_UNREACHABLE" : "ERR_LEDGER_PROFILE";
    return failure("wait", code, stage, where, detail, cause);
  }
  if (/ProposalResponsePayloads do not match/i.test(said)) {
    const detail = "the organisations' peers give different results: one is behind, or runs other code";
    return failure("again", "ERR_LEDGER_NO_QUORUM", stage, where, `${detail} (${said})`, cause);
  }
  if (/expired/i.test(said)) {
    return failure("wait", "ERR_LEDGER_PROFILE", stage, where, `the client certificate has expired: ${said}`, cause);
  }
  if (
    /access denied|creator.*(?:malformed|invalid|not valid)|unknown authority|permission denied/i.test(said) ||
    isDenied(cause)
  ) {
    return failure(
      "wait",
      "ERR_LEDGER_PROFILE",
      stage,
      where,
      `the network does not accept this client: ${said}`,
      cause,
    );
  }
  if (/channel.*(?:not found|does not exist)|cannot retrieve ledger|Invalid chain ID/i.test(said)) {
    return failure("wait", "ERR_LEDGER_PROFILE", stage, where, `no such channel there: ${said}`, cause);
  }
  if (cause.code === GRPC.failedPrecondition || cause.code === GRPC.aborted) {
    return failure("wait", "ERR_LEDGER_NO_QUORUM", stage, where, `too few organisations endorse: ${said}`, cause);
  }
  return failure("wait", "ERR_LEDGER_UNREACHABLE", stage, where, said, cause);
}

const isDenied = ({ code }: GatewayShape): boolean => code === GRPC.permissionDenied || code === GRPC.unauthenticated;

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

function failure(
  kind: FailureKind,
  code: (typeof LEDGER_ERRORS)[number],
  stage: Stage,
  where: string,
  detail: string,
  cause: unknown,
): Failure {
  return { kind, error: new LedgerError(code, `fabric: ${stage} at ${where}: ${detail}`, { cause }) };
}

/** The peers' own words are in the details; the message only says that there are some. */
function saidBy({ message, details }: GatewayShape): string {
  if (details.length === 0) return message;
  return details
    .map(({ mspId, address, message: detail }) => `${mspId ?? "?"} at ${address ?? "?"}: ${detail}`)
    .join("; ");
}

function isGateway(cause: unknown): cause is GatewayShape {
  const { code, details, message } = (cause ?? {}) as Partial<GatewayShape>;
  return typeof code === "number" && Array.isArray(details) && typeof message === "string";
}
