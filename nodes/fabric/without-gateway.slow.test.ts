/** Peers without the Gateway service: a real network before Fabric 2.4, or a later one with the service switched off. */
import { afterAll, describe, expect, test } from "vitest";
import { keys } from "../../chaincode/rules/keys.ts";
import { admission, anchor, founding } from "../../ledger/conformance/fixture.ts";
import { describeLedger } from "../../ledger/conformance/suite.ts";
import { type ScratchFabric, startScratchFabric } from "./_network.ts";
import { fabricForTests } from "./_skip.ts";

const binaries = await fabricForTests({ gateway: false });
const isMissing = "missing" in binaries;
const OPTIONS = { organisations: 3, orderers: 3, endorsement: "majority", gateway: false } as const;
// Undefined where every test is skipped.
const fabric = (isMissing ? undefined : await startScratchFabric(binaries.binaries, OPTIONS)) as ScratchFabric;
const [founder, ...members] = fabric?.clients.map(({ member }) => member) ?? [];

describe.skipIf(isMissing)("the ledger on Fabric without a Gateway", () => {
  afterAll(() => fabric.close());

  async function founded(onTrouble: (error: unknown) => void = () => undefined) {
    const chaincode = await fabric.deploy();
    const [first] = fabric.clients;
    const ledger = await fabric.open(first!, chaincode, { onTrouble, submitTimeoutMs: 120_000 });
    await ledger.submit([founding(first!.member)]);
    for (const { member } of fabric.clients.slice(1)) await ledger.submit([admission(first!.member, member)]);
    return { ledger, member: first!.member };
  }

  describeLedger({
    name: isMissing ? "skipped" : `Fabric ${binaries.binaries.version} without a Gateway`,
    ...(founder === undefined ? {} : { founder }),
    members,
    async create() {
      const chaincode = await fabric.deploy();
      const ledgers = await Promise.all(fabric.clients.map((client) => fabric.open(client, chaincode)));
      return {
        ledgers,
        async close() {
          await Promise.all(ledgers.map((ledger) => ledger.close()));
        },
      };
    },
  });

  test.each([
    ["an ordering node", ["orderer1"]],
    ["the node's own peer", ["peer-org1"]],
    ["the peer of another organisation", ["peer-org2"]],
    ["its own peer and the whole ordering service", ["peer-org1", "orderer1", "orderer2", "orderer3"]],
  ])("%s killed under load: every record is acknowledged, and counts once", async (_what, victims) => {
    const { ledger, member } = await founded();
    const { height } = await ledger.status();
    let next = 0;
    let stop = false;
    const writing = (async () => {
      for (; !stop; next += 1) await ledger.submit([anchor(member, next)]);
    })();
    await expect.poll(() => next).toBeGreaterThan(3);
    for (const victim of victims) await fabric.kill(victim);
    await fabric.up();
    const restarted = next;
    await expect.poll(() => next).toBeGreaterThan(restarted + 3);
    stop = true;
    await writing;
    expect((await ledger.status()).height).toBe(height + next);
    expect(await ledger.get(keys.access(member.id))).toMatchObject({ to: next });
    await ledger.close();
  });

  test("too few organisations are said to be too few, and what waits goes through once they are back", async () => {
    const troubles: string[] = [];
    const { ledger, member } = await founded((error) => troubles.push((error as Error).message));
    await fabric.kill("peer-org2");
    await fabric.kill("peer-org3");
    const waiting = ledger.submit([anchor(member, 0)]);
    await expect.poll(() => troubles).toContainEqual(expect.stringMatching(/too few organisations endorse: .*Org3MSP/));
    await fabric.up();
    await waiting;
    expect(await ledger.get(keys.access(member.id))).toMatchObject({ to: 1 });
    await ledger.close();
  });
});
