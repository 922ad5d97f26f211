/** What a configuration block says of its channel: organisations with their roots, and the policies by path. */
import { common, msp, orderer } from "@hyperledger/fabric-protos";
import { decoded, demandThat, FabricFault, present } from "./fabric-fault.ts";
import { type KnownIdentity, type Organisation, readOrganisation } from "./fabric-msp.ts";
import { type Policy, readPolicy, signaturePolicy } from "./fabric-policy.ts";

export interface ChannelConfig {
  readonly channel: string;
  /** Goes up by one with every change. */
  readonly sequence: number;
  /** MSP ids, ascending; those of the ordering service among them. */
  organisations(): readonly string[];
  /** Throws FabricFault. `bytes` is a SerializedIdentity. */
  identify(bytes: Uint8Array): KnownIdentity;
  /** Fingerprints (SHA-256) of an organisation's root certificates; none where it is not on the channel. */
  rootsOf(mspId: string): readonly string[];
  /** As /Channel/Application/Endorsement. Throws FabricFault. */
  policy(path: string): Policy;
  /** `bytes` is an ApplicationPolicy, as the definition of a chaincode holds it. */
  endorsementPolicy(bytes: Uint8Array): Policy;
  readonly consensus: string;
  /** Of one envelope, and of what the ordering service prefers a block to hold. */
  readonly maxBytes: { readonly absolute: number; readonly preferred: number };
}

const MAX_DEPTH = 8;

/** `envelope` is the one transaction of a configuration block. */
export function readChannelConfig(envelope: Uint8Array): ChannelConfig {
  return decoded("configuration", () => {
    const payload = common.Payload.deserializeBinary(common.Envelope.deserializeBinary(envelope).getPayload_asU8());
    const header = common.ChannelHeader.deserializeBinary(
      present(payload.getHeader(), "header").getChannelHeader_asU8(),
    );
    demandThat(header.getType() === common.HeaderType.CONFIG, "fabric-config", { type: header.getType() });
    const config = present(common.ConfigEnvelope.deserializeBinary(payload.getData_asU8()).getConfig(), "config");
    const root = present(config.getChannelGroup(), "channel group");
    const organisations = new Map<string, Organisation>();
    collectOrganisations(root, organisations, 0);
    const policy = (path: string): Policy => policyAt(root, path);
    return {
      channel: header.getChannelId(),
      sequence: config.getSequence(),
      consensus: consensusOf(root),
      maxBytes: maxBytesOf(root),
      organisations: () => [...organisations.keys()].sort(),
      identify(bytes: Uint8Array) {
        const identity = decoded("identity", () => msp.SerializedIdentity.deserializeBinary(bytes));
        const organisation = organisations.get(identity.getMspid());
        if (organisation === undefined) throw new FabricFault("fabric-certificate", { msp: identity.getMspid() });
        return organisation.identify(identity.getIdBytes_asU8());
      },
      rootsOf: (mspId: string) => organisations.get(mspId)?.roots ?? [],
      policy,
      endorsementPolicy(bytes: Uint8Array) {
        const application = decoded("policy", () => common.ApplicationPolicy.deserializeBinary(bytes));
        const own = application.getSignaturePolicy();
        const reference = application.getChannelConfigPolicyReference();
        if (own !== undefined) return signaturePolicy(own.serializeBinary());
        return policy(reference);
      },
    };
  });
}

function collectOrganisations(group: common.ConfigGroup, found: Map<string, Organisation>, depth: number): void {
  demandThat(depth <= MAX_DEPTH, "fabric-form", { what: "configuration" });
  const value = group.getValuesMap().get("MSP") as common.ConfigValue | undefined;
  if (value !== undefined) {
    const organisation = readOrganisation(value.getValue_asU8());
    found.set(organisation.mspId, organisation);
  }
  for (const [, below] of groupsOf(group)) collectOrganisations(below, found, depth + 1);
}

function policyAt(root: common.ConfigGroup, path: string): Policy {
  const [first, ...rest] = path.split("/").slice(1);
  const name = rest.pop();
  let group: common.ConfigGroup | undefined = first === "Channel" ? root : undefined;
  for (const part of rest) group = group?.getGroupsMap().get(part) as common.ConfigGroup | undefined;
  const found = group === undefined || name === undefined ? undefined : policyIn(group, name, 0);
  if (found === undefined) throw new FabricFault("fabric-config", { policy: path });
  return found;
}

function policyIn(group: common.ConfigGroup, name: string, depth: number): Policy | undefined {
  demandThat(depth <= MAX_DEPTH, "fabric-form", { what: "policies" });
  const held = (group.getPoliciesMap().get(name) as common.ConfigPolicy | undefined)?.getPolicy();
  if (held === undefined) return undefined;
  return readPolicy(held, (sub) => groupsOf(group).map(([, below]) => policyIn(below, sub, depth + 1)));
}

const groupsOf = (group: common.ConfigGroup): readonly (readonly [string, common.ConfigGroup])[] =>
  (group.getGroupsMap().toArray() as unknown as [string, common.ConfigGroup][]).map(([name]) => {
    return [name, group.getGroupsMap().get(name) as common.ConfigGroup] as const;
  });

const ordering = (root: common.ConfigGroup, name: string): Uint8Array => {
  const group = root.getGroupsMap().get("Orderer") as common.ConfigGroup | undefined;
  return (group?.getValuesMap().get(name) as common.ConfigValue | undefined)?.getValue_asU8() ?? new Uint8Array();
};

/** As `etcdraft` or `BFT`. */
const consensusOf = (root: common.ConfigGroup): string =>
  orderer.ConsensusType.deserializeBinary(ordering(root, "ConsensusType")).getType();

function maxBytesOf(root: common.ConfigGroup): ChannelConfig["maxBytes"] {
  const size = orderer.BatchSize.deserializeBinary(ordering(root, "BatchSize"));
  return { absolute: size.getAbsoluteMaxBytes(), preferred: size.getPreferredMaxBytes() };
}
