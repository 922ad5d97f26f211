/** The demonstration's network: every node in this process, or each in its own. Both are driven through `api/v1`. */
import type { SuiteId } from "../../crypto/suites/suite.ts";
import { type ApiAddress, type ApiClient, createApiClient } from "../cli/api-client.ts";
import type { Surroundings } from "../cli/surroundings.ts";
import { personToken } from "../http/person-token.ts";
import { createTestnet } from "../testnet/testnet.ts";
import type { DemoFabric } from "./fabric-network.ts";
import type { Scenario } from "./scenario.ts";
import type { Traffic, WireTap } from "./wire-tap.ts";

export interface DemoNetwork {
  /** Throws RangeError for an unknown member. */
  api(member: string): ApiClient;
  /** As a person of it who reviews results. */
  asPerson(member: string, person: string): ApiClient;
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

/** Sections of a member's sealane.json. */
export const configOf = (
  member: string,
  { receiver, reviewers }: Scenario,
  fabric: DemoFabric | undefined,
): Readonly<Record<string, unknown>> => ({
  ...fabric?.ledgerOf(member),
  ...(member === receiver.id && reviewers !== undefined ? { reviewers } : {}),
});

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
    configOf: (member) => configOf(member, scenario, fabric),
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
    asPerson: (member, person) => clientOf(addresses, member, surroundings, person),
    dir: testnet.dir,
    traffic: async () => tap.traffic(),
    close: () => testnet.close(),
  };
}

export function clientOf(
  addresses: ReadonlyMap<string, ApiAddress>,
  member: string,
  surroundings: Surroundings,
  person?: string,
): ApiClient {
  const address = addresses.get(member);
  if (address === undefined) throw new RangeError(`demo: no node ${member}`);
  const token = person === undefined ? address.token : personToken(address.token, person);
  return createApiClient({ ...address, token }, surroundings);
}
