/** One provider's table, description and policy, as files a steward would write. */
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { policyOf } from "../../policies/model/policy-of.ts";

const ASSET = {
  id: "acme:energy",
  title: { en: "Energy use", "zh-CN": "用能" },
  keywords: ["energy"],
  fields: [
    { name: "year", element: "year", type: "code", codeTable: "years" },
    {
      name: "kwh",
      element: "electricity",
      type: "decimal",
      scale: 1,
      unit: "MWh",
      bounds: { minimum: "0", maximum: "1000" },
      alwaysPresent: true,
    },
  ],
  codeTables: { years: [{ code: "2024" }, { code: "2025" }] },
  unit: { kind: "provider" },
  unitDomain: "firm-acme",
  grade: { legal: "general", level: "L2" },
};

/** Writes acme.csv, acme.json and policy.json into `folder`. */
export async function writeAcme(folder: string): Promise<void> {
  const policy = policyOf({
    id: "acme:energy:policy",
    version: 1,
    asset: "acme:energy",
    provider: "acme",
    purposes: ["industry-statistics"],
    requesterKinds: ["government"],
    validUntil: "2099-12-31T23:59:59Z",
    receiverModes: ["direct"],
    approval: "none",
    aggregate: { electricity: ["sum", "mean"] },
  });
  await writeFile(join(folder, "acme.csv"), "\uFEFFyear,kwh\r\n2024,10.5\r\n2025,12.0\r\n");
  await writeFile(
    join(folder, "acme.json"),
    JSON.stringify({ source: { kind: "csv", path: "acme.csv" }, asset: ASSET }),
  );
  await writeFile(join(folder, "policy.json"), JSON.stringify(policy));
}
