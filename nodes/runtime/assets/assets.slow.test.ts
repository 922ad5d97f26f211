import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { readAsset, readAssetVersion } from "../../../chaincode/rules/keys.ts";
import { digestOf } from "../../../crypto/suites/digest.ts";
import { signStatement } from "../../../crypto/suites/signed.ts";
import { policyOf } from "../../../policies/model/policy-of.ts";
import { createTestnet, type Testnet } from "../../testnet/testnet.ts";
import { EntryStored } from "./catalogue.ts";
import { NO_POLICY_DIGEST } from "./own-assets.ts";

let net: Testnet;
let path: string;
beforeAll(async () => {
  net = await createTestnet({
    members: [
      { id: "operator", kind: "industry" },
      { id: "ministry", kind: "government" },
      { id: "alpha", kind: "enterprise" },
    ],
  });
  path = join(net.dir, "output.csv");
  await writeFile(path, "year,output\n2024,10.5\n2025,12.0\n");
});
afterAll(() => net.close());

const description = (slug: string) => ({
  id: `alpha:${slug}`,
  title: { en: `Output ${slug}` },
  keywords: ["output"],
  fields: [
    { name: "year", element: "year", type: "code", codeTable: "years" },
    {
      name: "output",
      element: "output",
      type: "decimal",
      scale: 1,
      unit: "CNY",
      bounds: { minimum: "0", maximum: "99" },
    },
  ],
  codeTables: { years: [{ code: "2024" }, { code: "2025" }] },
  unit: { kind: "provider" },
  unitDomain: `alpha-${slug}`,
  grade: { legal: "general", level: "L1" },
});

const policy = (slug: string, version = 1) =>
  policyOf({
    id: `alpha:${slug}:policy`,
    version,
    asset: `alpha:${slug}`,
    provider: "alpha",
    purposes: ["industry-statistics"],
    requesterKinds: ["government"],
    validUntil: "2099-12-31T00:00:00Z",
    receiverModes: ["direct"],
    approval: "none",
    aggregate: { output: ["sum"] },
  });

const alpha = () => net.node("alpha").services;
const ministry = () => net.node("ministry").services;
const register = (slug: string, given?: unknown) =>
  alpha().assets.register({
    description: description(slug),
    source: { kind: "csv", path },
    ...(given === undefined ? {} : { policy: given }),
  });
const found = async (text: string) => {
  await net.settled();
  return (await ministry().catalogue.search({ text })).map(({ statement }) => statement.asset.id);
};

