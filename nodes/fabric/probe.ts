/** Does the network take transactions? Asked as every client does: through a peer's Gateway, or through peers and ordering nodes. */
import { readFile } from "node:fs/promises";
import { dirname, resolve } from "node:path";
import { common } from "@hyperledger/fabric-protos";
import { FUNCTIONS } from "../../chaincode/fabric/messages.ts";
import { partsOfBlock } from "../../ledger/audit/fabric-block.ts";
import { type ChannelConfig, readChannelConfig } from "../../ledger/audit/fabric-channel.ts";
import { connectDirect } from "../../ledger/fabric/direct.ts";
import { parseProfile } from "../../ledger/fabric/profile.ts";
import { openGateway } from "./gateway.ts";
import type { StoredNetwork } from "./init-network.ts";
import { hasGateway, type Organisation } from "./network-plan.ts";

interface How {
  readonly commits: boolean;
}

/**
 * Endorsed by as many organisations as the policy wants, whom the peer of `org` or its client has to find; with `commits`
 * also ordered and found valid. It writes nothing. Throws what the Gateway or the peers say.
 */
export async function probe({ plan, layout }: StoredNetwork, org: Organisation, how: How): Promise<void> {
  const file = layout.peer.profile(org, 1);
  const code = await (hasGateway(plan) ? throughGateway(file, how) : throughPeers(file, how));
  if (code !== VALID) throw new Error(`${org.name}: the first transaction was found invalid with code ${code}`);
}

const VALID = 0;

async function throughGateway(file: string, { commits }: How): Promise<number> {
  const { contract, close } = await openGateway(file);
  try {
    const endorsed = await contract.newProposal(FUNCTIONS.about).endorse();
    return commits ? (await (await endorsed.submit()).getStatus()).code : VALID;
  } finally {
    close();
  }
}

async function throughPeers(file: string, { commits }: How): Promise<number> {
  const profile = parseProfile(await readFile(file, "utf8"), file);
  const read = (path: string) => readFile(resolve(dirname(file), path), "utf8");
  const client = { certificate: await read(profile.client.certificate), privateKey: await read(profile.client.key) };
  let config: ChannelConfig | undefined;
  const connection = connectDirect(profile, profile.gateways[0]!, client, Date.now, () => config);
  try {
    const block = await connection.evaluate("cscc", "GetConfigBlock", [profile.channel]);
    const [envelope] = partsOfBlock(common.Block.deserializeBinary(block)).envelopes;
    config = readChannelConfig(envelope ?? new Uint8Array());
    const endorsed = await connection.call(FUNCTIONS.about, []);
    if (!commits) return VALID;
    await endorsed.submit();
    return (await endorsed.status()).code;
  } finally {
    connection.close();
  }
}
