/** A sequencer in a process of its own that a test kills: one line on stdout per acknowledged record. */
import { anchor, founding, NETWORK, testMember } from "../conformance/fixture.ts";
import { createSequencer } from "./sequencer.ts";
import { openLevelStore } from "./store.ts";

const [location = ""] = process.argv.slice(2);
const founder = testMember("operator", { kind: "industry" });
const { ledger } = await createSequencer({
  store: await openLevelStore(location),
  network: NETWORK,
  identity: founder.identity,
  now: () => Date.now(),
});
await ledger.submit([founding(founder)]);
const anchored = await ledger.get<{ to: number }>("access/operator");
for (let from = anchored?.to ?? 0; ; from += 3) {
  const entries = await ledger.submit([anchor(founder, from), anchor(founder, from + 1), anchor(founder, from + 2)]);
  process.stdout.write(`${entries.at(-1)?.position}\n`);
}