describe("an asset", () => {
  test("with a policy is found by other members, verified against their own ledger", async () => {
    await register("listed", policy("listed"));
    expect(await found("listed")).toEqual(["alpha:listed"]);
    expect(await ministry().catalogue.search({ element: "nothing" })).toEqual([]);
    const source = await alpha().assets.open("alpha:listed");
    expect(source.columns.map(({ name }) => name)).toEqual(["year", "output"]);
    await source.close();
  });

  test("without a policy is on the ledger and open to nobody", async () => {
    const own = await register("closed");
    expect(own.policy).toBeUndefined();
    expect((await readAsset(alpha().ledger, "alpha:closed"))?.policyDigest).toBe(NO_POLICY_DIGEST);
    expect(await found("closed")).toEqual([]);
    const opened = await alpha().assets.setPolicy("alpha:closed", policy("closed"));
    expect(opened).toMatchObject({ policyVersion: 2, policy: { target: "alpha:closed" } });
    expect(await found("closed")).toEqual(["alpha:closed"]);
  });

  test("shows its new policy to others, and the same policy twice is refused", async () => {
    await register("changed", policy("changed"));
    await alpha().assets.setPolicy("alpha:changed", policy("changed", 2));
    await net.settled();
    const { statement } = await ministry().catalogue.find("alpha:changed");
    expect(statement.offer["sealane:version"]).toBe(2);
    const again = alpha().assets.setPolicy("alpha:changed", policy("changed", 2));
    await expect(again).rejects.toMatchObject({ code: "ERR_ASSET_POLICY_UNCHANGED" });
    const foreign = alpha().assets.setPolicy("alpha:changed", policy("listed"));
    await expect(foreign).rejects.toMatchObject({ code: "ERR_ASSET_POLICY_INVALID" });
  });

  test("that is registered twice at the same moment is registered once, and its record is the ledger's", async () => {
    const both = await Promise.allSettled([register("twice", policy("twice")), register("twice", policy("twice"))]);
    expect(both.map(({ status }) => status).sort()).toEqual(["fulfilled", "rejected"]);
    const onLedger = await readAssetVersion(alpha().ledger, "alpha:twice", 1);
    const own = await alpha().assets.find("alpha:twice");
    expect(own?.state).toBe("registered");
    expect(onLedger?.metadataDigest).toBe(digestOf(own?.asset));
  });

  test("that is refused leaves nothing behind, its policy included", async () => {
    const policies = alpha().openStore("policies");
    const kept = async () => {
      let count = 0;
      for await (const _ of policies.entries("alpha:refused")) count += 1;
      return count;
    };
    const wrong = { ...description("refused"), unitDomain: "" };
    const given = { description: wrong, source: { kind: "csv", path } as const, policy: policy("refused") };
    await expect(alpha().assets.register(given)).rejects.toMatchObject({ code: "ERR_CATALOG_INVALID" });
    expect(await kept()).toBe(0);
    await register("refused", policy("refused"));
    expect(await kept()).toBe(1);
  });

  test("registered again as it is takes a new policy and says so; without one it is refused", async () => {
    await register("again", policy("again"));
    const again = await register("again", policy("again", 2));
    expect(again).toMatchObject({ unchanged: true, policyVersion: 2, asset: { version: 1 } });
    await expect(register("again", policy("again", 2))).rejects.toMatchObject({ code: "ERR_CATALOG_UNCHANGED" });
    await expect(register("again")).rejects.toMatchObject({ code: "ERR_CATALOG_UNCHANGED" });
  });

  test("is refused with what is wrong with its description and with its policy at once", async () => {
    const wrong = alpha().assets.register({
      description: { ...description("both"), grade: { legal: "general", level: "L9" } },
      source: { kind: "csv", path },
      policy: { ...policy("other"), "sealane:version": 0 },
    });
    const problems = await wrong.catch((error) => error.problems);
    expect(problems.map(({ field, code }: { field: string; code: string }) => `${field} ${code}`)).toEqual([
      "grade.level wrong-choice",
      "policy/sealane:version too-small",
    ]);
  });

  test("that is withdrawn is found no more", async () => {
    await register("gone", policy("gone"));
    expect(await found("gone")).toEqual(["alpha:gone"]);
    await alpha().assets.withdraw("alpha:gone", "outdated");
    expect(await found("gone")).toEqual([]);
    await expect(ministry().catalogue.find("alpha:gone")).rejects.toMatchObject({ code: "ERR_ASSET_NOT_LISTED" });
  });

  test("of a path that the configuration does not name is refused", async () => {
    const file = join(net.dir, "alpha", "sealane.json");
    const config = alpha().config();
    await writeFile(
      file,
      JSON.stringify({ ...config, sources: { ...config.sources, allowedPaths: ["/srv/only.csv"] } }),
    );
    await net.node("alpha").reload();
    await expect(register("outside")).rejects.toMatchObject({ code: "ERR_ASSET_SOURCE_FORBIDDEN" });
    await writeFile(file, JSON.stringify(config));
    await net.node("alpha").reload();
  });
});

describe("a catalogue entry", () => {
  const push = async (member: string, entry: unknown) => {
    const { members, peers } = net.node(member).services;
    const call = { method: "POST", path: "/peer/v1/catalogue", body: { entry }, response: EntryStored } as const;
    return await peers.call(await members.target("operator"), call);
  };

  test("of another asset than the one asked for is refused, although the ledger knows it", async () => {
    await register("asked", policy("asked"));
    await register("other", policy("other"));
    await net.settled();
    const shelf = net.operator.services.openStore("catalogue");
    await shelf.put("alpha:asked", await shelf.get("alpha:other"));
    await expect(ministry().catalogue.find("alpha:asked")).rejects.toMatchObject({ code: "ERR_ASSET_NOT_LISTED" });
  });

  test("that differs from the ledger, or comes from another than its signer, is refused", async () => {
    await register("signed", policy("signed"));
    await net.settled();
    const { statement } = await ministry().catalogue.find("alpha:signed");
    const lie = { ...statement, asset: { ...statement.asset, title: { en: "Better" } } };
    await expect(push("alpha", signStatement(alpha().identity, "catalogue", lie))).rejects.toMatchObject({
      answer: { code: "ERR_ASSET_NOT_LISTED" },
    });
    const sound = signStatement(alpha().identity, "catalogue", statement);
    await expect(push("ministry", sound)).rejects.toMatchObject({ answer: { code: "ERR_ASSET_NOT_LISTED" } });
    const forged = { ...sound, statement: lie };
    await expect(push("alpha", forged)).rejects.toMatchObject({ answer: { code: "ERR_CATALOG_ENTRY" } });
    for (const junk of [null, 1, {}, { statement: {} }]) {
      await expect(push("alpha", junk)).rejects.toMatchObject({ answer: { code: "ERR_CATALOG_ENTRY" } });
    }
    await expect(push("alpha", sound)).resolves.toEqual({ done: true });
  });
});
