/** A process that hands in records until it is killed. */
import { codeDigest } from "../../chaincode/fabric/code-digest.ts";
import { anchor, NETWORK, testMember } from "../../ledger/conformance/fixture.ts";
import { openLevelStore } from "../../ledger/embedded/store.ts";
import { type FabricLedgerOptions, openFabricLedger } from "../../ledger/fabric/open-fabric-ledger.ts";

interface Order extends Pick<FabricLedgerOptions, "profile" | "client" | "member"> {
  readonly location: string;
  readonly total: number;
  /** Handed in at once, before the next ones. */
  readonly lot: number;
}

process.once("message", async ({ location, total, lot, ...order }: Order) => {
  const store = await openLevelStore(location);
  const ledger = await openFabricLedger({ ...order, store, network: NETWORK, code: codeDigest(), now: Date.now });
  const author = testMember(order.member);
  for (let at = 0; at < total; at += lot) {
    const submitted = ledger.submit(Array.from({ length: lot }, (_, more) => anchor(author, at + more)));
    if (at === 0) process.send?.("submitting");
    await submitted;
  }
});
