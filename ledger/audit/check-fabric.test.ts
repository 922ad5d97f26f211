import { readFileSync } from "node:fs";
import { gunzipSync } from "node:zlib";
import { expect, test } from "vitest";
import type { LedgerEntry } from "../port.ts";
import { expectOnFabric } from "./check-fabric.ts";
import type { Evidence } from "./evidence.ts";
import { examineFabric } from "./examined-fabric.ts";
import type { FabricPart, FabricPlace, PinnedFabric } from "./fabric-bundle.ts";
import type { VerifiedCall } from "./fabric-transaction.ts";
import { collectFindings } from "./problems.ts";

/** From a real network: see nodes/fabric/_record-evidence.ts. */
const { pinned, part, records } = JSON.parse(
  gunzipSync(readFileSync(new URL("vectors/fabric.json.gz", import.meta.url))).toString("utf8"),
) as {
  readonly pinned: PinnedFabric;
  readonly part: FabricPart;
  readonly records: readonly (LedgerEntry & { readonly proof: FabricPlace })[];
};
const examined = examineFabric(part, pinned);
const record = records[2]!;

/** What is wrong with the record when its transaction is this one. */
function problemsOf(change: (call: VerifiedCall) => Partial<VerifiedCall>): readonly unknown[] {
  const call = (block: number, transaction: number) => {
    const found = examined.evidence.call(block, transaction);
    return { ...found, ...change(found) };
  };
  const evidence = { fabric: () => ({ ...examined, evidence: { ...examined.evidence, call } }) };
  const findings = collectFindings();
  expectOnFabric(evidence as unknown as Evidence, findings, "/body/records/2", record, record.proof);
  return findings.problems.map(({ code, values }) => [code, values]);
}
const withCode = (args: readonly Uint8Array[], caller: string) => [args[0]!, Buffer.from(caller), ...args.slice(2)];

test("a record counts where the chaincode answered 200 and ran the code that the caller named", () => {
  expect(problemsOf(() => ({}))).toEqual([]);
  expect(problemsOf(() => ({ status: 300 }))).toEqual([["fabric-record", { status: 300 }]]);
  const [[code, values] = []] = problemsOf(() => ({ version: "0".repeat(43) })) as [string, object][];
  expect([code, values]).toEqual(["fabric-record", expect.objectContaining({ got: "0".repeat(43) })]);
  for (const caller of ["{}", "no JSON", '{"code":7}', '{"code":"another"}']) {
    expect(
      problemsOf(({ args }) => ({ args: withCode(args, caller) })),
      caller,
    ).toHaveLength(1);
  }
});
