import { X509Certificate } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { readFile, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { clientOf } from "../../chaincode/fabric/caller.ts";
import { codeDigest } from "../../chaincode/fabric/code-digest.ts";
import { FUNCTIONS, type SubmitOutcome } from "../../chaincode/fabric/messages.ts";
import { canonicalJson } from "../../crypto/suites/digest.ts";
import { anchor, founding, type TestMember, testMember } from "../../ledger/conformance/fixture.ts";
import type { SignedTransaction } from "../../ledger/port.ts";
import { sealane } from "../cli/_transcript.ts";
import { fabricForTests } from "./_skip.ts";
import { type OpenedGateway, openGateway } from "./gateway.ts";
import { readFabric, type StoredNetwork } from "./init-network.ts";
import { livePid } from "./processes.ts";
import type { FabricStatus } from "./status.ts";

const fabric = await fabricForTests();

const title = "missing" in fabric ? `(skipped: ${fabric.missing})` : `of Fabric ${fabric.binaries.version}`;

describe.skipIf("missing" in fabric)(`a development network ${title}`, () => {
  let dir: string;
  let network: StoredNetwork;
  let gateway: OpenedGateway;
  let founder: TestMember;

  const cli = async (command: string) => {
    const { FABRIC_BIN, PATH } = process.env;
    const env = { ...(FABRIC_BIN === undefined ? {} : { FABRIC_BIN }), ...(PATH === undefined ? {} : { PATH }) };
    const end = await sealane(`fabric ${command} --json --dir ${dir}`, { cwd: dir, env });
    return { exitCode: end.exitCode, json: JSON.parse(end.stdout) as never, stdout: end.stdout };
  };
  const submit = async (transaction: SignedTransaction): Promise<SubmitOutcome[]> => {
    const call = JSON.stringify({ member: founder.id, code: codeDigest() });
    const answer = await gateway.contract.submit(FUNCTIONS.submit, { arguments: [call, canonicalJson(transaction)] });
    return JSON.parse(Buffer.from(answer).toString("utf8")) as SubmitOutcome[];
  };
  const anchored = async (): Promise<number> => {
    const answer = await gateway.contract.evaluate(FUNCTIONS.get, { arguments: [`access/${founder.id}`] });
    return (JSON.parse(Buffer.from(answer).toString("utf8")) as { to: number } | null)?.to ?? 0;
  };
  const kill = async (name: string) => {
    const pid = await livePid(network.layout.record(name));
    expect(pid, name).toBeDefined();
    process.kill(pid!, "SIGKILL");
    await expect.poll(() => livePid(network.layout.record(name))).toBeUndefined();
  };
  const connected = async () => {
    gateway?.close();
    gateway = await openGateway(network.layout.peer.profile(network.plan.organisations[0]!, 1));
  };

  beforeAll(async () => {
    dir = mkdtempSync(join(tmpdir(), "sealane-fabric-"));
    expect((await cli("init --orgs 2 --orderers 3 --clients 1 --endorsement all")).exitCode).toBe(0);
    network = await readFabric(dir);
    const first = await cli("up");
    expect(first.stdout).toContain('"started":["orderer');
    expect(first.exitCode).toBe(0);
    await connected();
    const [org] = network.plan.organisations;
    const certificate = new X509Certificate(gateway.certificate);
    founder = testMember("founder", { fabric: clientOf(org!.mspId, certificate) });
    expect(await submit(founding(founder))).toEqual([{ ok: true }]);
  });
  afterAll(async () => {
    gateway?.close();
    if (network !== undefined) await cli("down");
    rmSync(dir, { recursive: true, force: true });
  });

  test("up again starts nothing and says so; status is whole", async () => {
    expect((await cli("up")).json).toMatchObject({ started: [], sequence: 1, version: codeDigest() });
    const { exitCode, json } = await cli("status");
    expect(exitCode).toBe(0);
    const { processes, chaincode } = json as FabricStatus;
    expect(processes).toHaveLength(3 + 2 + 2);
    expect(chaincode).toMatchObject({ name: "sealane", version: codeDigest(), sequence: 1 });
    const heights = new Set(processes.flatMap(({ height }) => height ?? []));
    expect(Math.min(...heights)).toBeGreaterThan(4);
  });

  test.each([
    ["an orderer", ["orderer1"]],
    ["a peer", ["peer-org2"]],
    ["the peer of the client, and its chaincode server", ["peer-org1", "chaincode-org1"]],
    ["everything", ["orderer1", "orderer2", "orderer3", "peer-org1", "peer-org2", "chaincode-org1", "chaincode-org2"]],
  ])("killed: %s; status names it, up mends it, nothing acknowledged is lost", async (_title, names) => {
    const before = await anchored();
    expect(await submit(anchor(founder, before))).toEqual([{ ok: true }]);
    for (const name of names) await kill(name);
    const broken = await cli("status");
    expect(broken.exitCode).toBe(1);
    const dead = (broken.json as FabricStatus).processes.filter(({ pid }) => pid === undefined);
    expect(dead.map(({ name }) => name).sort()).toEqual([...names].sort());
    const mended = await cli("up");
    expect((mended.json as { started: string[] }).started.sort(), mended.stdout).toEqual([...names].sort());
    await connected();
    expect(await anchored()).toBe(before + 1);
    expect(await submit(anchor(founder, before + 1))).toEqual([{ ok: true }]);
  });

  test("a process that cannot start is reported with the end of its log", async () => {
    await kill("orderer2");
    const file = join(network.layout.orderer.config(network.plan.orderers[1]!), "orderer.yaml");
    const good = await readFile(file, "utf8");
    await writeFile(file, good.replace(/LocalMSPDir: .*/, 'LocalMSPDir: "/nowhere"'));
    const failed = await cli("up");
    expect(failed.exitCode).toBe(1);
    expect(failed.stdout).toMatch(/ERR_FABRIC_PROCESS.*orderer2: ended.*\/nowhere/s);
    await writeFile(file, good);
    expect((await cli("up")).json).toMatchObject({ started: ["orderer2"] });
  });

  test("down ends everything, twice does no harm, and up finds what was there", async () => {
    const before = await anchored();
    gateway.close();
    expect((await cli("down")).stdout).toContain("chaincode-org2");
    expect((await cli("down")).json).toEqual({ ended: [] });
    expect((await cli("status")).exitCode).toBe(1);
    expect((await cli("up")).exitCode).toBe(0);
    await connected();
    expect(await anchored()).toBe(before);
  });
});
