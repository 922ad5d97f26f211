/** Why a table could not be read for a release: for good, as the next try would find it too, or for now. */
import { SourceError } from "../sources/errors.ts";
import { TransferError } from "./transfer-error.ts";

const LASTING: readonly SourceError["code"][] = [
  "ERR_SOURCE_FORMAT",
  "ERR_SOURCE_ENCODING",
  "ERR_SOURCE_QUERY",
  "ERR_SOURCE_CHANGED",
];
/** A volume that is not there, a file that is just being replaced, an engine that fails for reasons of its own. */
const PASSING: readonly string[] = ["path-missing", "path-unreadable", "path-changed", "engine-stopped"];

/** The same whatever the next try finds: the file is not, or cannot be, the one that was registered. */
function isLasting({ code, problems }: SourceError): boolean {
  if (problems.some((one) => PASSING.includes(one.code))) return false;
  return LASTING.includes(code) || code === "ERR_SOURCE_PATH";
}

/** What the other side is told: whatever says more about the table, its path or its values stays the cause, here. */
export function notReadable(asset: string, error: unknown): unknown {
  if (!(error instanceof SourceError)) return error;
  if (isLasting(error)) return unreadable(asset, error);
  const detail = `${asset}: its table cannot be read now`;
  return new TransferError("ERR_TRANSFER_LATER", "records-not-readable-now", detail, { cause: error });
}

export const unreadable = (asset: string, cause: unknown): TransferError =>
  new TransferError(
    "ERR_TRANSFER_STATE",
    "records-not-readable",
    `${asset}: its table cannot be read as it was registered`,
    { cause },
  );
