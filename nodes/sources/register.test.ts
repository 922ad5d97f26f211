import { mkdtemp, realpath, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { saltedDigest } from "../../crypto/suites/digest.ts";
import { fromBase64url } from "../../crypto/suites/encoding.ts";
import type { CatalogError } from "../../exchange/catalog/errors.ts";
import {
  type Announcement,
  type AssetRecord,
  prepareAsset,
  registerAsset,
  resumeRegistrations,
  withdrawAsset,
} from "../../exchange/catalog/register.ts";
import type { RecordStore } from "../../exchange/requests/ports.ts";
import { openSource } from "./open.ts";

const ACCOUNTS = `year,output,tax,owner
2021,10.5,3,u1
2022,,4,u2
2023,99999,5,u3
`;
const description = () => ({
  id: "alpha:accounts",
  title: { en: "Accounts" },
  keywords: ["output"],
  fields: [
    { name: "year", element: "year", type: "code", codeTable: "years" },
    {
      name: "output",
      element: "output",
      type: "decimal",
      scale: 2,
      unit: "CNY",
      bounds: { minimum: "0", maximum: "1000" },
    },
    { name: "tax", element: "tax", type: "integer", unit: "CNY", bounds: { minimum: "0", maximum: "10" } },
    { name: "owner", element: "owner", type: "text", identity: true },
  ] as Record<string, unknown>[],
  codeTables: { years: [{ code: "2021" }, { code: "2022" }, { code: "2023" }] },
  unit: { kind: "field", field: "owner" } as Record<string, unknown>,
  unitDomain: "alpha-owners",
  grade: { legal: "general", level: "L2" },
});

let folder: string;
beforeAll(async () => {
  folder = await realpath(await mkdtemp(join(tmpdir(), "register-")));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

async function withSource<T>(
  csv: string,
  use: (source: Awaited<ReturnType<typeof openSource>>) => Promise<T>,
): Promise<T> {
  const path = join(folder, "accounts.csv");
  await writeFile(path, csv);
  const source = await openSource({ kind: "csv", path }, { scratch: join(folder, "scratch") });
  try {
    return await use(source);
  } finally {
    await source.close();
  }
}

const random = (bytes: number): Uint8Array => new Uint8Array(bytes).fill(7);
const problemsOf = async (csv: string, change: (value: ReturnType<typeof description>) => void): Promise<string[]> => {
  const value = description();
  change(value);
  const error = await withSource(csv, (source) =>
    prepareAsset("alpha", value, source, { version: 1, random }).then(
      () => undefined,
      (reason: CatalogError) => reason,
    ),
  );
  return (error?.problems ?? []).map(({ field, code }) => `${field} ${code}`).sort();
};

interface Memory extends RecordStore<AssetRecord<string>> {
  readonly records: Map<string, AssetRecord<string>>;
}
function memory(): Memory {
  const records = new Map<string, AssetRecord<string>>();
  return {
    records,
    get: async (id) => records.get(id),
    put: async (id, value) => void records.set(id, value),
    delete: async (id) => void records.delete(id),
    async *entries() {
      yield* [...records];
    },
  };
}

describe("registration", () => {
  test("gives metadata with quality counts and a salted source digest", async () => {
    const { asset, salt, fingerprint } = await withSource(ACCOUNTS, (source) =>
      prepareAsset("alpha", description(), source, { version: 3, random }),
    );
    expect(asset.version).toBe(3);
    expect(asset.quality).toEqual({
      rows: 3,
      fields: {
        year: { nulls: 0, outOfBounds: 0 },
        output: { nulls: 1, outOfBounds: 1 },
        tax: { nulls: 0, outOfBounds: 0 },
        owner: { nulls: 0, outOfBounds: 0 },
      },
    });
    expect(asset.sourceDigest).toBe(saltedDigest(fromBase64url(salt, "salt"), { sha256: fingerprint }));
  });

  test("lists every problem of a description at once", async () => {
    const problems = await problemsOf(ACCOUNTS, (value) => {
      value.id = "beta:accounts";
      value.fields = [
        { name: "year", element: "year", type: "code", codeTable: "months" },
        { name: "output", element: "output", type: "decimal", bounds: { minimum: "9", maximum: "1.5" } },
        { name: "tax", element: "output", type: "integer" },
        { name: "gone", element: "gone", type: "text", bounds: { minimum: "0", maximum: "1" } },
      ];
      value.unit = { kind: "field", field: "year" };
      Object.assign(value, { period: { from: "2021-02-30", to: "2020-01-01", field: "year" } });
    });
    expect(problems).toEqual([
      "fields.gone bounds-unexpected",
      "fields.gone column-missing",
      "fields.output bounds-inverted",
      "fields.output bounds-scale",
      "fields.output element-repeated",
      "fields.output scale-missing",
      "fields.tax bounds-missing",
      "fields.year code-table-unknown",
      "id id-of-other-member",
      "period period-inverted",
      "period.field period-field",
      "period.from not-a-date",
      "unit.field unit-field-not-identity",
    ]);
  });

  test("refuses unknown keys and wrong shapes with their place", async () => {
    const problems = await problemsOf(ACCOUNTS, (value) =>
      Object.assign(value, { path: "/secret", grade: { level: "L9" } }),
    );
    expect(problems.length).toBeGreaterThanOrEqual(2);
    expect(problems.every((problem) => problem.endsWith(" schema"))).toBe(true);
  });

  test("a malformed part does not hide what is wrong with the fields", async () => {
    const problems = await problemsOf(ACCOUNTS, (value) => {
      const { fields } = value as unknown as { fields: { name: string; element: string; type: string }[] };
      Object.assign(value, {
        grade: { level: "L9" },
        fields: [...fields, { name: "nowhere", element: "nowhere", type: "text" }],
      });
    });
    expect(problems.some((problem) => problem.endsWith(" schema"))).toBe(true);
    expect(problems).toContain("fields.nowhere column-missing");
  });

  test("names values that do not fit, with the first record", async () => {
    const csv = "year,output,tax,owner\n2021,1.005,3,u1\n2024,x,1.5,u2\n";
    expect(await problemsOf(csv, () => undefined)).toEqual([
      "fields.output values-do-not-fit",
      "fields.tax values-do-not-fit",
      "fields.year codes-unknown",
    ]);
    const error = await withSource(csv, (source) =>
      prepareAsset("alpha", description(), source, { version: 1, random }).catch((reason: CatalogError) => reason),
    );
    expect((error as CatalogError).message).toContain(
      "fields.year: 1 values are not in code table years; the first is record 2",
    );
    expect((error as CatalogError).message).toContain("fields.output: 2 values are not decimals with at most 2 digits");
  });

  test("refuses an always-present field that is empty, zero or out of bounds", async () => {
    const problems = await problemsOf(ACCOUNTS, (value) => {
      value.fields[1]!.alwaysPresent = true;
    });
    expect(problems).toEqual(["fields.output not-always-present"]);
  });

  test("refuses an empty table", async () => {
    expect(await problemsOf("year,output,tax,owner\n", () => undefined)).toEqual(["source no-rows"]);
  });
});

describe("nothing half registered", () => {
  const ports = (store: Memory, announce: () => Promise<Announcement>) => ({
    member: "alpha",
    store,
    random,
    announce,
  });
  const register = (store: Memory, csv: string, announce: () => Promise<Announcement>) =>
    withSource(csv, (source) =>
      registerAsset(ports(store, announce), { description: description(), location: "here", source }),
    );
  const accept = async (): Promise<Announcement> => ({ accepted: true });

  test("a revised source is the next version, an equal one is refused, a withdrawn id stays withdrawn", async () => {
    const store = memory();
    expect((await register(store, ACCOUNTS, accept)).version).toBe(1);
    await expect(register(store, ACCOUNTS, accept)).rejects.toMatchObject({ code: "ERR_CATALOG_UNCHANGED" });
    expect((await register(store, ACCOUNTS.replace("10.5", "11.5"), accept)).version).toBe(2);
    await withdrawAsset({ store, announce: accept }, "alpha:accounts");
    expect(store.records.get("alpha:accounts")?.state).toBe("withdrawn");
    await expect(withdrawAsset({ store, announce: accept }, "alpha:accounts")).rejects.toMatchObject({
      code: "ERR_CATALOG_WITHDRAWN",
    });
    await expect(register(store, ACCOUNTS, accept)).rejects.toMatchObject({ code: "ERR_CATALOG_WITHDRAWN" });
  });

  test("a rejected registration leaves what was there before", async () => {
    const store = memory();
    const reject = async (): Promise<Announcement> => ({ accepted: false, code: "asset-version" });
    await expect(register(store, ACCOUNTS, reject)).rejects.toMatchObject({ code: "ERR_CATALOG_REJECTED" });
    expect(store.records.size).toBe(0);
    await register(store, ACCOUNTS, accept);
    await expect(register(store, ACCOUNTS.replace("10.5", "11.5"), reject)).rejects.toThrow("asset-version");
    expect(store.records.get("alpha:accounts")).toMatchObject({ state: "registered", asset: { version: 1 } });
  });

  test("a registration that the ledger may or may not have is finished later", async () => {
    const store = memory();
    const lost = async (): Promise<Announcement> => {
      throw new Error("connection lost");
    };
    await expect(register(store, ACCOUNTS, lost)).rejects.toThrow("connection lost");
    expect(store.records.get("alpha:accounts")?.state).toBe("registering");
    await resumeRegistrations(ports(store, accept));
    expect(store.records.get("alpha:accounts")).toMatchObject({ state: "registered", asset: { version: 1 } });
    expect(store.records.get("alpha:accounts")).not.toHaveProperty("previous");
  });
});
