/** Configuration of cryptogen and configtxgen for a whole network. Pure. */
import { domainOf, type FabricLayout } from "./layout.ts";
import { type FabricPlan, hasGateway, ORDERER_DOMAIN, ORDERER_MSP } from "./network-plan.ts";
import { writeYaml, type Yaml } from "./yaml.ts";

/** Everything listens on loopback, under either name. */
export const HOST = "127.0.0.1";
const SANS = ["localhost", HOST];

export const cryptoConfig = (plan: FabricPlan): string =>
  writeYaml({
    OrdererOrgs: [
      {
        Name: "Orderer",
        Domain: ORDERER_DOMAIN,
        EnableNodeOUs: true,
        Specs: plan.orderers.map(({ name }) => ({ Hostname: name, SANS })),
      },
    ],
    PeerOrgs: plan.organisations.map((org) => ({
      Name: org.name,
      Domain: domainOf(org),
      EnableNodeOUs: true,
      Specs: [{ Hostname: "peer0", SANS }],
      Users: { Count: plan.clients },
    })),
  });

const signature = (rule: string): Yaml => ({ Type: "Signature", Rule: rule });
const implicit = (rule: string): Yaml => ({ Type: "ImplicitMeta", Rule: rule });
const channelPolicies = (more: { readonly [name: string]: Yaml } = {}): Yaml => ({
  Readers: implicit("ANY Readers"),
  Writers: implicit("ANY Writers"),
  Admins: implicit("MAJORITY Admins"),
  ...more,
});

/** Profile of the channel, for `configtxgen -profile`. */
export const PROFILE = "Sealane";

export function configtx(plan: FabricPlan, layout: FabricLayout): string {
  const ordererOrganisation = {
    Name: "Orderer",
    ID: ORDERER_MSP,
    MSPDir: `${layout.orderer.organisation}/msp`,
    Policies: {
      Readers: signature(`OR('${ORDERER_MSP}.member')`),
      Writers: signature(`OR('${ORDERER_MSP}.member')`),
      Admins: signature(`OR('${ORDERER_MSP}.admin')`),
    },
    OrdererEndpoints: plan.orderers.map(({ port }) => `${HOST}:${port}`),
  };
  const organisations = plan.organisations.map((org) => ({
    Name: org.name,
    ID: org.mspId,
    MSPDir: `${layout.peer.organisation(org)}/msp`,
    Policies: {
      Readers: signature(`OR('${org.mspId}.admin', '${org.mspId}.peer', '${org.mspId}.client')`),
      Writers: signature(`OR('${org.mspId}.admin', '${org.mspId}.client')`),
      Admins: signature(`OR('${org.mspId}.admin')`),
      Endorsement: signature(`OR('${org.mspId}.peer')`),
    },
    AnchorPeers: [{ Host: HOST, Port: org.peer }],
  }));
  return writeYaml({
    Profiles: {
      [PROFILE]: {
        Capabilities: { V2_0: true },
        Policies: channelPolicies(),
        Orderer: {
          OrdererType: "etcdraft",
          BatchTimeout: `${plan.batchTimeoutMs}ms`,
          BatchSize: { MaxMessageCount: 500, AbsoluteMaxBytes: "16 MB", PreferredMaxBytes: "4 MB" },
          Capabilities: { V2_0: true },
          EtcdRaft: {
            Consenters: plan.orderers.map((orderer) => {
              const { certificate } = layout.orderer.tls(orderer);
              return { Host: HOST, Port: orderer.port, ClientTLSCert: certificate, ServerTLSCert: certificate };
            }),
            // A leader within a second or two: all of them are on one machine.
            Options: {
              TickInterval: "100ms",
              ElectionTick: 10,
              HeartbeatTick: 1,
              MaxInflightBlocks: 5,
              SnapshotIntervalSize: "16 MB",
            },
          },
          Organizations: [ordererOrganisation],
          Policies: channelPolicies({ BlockValidation: implicit("ANY Writers") }),
        },
        Application: {
          Capabilities: { [hasGateway(plan) ? "V2_5" : "V2_0"]: true },
          Organizations: organisations,
          Policies: channelPolicies({
            LifecycleEndorsement: implicit("MAJORITY Endorsement"),
            Endorsement: implicit("MAJORITY Endorsement"),
          }),
        },
      },
    },
  });
}

/** Signature policy of the chaincode, or undefined where the channel's own (a majority) is to apply. */
export const signaturePolicy = ({ endorsement, organisations }: FabricPlan): string | undefined =>
  endorsement === "all" ? `AND(${organisations.map(({ mspId }) => `'${mspId}.peer'`).join(",")})` : undefined;
