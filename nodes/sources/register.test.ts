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
  type RegistrationPorts,
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
      "fields.0.codeTable code-table-unknown",
      "fields.1.bounds bounds-inverted",
      "fields.1.bounds.maximum bounds-scale",
      "fields.1.scale scale-missing",
      "fields.2.bounds bounds-missing",
      "fields.2.element element-repeated",
      "fields.3.bounds bounds-unexpected",
      "fields.3.name column-missing",
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
    expect(problems).toEqual(["grade.legal missing", "grade.level wrong-choice", "path unknown-key"]);
  });

  test("a malformed part hides nothing of what is wrong with the others, up to the values of the table", async () => {
    const csv = "year,output,tax,owner\n2021,1.005,3,u1\n2029,x,1.5,u2\n";
    const problems = await problemsOf(csv, (value) => {
      const [year, output, tax, owner] = value.fields as [object, object, object, object];
      Object.assign(value, {
        id: "beta:accounts",
        grade: { legal: "general", level: "L9" },
        fields: [
          year,
          { ...output, scale: "two" },
          tax,
          { ...owner, identity: "yes" },
          { name: "output", element: "tax", type: "decimal", bounds: { minimum: "5", maximum: "1" } },
          { name: "nowhere", element: "nowhere", kind: "text" },
          7,
        ],
        codeTables: { years: [{ code: "2021" }, { code: "2021" }], months: "all" },
        unit: { kind: "field", field: "tax" },
        period: { from: "2021-13-01", to: "2020-01-01" },
      });
    });
    expect(problems).toEqual([
      "codeTables.months wrong-type",
      "codeTables.years code-repeated",
      "fields.0 codes-unknown",
      "fields.1.scale wrong-type",
      "fields.2 values-not-of-type",
      "fields.3.identity wrong-type",
      "fields.4.bounds bounds-inverted",
      "fields.4.element element-repeated",
      "fields.4.name field-repeated",
      "fields.4.scale scale-missing",
      "fields.5.kind unknown-key",
      "fields.5.name column-missing",
      "fields.5.type missing",
      "fields.6 wrong-type",
      "grade.level wrong-choice",
      "id id-of-other-member",
      "period period-inverted",
      "period.from not-a-date",
      "unit.field unit-field-not-identity",
    ]);
  });

  test("what is no description at all is refused with its place", async () => {
    for (const junk of [null, 7, "x", []]) {
      const refusal = await withSource(ACCOUNTS, (source) =>
        prepareAsset("alpha", junk, source, { version: 1, random }).catch((reason: CatalogError) => reason.problems),
      );
      expect(refusal).toMatchObject([{ field: "", code: "wrong-type" }]);
    }
  });

  test("names values that do not fit, with the first record", async () => {
    const csv = "year,output,tax,owner\n2021,1.005,3,u1\n2024,x,1.5,u2\n";
    const problems = await withSource(csv, (source) =>
      prepareAsset("alpha", description(), source, { version: 1, random }).catch(
        (reason: CatalogError) => reason.problems,
      ),
    );
    expect(problems).toEqual([
      { field: "fields.0", code: "codes-unknown", parameters: { name: "year", count: 1, record: 2, table: "years" } },
      { field: "fields.1", code: "values-not-decimal", parameters: { name: "output", count: 2, record: 1, scale: 2 } },
      {
        field: "fields.2",
        code: "values-not-of-type",
        parameters: { name: "tax", count: 1, record: 2, type: "integer" },
      },
    ]);
  });

  test("refuses an always-present field that is empty, zero or out of bounds", async () => {
    const problems = await problemsOf(ACCOUNTS, (value) => {
      value.fields[1]!.alwaysPresent = true;
    });
    expect(problems).toEqual(["fields.1.alwaysPresent not-always-present"]);
  });

  test("refuses an empty table", async () => {
    expect(await problemsOf("year,output,tax,owner\n", () => undefined)).toEqual(["source no-rows"]);
  });
});

describe("levels of a code table", () => {
  test("are within codes of the table, and never within themselves", async () => {
    const problems = await problemsOf(ACCOUNTS, (value) => {
      value.codeTables.years = [
        { code: "2021", within: "nowhere" },
        { code: "2022", within: "a" },
        { code: "2023" },
        { code: "a", within: "b" },
        { code: "b", within: "a" },
      ] as never;
    });
    expect(problems).toEqual(
      expect.arrayContaining([
        "codeTables.years.0.within code-within-unknown",
        "codeTables.years.3.within code-within-itself",
        "codeTables.years.4.within code-within-itself",
      ]),
    );
    expect(problems).not.toContain("codeTables.years.1.within code-within-itself");
  });

  test("are not what a row may hold", async () => {
    const problems = await problemsOf(ACCOUNTS, (value) => {
      value.codeTables.years = [{ code: "2021" }, { code: "2022", within: "2021" }, { code: "2023" }] as never;
    });
    expect(problems).toContain("fields.0 codes-unknown");
  });
});

describe("nothing half registered", () => {
  type OnLedger = Awaited<ReturnType<RegistrationPorts<string>["onLedger"]>>;
  const ports = (store: Memory, announce: () => Promise<Announcement>, onLedger?: OnLedger) => ({
    member: "alpha",
    store,
    random,
    onLedger: async () => onLedger,
    announce,
  });
  const register = (store: Memory, csv: string, announce: () => Promise<Announcement>, onLedger?: OnLedger) =>
    withSource(csv, (source) =>
      registerAsset(ports(store, announce, onLedger), { description: description(), location: "here", source }),
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

  test("what a lost store does not know the ledger does: the next version, and a withdrawn id stays withdrawn", async () => {
    const asset = await register(memory(), ACCOUNTS, accept, { version: 3, state: "active" });
    expect(asset.version).toBe(4);
    const withdrawn = register(memory(), ACCOUNTS, accept, { version: 3, state: "withdrawn" });
    await expect(withdrawn).rejects.toMatchObject({ code: "ERR_CATALOG_WITHDRAWN" });
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
