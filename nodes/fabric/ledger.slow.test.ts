import { afterAll, describe } from "vitest";
import { describeLedger } from "../../ledger/conformance/suite.ts";
import { type ScratchFabric, startScratchFabric } from "./_network.ts";
import { fabricForTests } from "./_skip.ts";

const binaries = await fabricForTests();
const isMissing = "missing" in binaries;
// Undefined where every test is skipped.
const fabric = (
  isMissing
    ? undefined
    : await startScratchFabric(binaries.binaries, { organisations: 3, orderers: 1, endorsement: "majority" })
) as ScratchFabric;
const [founder, ...members] = fabric?.clients.map(({ member }) => member) ?? [];

describe.skipIf(isMissing)("the ledger on Fabric", () => {
  afterAll(() => fabric.close());

  describeLedger({
    name: isMissing ? "skipped" : `Fabric ${binaries.binaries.version}`,
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
});
