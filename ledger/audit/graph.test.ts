import { describe, expect, test } from "vitest";
import { encodeBitmap } from "../../crypto/secagg/cells.ts";
import { nonceHash } from "../../crypto/secagg/commitments.ts";
import { graphOf, graphSeed as seedOfNodes } from "../../crypto/secagg/graph.ts";
import { toBase64url } from "../../crypto/suites/encoding.ts";
import { checkKeyset, checkMaskset } from "./check-rounds.ts";
import { openingContext } from "./contexts.ts";
import type { Check, Evidence } from "./evidence.ts";
import { graphSeed, neighbourRows, nonceCommitment } from "./graph.ts";
import type { Findings } from "./problems.ts";

const names = (n: number) => Array.from({ length: n }, (_, i) => `m${String(i).padStart(4, "0")}`);

test.each([100, 129, 130, 131, 200, 258, 301])("the graph of %i members is the one every node draws", (n) => {
  const members = names(n);
  const keyset = { members, root: "r" };
  const nonces = members.map((member) => `nonce of ${member}`);
  const seed = graphSeed("context", keyset, nonces);
  expect(seed).toBe(seedOfNodes("context", keyset, nonces));
  const rows = neighbourRows(n, seed);
  const graph = graphOf(members, seed);
  for (const [i, member] of members.entries()) {
    const own = [...(rows[i] ?? [])].sort((a, b) => a - b).map((j) => members[j]);
    expect(own).toEqual(graph.neighboursOf(member));
  }
});

test("commitments are those of the nodes", () => {
  expect(nonceCommitment("context", "m1", "nonce")).toBe(nonceHash("context", "m1", "nonce"));
});

describe("rounds of a cohort of 140", () => {
  const members = names(140);
  const opened = {
    graph: "neighbours",
    coordinator: "c",
    constants: { members: 140, quorum: 94, threshold: 86 },
    receiverKey: { statement: { publicKey: "receiver" } },
  } as unknown as Evidence["opened"];
  const context = openingContext(opened);
  const nonces = members.map((_, i) => toBase64url(new Uint8Array(32).fill(i)));
  const record = (body: object) => ({ transaction: { signer: "c", statement: { body } }, position: 1 });
  const signed = (signer: string, body: object) => ({ signer, statement: { context, body } });
  const root = "root";
  const graph = graphSeed(context, { members, root }, nonces);
  const keyset = {
    record: record({ members, root }),
    messages: members.map((member, i) => signed(member, { nonce: nonceCommitment(context, member, nonces[i]!) })),
    reveals: members.map((member, i) => signed(member, { root, nonce: nonces[i] })),
  };
  const victim = members[7]!;
  const near = members.filter((_, i) => neighbourRows(140, graph)[7]!.has(i));
  const masksetOf = (holders: readonly string[], masked: readonly string[]) => ({
    record: record({ members: masked, root: "other" }),
    accepts: [...holders, victim].toSorted().map((holder) => signed(holder, { accepted: encodeBitmap(140, [7]) })),
    refusals: [],
  });
  // Nobody here has a key in the trust file, so signatures are not what these tests look at.
  const codes = (check: Check, body: object, masked: readonly string[] = []) => {
    const problems: { where: string; code: string }[] = [];
    const fail: Findings["fail"] = (where, code) => problems.push({ where, code });
    const expectThat: Findings["expect"] = (holds, where, code) => {
      if (!holds) fail(where, code);
      return holds;
    };
    const findings = { seen: () => undefined, fail, expect: expectThat };
    const cohort = members.map((member) => ({ member }));
    const trust = { key: () => undefined };
    const facts = { body: { opened: { record: { position: 0 } }, ...body }, opened, cohort, keyset: members, graph };
    check({ ...facts, maskset: masked, trust } as unknown as Evidence, findings);
    return problems.filter(({ code }) => ["graph", "member-set"].includes(code));
  };

  test("a nonce must be the one committed to, for the key set on the ledger, and none may be missing", () => {
    expect(codes(checkKeyset, { keyset })).toEqual([]);
    const other = { ...keyset, reveals: keyset.reveals.with(3, signed(members[3]!, { root, nonce: nonces[4] })) };
    expect(codes(checkKeyset, { keyset: other })).toMatchObject([
      { where: "/body/keyset/reveals/3/statement/body", code: "graph" },
    ]);
    const moved = { ...keyset, reveals: keyset.reveals.with(3, signed(members[3]!, { root: "x", nonce: nonces[3] })) };
    expect(codes(checkKeyset, { keyset: moved })).toMatchObject([{ code: "graph" }]);
    const missing = { ...keyset, reveals: keyset.reveals.slice(1) };
    expect(codes(checkKeyset, { keyset: missing })).toContainEqual(expect.objectContaining({ code: "member-set" }));
  });

  test("a dealer needs 107 accepting neighbours; accepts of others do not count", () => {
    const strangers = members.filter((member) => member !== victim && !near.includes(member));
    const wrong = (holders: readonly string[], masked: readonly string[]) =>
      codes(checkMaskset, { keyset, maskset: masksetOf(holders, masked) }, masked).length;
    expect(wrong(near.slice(0, 107), [victim])).toBe(0);
    expect(wrong([...near.slice(0, 106), ...strangers], [])).toBe(0);
    expect(wrong([...near.slice(0, 106), ...strangers], [victim])).toBe(1);
  });
});
