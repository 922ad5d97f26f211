import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { codeDigest } from "../../chaincode/fabric/code-digest.ts";
import type { FabricProfile } from "../../ledger/fabric/profile.ts";
import type { LedgerStatus } from "../../ledger/port.ts";
import { type StartedNode, sealane, startedNode } from "../cli/_transcript.ts";
import { createTlsIdentity } from "../config/tls-certificate.ts";
import { freePort } from "../testnet/free-port.ts";
import {
  again,
  CHAINCODE,
  CHANNEL,
  type Consortium,
  type ConsortiumOrganisation,
  startConsortium,
} from "./_consortium.ts";
import { fabricForTests } from "./_skip.ts";

const fabric = await fabricForTests();
const title = "missing" in fabric ? `(skipped: ${fabric.missing})` : `of Fabric ${fabric.binaries.version}`;

describe.skipIf("missing" in fabric)(`a network that is not ours ${title}`, () => {
  let consortium: Consortium;
  const servers = new AbortController();
  const ended: Promise<unknown>[] = [];
  const nodes: StartedNode[] = [];
  beforeAll(async () => {
    if ("binaries" in fabric) consortium = await startConsortium(fabric.binaries);
  });
  afterAll(async () => {
    await Promise.all(nodes.map((node) => node.stop()));
    servers.abort();
    await Promise.all(ended);
    await consortium?.close();
  });

  const cli = async <T>(line: string): Promise<T> => {
    const { exitCode, stdout, stderr } = await sealane(`${line} --json`, { cwd: consortium.dir });
    expect(exitCode, `${line}: ${stdout} ${stderr}`).toBe(0);
    return JSON.parse(stdout) as T;
  };

  /** Step 3 of docs/operations.md, for one organisation; the version that it approved. */
  async function installed({ name, chaincodePort, peer }: ConsortiumOrganisation): Promise<string> {
    const member = `chaincode.${name}`;
    const now = new Date().toISOString();
    const tls = await createTlsIdentity({ member, endpoint: undefined, now, serial: Buffer.from("0123456789abcde") });
    await writeFile(join(consortium.dir, `${name}.crt`), tls.certificate);
    await writeFile(join(consortium.dir, `${name}.key`), tls.privateKey);
    const { packageId, version } = await cli<{ packageId: string; version: string }>(
      `fabric package --address localhost:${chaincodePort} --certificate ${name}.crt --out ${name}.tar.gz`,
    );
    await peer("lifecycle", "chaincode", "install", join(consortium.dir, `${name}.tar.gz`));
    const files = `--certificate ${name}.crt --key ${name}.key`;
    const serving = `fabric serve --package-id ${packageId} --listen 127.0.0.1:${chaincodePort} ${files}`;
    ended.push(sealane(serving, { cwd: consortium.dir, signal: servers.signal }));
    await again(() =>
      peer(
        ...["lifecycle", "chaincode", "approveformyorg", ...consortium.toOrderer, "--channelID", CHANNEL],
        ...["--name", CHAINCODE, "--version", version, "--sequence", "1", "--package-id", packageId],
      ),
    );
    return version;
  }

  /** Step 4. */
  async function profileOf(own: ConsortiumOrganisation, genesis: string): Promise<string> {
    const read = (file: string) => readFile(file, "utf8");
    const others = consortium.organisations.filter((one) => one !== own);
    const profile: FabricProfile = {
      formatVersion: 1,
      channel: CHANNEL,
      chaincode: CHAINCODE,
      genesis,
      client: { mspId: own.mspId, certificate: own.files.clientCertificate, key: own.files.clientKey },
      gateways: await Promise.all(
        [own, ...others].map(async ({ mspId, port, files }) => ({
          mspId,
          endpoint: `localhost:${port}`,
          tlsRoots: await read(files.tlsRoot),
        })),
      ),
      organisations: [
        { mspId: own.mspId, kind: "peer", roots: await read(own.files.root) },
        { mspId: consortium.orderer.mspId, kind: "orderer", roots: await read(consortium.orderer.root) },
      ],
    };
    await writeFile(join(consortium.dir, `${own.name}.json`), JSON.stringify(profile));
    return `${own.name}.json`;
  }

  test("takes the contract, a founder and a member by the steps of docs/operations.md", async () => {
    const [first, second] = consortium.organisations;
    const version = await installed(first);
    expect([version, await installed(second)]).toEqual([codeDigest(), codeDigest()]);
    const peers = [first, second].flatMap(({ port, files }) => [
      ...["--peerAddresses", `localhost:${port}`, "--tlsRootCertFiles", files.tlsRoot],
    ]);
    await again(() =>
      first.peer(
        ...["lifecycle", "chaincode", "commit", ...consortium.toOrderer, "--channelID", CHANNEL],
        ...["--name", CHAINCODE, "--version", version, "--sequence", "1", ...peers],
      ),
    );
    const block = join(consortium.dir, "genesis.block");
    await first.peer("channel", "fetch", "0", block, "-c", CHANNEL, ...consortium.toOrderer);
    const pinned = await cli<{ genesis: string; channel: string; organisations: string[] }>(
      `fabric pin --block ${block}`,
    );
    expect(pinned).toMatchObject({ channel: CHANNEL, organisations: ["HarborMSP", "LedgerOpsMSP", "RidgeMSP"] });

    const endpoint = await freePort();
    const api = [await freePort(), await freePort()] as const;
    const init = `node init --fabric ${await profileOf(first, pinned.genesis)} --dir one --id one --kind industry --title One`;
    await cli(`${init} --api-port ${api[0]} --endpoint https://127.0.0.1:${endpoint}`);
    await again(() => cli("network found --dir one --network lane --title Lane --industry 54"));
    nodes.push(await startedNode("one", consortium.dir));
    const other = `node init --fabric ${await profileOf(second, pinned.genesis)} --dir two --id two --kind enterprise`;
    await cli(`${other} --title Two --api-port ${api[1]}`);
    await cli("network invite --dir one --out invitation.json");
    const joined = cli("network join invitation.json --dir two");
    await again(() => cli("member admit two --dir one"));
    expect(await joined).toMatchObject({ network: "lane", height: 2 });
    const status = await cli<LedgerStatus>("ledger status --dir one");
    expect(status).toMatchObject({ kind: "fabric", height: 2, reachable: true, outbox: 0 });
    // Two organisations' peers state the policy of the chaincode alike.
    await cli("trust export --dir one --out trust.json");
  });
});
