import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { NETWORK, publicKeyOf, type TestMember, testMember } from "../conformance/fixture.ts";
import { describeLedger, type TestNetwork } from "../conformance/suite.ts";
import { openReplica } from "./replica.ts";
import { createSequencer } from "./sequencer.ts";
import { openLevelStore } from "./store.ts";

async function embedded(founder: TestMember, members: readonly TestMember[]): Promise<TestNetwork> {
  const folder = await mkdtemp(join(tmpdir(), "ledger-"));
  const now = () => Date.now();
  const store = await openLevelStore(join(folder, founder.id));
  const sequencer = await createSequencer({ store, network: NETWORK, identity: founder.identity, now });
  const replicas = await Promise.all(
    members.map(async ({ id, identity }) =>
      openReplica({
        store: await openLevelStore(join(folder, id)),
        network: NETWORK,
        identity,
        sequencer: sequencer.api,
        pinnedSequencerKey: publicKeyOf(founder.identity),
        now,
        retryMs: 20,
      }),
    ),
  );
  return {
    ledgers: [sequencer.ledger, ...replicas],
    async close() {
      await Promise.all(replicas.map((replica) => replica.close()));
      await sequencer.ledger.close();
      await rm(folder, { recursive: true });
    },
  };
}

describeLedger({ name: "embedded, one sequencer", members: [], create: embedded });
describeLedger({
  name: "embedded, sequencer and three cosigning replicas",
  members: ["a", "b", "c"].map((id) => testMember(id, { cosigner: true })),
  create: embedded,
});
describeLedger({
  name: "embedded, sequencer and two replicas of which one cosigns",
  members: [testMember("a", { cosigner: true }), testMember("b")],
  create: embedded,
});
