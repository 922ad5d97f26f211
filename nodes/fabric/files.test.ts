import { execFileSync } from "node:child_process";
import { createHash, randomBytes } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { chmod, mkdir, readFile, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";
import { afterEach, beforeEach, expect, test } from "vitest";
import { codeDigest } from "../../chaincode/fabric/code-digest.ts";
import { sealane } from "../cli/_transcript.ts";
import { findBinaries, isSupported, PROGRAMS } from "./binaries.ts";
import { chaincodePackage } from "./chaincode-package.ts";
import { initFabric, packageIdOf, readFabric } from "./init-network.ts";
import { layoutOf } from "./layout.ts";
import { configtx, cryptoConfig, signaturePolicy } from "./network-files.ts";
import { planNetwork, portsNeeded } from "./network-plan.ts";
import { endProcess, isCurrent, livePid, type ProcessPlan, startProcess, waitUntilUp } from "./processes.ts";
import { writeYaml } from "./yaml.ts";

let dir: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), "sealane-fabric-"));
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

const OPTIONS = { organisations: 2, orderers: 1, endorsement: "all", clients: 2, batchTimeoutMs: 50 } as const;
const NOW = "2026-03-01T00:00:00Z";

test("YAML: maps, lists, lists of maps and texts that look like something else", () => {
  const text = writeYaml({ A: { "b c": "yes", d: [1, { e: null, f: [] }, "x: y"] }, on: true });
  expect(text).toBe('A:\n  "b c": "yes"\n  d:\n    - 1\n    - e:\n      f: []\n    - "x: y"\n"on": true\n');
});

test("a chaincode package is the same bytes every time, tar reads it, and its id is label and SHA-256", () => {
  const server = { label: "sealane", address: "127.0.0.1:9999", rootCertificate: "PEM" };
  const { bytes, id } = chaincodePackage(server);
  expect(chaincodePackage(server).bytes.equals(bytes)).toBe(true);
  expect(id).toBe(`sealane:${createHash("sha256").update(bytes).digest("hex")}`);
  const list = execFileSync("tar", ["-tzf", "-"], { input: bytes, encoding: "utf8" });
  expect(list).toBe("metadata.json\ncode.tar.gz\n");
  const code = execFileSync("tar", ["-xzOf", "-", "code.tar.gz"], { input: bytes });
  const connection = execFileSync("tar", ["-xzOf", "-", "connection.json"], { input: code, encoding: "utf8" });
  expect(JSON.parse(connection)).toMatchObject({ address: "127.0.0.1:9999", tls_required: true, root_cert: "PEM" });
  // No private key: peers keep the package as it is.
  expect(gunzipSync(code).toString()).not.toContain("client_key");
});

test("a package for an existing network is made on the command line, with its id and the version to agree on", async () => {
  await writeFile(join(dir, "tls.crt"), "PEM");
  const line = "fabric package --address cc.example.org:9999 --certificate tls.crt --out sealane.tar.gz --json";
  const { stdout, exitCode } = await sealane(line, { cwd: dir });
  expect(exitCode).toBe(0);
  const bytes = await readFile(join(dir, "sealane.tar.gz"));
  const packageId = `sealane:${createHash("sha256").update(bytes).digest("hex")}`;
  expect(JSON.parse(stdout)).toMatchObject({ packageId, version: codeDigest() });
});

test("init writes every file once, with ports of its own, and refuses a folder that holds a network", async () => {
  const plan = await initFabric(dir, OPTIONS, { now: NOW, random: randomBytes });
  const ports = [...plan.orderers, ...plan.organisations].flatMap((one) => Object.values(one)).filter(Number.isInteger);
  expect(new Set(ports).size).toBe(portsNeeded(OPTIONS));
  const network = await readFabric(dir);
  expect(network.plan).toEqual(plan);
  const core = await readFile(join(dir, "peers", "org2", "core.yaml"), "utf8");
  expect(core).toContain(`listenAddress: "127.0.0.1:${plan.organisations[1]!.peer}"`);
  const stored = await readFile(join(dir, "chaincode", "org1.tar.gz"));
  expect(await packageIdOf(network, plan.organisations[0]!)).toBe(
    `sealane:${createHash("sha256").update(stored).digest("hex")}`,
  );
  await expect(initFabric(dir, OPTIONS, { now: NOW, random: randomBytes })).rejects.toMatchObject({
    code: "ERR_FABRIC_EXISTS",
  });
});

