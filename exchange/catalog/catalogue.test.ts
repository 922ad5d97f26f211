import { describe, expect, test } from "vitest";
import { signingIdentity, signStatement } from "../../crypto/suites/signed.ts";
import { draft } from "../../policies/_fixture.ts";
import type { Asset } from "../../policies/model/asset.ts";
import { policyOf } from "../../policies/model/policy-of.ts";
import { acceptEntry, type CatalogueEntry, publishEntry } from "./catalogue.ts";

const identity = (member: string) => signingIdentity(member, "intl", new Uint8Array(32).fill(member.length));
const asset = (provider: string, change: Partial<Asset> = {}): Asset => ({
  id: `${provider}:returns`,
  version: 1,
  provider,
  title: { en: "Energy returns", "zh-CN": "用能申报" },
  keywords: ["district"],
  fields: [{ name: "tce", element: "energy", type: "decimal", scale: 1, bounds: { minimum: "0", maximum: "1" } }],
  codeTables: {},
  unit: { kind: "provider" },
  unitDomain: provider,
  grade: { legal: "general", level: "L2" },
  quality: { rows: 1, fields: {} },
  sourceDigest: "A".repeat(43),
  ...change,
});
const publish = (provider: string, change: Partial<Asset> = {}): CatalogueEntry =>
  publishEntry(identity(provider), {
    asset: asset(provider, change),
    offer: policyOf(draft),
    publishedAt: "2026-01-01T00:00:00Z",
  });
const keys = (member: string) => identity(member).publicKey;

describe("a catalogue entry", () => {
  test("is accepted as its provider signed it", () => {
    const entry = publish("alpha");
    expect(acceptEntry(JSON.parse(JSON.stringify(entry)), keys)).toEqual(entry);
  });

  test("is refused when malformed, altered, foreign, unsigned or oversized", () => {
    const entry = publish("alpha");
    const altered = { ...entry, statement: { ...entry.statement, publishedAt: "2026-01-02T00:00:00Z" } };
    const foreign = { ...entry, signer: "beta" };
    const extra = { ...entry, statement: { ...entry.statement, path: "/home" } };
    const huge = { ...entry, statement: { ...entry.statement, offer: { text: "x".repeat(5_000_000) } } };
    const { asset: listed, publishedAt } = entry.statement;
    const noOffer = signStatement(identity("alpha"), "catalogue", { asset: listed, offer: { text: "x" }, publishedAt });
    const unsigned = { ...entry, note: "beside the signature" };
    expect(() => acceptEntry(altered, keys)).toThrow("the signature does not verify");
    expect(() => acceptEntry(foreign, keys)).toThrow("alpha:returns is not an asset of its signer beta");
    expect(() => acceptEntry(entry, () => undefined)).toThrow("the signature does not verify");
    for (const malformed of [extra, noOffer, unsigned]) expect(() => acceptEntry(malformed, keys)).toThrow("malformed");
    expect(() => acceptEntry(huge, keys)).toThrow("longer than");
    for (const value of [null, undefined, 7, "x", [], {}])
      expect(() => acceptEntry(value, keys)).toThrow("catalogue entry");
    expect(() => publishEntry(identity("beta"), entry.statement)).toThrow("belongs to alpha");
  });
});
