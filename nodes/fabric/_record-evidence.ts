/**
 * Records ledger/audit/vectors/fabric.json.gz from a development network: `node nodes/fabric/_record-evidence.ts`. Blocks with
 * records before and after two changes of the channel's configuration, as two organisations' peers state them.
 */
import "reflect-metadata";
import { execFileSync } from "node:child_process";
import { createPrivateKey, webcrypto } from "node:crypto";
import { mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import { common, peer } from "@hyperledger/fabric-protos";
import * as x509 from "@peculiar/x509";
import type { FabricPart, FabricProof } from "../../ledger/audit/fabric-bundle.ts";
import { wrappedField } from "../../ledger/audit/fabric-evidence.ts";
import { mergeFabric, pinnedFabric } from "../../ledger/audit/fabric-parts.ts";
import { admission, anchors, founding, testMember } from "../../ledger/conformance/fixture.ts";
import { createSigner } from "../../ledger/fabric/signer.ts";
import { startScratchFabric } from "./_network.ts";
import { findBinaries } from "./binaries.ts";
import { HOST } from "./network-files.ts";
import { ORDERER_DOMAIN, ORDERER_MSP, type Organisation } from "./network-plan.ts";

const FILE = fileURLToPath(new URL("../../ledger/audit/vectors/fabric.json.gz", import.meta.url));

const binaries = await findBinaries(process.env);
const fabric = await startScratchFabric(binaries, { organisations: 2, orderers: 1, endorsement: "all" });
try {
  const chaincode = "sealane";
  const [first] = fabric.clients;
  const ledger = await fabric.open(first!, chaincode);
  await ledger.submit([founding(first!.member)]);
  await ledger.submit([admission(first!.member, testMember("other")), ...anchors(first!.member, 0, 3)]);
  await changeConfiguration("60ms");
  await changeConfiguration("70ms");
  await ledger.submit(anchors(first!.member, 3, 5));
  const proofs: FabricProof[] = [];
  const records: unknown[] = [];
  for await (const entry of ledger.entries(0)) {
    const proof = (await ledger.prove(entry.position)).proof as FabricProof;
    proofs.push(proof);
    records.push({ ...entry, proof: { kind: "fabric", ...proof.place } });
  }
  await ledger.close();
  const fixture = {
    about: `Hyperledger Fabric ${binaries.version}: two organisations, one raft orderer, endorsement by both`,
    pinned: pinnedFabric(proofs[0]!),
    part: mergeFabric(proofs.map(({ part }) => part)),
    records,
    forged: await forge(mergeFabric(proofs.map(({ part }) => part))),
  };
  await mkdir(join(FILE, ".."), { recursive: true });
  await writeFile(FILE, gzipSync(JSON.stringify(fixture), { level: 9 }));
} finally {
  await fabric.close();
}

/** What only a holder of this network's keys can make: each is wrong in one way, under signatures that hold. */
async function forge(part: FabricPart) {
  const { layout, plan } = fabric.network;
  const [org, other] = plan.organisations;
  const last = part.blocks.at(-1)!;
  const keyIn = async (folder: string) => readFile(join(folder, (await readdir(folder))[0]!), "utf8");
  const client = createSigner(await keyIn(join(layout.peer.client(org!, 1), "keystore")));
  const envelope = (change: (body: peer.ChaincodeActionPayload) => void) => {
    const outer = common.Envelope.deserializeBinary(Buffer.from(last.data[0]!, "base64url"));
    const payload = common.Payload.deserializeBinary(outer.getPayload_asU8());
    const transaction = peer.Transaction.deserializeBinary(payload.getData_asU8());
    const [action] = transaction.getActionsList();
    const body = peer.ChaincodeActionPayload.deserializeBinary(action!.getPayload_asU8());
    change(body);
    action!.setPayload(body.serializeBinary());
    payload.setData(transaction.serializeBinary());
    return signedAnew(payload.serializeBinary());
  };
  const signedAnew = async (payload: Uint8Array) => {
    const outer = new common.Envelope();
    outer.setPayload(payload);
    outer.setSignature(await client(payload));
    return Buffer.from(outer.serializeBinary()).toString("base64url");
  };
  const data = Buffer.concat(last.data.flatMap((one) => wrappedField(Buffer.from(one, "base64url"))));
  /** What the peer of this organisation signs when it states that the last transaction is invalid. */
  async function lieOf(by: Organisation) {
    const peerKey = createSigner(await keyIn(join(layout.peer.msp(by), "keystore")));
    const lying = last.statements.findIndex(({ endorser }) =>
      Buffer.from(part.identities[endorser]!, "base64url").includes(by.mspId),
    );
    const statement = last.statements[lying]!;
    const after = Buffer.from(statement.after, "base64url");
    // The third of the block's metadata: one byte, VALID; the fourth is empty.
    const flag = after.lastIndexOf(Buffer.of(0x0a, 0x01, 0x00, 0x0a, 0x00));
    after[flag + 2] = 11;
    const identity = Buffer.from(part.identities[statement.endorser]!, "base64url");
    const signature = await peerKey(Buffer.concat([Buffer.from(statement.before, "base64url"), data, after, identity]));
    return {
      statement: lying,
      after: after.toString("base64url"),
      signature: Buffer.from(signature).toString("base64url"),
    };
  }
  return {
    endorsement: await envelope((body) => {
      const [first, second] = body.getAction()!.getEndorsementsList();
      first!.setSignature(second!.getSignature_asU8());
    }),
    policy: await envelope((body) => {
      const action = body.getAction()!;
      action.setEndorsementsList(action.getEndorsementsList().slice(0, 1));
    }),
    twice: await envelope((body) => {
      const action = body.getAction()!;
      const [first] = action.getEndorsementsList();
      action.setEndorsementsList([first!, first!]);
    }),
    proposal: await envelope((body) => {
      const proposal = peer.ChaincodeProposalPayload.deserializeBinary(body.getChaincodeProposalPayload_asU8());
      proposal.setInput(Buffer.concat([proposal.getInput_asU8(), Buffer.of(0x18, 1)]));
      body.setChaincodeProposalPayload(proposal.serializeBinary());
    }),
    lies: [await lieOf(other!), await lieOf(org!)],
    revocation: await revocationOf(layout.peer.organisation(org!), layout.peer.client(org!, 1)),
  };
}

/** The organisation's list with its first client on it, PEM. */
async function revocationOf(organisation: string, client: string): Promise<string> {
  const only = async (folder: string, ending: string) => {
    const name = (await readdir(folder)).find((one) => one.endsWith(ending));
    return readFile(join(folder, name!), "utf8");
  };
  const authority = new x509.X509Certificate(await only(join(organisation, "ca"), ".pem"));
  const certificate = new x509.X509Certificate(await only(join(client, "signcerts"), ".pem"));
  const algorithm = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" };
  const der = createPrivateKey(await only(join(organisation, "ca"), "_sk")).export({ type: "pkcs8", format: "der" });
  const signingKey = await webcrypto.subtle.importKey("pkcs8", new Uint8Array(der), algorithm, false, ["sign"]);
  const list = await x509.X509CrlGenerator.create({
    issuer: authority.subject,
    thisUpdate: new Date(),
    signingAlgorithm: algorithm,
    signingKey,
    entries: [{ serialNumber: certificate.serialNumber, revocationDate: new Date() }],
  });
  return list.toString("pem");
}

/** Another batch timeout, signed by the ordering organisation's administrator. */
async function changeConfiguration(batchTimeout: string): Promise<void> {
  const { plan, layout } = fabric.network;
  const [orderer] = plan.orderers;
  const tls = ["--tls", "--cafile", layout.orderer.tls(orderer!).root, "-o", `${HOST}:${orderer!.port}`];
  const msp = join(layout.orderer.organisation, "users", `Admin@${ORDERER_DOMAIN}`, "msp");
  const env = {
    FABRIC_CFG_PATH: layout.peer.config(plan.organisations[0]!),
    CORE_PEER_LOCALMSPID: ORDERER_MSP,
    CORE_PEER_MSPCONFIGPATH: msp,
  };
  const block = join(layout.dir, "config.block");
  execFileSync(binaries.path.peer, ["channel", "fetch", "config", block, "-c", plan.channel, ...tls], {
    env,
    stdio: "ignore",
  });
  const [data] = common.Block.deserializeBinary(await readFile(block))
    .getData()!
    .getDataList_asU8();
  const payload = common.Payload.deserializeBinary(common.Envelope.deserializeBinary(data!).getPayload_asU8());
  const group = common.ConfigEnvelope.deserializeBinary(payload.getData_asU8()).getConfig()!.getChannelGroup()!;
  const ordering = group.getGroupsMap().get("Orderer")!;
  const timeout = ordering.getValuesMap().get("BatchTimeout")!;

  const versions = (of: common.ConfigGroup) => {
    const copy = new common.ConfigGroup();
    copy.setVersion(of.getVersion());
    return copy;
  };
  const readSet = versions(group);
  readSet.getGroupsMap().set("Orderer", versions(ordering));
  const writeSet = versions(group);
  const changed = versions(ordering);
  const value = new common.ConfigValue();
  value.setVersion(timeout.getVersion() + 1);
  value.setModPolicy(timeout.getModPolicy());
  // orderer.BatchTimeout: the text is field 1.
  value.setValue(Buffer.concat([Buffer.of(0x0a, batchTimeout.length), Buffer.from(batchTimeout)]));
  changed.getValuesMap().set("BatchTimeout", value);
  writeSet.getGroupsMap().set("Orderer", changed);
  const update = new common.ConfigUpdate();
  update.setChannelId(plan.channel);
  update.setReadSet(readSet);
  update.setWriteSet(writeSet);
  const updateEnvelope = new common.ConfigUpdateEnvelope();
  updateEnvelope.setConfigUpdate(update.serializeBinary());
  const channelHeader = new common.ChannelHeader();
  channelHeader.setType(common.HeaderType.CONFIG_UPDATE);
  channelHeader.setChannelId(plan.channel);
  const header = new common.Header();
  header.setChannelHeader(channelHeader.serializeBinary());
  const body = new common.Payload();
  body.setHeader(header);
  body.setData(updateEnvelope.serializeBinary());
  const envelope = new common.Envelope();
  envelope.setPayload(body.serializeBinary());
  const file = join(layout.dir, "update.tx");
  await writeFile(file, envelope.serializeBinary());
  execFileSync(binaries.path.peer, ["channel", "update", "-f", file, "-c", plan.channel, ...tls], {
    env,
    stdio: "ignore",
  });
}
