import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { digestOf } from "../../crypto/suites/digest.ts";
import { signStatement } from "../../crypto/suites/signed.ts";
import { anchor, anchors, digest, NETWORK, testMember, transaction, uuid } from "../../ledger/conformance/fixture.ts";
import {
  agreementBody,
  assetBody,
  COMPUTATION,
  closeBody,
  closedWorld,
  coordinator,
  countedWorld,
  decisionBody,
  foundedWorld,
  maskedWorld,
  openingBody,
  operator,
  providers,
  REQUEST,
  receiver,
  releaseBody,
  requestBody,
  requestedWorld,
  requester,
  setBody,
  type World,
} from "./_world.ts";
import { CONTRACT_ERRORS } from "./errors.ts";
import { MAX_TRANSACTION_BYTES } from "./execute.ts";
import { keys } from "./keys.ts";
import { RULES } from "./rules.ts";
import { TRANSACTIONS, type TransactionBody, type TransactionType } from "./transactions.ts";

describe("form", () => {
  const rejection = async (hostile: unknown) => (await foundedWorld()).run(hostile);
  const cyclic: Record<string, unknown> = {};
  cyclic["self"] = cyclic;

  test.each<readonly [string, unknown]>([
    ["nothing", undefined],
    ["null", null],
    ["a number", 7],
    ["an empty object", {}],
    ["an array", []],
    ["a function", () => 1],
    ["a bigint", { statement: 1n }],
    ["a cycle", cyclic],
    ["a lone surrogate", { statement: "\ud800" }],
    ["an extra field", { ...anchor(operator, 0), more: 1 }],
    ["another suite", { ...anchor(operator, 0), suite: "none" }],
  ])("%s is answered with ERR_CONTRACT_SCHEMA", async (_name, hostile) => {
    expect(await rejection(hostile)).toMatchObject({ ok: false, code: "ERR_CONTRACT_SCHEMA" });
  });

  const nest = (value: unknown, depth: number): unknown => {
    let nested = value;
    for (let at = 0; at < depth; at += 1) nested = [nested];
    return nested;
  };

  test("nesting beyond the stack is answered", async () => {
    expect(await rejection(nest(0, 200_000))).toMatchObject({ code: "ERR_CONTRACT_SCHEMA" });
  });

  test("nesting beyond 64 has one answer on every host, however much its stack holds and in whatever order keys are", async () => {
    const large = { z: "x".repeat(MAX_TRANSACTION_BYTES), a: 1 };
    expect(await rejection(nest(large, 63))).toMatchObject({ code: "ERR_CONTRACT_TOO_LARGE" });
    expect(await rejection(nest(large, 64))).toMatchObject({ code: "ERR_CONTRACT_SCHEMA" });
    const ordered = { a: 1, z: large.z };
    expect(await rejection(nest(ordered, 63))).toMatchObject({ code: "ERR_CONTRACT_TOO_LARGE" });
    expect(await rejection(nest(ordered, 64))).toMatchObject({ code: "ERR_CONTRACT_SCHEMA" });
  });

  test.each(["", "no.such", "__proto__", "constructor", "toString"])("type %j does not exist", async (type) => {
    const statement = { network: NETWORK, id: "id", type, body: {} };
    const signed = signStatement(operator.identity, "transaction", statement);
    expect(await rejection(signed)).toMatchObject({ code: "ERR_CONTRACT_SCHEMA", field: "type" });
  });

  test("the field that is wrong is named", async () => {
    const body = { from: 0, to: "1", root: digest("root") };
    const signed = transaction(operator, "access.anchor", body as never);
    expect(await rejection(signed)).toMatchObject({ code: "ERR_CONTRACT_SCHEMA", field: "to" });
  });

  test("a transaction above the size limit is refused before anything else looks at it", async () => {
    const body = { junk: "x".repeat(MAX_TRANSACTION_BYTES) };
    const signed = transaction(operator, "access.anchor", body as never);
    expect(await rejection(signed)).toMatchObject({ code: "ERR_CONTRACT_TOO_LARGE" });
  });

  test("the largest computation of a thousand members fits", () => {
    const cohort = Array.from({ length: 1000 }, (_, at) => ({
      member: "m".repeat(63),
      holdingGroup: "g".repeat(64),
      asset: `${"a".repeat(63)}:${"b".repeat(63)}`,
      assetVersion: at,
      agreement: uuid(`${at}`),
    }));
    const signed = transaction(requester, "computation.open", openingBody({ cohort }));
    expect(Buffer.byteLength(JSON.stringify(signed))).toBeLessThan(MAX_TRANSACTION_BYTES);
  });
});

