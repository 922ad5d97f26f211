/** Which failures of a request's next step a later try may mend, without anybody's word. */
import { ComputationError } from "../../exchange/computations/errors.ts";
import { RequestError } from "../../exchange/requests/errors.ts";
import { LedgerError } from "../../ledger/port.ts";
import { PeerError } from "../peer/peer-error.ts";

const NOT_FOUND = 404;

export function isPassing(error: unknown): boolean {
  if (error instanceof PeerError) return isPassingAnswer(error.answer?.status ?? 503);
  if (error instanceof LedgerError) return error.code !== "ERR_LEDGER_REJECTED" && error.code !== "ERR_LEDGER_CLOSED";
  if (error instanceof ComputationError) return error.code === "ERR_COMPUTATION_EVIDENCE";
  return error instanceof RequestError && error.code === "ERR_REQUEST_UNREACHABLE";
}

/** Not found is not found yet: the other side's replica follows the ledger, and is behind after a start. */
function isPassingAnswer(status: number): boolean {
  return status >= 500 || status === NOT_FOUND;
}