test("the policy names every organisation, or leaves it to the channel's majority", () => {
  const all = planNetwork(OPTIONS, []);
  expect(signaturePolicy(all)).toBe("AND('Org1MSP.peer','Org2MSP.peer')");
  expect(signaturePolicy({ ...all, endorsement: "majority" })).toBeUndefined();
  const layout = layoutOf("/net");
  expect(configtx(planNetwork({ ...OPTIONS, orderers: 3 }, []), layout).match(/ServerTLSCert/g)).toHaveLength(3);
  expect(cryptoConfig(all)).toContain("EnableNodeOUs: true");
});

test("2.5 and 3.x are supported, others are not", () => {
  for (const good of ["v2.5.0", "2.5.16", "v3.0.0", "3.1.5", "2.6.0-snapshot"])
    expect(isSupported(good), good).toBe(true);
  for (const bad of ["2.4.9", "1.4.12", "4.0.0", "latest", undefined]) expect(isSupported(bad), bad).toBe(false);
});

test("a missing program and a wrong version are named, with where the project offers them", async () => {
  await mkdir(join(dir, "bin"));
  const env = { FABRIC_BIN: join(dir, "bin") };
  const program = async (name: string, version: string) => {
    await writeFile(join(dir, "bin", name), `#!/bin/sh\necho " Version: ${version}"\n`);
    await chmod(join(dir, "bin", name), 0o755);
  };
  await program("peer", "v2.5.4");
  await expect(findBinaries(env)).rejects.toMatchObject({
    code: "ERR_FABRIC_BINARY_MISSING",
    message: expect.stringMatching(/^orderer, configtxgen, cryptogen, osnadmin: .*github\.com\/hyperledger\/fabric/),
  });
  for (const name of PROGRAMS) await program(name, "v2.5.4");
  expect(await findBinaries(env)).toMatchObject({ version: "2.5.4" });
  await program("orderer", "v2.4.9");
  await expect(findBinaries(env)).rejects.toMatchObject({
    code: "ERR_FABRIC_BINARY_VERSION",
    message: expect.stringMatching(/orderer: version 2\.4\.9; wanted 2\.5\.x or later, or 3\.x/),
  });
});

const processIn = (script: string): ProcessPlan => ({
  name: "it",
  command: "/bin/sh",
  args: ["-c", script],
  env: {},
  cwd: dir,
  log: join(dir, "logs", "it.log"),
  record: join(dir, "run", "it.json"),
  edition: "1",
});

test("a process is known by pid and start: another one under its pid is neither taken for it nor ended", async () => {
  const plan = processIn("exec sleep 100");
  await startProcess(plan);
  const pid = await livePid(plan.record);
  expect(pid).toBeGreaterThan(1);
  expect(await isCurrent(plan)).toBe(true);
  expect(await isCurrent({ ...plan, edition: "2" })).toBe(false);
  // This very test process, said to have started at another time.
  await writeFile(
    join(dir, "other.json"),
    JSON.stringify({ pid: process.pid, started: "another boot 1", edition: "1" }),
  );
  expect(await livePid(join(dir, "other.json"))).toBeUndefined();
  expect(await endProcess(join(dir, "other.json"))).toBe(false);
  expect(await endProcess(plan.record)).toBe(true);
  expect(await livePid(plan.record)).toBeUndefined();
  expect(await endProcess(plan.record)).toBe(false);
});

test("a process that ends at once is reported with the end of its log", async () => {
  const plan = processIn("echo panic: no ledger here; exit 2");
  await expect(
    (async () => {
      await startProcess(plan);
      await waitUntilUp(plan, async () => false, { timeoutMs: 60_000, signal: new AbortController().signal });
    })(),
  ).rejects.toMatchObject({
    code: "ERR_FABRIC_PROCESS",
    message: expect.stringMatching(/it: ended.*\n.*panic: no ledger/),
  });
});
