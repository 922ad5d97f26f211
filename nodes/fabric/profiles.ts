/** Connection profiles of a development network: one per client certificate, made once the certificates are there. */
import { readdir, readFile } from "node:fs/promises";
import { dirname, join, relative } from "node:path";
import { readBlockParts } from "../../ledger/audit/fabric-block.ts";
import type { FabricProfile } from "../../ledger/fabric/profile.ts";
import { overwriteFile } from "../store/atomic-file.ts";
import type { StoredNetwork } from "./init-network.ts";
import { hasGateway, ORDERER_MSP, type Organisation } from "./network-plan.ts";

export async function writeProfiles(network: StoredNetwork): Promise<void> {
  const { plan, layout } = network;
  const shared = {
    formatVersion: 1 as const,
    channel: plan.channel,
    chaincode: plan.chaincode,
    genesis: readBlockParts(await readFile(layout.genesis)).hash,
    organisations: [
      ...(await Promise.all(
        plan.organisations.map(async (org) => ({
          mspId: org.mspId,
          kind: "peer" as const,
          roots: await onlyFile(join(layout.peer.organisation(org), "msp", "cacerts")),
        })),
      )),
      {
        mspId: ORDERER_MSP,
        kind: "orderer" as const,
        roots: await onlyFile(join(layout.orderer.organisation, "msp", "cacerts")),
      },
    ],
  };
  const gateways = await Promise.all(
    plan.organisations.map(async (org) => ({
      mspId: org.mspId,
      endpoint: `localhost:${org.peer}`,
      tlsRoots: await readFile(layout.peer.tls(org).root, "utf8"),
    })),
  );
  const orderers = await Promise.all(
    plan.orderers.map(async (orderer) => ({
      endpoint: `localhost:${orderer.port}`,
      tlsRoots: await readFile(layout.orderer.tls(orderer).root, "utf8"),
    })),
  );
  for (const org of plan.organisations) {
    const own = gateways.filter(({ mspId }) => mspId === org.mspId);
    const others = gateways.filter(({ mspId }) => mspId !== org.mspId);
    for (let client = 1; client <= plan.clients; client++) {
      const file = layout.peer.profile(org, client);
      const profile: FabricProfile = {
        ...shared,
        client: { mspId: org.mspId, ...(await clientFiles(network, org, client, dirname(file))) },
        gateways: [...own, ...others],
        ...(hasGateway(plan) ? {} : { orderers }),
      };
      await overwriteFile(file, `${JSON.stringify(profile, null, 2)}\n`, 0o644);
    }
  }
}

async function clientFiles({ layout }: StoredNetwork, org: Organisation, client: number, from: string) {
  const msp = layout.peer.client(org, client);
  const [certificate = ""] = await readdir(join(msp, "signcerts"));
  const [key = ""] = await readdir(join(msp, "keystore"));
  return {
    certificate: relative(from, join(msp, "signcerts", certificate)),
    key: relative(from, join(msp, "keystore", key)),
  };
}

async function onlyFile(folder: string): Promise<string> {
  const [name = ""] = await readdir(folder);
  return readFile(join(folder, name), "utf8");
}
