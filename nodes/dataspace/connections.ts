/** Connections to participants: one pool for each, under the TLS key that the ledger names, to no other address than its own. */
import { Agent } from "undici";
import { pinnedConnector } from "../peer/client.ts";
import type { MemberDirectory } from "../peer/member-directory.ts";
import { PeerError } from "../peer/peer-error.ts";

export interface Connections {
  /** Throws PeerError for an address that is not the participant's. */
  to(peer: string, url: string): Promise<Agent>;
  close(): Promise<void>;
}

export function createConnections(members: Pick<MemberDirectory, "target">): Connections {
  const agents = new Map<string, Agent>();
  return {
    async to(peer: string, url: string): Promise<Agent> {
      const target = await members.target(peer);
      if (new URL(url).origin !== new URL(target.endpoint).origin) {
        throw new PeerError(
          "ERR_PEER_UNREACHABLE",
          `${peer}: ${new URL(url).origin} is not its endpoint on the ledger`,
        );
      }
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
