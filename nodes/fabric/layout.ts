/** Where everything of a development network lies. The folders under `crypto` are as cryptogen makes them. */
import { join } from "node:path";
import { ORDERER_DOMAIN, type Orderer, type Organisation, PLAN_FILE } from "./network-plan.ts";

export const domainOf = ({ name }: Pick<Organisation, "name">): string => `${name}.sealane.test`;

export interface TlsFiles {
  readonly certificate: string;
  readonly key: string;
  readonly root: string;
}

export type FabricLayout = ReturnType<typeof layoutOf>;

/** `dir` is absolute: Fabric's configuration files name absolute paths. */
export function layoutOf(dir: string) {
  const at = (...parts: string[]) => join(dir, ...parts);
  const tls = (folder: string): TlsFiles => ({
    certificate: join(folder, "server.crt"),
    key: join(folder, "server.key"),
    root: join(folder, "ca.crt"),
  });
  const peerOrganisation = (org: Pick<Organisation, "name">) => at("crypto", "peerOrganizations", domainOf(org));
  const orderers = at("crypto", "ordererOrganizations", ORDERER_DOMAIN);
  const ordererHome = ({ name }: Pick<Orderer, "name">) => join(orderers, "orderers", `${name}.${ORDERER_DOMAIN}`);
  const peerHome = (org: Pick<Organisation, "name">) => join(peerOrganisation(org), "peers", `peer0.${domainOf(org)}`);
  const user = (org: Pick<Organisation, "name">, name: string) =>
    join(peerOrganisation(org), "users", `${name}@${domainOf(org)}`, "msp");
  return Object.freeze({
    dir,
    plan: at(PLAN_FILE),
    cryptoConfig: at("crypto-config.yaml"),
    configtx: at("configtx.yaml"),
    crypto: at("crypto"),
    genesis: at("genesis.block"),
    builder: at("builder"),
    log: (name: string) => at("logs", `${name}.log`),
    record: (name: string) => at("run", `${name}.json`),
    data: (name: string) => at("data", name),
    peer: {
      organisation: peerOrganisation,
      config: ({ name }: Pick<Organisation, "name">) => at("peers", name),
      msp: (org: Pick<Organisation, "name">) => join(peerHome(org), "msp"),
      tls: (org: Pick<Organisation, "name">) => tls(join(peerHome(org), "tls")),
      admin: (org: Pick<Organisation, "name">) => user(org, "Admin"),
      /** `number` from 1. */
      client: (org: Pick<Organisation, "name">, number: number) => user(org, `User${number}`),
      profile: ({ name }: Pick<Organisation, "name">, number: number) =>
        at("profiles", number === 1 ? `${name}.json` : `${name}-${number}.json`),
    },
    orderer: {
      organisation: orderers,
      config: ({ name }: Pick<Orderer, "name">) => at("orderers", name),
      msp: (orderer: Pick<Orderer, "name">) => join(ordererHome(orderer), "msp"),
      tls: (orderer: Pick<Orderer, "name">) => tls(join(ordererHome(orderer), "tls")),
    },
    chaincode: {
      package: ({ name }: Pick<Organisation, "name">) => at("chaincode", `${name}.tar.gz`),
      certificate: ({ name }: Pick<Organisation, "name">) => at("chaincode", `${name}.crt`),
      key: ({ name }: Pick<Organisation, "name">) => at("chaincode", `${name}.key`),
    },
  });
}
