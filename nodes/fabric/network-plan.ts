/**
 * What a development network consists of: organisations with one peer and one chaincode server each, a raft ordering
 * service of one organisation of its own, one channel, one chaincode. Recorded in `fabric.json`; nothing else is remembered.
 */
import { type Static, Type } from "typebox";
import { Compile } from "typebox/compile";
import { FabricNetworkError } from "./fabric-error.ts";

export const PLAN_FILE = "fabric.json";

const Port = Type.Integer({ minimum: 1, maximum: 65_535 });
const closed = <T extends Parameters<typeof Type.Object>[0]>(properties: T) =>
  Type.Object(properties, { additionalProperties: false });

export const FabricPlan = closed({
  formatVersion: Type.Literal(1),
  channel: Type.String({ pattern: "^[a-z][a-z0-9.-]{0,248}$" }),
  chaincode: Type.String({ pattern: "^[a-z][a-z0-9-]{0,62}$" }),
  /** Whose endorsement a transaction needs: a peer of every organisation, or of more than half. */
  endorsement: Type.Enum(["all", "majority"]),
  /** How long the ordering service waits for more transactions before it cuts a block. */
  batchTimeoutMs: Type.Integer({ minimum: 1, maximum: 60_000 }),
  /** Absent: true. False: peers without the Gateway service, as before Fabric 2.4. */
  gateway: Type.Optional(Type.Boolean()),
  /** Client certificates per organisation. */
  clients: Type.Integer({ minimum: 1, maximum: 100 }),
  orderers: Type.Array(closed({ name: Type.String(), port: Port, admin: Port }), { minItems: 1, maxItems: 7 }),
  organisations: Type.Array(closed({ name: Type.String(), mspId: Type.String(), peer: Port, chaincode: Port }), {
    minItems: 1,
    maxItems: 20,
  }),
});
export type FabricPlan = Static<typeof FabricPlan>;
export type Organisation = FabricPlan["organisations"][number];
export type Orderer = FabricPlan["orderers"][number];

export const ORDERER_MSP = "OrdererMSP";
export const ORDERER_DOMAIN = "orderer.sealane.test";

export interface PlanOptions {
  readonly organisations: number;
  readonly orderers: 1 | 3;
  readonly endorsement: FabricPlan["endorsement"];
  readonly clients: number;
  readonly batchTimeoutMs: number;
  readonly gateway?: boolean;
}

/** Whether peers serve clients as a Gateway. */
export const hasGateway = ({ gateway = true }: Pick<FabricPlan, "gateway">): boolean => gateway;

export const portsNeeded = ({ organisations, orderers }: PlanOptions): number => 2 * (organisations + orderers);

/** `ports`: as many free ones as `portsNeeded` says. */
export function planNetwork(options: PlanOptions, ports: readonly number[]): FabricPlan {
  const left = [...ports];
  const port = () => left.shift() ?? 0;
  const numbers = (count: number) => Array.from({ length: count }, (_, at) => at + 1);
  return {
    formatVersion: 1,
    channel: "sealane",
    chaincode: "sealane",
    endorsement: options.endorsement,
    batchTimeoutMs: options.batchTimeoutMs,
    ...(options.gateway === false ? { gateway: false } : {}),
    clients: options.clients,
    orderers: numbers(options.orderers).map((n) => ({ name: `orderer${n}`, port: port(), admin: port() })),
    organisations: numbers(options.organisations).map((n) => ({
      name: `org${n}`,
      mspId: `Org${n}MSP`,
      peer: port(),
      chaincode: port(),
    })),
  };
}

const compiled = Compile(FabricPlan);

/** Throws FabricNetworkError. */
export function parsePlan(text: string, file: string): FabricPlan {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    value = undefined;
  }
  if (compiled.Check(value)) return value;
  throw new FabricNetworkError("ERR_FABRIC_NO_NETWORK", `${file}: not the description of a network of this version`);
}
