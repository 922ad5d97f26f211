/** The demonstration's network: every node in this process, or each in its own. Both are driven through `api/v1`. */
import type { SuiteId } from "../../crypto/suites/suite.ts";
import { type ApiAddress, type ApiClient, createApiClient } from "../cli/api-client.ts";
import type { Surroundings } from "../cli/surroundings.ts";
import { createTestnet } from "../testnet/testnet.ts";
import type { DemoFabric } from "./fabric-network.ts";
import type { Scenario } from "./scenario.ts";
import type { Traffic, WireTap } from "./wire-tap.ts";

export interface DemoNetwork {
  /** Throws RangeError for an unknown member. */
  api(member: string): ApiClient;
  readonly addresses: ReadonlyMap<string, ApiAddress>;
  /** Parent of the node folders. */
  readonly dir: string;
  traffic(): Promise<Traffic>;
  close(): Promise<void>;
}

export interface DemoNetworkOptions {
  readonly scenario: Scenario;
  readonly suite: SuiteId;
  readonly tap: WireTap;
  readonly surroundings: Surroundings;
  readonly onStep: (member: string) => void;
  /** Absent: the embedded ledger. */
  readonly fabric?: DemoFabric;
}

export const membersOf = ({ operator, requester, receiver, providers }: Scenario) => [
  operator,
  requester,
  receiver,
  ...providers,
];

export async function inProcess({
  scenario,
  suite,
  tap,
  surroundings,
  onStep,
  fabric,
}: DemoNetworkOptions): Promise<DemoNetwork> {
  const testnet = await createTestnet({
    members: membersOf(scenario),
    network: `demo-${scenario.name}`,
    attributes: scenario.attributes,
    suite,
    ...(fabric === undefined ? {} : { configOf: fabric.ledgerOf }),
    observe: tap.see,
    onStep: ({ kind, member }) => {
      surroundings.signal.throwIfAborted();
      if (kind !== "started") onStep(member);
    },
  });
  const addresses = new Map(
    [...testnet.nodes].map(([member, { address, token }]) => [member, { base: address.api, token }]),
  );
  return {
    addresses,
    api: (member) => clientOf(addresses, member, surroundings),
    dir: testnet.dir,
    traffic: async () => tap.traffic(),
    close: () => testnet.close(),
  };
}

export function clientOf(
  addresses: ReadonlyMap<string, ApiAddress>,
  member: string,
  surroundings: Surroundings,
): ApiClient {
  const address = addresses.get(member);
  if (address === undefined) throw new RangeError(`demo: no node ${member}`);
  return createApiClient(address, surroundings);
}
