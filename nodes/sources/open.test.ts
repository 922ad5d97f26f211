import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, readFileSync } from "node:fs";
import { mkdir, mkdtemp, readdir, readFile, realpath, rename, rm, stat, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DuckDBInstance } from "@duckdb/node-api";
import iconv from "iconv-lite";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { SourceDescription } from "./description.ts";
import { type OpenedSource, openSource, type SourceOptions } from "./open.ts";

let folder: string;
let scratch: string;
beforeAll(async () => {
  folder = await realpath(await mkdtemp(join(tmpdir(), "source-test-")));
  scratch = join(folder, "scratch");
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const file = async (name: string, content: string | Uint8Array): Promise<string> => {
  const path = join(folder, name);
  await writeFile(path, content);
  return path;
};

async function using<T>(
  description: SourceDescription,
  use: (source: OpenedSource) => Promise<T>,
  options: Partial<SourceOptions> = {},
): Promise<T> {
  const source = await openSource(description, { scratch, ...options });
  try {
    return await use(source);
  } finally {
    await source.close();
  }
}

const all = (source: OpenedSource) => source.select({ text: "SELECT * FROM source", parameters: [] });
const rowsOf = (description: SourceDescription) => using(description, all);
const refusal = (description: SourceDescription, options: Partial<SourceOptions> = {}) =>
  using(description, all, options).then(
    () => "accepted",
    (error: { code?: string; message: string }) => `${error.code} ${error.message.replaceAll(`${folder}/`, "")}`,
  );
const csv = (path: string): SourceDescription => ({ kind: "csv", path });

describe("CSV", () => {
  test("reads UTF-8 with and without a byte-order mark, LF and CRLF, quotes and nulls", async () => {
    const wanted = [
      { 名称: 'a,"b"', "x y": "1.50" },
      { 名称: null, "x y": "2" },
      { 名称: "two\nlines", "x y": null },
    ];
    for (const mark of ["", "\uFEFF"]) {
      for (const end of ["\n", "\r\n"]) {
        const text = `${mark}名称,"x y"${end}"a,""b""",1.50${end},2${end}"two\nlines",""${end}`;
        expect(await rowsOf(csv(await file("plain.csv", text)))).toEqual(wanted);
      }
    }
  });

  test("reads GB18030 through a private copy that is gone after closing", async () => {
    const path = await file("gb.csv", iconv.encode("企业,产值\r\n经纬印染,1.5\r\n𠮷,2\r\n", "gb18030"));
    await using({ kind: "csv", path, encoding: "gb18030" }, async (source) => {
      expect(await all(source)).toEqual([
        { 企业: "经纬印染", 产值: "1.5" },
        { 企业: "𠮷", 产值: "2" },
      ]);
      const [own] = await readdir(scratch);
      const mode = (await stat(join(scratch, own!, "utf-8.csv"))).mode & 0o777;
      expect(mode).toBe(0o600);
    });
    expect(await readdir(scratch)).toEqual([]);
  });

  test("says what to do about a wrong encoding, and where it is", async () => {
    const gb = await file("gb-undeclared.csv", iconv.encode("a,b\n1,2\n经纬,3\n", "gb18030"));
    expect(await refusal(csv(gb))).toMatch(/^ERR_SOURCE_ENCODING .*declare encoding gb18030/);
    const header = await file("gb-header.csv", iconv.encode("企业,b\n1,2\n", "gb18030"));
    expect(await refusal(csv(header))).toMatch(/^ERR_SOURCE_ENCODING gb-header.csv: line 1/);
    const broken = await file("broken-gb.csv", Buffer.concat([Buffer.from("a\n1\n"), Buffer.from([0x81, 0x20, 0x0a])]));
    expect(await refusal({ kind: "csv", path: broken, encoding: "gb18030" })).toMatch(
      /^ERR_SOURCE_ENCODING broken-gb.csv: line 3: not GB18030/,
    );
  });

  test("names the line of a ragged record and of an open quote", async () => {
    expect(await refusal(csv(await file("ragged.csv", "a,b\n1,2\n3\n")))).toBe(
      "ERR_SOURCE_FORMAT ragged.csv: line 3: expected 2 columns, found 1",
    );
    expect(await refusal(csv(await file("wide.csv", "a,b\n1,2,3\n")))).toMatch(/^ERR_SOURCE_FORMAT wide.csv: line 2/);
    expect(await refusal(csv(await file("quote.csv", 'a,b\n1,2\n"3,4\n')))).toMatch(
      /^ERR_SOURCE_FORMAT quote.csv: line 3/,
    );
  });

  test("reads the same with several threads, and skips blank lines", async () => {
    const lines = Array.from({ length: 50_000 }, (_, i) => `${i},"x\n${i}"`);
    const path = await file("many.csv", `a,b\n\n${lines.join("\n")}\n\n`);
    const text = "SELECT count(*) AS n, sum(CAST(a AS BIGINT)) AS s FROM source";
    for (const threads of [1, 2]) {
      const [row] = await using(csv(path), (source) => source.select({ text, parameters: [] }), { threads });
      expect(row).toEqual({ n: "50000", s: String((50_000 * 49_999) / 2) });
    }
    expect(await refusal(csv(await file("mixed.csv", "a,b\n1,2\r\n3,4\n")))).toMatch(
      /^ERR_SOURCE_FORMAT mixed.csv: .*line ends/,
    );
  });

  test("does not repeat the table's values in an error", async () => {
    const path = await file("secret.csv", "a,b\n1,2\n41260\n");
    expect(await refusal(csv(path))).not.toContain("41260");
  });

  test.each([
    "SELECT CAST(a AS INTEGER) AS n FROM source",
    "SELECT CAST(a AS DATE) AS n FROM source",
    "SELECT error(a) AS n FROM source",
    "SELECT regexp_matches('x', a || '(') AS n FROM source",
    "SELECT CAST(b AS TINYINT) * CAST(100 AS TINYINT) AS n FROM source",
  ])("does not repeat the table's values when a read stops: %s", async (text) => {
    const path = await file("private.csv", "a,b\nthe-secret,97\n");
    const failure = await using(csv(path), (source) => source.select({ text, parameters: [] })).catch(String);
    expect(failure).toMatch(/^SourceError: .*private\.csv: .*Error/);
    expect(failure).not.toMatch(/the-secret|97/);
  });

  test.each([
    ["empty.csv", "", "ERR_SOURCE_PATH empty.csv: is empty"],
    ["unnamed.csv", "a,,c\n", "ERR_SOURCE_FORMAT unnamed.csv: line 1: column 2 has no name"],
    ["twice.csv", "a,A\n", "ERR_SOURCE_FORMAT twice.csv: line 1: column A occurs twice"],
    ["open.csv", '"a,b\n', "ERR_SOURCE_FORMAT open.csv: line 1: a quote is not closed"],
  ])("refuses %s", async (name, content, wanted) => {
    expect(await refusal(csv(await file(name, content)))).toBe(wanted);
  });

  test("stops at an endless line without growing", async () => {
    const long = Buffer.alloc(64 << 20, 0x61);
    const path = await file("long.csv", Buffer.concat([Buffer.from("a,b\n1,2\n"), long]));
    expect(await refusal(csv(path), { memoryMiB: 64 })).toMatch(
      /^ERR_SOURCE_FORMAT long.csv: line 3: a record is longer than 1 MiB/,
    );
    const header = await file("long-header.csv", long);
    expect(await refusal(csv(header))).toMatch(
      /^ERR_SOURCE_FORMAT long-header.csv: line 1: a record is longer than 1 MiB/,
    );
    await rm(path);
    await rm(header);
  });
});

describe("JSON and Parquet", () => {
  test("JSON values keep their text", async () => {
    const path = await file("rows.json", '[{"a":"1.10","b":12345678901234567,"c":"x"},{"a":null,"b":0,"c":"y"}]');
    await using({ kind: "json", path }, async (source) => {
      expect(await all(source)).toEqual([
        { a: "1.10", b: "12345678901234567", c: "x" },
        { a: null, b: "0", c: "y" },
      ]);
      expect(source.columns).toEqual([
        { name: "a", stored: "text" },
        { name: "b", stored: "integer" },
        { name: "c", stored: "text" },
      ]);
    });
    const lines = await file("rows.ndjson", '{"a":1}\n{"a":2}\n');
    expect(await rowsOf({ kind: "json", path: lines })).toEqual([{ a: "1" }, { a: "2" }]);
  });

  test("an endless JSON value is refused", async () => {
    const path = await file(
      "long.json",
      Buffer.concat([Buffer.from('[{"a":"'), Buffer.alloc(32 << 20, 0x61), Buffer.from('"}]')]),
    );
    expect(await refusal({ kind: "json", path }, { memoryMiB: 64 })).toMatch(/^ERR_SOURCE_(FORMAT|LIMIT) long.json/);
    await rm(path);
  });

  test("a cut-off JSON file is refused, not read in part", async () => {
    for (const text of ['[{"a":1},', '[{"a":1},{"a":2}', '{"a":1}\n{"a":', '[{"a":1}] x', "true", '[{"a":1},{"a":2]']) {
      expect([text, await refusal({ kind: "json", path: await file("bad.json", text) })]).toEqual([
        text,
        expect.stringMatching(/^ERR_SOURCE_FORMAT bad.json/),
      ]);
    }
  });

  test("Parquet decimals keep every digit, and binary floats are told apart", async () => {
    const path = join(folder, "rows.parquet");
    const connection = await (await DuckDBInstance.create(":memory:")).connect();
    await connection.run(
      `COPY (SELECT CAST('12345678901234567890.123' AS DECIMAL(38,3)) AS exact, 0.1::DOUBLE AS float, DATE '2025-01-31' AS day, 7::INTEGER AS whole) TO '${path}'`,
    );
    connection.closeSync();
    await using({ kind: "parquet", path }, async (source) => {
      expect(await all(source)).toEqual([
        { exact: "12345678901234567890.123", float: "0.1", day: "2025-01-31", whole: "7" },
      ]);
      expect(source.columns.map(({ stored }) => stored)).toEqual(["decimal", "float", "date", "integer"]);
    });
    expect(await refusal({ kind: "parquet", path: await file("bad.parquet", "not parquet at all") })).toMatch(
      /^ERR_SOURCE_FORMAT bad.parquet/,
    );
  });
});

describe("the sandbox", () => {
  test("refuses links, patterns, folders, addresses and missing files", async () => {
    const target = await file("target.csv", "a\n1\n");
    await symlink(target, join(folder, "link.csv"));
    await mkdir(join(folder, "real"), { recursive: true });
    await writeFile(join(folder, "real", "inner.csv"), "a\n1\n");
    await symlink(join(folder, "real"), join(folder, "linked"));
    expect(await refusal(csv(join(folder, "link.csv")))).toMatch(
      /^ERR_SOURCE_PATH link.csv: leads through a symbolic link/,
    );
    expect(await refusal(csv(join(folder, "linked", "inner.csv")))).toMatch(/^ERR_SOURCE_PATH .*symbolic link/);
    expect(await refusal(csv(join(folder, "*.csv")))).toMatch(/^ERR_SOURCE_PATH .*patterns are refused/);
    expect(await refusal(csv(join(folder, "real")))).toBe("ERR_SOURCE_PATH real: is not a regular file");
    expect(await refusal(csv("https://example.org/a.csv"))).toMatch(/^ERR_SOURCE_PATH .*addresses are refused/);
    expect(await refusal(csv(join(folder, "none.csv")))).toBe("ERR_SOURCE_PATH none.csv: no such file");
  });

  test.each([undefined, "gb18030"] as const)(
    "notices a file that was put in the place of the opened one (%s)",
    async (encoding) => {
      const path = await file("swapped.csv", "a\n1\n");
      const other = await file("instead.csv", "a\n2\n");
      const source = await openSource({ kind: "csv", path, ...(encoding && { encoding }) }, { scratch });
      expect(await all(source)).toEqual([{ a: "1" }]);
      await rename(path, join(folder, "aside.csv"));
      await rename(other, path);
      await expect(all(source)).rejects.toMatchObject({ code: "ERR_SOURCE_PATH" });
      // Put back again: what was read meanwhile is not known any more.
      await rename(join(folder, "aside.csv"), path);
      await expect(all(source)).rejects.toMatchObject({ code: "ERR_SOURCE_PATH" });
      await source.close();
      expect(await rowsOf(csv(path))).toEqual([{ a: "1" }]);
    },
  );

  test("answers one SELECT over its own file and nothing else", async () => {
    const path = await file("own.csv", "a\n1\n");
    const other = await file("other.csv", "a\n2\n");
    await using(csv(path), async (source) => {
      const select = (text: string) =>
        source.select({ text, parameters: [] }).then(
          (rows) => JSON.stringify(rows),
          (error: { code?: string }) => error.code,
        );
      const forbidden = [
        `COPY source TO '${folder}/out.csv'`,
        `COPY source TO '${path}'`,
        `ATTACH '${folder}/x.db'`,
        "PRAGMA version",
        "SET memory_limit = '10GB'",
        "INSTALL httpfs",
        "LOAD httpfs",
        "CREATE TABLE t AS SELECT 1",
        "DROP VIEW source",
        "SELECT 1; SELECT 2",
        "SELECT 1) ; COPY (SELECT 1) TO 'x' --",
        "EXPLAIN ANALYZE SELECT 1",
        `SELECT * FROM read_csv('${other}')`,
        `SELECT * FROM '${other}'`,
        `SELECT * FROM glob('${folder}/*')`,
        `SELECT * FROM read_text('/etc/passwd')`,
        "SELECT * FROM none",
        "",
      ];
      for (const text of forbidden)
        expect([text, await select(text)]).toEqual([text, expect.stringMatching(/^ERR_SOURCE_/)]);
      expect(await select("SELECT a FROM source -- the end")).toBe('[{"a":"1"}]');
      expect(await source.select({ text: "SELECT $1 AS x FROM source", parameters: ["'; DROP"] })).toEqual([
        { x: "'; DROP" },
      ]);
    });
    expect(await readFile(path, "utf8")).toBe("a\n1\n");
    expect((await readdir(folder)).includes("out.csv")).toBe(false);
  });

  test("an engine ends with its node, and the next node removes what was left in scratch", async () => {
    const path = await file("orphan.csv", iconv.encode("企业\n1\n", "gb18030"));
    const script = `import { openSource } from ${JSON.stringify(new URL("./open.ts", import.meta.url).href)};
      const [path, scratch] = process.argv.slice(1);
      const source = await openSource({ kind: "csv", path, encoding: "gb18030" }, { scratch });
      source.select({ text: "SELECT count(*) FROM range(100000000000) r, source", parameters: [] });
      console.log(source.pid);`;
    const node = spawn(process.execPath, ["--input-type=module", "-e", script, path, scratch], {
      stdio: ["ignore", "pipe", "ignore"],
    });
    const pid = Number(String(((await once(node.stdout, "data")) as [Buffer])[0]));
    node.kill("SIGKILL");
    await expect
      .poll(() => existsSync(`/proc/${pid}/stat`) && !/\) Z /.test(readFileSync(`/proc/${pid}/stat`, "utf8")))
      .toBe(false);
    expect(await readdir(scratch)).toHaveLength(1);
    await using(csv(await file("next.csv", "a\n1\n")), async () => {
      expect((await readdir(scratch)).every((name) => name.startsWith(`source-${process.pid}-`))).toBe(true);
    });
  });

  test("a killed engine is named once and started again by the next read", async () => {
    await using(csv(await file("crash.csv", "a\n1\n")), async (source) => {
      const first = source.pid!;
      const slow = source.select({ text: "SELECT count(*) FROM range(100000000000), source", parameters: [] });
      process.kill(first, "SIGKILL");
      await expect(slow).rejects.toMatchObject({ code: "ERR_SOURCE_CRASHED" });
      expect(await all(source)).toEqual([{ a: "1" }]);
      expect(source.pid).not.toBe(first);
    });
  });

  test("limits time, rows and memory", async () => {
    const path = await file("limits.csv", "a\n1\n2\n3\n");
    const endless = { text: "SELECT count(*) FROM range(100000000000) r, source", parameters: [] };
    // On a busy machine already the opening may take too long: the limit is the same.
    await expect(using(csv(path), (source) => source.select(endless), { timeoutMs: 1500 })).rejects.toMatchObject({
      code: "ERR_SOURCE_TIMEOUT",
    });
    expect(await refusal(csv(path), { maxRows: 2 })).toMatch(/^ERR_SOURCE_LIMIT .*more than 2 rows/);
    await using(csv(path), async (source) => {
      await source.close();
      await expect(all(source)).rejects.toMatchObject({ code: "ERR_SOURCE_CLOSED" });
    });
  });

  test("a hundred reads at once are answered in turn", async () => {
    await using(csv(await file("turns.csv", "a\n1\n")), async (source) => {
      const answers = await Promise.all(
        Array.from({ length: 100 }, (_, i) =>
          source.select({ text: "SELECT $1 AS i FROM source", parameters: [String(i)] }),
        ),
      );
      expect(answers.map(([row]) => row!.i)).toEqual(Array.from({ length: 100 }, (_, i) => String(i)));
    });
  });
});
