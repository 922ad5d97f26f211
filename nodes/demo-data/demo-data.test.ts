import { createHash } from "node:crypto";
import { mkdtemp, readFile, realpath, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import iconv from "iconv-lite";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { canonicalJson } from "../../crypto/suites/digest.ts";
import { prepareAsset } from "../../exchange/catalog/register.ts";
import { compileLayout } from "../../exchange/statistics/compile.ts";
import { decode, type ResultCell } from "../../exchange/statistics/decode.ts";
import { componentPlaces, layoutWords, type Word } from "../../exchange/statistics/layout.ts";
import { localStatistics } from "../../exchange/statistics/local.ts";
import { type PlainTable, plainFigures } from "../../exchange/statistics/plain.ts";
import { readElement, writeElement } from "../../exchange/statistics/vector.ts";
import { moment, squaresOf } from "../../exchange/statistics/words.ts";
import type { Query } from "../../policies/model/query.ts";
import { totalledElements } from "../../policies/model/statistic.ts";
import { assetPath } from "../boot/sibling.ts";
import type { SourceDescription } from "../sources/description.ts";
import { type OpenedSource, openSource } from "../sources/open.ts";

interface Scenario {
  readonly attributes: Readonly<Record<string, readonly string[]>>;
  readonly minimumOrganisations: number;
  readonly colluders: number;
  readonly providers: readonly {
    readonly id: string;
    readonly asset: string;
    readonly attributes: Record<string, string>;
  }[];
  readonly requests: readonly { readonly id: string; readonly query: Query }[];
}
interface Provider extends PlainTable {
  readonly source: OpenedSource;
}

const dataFile = (name: string): string => assetPath(import.meta.url, `./${name}`);
const json = async <T>(name: string): Promise<T> => JSON.parse(await readFile(dataFile(name), "utf8")) as T;

let scratch: string;
beforeAll(async () => {
  scratch = await realpath(await mkdtemp(join(tmpdir(), "demo-data-")));
});
afterAll(() => rm(scratch, { recursive: true, force: true }));

async function load(folder: string): Promise<{ scenario: Scenario; providers: readonly Provider[] }> {
  const scenario = await json<Scenario>(`${folder}/scenario.json`);
  const providers: Provider[] = [];
  for (const { id, asset: name, attributes } of scenario.providers) {
    const described = await json<{ source: SourceDescription; asset: unknown }>(`${folder}/${name}`);
    const path = await realpath(dataFile(`${folder}/${described.source.path}`));
    const source = await openSource({ ...described.source, path }, { scratch });
    const random = (bytes: number): Uint8Array => new Uint8Array(bytes);
    const { asset } = await prepareAsset(id, described.asset, source, { version: 1, random });
    const bytes = await readFile(path);
    const gb = described.source.kind === "csv" && described.source.encoding === "gb18030";
    providers.push({ asset, source, attributes, csv: gb ? iconv.decode(bytes, "gb18030") : bytes.toString("utf8") });
  }
  return { scenario, providers };
}

/** Sums in the clear what the protocol would sum masked, with the included cells of registry or counted mode. */
async function compute(
  { scenario, providers }: Awaited<ReturnType<typeof load>>,
  id: string,
): Promise<readonly ResultCell[]> {
  const { query } = scenario.requests.find((request) => request.id === id)!;
  const layout = compileLayout({ query, assets: providers.map(({ asset }) => asset), attributes: scenario.attributes });
  const sums = new BigUint64Array(layoutWords(layout));
  const counts = new Array<number>(layout.atoms).fill(0);
  for (const { asset, source, attributes } of providers) {
    const local = await localStatistics(layout, asset, attributes, source.read);
    for (const [atom, contributes] of local.contributes.entries()) counts[atom]! += contributes;
    for (let atom = 0, at = 0; atom < layout.atoms; atom++) {
      for (const { words } of layout.components) {
        writeElement(sums, at, words, readElement(sums, at, words) + readElement(local.values, at, words));
        at += words;
      }
    }
  }
  const need = Math.max(scenario.minimumOrganisations, 3 + scenario.colluders);
  return decode(
    layout,
    sums,
    counts.map((count) => count >= need),
    { counts, colluders: scenario.colluders },
  );
}

describe("Grunfeld", () => {
  test("the company files put together are the original file", async () => {
    const origin = await readFile(dataFile("ORIGIN.md"), "utf8");
    const wanted = /`([0-9a-f]{64})`/.exec(origin)![1];
    const order = [
      "general-motors",
      "us-steel",
      "general-electric",
      "chrysler",
      "atlantic-refining",
      "ibm",
      "union-oil",
      "westinghouse",
      "goodyear",
      "diamond-match",
      "american-steel",
    ];
    const files = await Promise.all(order.map((name) => readFile(dataFile(`grunfeld/${name}.csv`), "utf8")));
    const lines = files.flatMap((text, i) =>
      text
        .trimEnd()
        .split("\n")
        .slice(i === 0 ? 0 : 1),
    );
    const candidates = [lines.join("\n"), `${lines.join("\n")}\n`, `${lines.join("\r\n")}\r\n`];
    expect(candidates.map((text) => createHash("sha256").update(text).digest("hex"))).toContain(wanted);
  });

  test("the table of capital by year is what the company files add up to", async () => {
    const { providers } = await json<Scenario>("grunfeld/scenario.json");
    const files = await Promise.all(providers.map(({ id }) => readFile(dataFile(`grunfeld/${id}.csv`), "utf8")));
    const lines = files.flatMap((text) => text.trimEnd().split("\n").slice(1)).map((line) => line.split(","));
    const thousandths = (text: string) => Math.round(Number(text) * 1000);
    const table = (await readFile(dataFile("grunfeld/capital-by-year.csv"), "utf8")).trimEnd().split("\n").slice(1);
    const sums = table.map((line) => line.split(",") as [string, string]);
    expect(sums).toHaveLength(20);
    for (const [year, sum] of sums) {
      const capital = lines.filter((line) => line[4] === year).map((line) => thousandths(line[2]!));
      expect([year, capital.length, thousandths(sum)]).toEqual([year, 11, capital.reduce((a, b) => a + b)]);
    }
  });

  test("the table of market values is the lines of 1954 of the company files", async () => {
    const { providers } = await json<Scenario>("grunfeld/scenario.json");
    const files = await Promise.all(providers.map(({ id }) => readFile(dataFile(`grunfeld/${id}.csv`), "utf8")));
    const lines = files.flatMap((text) => text.trimEnd().split("\n")).map((line) => line.split(","));
    const wanted = lines.filter(([, , , , year]) => year === "1954").map(([, value, , firm]) => `${firm},${value}`);
    const table = (await readFile(dataFile("grunfeld/market-values-1954.csv"), "utf8")).trimEnd().split("\n");
    expect(table.slice(1).sort()).toEqual(wanted.sort());
    expect(table).toHaveLength(12);
  });

  test("every request equals the independent figure; small sectors are withheld", async () => {
    const loaded = await load("grunfeld");
    try {
      for (const { id, query } of loaded.scenario.requests) {
        const cells = await compute(loaded, id);
        const plain = plainFigures(query, loaded.providers, loaded.scenario.attributes);
        for (const [i, cell] of cells.entries()) {
          expect([id, cell.group, cell.part, cell.value]).toEqual([
            id,
            plain[i]!.group,
            plain[i]!.part,
            cell.withheld === undefined ? plain[i]!.value : null,
          ]);
        }
        const withheld = cells.filter((cell) => cell.withheld !== undefined).map(({ group }) => group.sector);
        expect(withheld).toEqual(
          id === "investment-by-sector" ? ["chemicals", "office-machines", "oil", "rubber"] : [],
        );
      }
      const model = await compute(loaded, "investment-regression");
      // Pooled ordinary least squares over the original file, computed with exact fractions in another language.
      expect(model.map(({ value }) => Number(value).toPrecision(12))).toEqual(
        [-38.4100539863921, 0.114534363010626, 0.227514125549871, 0.817887031542023, 220].map((value) =>
          value.toPrecision(12),
        ),
      );
    } finally {
      for (const { source } of loaded.providers) await source.close();
    }
  });
});

describe("Shaoxing", () => {
  test("the square of each enterprise's total stands beside it, in the common unit", async () => {
    const { scenario, providers } = await load("shaoxing");
    try {
      const { query } = scenario.requests.find(({ id }) => id === "all-enterprises")!;
      const assets = providers.map(({ asset }) => asset);
      const inputs = { query, assets, attributes: scenario.attributes };
      const layout = compileLayout({ ...inputs, withSquares: true });
      expect([layout.momentMargin, compileLayout(inputs).momentMargin]).toEqual([4, 0]);
      const places = componentPlaces(layout);
      expect(totalledElements(query)).toHaveLength(4);
      for (const element of totalledElements(query)) {
        const of = (word: Word) => places.get(canonicalJson(word))!;
        const [plain, squares] = [of(moment([element], [element])), of(squaresOf({ element }))];
        for (const { asset, source, attributes } of providers) {
          const { values, contributes } = await localStatistics(layout, asset, attributes, source.read);
          const total = readElement(values, plain.offset, plain.words);
          expect(total).toBeGreaterThan(0n);
          expect(readElement(values, squares.offset, squares.words)).toBe(total * total);
          expect(contributes).toEqual(Uint8Array.of(1));
        }
      }
    } finally {
      for (const { source } of providers) await source.close();
    }
  });

  test("gives the expected sums over mixed units and encodings", async () => {
    const loaded = await load("shaoxing");
    try {
      const value = (cells: readonly ResultCell[], measure: string, industry?: string) => {
        const cell = cells.find((entry) => entry.measure === measure && entry.group.industry === industry);
        return cell?.withheld ?? Number(cell?.value).toFixed(cell?.measure === "tax-per-land" ? 2 : 0);
      };
      const figures = (cells: readonly ResultCell[], industry?: string) =>
        ["output-total", "tax-total", "energy-total", "tax-per-land"].map((measure) => value(cells, measure, industry));
      const grouped = await compute(loaded, "by-industry");
      expect(figures(grouped, "17")).toEqual(["153860", "6405", "63380", "27.69"]);
      expect(figures(grouped, "28")).toEqual(["635250", "14630", "200950", "28.06"]);
      expect(figures(grouped, "18")).toEqual(new Array(4).fill("minimum-organisations"));
      const total = await compute(loaded, "all-enterprises");
      expect(figures(total)).toEqual(["798450", "21395", "265450", "27.59"]);
      const { query } = loaded.scenario.requests[1]!;
      expect(total.map((cell) => cell.value)).toEqual(
        plainFigures(query, loaded.providers, loaded.scenario.attributes).map((cell) => cell.value),
      );
    } finally {
      for (const { source } of loaded.providers) await source.close();
    }
  });
});
