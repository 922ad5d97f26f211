import { describe, expect, test } from "vitest";
import { digest, type TestMember } from "../../ledger/conformance/fixture.ts";
import { agreedWorld, agreementOf, assetOf, minutes, providers, REQUEST, requester, type World } from "./_world.ts";
import { countAssetUses, countJoins, readJoinEnded } from "./keys.ts";
import type { TransactionBody } from "./transactions.ts";

const [holder, stranger] = providers as unknown as readonly [TestMember, TestMember];
const agreement = agreementOf(holder);
const runOf = (number: number) => `${"A".repeat(20)}${number}A`;
const open = (number = 1, changes: Partial<TransactionBody<"join.open">> = {}): TransactionBody<"join.open"> => ({
  run: runOf(number),
  agreement,
  number,
  operation: "cardinality",
  size: 200,
  root: digest("asker's list"),
  ...changes,
});
const commit = (number = 1) => ({ run: runOf(number), size: 4000, root: digest("holder's list") });
const released = (number = 1) => ({ run: runOf(number), outcome: "released" as const, release: digest("release") });
const failed = (number = 1) => ({ run: runOf(number), outcome: "failed" as const, reason: "restarted" });

const openedWorld = async (changes: Partial<TransactionBody<"agreement.conclude">> = { joinRuns: 2 }) => {
  const world = await agreedWorld(changes);
  await world.must(requester, "join.open", open());
  return world;
};
const committedWorld = async () => {
  const world = await openedWorld();
  await world.must(holder, "join.commit", commit());
  return world;
};
const code = async (outcome: ReturnType<World["submit"]>) => {
  const got = await outcome;
  return got.ok ? "ok" : got.code;
};

describe("a join begins", () => {
  test("under an agreement that says how many may, and no other", async () => {
    const world = await agreedWorld();
    expect(await code(world.submit(requester, "join.open", open()))).toBe("ERR_CONTRACT_AGREEMENT");
    expect(await countJoins(world.state, agreement)).toBe(0);
  });

  test("by the agreement's consumer, and while the agreement stands", async () => {
    const world = await agreedWorld({ joinRuns: 2 });
    expect(await code(world.submit(stranger, "join.open", open()))).toBe("ERR_CONTRACT_NOT_PERMITTED");
    expect(await code(world.submit(holder, "join.open", open()))).toBe("ERR_CONTRACT_NOT_PERMITTED");
    world.clock = 24 * 60;
    expect(await code(world.submit(requester, "join.open", open()))).toBe("ERR_CONTRACT_AGREEMENT");
    const revoked = await agreedWorld({ joinRuns: 2 });
    await revoked.must(holder, "agreement.revoke", { agreement, reason: "misuse" });
    expect(await code(revoked.submit(requester, "join.open", open()))).toBe("ERR_CONTRACT_AGREEMENT");
    const cancelled = await agreedWorld({ joinRuns: 2 });
    await cancelled.must(requester, "request.cancel", { request: REQUEST, reason: "done" });
    expect(await code(cancelled.submit(requester, "join.open", open()))).toBe("ERR_CONTRACT_STATE");
  });

  test("as often as was agreed, whatever came of the earlier ones, each with the next number and a run of its own", async () => {
    const world = await openedWorld();
    await world.must(requester, "join.end", failed());
    expect(await code(world.submit(requester, "join.open", open(3)))).toBe("ERR_CONTRACT_RANGE");
    expect(await code(world.submit(requester, "join.open", open(2, { run: runOf(1) })))).toBe("ERR_CONTRACT_EXISTS");
    await world.must(requester, "join.open", open(2));
    expect(await code(world.submit(requester, "join.open", open(3)))).toBe("ERR_CONTRACT_AGREEMENT_USED_UP");
    expect(await countJoins(world.state, agreement)).toBe(2);
  });

  test("as a use of its asset, over all agreements on it", async () => {
    const world = await openedWorld({ joinRuns: 5, maxUses: 1 });
    expect(await countAssetUses(world.state, assetOf(holder))).toBe(1);
    expect(await code(world.submit(requester, "join.open", open(2)))).toBe("ERR_CONTRACT_AGREEMENT_USED_UP");
  });
});

describe("its provider", () => {
  test("commits to its own list once, and nobody for it", async () => {
    const world = await openedWorld();
    expect(await code(world.submit(requester, "join.commit", commit()))).toBe("ERR_CONTRACT_NOT_PERMITTED");
    expect(await code(world.submit(holder, "join.commit", commit(2)))).toBe("ERR_CONTRACT_NOT_FOUND");
    await world.must(holder, "join.commit", commit());
    expect(await code(world.submit(holder, "join.commit", commit()))).toBe("ERR_CONTRACT_STATE");
  });

  test("releases once, after it has committed and while the agreement stands", async () => {
    const early = await openedWorld();
    expect(await code(early.submit(holder, "join.end", released()))).toBe("ERR_CONTRACT_STATE");
    const world = await committedWorld();
    expect(await code(world.submit(requester, "join.end", released()))).toBe("ERR_CONTRACT_NOT_PERMITTED");
    await world.must(holder, "join.end", released());
    expect(await code(world.submit(holder, "join.end", released()))).toBe("ERR_CONTRACT_STATE");
    expect(await code(world.submit(requester, "join.end", failed()))).toBe("ERR_CONTRACT_STATE");
    expect((await readJoinEnded(world.state, runOf(1)))?.time).toBe(minutes(0));
    const revoked = await committedWorld();
    await revoked.must(holder, "agreement.revoke", { agreement, reason: "misuse" });
    expect(await code(revoked.submit(holder, "join.end", released()))).toBe("ERR_CONTRACT_AGREEMENT");
    await revoked.must(holder, "join.end", failed());
  });

  test("says what it released, or why it did not", async () => {
    const world = await committedWorld();
    const { release } = released();
    for (const body of [
      { run: runOf(1), outcome: "released" as const },
      { run: runOf(1), outcome: "withheld" as const },
      { ...failed(), release },
      { ...released(), reason: "minimum" },
    ]) {
      expect(await code(world.submit(holder, "join.end", body))).toBe("ERR_CONTRACT_MISMATCH");
    }
    await world.must(holder, "join.end", { run: runOf(1), outcome: "withheld", reason: "minimum-group" });
  });
});

test("either side may say that a run has failed, and then nothing more comes of it", async () => {
  for (const member of [requester, holder]) {
    const world = await openedWorld();
    expect(await code(world.submit(stranger, "join.end", failed()))).toBe("ERR_CONTRACT_NOT_PERMITTED");
    await world.must(member, "join.end", failed());
    expect(await code(world.submit(holder, "join.commit", commit()))).toBe("ERR_CONTRACT_STATE");
  }
});
