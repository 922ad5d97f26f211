/** The catalogue that is measured: assets of one provider, all under policies of a few kinds, on a real ledger. */
import { digestOf } from "../../crypto/suites/digest.ts";
import { type CatalogueEntry, publishEntry } from "../../exchange/catalog/catalogue.ts";
import { type TestMember, testMember, transactions } from "../../ledger/conformance/fixture.ts";
import type { Ledger } from "../../ledger/port.ts";
import type { Asset } from "../../policies/model/asset.ts";
import { policyOf } from "../../policies/model/policy-of.ts";

/** So many elements are each named by one asset of as many. */
export const STEWARDS = 500;
/** Assets that share a keyword. */
export const OF_A_LINE = 10;

export const provider = (): TestMember => testMember("operator", { kind: "industry" });
export const LEVELS = ["L1", "L2", "L3", "L4"] as const;

/** Participants that read the catalogue: of two kinds. */
export const readers = (): readonly TestMember[] =>
  ["bureau", "office", "works", "mill"].map((id, at) => testMember(id, { kind: at < 2 ? "government" : "enterprise" }));

/** Half of the assets are for two kinds of members, whatever element they name and whatever grade they have. */
const offerOf = (at: number) =>
  policyOf({
    ...{ id: "policy", version: 1, asset: idOf(at), provider: "operator" },
    ...{ purposes: ["statistics"], validUntil: "2099-12-31T00:00:00Z" },
    requesterKinds: Math.floor(at / STEWARDS) % 2 === 0 ? ["government"] : ["government", "enterprise"],
    ...{ receiverModes: ["direct"], approval: "none", aggregate: { "energy-coal": ["sum", "mean"] } },
  });

export const idOf = (at: number): string => `operator:table-${String(at).padStart(8, "0")}`;
export const lineOf = (at: number): string => `line-${Math.floor(at / OF_A_LINE)}`;

export function entryOf(operator: TestMember, at: number): CatalogueEntry {
  return publishEntry(operator.identity, {
    asset: assetOf(at),
    offer: offerOf(at),
    publishedAt: "2026-01-01T00:00:00Z",
  });
}

export async function register(
  ledger: Ledger,
  operator: TestMember,
  entries: readonly CatalogueEntry[],
): Promise<void> {
  const bodies = entries.map(({ statement: { asset, offer } }) => {
    const { id, version, unitDomain } = asset;
    return { asset: id, version, metadataDigest: digestOf(asset), policyDigest: digestOf(offer), unitDomain };
  });
  await ledger.submit(transactions(operator, "asset.register", bodies));
}

function assetOf(at: number): Asset {
  const numbers = ["coal", "electricity", "gas", "oil", "heat", "output"];
  return {
    id: idOf(at),
    version: 1,
    provider: "operator",
    title: { en: `Energy returns of district ${at % 997}`, "zh-CN": `第${at % 997}区能源申报` },
    description: "Quarterly returns of enterprises above the designated size, by fuel, as they were filed.",
    keywords: ["energy", "quarterly", `district-${at % 997}`, lineOf(at)],
    fields: [
      { name: "quarter", element: "quarter", type: "date" },
      { name: "own", element: `element-${(at + 1) % STEWARDS}`, type: "text", title: { en: "Own remark" } },
      ...numbers.map((name) => ({
        ...{ name, element: `energy-${name}`, type: "decimal" as const, scale: 2, unit: "tce" },
        ...{ bounds: { minimum: "0", maximum: "1000000" }, title: { en: `Use of ${name}`, "zh-CN": "消费量" } },
      })),
    ],
    codeTables: {},
    unit: { kind: "provider" },
    unitDomain: "operator",
    grade: { legal: "general", level: LEVELS[Math.floor(at / (2 * STEWARDS)) % LEVELS.length]! },
    quality: { rows: 4, fields: {} },
    sourceDigest: "A".repeat(43),
  };
}
