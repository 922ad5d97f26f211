/** Does the network take transactions? Asked through a peer's Gateway, as every client does. */
import { FUNCTIONS } from "../../chaincode/fabric/messages.ts";
import { openGateway } from "./gateway.ts";
import type { StoredNetwork } from "./init-network.ts";
import type { Organisation } from "./network-plan.ts";

/**
 * Endorsed by as many organisations as the policy wants, which the peer of `org` has to find; with `commits` also ordered
 * and found valid. It writes nothing. Throws what the Gateway says.
 */
export async function probe(
  { layout }: StoredNetwork,
  org: Organisation,
  { commits }: { readonly commits: boolean },
): Promise<void> {
  const { contract, close } = await openGateway(layout.peer.profile(org, 1));
  try {
    const endorsed = await contract.newProposal(FUNCTIONS.about).endorse();
    if (!commits) return;
    const { successful, code } = await (await endorsed.submit()).getStatus();
    if (!successful) throw new Error(`${org.name}: the first transaction was found invalid with code ${code}`);
  } finally {
    close();
  }
}
