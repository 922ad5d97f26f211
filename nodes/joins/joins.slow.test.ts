/** Joins between running nodes: policy, agreement, runs on the ledger, what is told, and what is not. */
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { countJoins, readJoinCommitted, readJoinEnded, readJoinOpened, readKey } from "../../chaincode/rules/keys.ts";
import { digestOf } from "../../crypto/suites/digest.ts";
import { type Signed, verifySigned } from "../../crypto/suites/signed.ts";
import { readPublicKey } from "../../crypto/suites/suite.ts";
import { sealane } from "../cli/_transcript.ts";
import { COMMON, COUNT, createJoined, ITEMS, type Joined, LIST, SUMS, total } from "./_joined.ts";

let joined: Joined;
let cwd: string;
const sent: { readonly by: string; readonly path: string; readonly body: string }[] = [];

beforeAll(async () => {
  cwd = await mkdtemp(join(tmpdir(), "sealane-join-"));
  joined = await createJoined(
    { operations: ["intersection", "cardinality", "statistics"], leastItems: 20, minimumGroup: 5, runs: 2 },
    {
      observe(by, { direction, path, body }) {
        if (direction === "sent" && /\/(joins|matches)/.test(path)) {
          sent.push({ by, path, body: Buffer.from(body).toString("latin1") });
        }
      },
    },
  );
});
afterAll(async () => {
  await joined[Symbol.asyncDispose]();
  await rm(cwd, { recursive: true, force: true });
});
const ledger = () => joined.network.net.node("bureau").services.ledger;

describe("between a ministry's list and a provider's table", () => {
  test("cardinality is how many firms both have, with the provider's signature and both commitments on every ledger", async () => {
    const request = await joined.ask({ operation: "cardinality" });
    const { run, state, result, release } = await joined.run(request);
    expect([state, result]).toEqual(["released", { keys: COMMON.length }]);
    const signed = release as unknown as Signed<{ run: string }>;
    const key = (await readKey(ledger(), signed.key))!;
    expect([key.member, verifySigned(readPublicKey(key).publicKey, "join", signed)]).toEqual(["alpha", true]);
    expect(await readJoinOpened(ledger(), run)).toMatchObject({ requester: "ministry", body: { size: ITEMS } });
    expect(await readJoinCommitted(ledger(), run)).toMatchObject({ body: { size: 300 } });
    expect((await readJoinEnded(ledger(), run))?.body).toEqual({
      run,
      outcome: "released",
      release: digestOf(release),
    });
    const { accessLog } = joined.network.net.node("alpha").services;
    const logged = (await accessLog.read(0, accessLog.size())).map(({ event }) => event.action);
    expect(logged).toContain(`join 1 request ${request}, cardinality`);
  });

  test("intersection is which of its firms the table has", async () => {
    const request = await joined.ask({ operation: "intersection" });
    const { state, result } = await joined.run(request);
    expect([state, result]).toEqual(["released", { keys: COMMON.length, items: COMMON.map(({ code }) => code) }]);
  });

  test("statistics are exact sums by the ministry's own groups, and by a column of the table", async () => {
    const labels = ["north", "south"];
    const request = await joined.ask({ operation: "statistics", labels }, { query: SUMS });
    const { result } = await joined.run(request, LIST);
    const rowsOf = (label: string) => COMMON.filter(({ at }) => LIST[at]!.label === label);
    expect(result?.groups).toEqual(
      labels.map((label) => ({
        group: { label },
        keys: rowsOf(label).length,
        figures: [
          { measure: "firms", value: String(rowsOf(label).length) },
          { measure: "output", value: total(rowsOf(label)) },
        ],
      })),
    );
    const bySize = await joined.ask(
      { operation: "statistics" },
      { query: { ...SUMS, groupBy: [{ element: "size" }] } },
    );
    const small = COMMON.filter(({ size }) => size === "S");
    // Of the large ones both have three, which is below the minimum of five.
    expect((await joined.run(bySize)).result?.groups).toEqual([
      {
        group: { size: "S" },
        keys: small.length,
        figures: [
          { measure: "firms", value: String(small.length) },
          { measure: "output", value: total(small) },
        ],
      },
    ]);
  });

  test("fewer common firms than the minimum are not told, and the run is on the ledger as withheld", async () => {
    const request = await joined.ask({ operation: "cardinality" });
    // Firms 40 to 63: four of them are in the table.
    const { run, state, reason, result } = await joined.run(
      request,
      LIST.slice(40, 64).map(({ item }) => ({ item })),
    );
    expect([state, reason, result]).toEqual(["withheld", "minimum-group", undefined]);
    expect((await readJoinEnded(ledger(), run))?.body).toEqual({ run, outcome: "withheld", reason: "minimum-group" });
  });

  test("the command line joins a file, shows figures by group in both languages, and lists the runs", async () => {
    const request = await joined.ask(
      { operation: "statistics", labels: ["north", "south"], items: 150 },
      { query: SUMS },
    );
    const file = join(cwd, "firms.txt");
    await writeFile(file, LIST.map(({ item, label }) => `${item}\t${label}`).join("\n"));
    const { net } = joined.network;
    const run = (line: string) =>
      sealane(`request join ${request} ${line} --dir ${join(net.dir, "ministry")}`, { cwd });
    const done = await run(file);
    expect([done.exitCode, done.stderr]).toEqual([0, expect.stringContaining("Joining")]);
    for (const word of ["released", "north", "output", total(COMMON.filter(({ at }) => at % 2 === 0))]) {
      expect(done.stdout).toContain(word);
    }
    const chinese = await run(`${file} --lang zh-CN`);
    expect(chinese.stdout).toContain("已发布");
    const listed = JSON.parse((await run("--json")).stdout) as { joins: { number: number; state: string }[] };
    expect(listed.joins.map(({ number, state }) => [number, state])).toEqual([
      [1, "released"],
      [2, "released"],
    ]);
    const kept = await run(`--evidence ${join(cwd, "joins.json")}`);
    expect(kept.exitCode).toBe(0);
    await writeFile(
      join(cwd, "trust.json"),
      JSON.stringify(await joined.network.call("bureau", "GET", "/api/v1/trust")),
    );
    const audit = `audit verify ${join(cwd, "joins.json")} --trust ${join(cwd, "trust.json")}`;
    const verified = await sealane(audit, { cwd });
    expect([verified.exitCode, verified.stdout]).toEqual([0, expect.stringContaining("sums worked out again")]);
    expect(verified.stdout).toContain("that either list is true");
    const third = await run(file);
    expect([third.exitCode, third.stderr]).toEqual([
      expect.any(Number),
      expect.stringContaining("ERR_REQUEST_TRANSITION"),
    ]);
  });

  test("what goes over the wire holds no firm's code, no label beside the request, and no byte that two runs share", () => {
    expect(sent.filter(({ by }) => by === "alpha").length).toBeGreaterThan(0);
    for (const { body } of sent) expect(body).not.toContain("91330600");
    // The coordinator gets the request, which names the labels; whose is whose nobody is sent.
    for (const { body } of sent.filter(({ path }) => !/\/matches\/[^/]+$/.test(path))) {
      for (const word of ["north", "south"]) expect(body).not.toContain(word);
    }
    const lists = sent.filter(({ path }) => path.endsWith("/asker/0")).map(({ body }) => body);
    expect(lists.length).toBeGreaterThan(2);
    const points = lists.map((body) => new Set(body.slice(29).match(/[\s\S]{32}/g)));
    expect(points[0]!.size).toBeGreaterThan(10);
    for (const point of points[0]!) expect(points[1]!.has(point)).toBe(false);
  });
});

