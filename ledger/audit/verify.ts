/** The one offline verifier of evidence bundles, for both ledgers. Needs only the bundle and the trust file. */
import type { Report } from "./report.ts";

/** `bundle` and `trust` are parsed JSON from anyone. Never throws: whatever is wrong is in the report. */
export function verifyEvidence(_bundle: unknown, _trust: unknown): Report {
  throw new Error("not yet");
}

/** As `verifyEvidence`, and also checks that the file is byte for byte the canonical text of its bundle. */
export function verifyEvidenceFile(_bytes: Uint8Array, _trust: unknown): Report {
  throw new Error("not yet");
}
