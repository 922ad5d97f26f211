/** Connections to participants: one pool for each, under the TLS key that the ledger names, to no other address than its own. */
import { Agent } from "undici";
import { pinnedConnector } from "../peer/client.ts";
import type { MemberDirectory, PeerTarget } from "../peer/member-directory.ts";
import { PeerError } from "../peer/peer-error.ts";

export interface Connections {
  /** Throws PeerError for an address that is not the participant's. */
  to(peer: string, url: string): Promise<Agent>;
  close(): Promise<void>;
}

/** As `createConnections`, over connections that others keep and close. */
export const sharedConnections = (
  members: Pick<MemberDirectory, "target">,
  pool: (target: PeerTarget) => Agent,
): Connections =>
  Object.freeze({
    to: async (peer: string, url: string) => pool(await targetAt(members, peer, url)),
    close: async () => undefined,
  });

async function targetAt(members: Pick<MemberDirectory, "target">, peer: string, url: string): Promise<PeerTarget> {
  const target = await members.target(peer);
  if (new URL(url).origin === new URL(target.endpoint).origin) return target;
  throw new PeerError("ERR_PEER_UNREACHABLE", `${peer}: ${new URL(url).origin} is not its endpoint on the ledger`);
}

export function createConnections(members: Pick<MemberDirectory, "target">): Connections {
  const agents = new Map<string, Agent>();
  return {
    async to(peer: string, url: string): Promise<Agent> {
      const target = await targetAt(members, peer, url);
      const id = `${target.endpoint} ${target.tls}`;
      const agent = agents.get(id) ?? new Agent({ connect: pinnedConnector(target), connections: 16 });
      agents.set(id, agent);
      return agent;
    },
    async close() {
      await Promise.all([...agents.values()].map((agent) => agent.destroy()));
    },
  };
}