describe("author", () => {
  const other = testMember("stranger");
  const cases: readonly (readonly [promise: string, code: string, signed: unknown])[] = [
    [
      "another network's transaction",
      "ERR_CONTRACT_NETWORK",
      signStatement(operator.identity, "transaction", { ...anchor(operator, 0).statement, network: "other" }),
    ],
    ["a stranger", "ERR_CONTRACT_UNKNOWN_MEMBER", anchor(other, 0)],
    ["a member's name with a stranger's key", "ERR_CONTRACT_KEY_UNKNOWN", { ...anchor(other, 0), signer: operator.id }],
    [
      "a member's name with another member's key",
      "ERR_CONTRACT_KEY_UNKNOWN",
      { ...anchor(receiver, 0), signer: operator.id },
    ],
    [
      "another domain's signature",
      "ERR_CONTRACT_SIGNATURE",
      signStatement(operator.identity, "receipt", anchor(operator, 0).statement),
    ],
    [
      "another transaction's signature",
      "ERR_CONTRACT_SIGNATURE",
      { ...anchor(operator, 0), signature: anchor(operator, 1).signature },
    ],
  ];
  test.each(cases)("%s is refused (%s)", async (_promise, code, signed) => {
    expect(await (await foundedWorld()).run(signed)).toMatchObject({ ok: false, code });
  });
});

describe("idempotence", () => {
  test("the same transaction is answered with its position and writes nothing", async () => {
    const world = await foundedWorld();
    const first = anchor(operator, 0);
    await world.mustRun(first);
    const before = new Map(world.state.values);
    expect(await world.run(first)).toEqual({ ok: true, repeats: 14 });
    expect(world.state.values).toEqual(before);
  });

  test("what is kept of a transaction is the digest of its statement, signed alone or with others", async () => {
    const world = await foundedWorld();
    for (const one of [...anchors(operator, 0, 3), anchor(operator, 3)]) {
      await world.mustRun(one);
      const kept = await world.state.get(keys.transaction(one.signer, one.statement.id));
      expect(kept).toMatchObject({ digest: digestOf(one.statement) });
    }
  });

  test("an id belongs to its author: another member may use the same", async () => {
    const world = await foundedWorld();
    const first = anchor(operator, 0);
    await world.mustRun(first);
    const body = { from: 0, to: 1, root: digest("own") };
    await world.mustRun(transaction(receiver, "access.anchor", body, first.statement.id));
  });

  test("a rejected transaction leaves its id free", async () => {
    const world = await foundedWorld();
    const early = anchor(operator, 1);
    expect(await world.run(early)).toMatchObject({ code: "ERR_CONTRACT_RANGE" });
    await world.mustRun(anchor(operator, 0));
    await world.mustRun(early);
  });
});

test("every transaction type has a rule", () => {
  expect(Object.keys(RULES).sort()).toEqual(Object.keys(TRANSACTIONS).sort());
});

