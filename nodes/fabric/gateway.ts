/** One client of a development network at its own peer's Gateway, with deadlines on every call. */
import { createPrivateKey, type KeyObject } from "node:crypto";
import { readFile } from "node:fs/promises";
import { dirname, resolve } from "node:path";
import { Client, credentials } from "@grpc/grpc-js";
import { type Contract, connect, hash, signers } from "@hyperledger/fabric-gateway";
import { type FabricProfile, parseProfile } from "../../ledger/fabric/profile.ts";

const CALL_MS = 5_000;
const COMMIT_MS = 60_000;

export interface OpenedGateway {
  readonly contract: Contract;
  readonly profile: FabricProfile;
  /** PEM. */
  readonly certificate: Buffer;
  readonly key: KeyObject;
  close(): void;
}

export async function openGateway(profileFile: string): Promise<OpenedGateway> {
  const profile = parseProfile(await readFile(profileFile, "utf8"), profileFile);
  const read = (name: string) => readFile(resolve(dirname(profileFile), name));
  const certificate = await read(profile.client.certificate);
  const key = createPrivateKey(await read(profile.client.key));
  const [own] = profile.gateways;
  const client = new Client(own!.endpoint, credentials.createSsl(Buffer.from(own!.tlsRoots)));
  const deadline = (ms: number) => () => ({ deadline: Date.now() + ms });
  const gateway = connect({
    client,
    identity: { mspId: profile.client.mspId, credentials: certificate },
    signer: signers.newPrivateKeySigner(key),
    hash: hash.sha256,
    evaluateOptions: deadline(CALL_MS),
    endorseOptions: deadline(CALL_MS),
    submitOptions: deadline(CALL_MS),
    commitStatusOptions: deadline(COMMIT_MS),
  });
  return {
    contract: gateway.getNetwork(profile.channel).getContract(profile.chaincode),
    profile,
    certificate,
    key,
    close() {
      gateway.close();
      client.close();
    },
  };
}
