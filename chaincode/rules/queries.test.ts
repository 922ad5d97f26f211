import { describe, expect, test } from "vitest";
import { digest, type TestMember } from "../../ledger/conformance/fixture.ts";
import { agreedWorld, agreementOf, assetOf, openingBody, providers, REQUEST, requester, type World } from "./_world.ts";
import { countAssetUses, countQueries, readQueryAnswered } from "./keys.ts";
import type { TransactionBody } from "./transactions.ts";

const [holder, stranger] = providers as unknown as readonly [TestMember, TestMember];
const agreement = agreementOf(holder);
const answer = (
  number = 1,
  changes: Partial<TransactionBody<"query.answer">> = {},
): TransactionBody<"query.answer"> => ({
  agreement,
  number,
  figures: 2,
  query: digest(`query ${number}`),
  answer: digest(`answer ${number}`),
  ...changes,
});
const code = async (outcome: ReturnType<World["submit"]>) => {
  const got = await outcome;
  return got.ok ? "ok" : got.code;
};

describe("an answer to an encrypted query goes on record", () => {
  test("under an agreement on encrypted queries, and no other", async () => {
    const world = await agreedWorld();
    expect(await code(world.submit(holder, "query.answer", answer()))).toBe("ERR_CONTRACT_AGREEMENT");
    expect(await countQueries(world.state, agreement)).toEqual({ answers: 0, figures: 0 });
  });

  test("by the agreement's provider, while agreement and request stand", async () => {
    const world = await agreedWorld({ figures: 4 });
    for (const other of [stranger, requester]) {
      expect(await code(world.submit(other, "query.answer", answer()))).toBe("ERR_CONTRACT_NOT_PERMITTED");
    }
    await world.must(holder, "query.answer", answer());
    expect(await readQueryAnswered(world.state, agreement, 1)).toMatchObject({ provider: holder.id, body: answer() });
    world.clock = 24 * 60;
    expect(await code(world.submit(holder, "query.answer", answer(2)))).toBe("ERR_CONTRACT_AGREEMENT");
    const revoked = await agreedWorld({ figures: 4 });
    await revoked.must(holder, "agreement.revoke", { agreement, reason: "misuse" });
    expect(await code(revoked.submit(holder, "query.answer", answer()))).toBe("ERR_CONTRACT_AGREEMENT");
    const cancelled = await agreedWorld({ figures: 4 });
    await cancelled.must(requester, "request.cancel", { request: REQUEST, reason: "done" });
    expect(await code(cancelled.submit(holder, "query.answer", answer()))).toBe("ERR_CONTRACT_STATE");
  });

  test("with the next number, once", async () => {
    const world = await agreedWorld({ figures: 4 });
    expect(await code(world.submit(holder, "query.answer", answer(2)))).toBe("ERR_CONTRACT_RANGE");
    await world.must(holder, "query.answer", answer());
    expect(await code(world.submit(holder, "query.answer", answer(1, { answer: digest("another") })))).toBe(
      "ERR_CONTRACT_RANGE",
    );
  });

  test("for as many figures as were agreed on, and not one more, however many ask at once", async () => {
    const world = await agreedWorld({ figures: 10 });
    const outcomes: string[] = [];
    // Whatever number an answer claims: the next one of those that the contract takes.
    for (let call = 0; call < 100; call += 1) {
      const number = (await countQueries(world.state, agreement)).answers + 1;
      outcomes.push(await code(world.submit(holder, "query.answer", answer(number, { figures: 1 }))));
    }
    expect(outcomes.filter((one) => one === "ok")).toHaveLength(10);
    expect(new Set(outcomes.slice(10))).toEqual(new Set(["ERR_CONTRACT_AGREEMENT_USED_UP"]));
    const other = await agreedWorld({ figures: 3 });
    await other.must(holder, "query.answer", answer());
    expect(await code(other.submit(holder, "query.answer", answer(2)))).toBe("ERR_CONTRACT_AGREEMENT_USED_UP");
    expect(await countQueries(other.state, agreement)).toEqual({ answers: 1, figures: 2 });
  });

  test("and no computation is opened under such an agreement", async () => {
    const world = await agreedWorld({ figures: 10 });
    expect(await code(world.submit(requester, "computation.open", openingBody()))).toBe("ERR_CONTRACT_AGREEMENT");
  });

  test("as a use of its asset, over all agreements on it", async () => {
    const world = await agreedWorld({ figures: 10, maxUses: 1 });
    await world.must(holder, "query.answer", answer());
    expect(await countAssetUses(world.state, assetOf(holder))).toBe(1);
    expect(await code(world.submit(holder, "query.answer", answer(2)))).toBe("ERR_CONTRACT_AGREEMENT_USED_UP");
  });
});