describe("any sequence of transactions", () => {
  const worlds: readonly (() => Promise<World>)[] = [
    foundedWorld,
    requestedWorld,
    maskedWorld,
    countedWorld,
    closedWorld,
  ];
  const author = fc.constantFrom(operator, requester, receiver, coordinator, ...providers.slice(0, 3));
  const provider = fc.constantFrom(...providers.slice(0, 3));
  const id = fc.constantFrom(COMPUTATION, uuid("another"));
  const valid = fc.oneof(
    one(
      "asset.register",
      fc.tuple(provider, fc.integer({ min: 1, max: 3 })).map(([p, v]) => assetBody(p, v)),
    ),
    one(
      "policy.activate",
      provider.map((p) => ({ asset: assetBody(p).asset, version: 2, policyDigest: digest("p2") })),
    ),
    one(
      "asset.withdraw",
      provider.map((p) => ({ asset: assetBody(p).asset, reason: "old" })),
    ),
    one("request.submit", fc.constant(requestBody())),
    one("request.cancel", fc.constant({ request: REQUEST, reason: "x" })),
    one(
      "decision.record",
      fc
        .tuple(provider, fc.constantFrom("permit", "refuse", "wait"))
        .map(([p, outcome]) => decisionBody(p, { outcome: outcome as "permit" })),
    ),
    one(
      "agreement.conclude",
      provider.map((p) => agreementBody(p)),
    ),
    one(
      "agreement.revoke",
      provider.map((p) => ({ agreement: agreementBody(p).agreement, reason: "x" })),
    ),
    one(
      "computation.open",
      id.map((computation) => openingBody({ computation })),
    ),
    one(
      "computation.keyset",
      id.map((computation) => setBody(providers, computation)),
    ),
    one(
      "computation.maskset",
      id.map((computation) => setBody(providers.slice(1), computation)),
    ),
    one(
      "computation.close",
      fc.constantFrom<1 | 2>(1, 2).map((phase) => closeBody(phase, providers)),
    ),
    one(
      "computation.counts",
      id.map((computation) => ({ computation, digest: digest("c") })),
    ),
    one(
      "computation.fail",
      id.map((computation) => ({ computation, reason: "x" })),
    ),
    one("result.release", fc.constant(releaseBody())),
    one(
      "member.suspend",
      provider.map(({ id: member }) => ({ member, reason: "x" })),
    ),
    one(
      "member.reinstate",
      provider.map(({ id: member }) => ({ member, reason: "x" })),
    ),
    one(
      "vote.cast",
      fc.tuple(provider, fc.constantFrom("for", "against")).map(([p, choice]) => ({
        proposal: { kind: "expel-member" as const, member: p.id },
        choice: choice as "for",
      })),
    ),
    one(
      "access.anchor",
      fc.integer({ min: 0, max: 3 }).map((from) => ({ from, to: from + 1, root: digest("r") })),
    ),
  );
  const junk = fc.tuple(fc.constantFrom(...(Object.keys(TRANSACTIONS) as TransactionType[])), fc.jsonValue());

  function one<T extends TransactionType>(type: T, body: fc.Arbitrary<TransactionBody<T>>) {
    return body.map((value): readonly [TransactionType, unknown] => [type, value]);
  }

  test("never throws, and a rejected one changes no state", async () => {
    const step = fc.record({
      author,
      action: fc.oneof({ weight: 9, arbitrary: valid }, { weight: 1, arbitrary: junk }),
      wait: fc.constantFrom(0, 0, 0, 12),
    });
    const run = fc.record({
      world: fc.constantFrom(...worlds),
      steps: fc.array(step, { minLength: 5, maxLength: 25 }),
    });
    await fc.assert(
      fc.asyncProperty(run, async ({ world: create, steps }) => {
        const world = await create();
        for (const { author: by, action, wait } of steps) {
          world.clock += wait;
          const before = new Map(world.state.values);
          const { puts } = world.state;
          const outcome = await world.submit(by, action[0], action[1] as never);
          if (outcome.ok) continue;
          expect(CONTRACT_ERRORS).toContain(outcome.code);
          expect(world.state.puts, `${action[0]} put before it had checked`).toBe(puts);
          expect(world.state.values).toEqual(before);
        }
      }),
      { numRuns: 40 },
    );
  });

  test("the same transactions on another host give the same state", async () => {
    const [one, two] = [await closedWorld(), await closedWorld()];
    expect([...one.state.values].sort()).toEqual([...two.state.values].sort());
  });
});
