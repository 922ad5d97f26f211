/** Is every record in a valid transaction of the pinned Fabric channel? */
import { canonicalJson } from "../../crypto/suites/digest.ts";
import type { BundleRecord, CheckOf, RecordEvidence } from "./evidence.ts";
import type { FabricPlace } from "./fabric-bundle.ts";
import { demandThat, FabricFault } from "./fabric-fault.ts";
import type { Findings, ProblemCode } from "./problems.ts";

/** Blocks under the ordering service's signatures, from the pinned configuration on. */
export const checkFabricChain: CheckOf<RecordEvidence> = (evidence, findings) => {
  pass(evidence, findings, "chain");
  const used = new Set(evidence.records.map(({ record: { proof } }) => (proof.kind === "fabric" ? proof.block : -1)));
  for (const [number, where] of evidence.fabric()?.evidence.ordinary ?? []) {
    findings.expect(used.has(number), where, "fabric-unused", { block: number });
  }
};

/** Validity is the word of the peers of several organisations: no signature of the ordering service covers it. */
export const checkFabricValidity: CheckOf<RecordEvidence> = (evidence, findings) =>
  pass(evidence, findings, "agreement");

function pass(evidence: RecordEvidence, findings: Findings, part: "chain" | "agreement"): void {
  const found = evidence.fabric()?.[part];
  if (found === undefined) findings.fail("/body/fabric", "fabric-form", { missing: "fabric" });
  findings.seen(found?.subjects());
  for (const { where, code, values } of found?.problems ?? []) findings.fail(where, code, values);
}

const SUBMIT = "submit";
const DONE = 200;

/** The record is what the transaction at its place submitted, and the contract took it. */
export function expectOnFabric(
  evidence: RecordEvidence,
  findings: Findings,
  where: string,
  { time, transaction }: BundleRecord,
  place: FabricPlace,
): void {
  try {
    const fabric = evidence.fabric();
    demandThat(fabric !== undefined, "fabric-form", { missing: "fabric" });
    const call = fabric.evidence.call(place.block, place.transaction);
    const [name, caller, ...texts] = call.args.map((argument) => Buffer.from(argument).toString("utf8"));
    demandThat(name === SUBMIT, "fabric-record", { function: name ?? "none" });
    demandThat(call.status === DONE, "fabric-record", { status: call.status });
    // The version on the channel is the digest of the code: the endorsers ran what the caller goes by.
    const code = codeOf(caller);
    demandThat(code === call.version, "fabric-record", { expected: code, got: call.version.slice(0, 80) });
    demandThat(texts[place.record] === canonicalJson(transaction), "fabric-record", { record: place.record });
    const outcome = outcomesOf(call.answer)[place.record];
    demandThat(outcome?.ok === true && outcome.repeats === undefined, "fabric-record", { record: place.record });
    const said = new Date(call.time).toISOString();
    demandThat(said === time, "fabric-record", { expected: said, got: time });
    findings.seen();
  } catch (error) {
    if (!(error instanceof FabricFault)) throw error;
    findings.fail(`${where}/proof`, error.code as ProblemCode, error.values);
  }
}

/** Of chaincode/fabric/messages.ts SubmitCall. */
function codeOf(caller: string | undefined): string {
  try {
    const { code } = JSON.parse(caller ?? "") as { readonly code?: unknown };
    return typeof code === "string" ? code.slice(0, 80) : "none";
  } catch {
    return "none";
  }
}

interface Outcome {
  readonly ok?: unknown;
  readonly repeats?: unknown;
}

function outcomesOf(answer: Uint8Array): readonly (Outcome | undefined)[] {
  try {
    const outcomes: unknown = JSON.parse(Buffer.from(answer).toString("utf8"));
    return Array.isArray(outcomes) ? (outcomes as Outcome[]) : [];
  } catch {
    return [];
  }
}
