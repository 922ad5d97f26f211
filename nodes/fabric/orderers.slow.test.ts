import { afterAll, describe, expect, test } from "vitest";
import { keys } from "../../chaincode/rules/keys.ts";
import { anchor, founding } from "../../ledger/conformance/fixture.ts";
import { caughtUp, collect } from "../../ledger/conformance/suite.ts";
import { type ScratchFabric, startScratchFabric } from "./_network.ts";
import { fabricForTests } from "./_skip.ts";

const binaries = await fabricForTests();
const isMissing = "missing" in binaries;
// Undefined where every test is skipped.
const fabric = (
  isMissing
    ? undefined
    : await startScratchFabric(binaries.binaries, { organisations: 2, orderers: 3, endorsement: "all" })
) as ScratchFabric;

describe.skipIf(isMissing)("three orderers under raft", () => {
  afterAll(() => fabric.close());

  // Leadership moves only away from an orderer that dies: one of the three that die in turn leads when it does.
  test("the leader killed under load: the other two go on, nothing acknowledged is lost, nothing is applied twice", async () => {
    const [first, second] = fabric.clients;
    const founder = first!.member;
    const chaincode = await fabric.deploy();
    const [ledger, other] = [await fabric.open(first!, chaincode), await fabric.open(second!, chaincode)];
    await ledger.submit([founding(founder)]);
    let stop = false;
    let next = 0;
    let last = performance.now();
    let longest = 0;
    const writing = (async () => {
      for (; !stop; next += 2) {
        await ledger.submit([anchor(founder, next), anchor(founder, next + 1)]);
        longest = Math.max(longest, performance.now() - last);
        last = performance.now();
      }
    })();
    for (const orderer of ["orderer1", "orderer2", "orderer3"]) {
      const from = next;
      await expect.poll(() => next).toBeGreaterThan(from + 6);
      longest = 0;
      const killed = next;
      await fabric.kill(orderer);
      await expect.poll(() => next).toBeGreaterThan(killed + 20);
      console.info(`longest wait for an acknowledgement with ${orderer} dead: ${Math.round(longest)} ms`);
      await fabric.up();
    }
    stop = true;
    await writing;
    for (const one of [ledger, other]) {
      await caughtUp(one, 1 + next);
      const ids = (await collect(one.entries(1))).map(({ transaction: { statement } }) => statement.id);
      expect(ids).toEqual(Array.from({ length: next }, (_, at) => anchor(founder, at).statement.id));
      expect(await one.get(keys.access(founder.id))).toMatchObject({ to: next });
      await one.close();
    }
  });
});