describe("refused", () => {
  test("where the policy does not open it, with its reasons", async () => {
    const refused = async (draft: object) => {
      const id = await joined.network.submit({
        assets: ["alpha:firms"],
        receiverMode: "direct",
        receiver: "ministry",
        ...draft,
      });
      return (await joined.network.state(id, ["cancelled"])).assets.flatMap(({ reasons }) => reasons);
    };
    const join = { element: "credit-code", operation: "cardinality", items: 200 };
    expect(await refused({ query: COUNT, join: { ...join, items: 10 } })).toEqual(["join-size-not-allowed"]);
    expect(await refused({ query: COUNT, join: { ...join, element: "size" } })).toEqual(["join-element-not-allowed"]);
    expect(await refused({ query: SUMS, join })).toEqual(["join-figures-not-joinable"]);
  });

  test("once the agreed runs have begun, whatever came of them", async () => {
    const request = await joined.ask({ operation: "cardinality" });
    const few = LIST.slice(0, 21).map(({ item }) => ({ item }));
    expect((await joined.run(request, few)).state).toBe("withheld");
    expect((await joined.run(request)).state).toBe("released");
    await expect(joined.begin(request)).rejects.toThrow(/409.*all 2 runs have begun/);
    const [first] = await joined.joins(request);
    expect(await countJoins(ledger(), (first as unknown as { agreement: string }).agreement)).toBe(2);
  });

  test("a list that is too long, has an item twice or a label that was not asked with, before anything is on the ledger", async () => {
    const request = await joined.ask({ operation: "cardinality", items: 100 });
    await expect(joined.begin(request)).rejects.toThrow(/400.*items: wanted 1 to 100/);
    const [one] = LIST.map(({ item }) => ({ item }));
    await expect(joined.begin(request, [one!, one!])).rejects.toThrow(/400.*twice/);
    await expect(joined.begin(request, [LIST[0]!])).rejects.toThrow(/400.*items.0.label/);
    expect(await joined.joins(request)).toEqual([]);
  });

  test("no computation is opened on such an agreement", async () => {
    const request = await joined.ask({ operation: "cardinality" });
    await expect(joined.network.call("ministry", "POST", `/api/v1/requests/${request}/open`, {})).rejects.toThrow(
      /409/,
    );
  });
});
