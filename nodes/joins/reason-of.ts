import { PsiError } from "../../crypto/psi/errors.ts";
import type { JoinReason } from "../../exchange/joins/run.ts";
import { StatisticsError } from "../../exchange/statistics/errors.ts";
import { LedgerError } from "../../ledger/port.ts";
import { PeerError } from "../peer/peer-error.ts";
import { SourceError } from "../sources/errors.ts";

/** Own lists and tables that cannot take part are told from what others sent. */
export function reasonOf(error: unknown): JoinReason {
  if (error instanceof PsiError) {
    return error.code === "ERR_PSI_INPUT" || error.code === "ERR_PSI_SIZE" ? "rows-unfit" : "protocol";
  }
  if (error instanceof StatisticsError || error instanceof SourceError) return "rows-unfit";
  if (error instanceof LedgerError) return "agreement-over";
  return error instanceof PeerError ? "unreachable" : "protocol";
}
