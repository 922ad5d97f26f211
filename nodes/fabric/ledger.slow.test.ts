import { afterAll, describe } from "vitest";
import { describeLedger } from "../../ledger/conformance/suite.ts";
import { fabricForTests } from "./_skip.ts";
import { startScratchFabric } from "./scratch-network.ts";

const binaries = await fabricForTests();

if ("missing" in binaries) {
  describe.skip(`the ledger on Fabric (skipped: ${binaries.missing})`, () => {
    describeLedger({ name: "fabric", members: [], create: () => Promise.reject(new Error("no Fabric")) });
  });
} else {
  const fabric = await startScratchFabric(binaries.binaries, {
    organisations: 3,
    orderers: 1,
    endorsement: "majority",
  });
  afterAll(fabric.close);
  const [founder, ...members] = fabric.clients.map(({ member }) => member);

  describeLedger({
    name: `Fabric ${binaries.binaries.version}`,
    founder: founder!,
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
}
