import { appendFile, cp, mkdtemp, readFile, rename, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { openLevelStore } from "../../ledger/embedded/store.ts";
import { freePort } from "../testnet/free-port.ts";
import { writeAcme } from "./_acme.ts";
import { type StartedNode, sealane, startedNode, type Transcript } from "./_transcript.ts";

let cwd: string;
let operator: StartedNode;
let acme: StartedNode;
const run = (line: string): Promise<Transcript> => sealane(line, { cwd });
const json = async (line: string): Promise<Record<string, unknown>> => {
  const { exitCode, stdout, stderr } = await run(`${line} --json`);
  expect(`${line}: ${exitCode} ${exitCode === 0 ? "" : stderr + stdout}`).toBe(`${line}: 0 `);
  expect(stdout.trim().split("\n")).toHaveLength(1);
  return JSON.parse(stdout);
};

// The life of a small network by its commands; the tests below look at it from several sides.
beforeAll(async () => {
  cwd = await mkdtemp(join(tmpdir(), "sealane-network-"));
  const [peer, api, acmeApi] = [await freePort(), await freePort(), await freePort()];
  await json(
    `node init --dir op --id op --kind industry --title Op --endpoint https://127.0.0.1:${peer} --api-port ${api}`,
  );
  await json("network found --dir op --network steel --industry 31 --title Steel --attribute sector=17,28");
  operator = await startedNode("op", cwd);
  await json(
    `node init --dir acme --id acme --kind enterprise --title Acme --api-port ${acmeApi} --attribute sector=17`,
  );
  await json("network invite --dir op --out invitation.json --note acme");
  const waiting = await run("network join invitation.json --dir acme --wait 0");
  expect([waiting.exitCode, waiting.stderr]).toEqual([5, expect.stringContaining("[ERR_NETWORK_NOT_ADMITTED_YET]")]);
  const applied = await json("member list --waiting --dir op");
  expect(applied.applications).toMatchObject([{ state: "waiting", member: { id: "acme" } }]);
  expect(await json("member admit acme --dir op")).toMatchObject({ member: "acme", position: 1 });
  expect(await json("network join invitation.json --dir acme --wait 60")).toMatchObject({ network: "steel" });
  acme = await startedNode("acme", cwd);
  await writeAcme(cwd);
  const first = (await readFile(join(cwd, "acme.json"), "utf8")).replace("acme:energy", "acme:first");
  await writeFile(join(cwd, "first.json"), first);
  await json("asset register first.json --dir acme");
  await json("trust export --dir acme --out trust.json");
});

afterAll(async () => {
  await Promise.all([operator?.stop(), acme?.stop()]);
  await rm(cwd, { recursive: true, force: true });
});

test("both members see the same network", async () => {
  const views = await Promise.all(["op", "acme"].map((dir) => json(`member list --dir ${dir}`)));
  expect(views[0]).toEqual(views[1]);
  const { stdout } = await run("member list --dir acme --lang zh-CN");
  expect(stdout).toMatch(/acme\s+Acme\s+企业\s+acme\s+有效/);
});

test("an invitation is used once and by one applicant", async () => {
  expect((await stat(join(cwd, "invitation.json"))).mode & 0o777).toBe(0o600);
  await json(`node init --dir other --id other --kind enterprise --title Other --api-port ${await freePort()}`);
  const { exitCode, stderr } = await run("network join invitation.json --dir other --wait 0");
  expect([exitCode, stderr]).toEqual([2, expect.stringContaining("[ERR_NETWORK_INVITATION_USED]")]);
});

test("only the operator admits, suspends and invites, and nothing is written otherwise", async () => {
  for (const line of ["member suspend op --reason x", "member admit x", "network invite --out other.json"]) {
    const { exitCode, stderr } = await run(`${line} --dir acme`);
    expect([line, exitCode, stderr]).toEqual([line, 1, expect.stringContaining("[ERR_NETWORK_NOT_OPERATOR]")]);
  }
  await expect(stat(join(cwd, "other.json"))).rejects.toThrow(/ENOENT/);
});

test("the ledger is shown in order, and a position beyond it is refused", async () => {
  const { stdout } = await run("ledger show --dir acme");
  expect(stdout).toMatch(/0 .*network.found\s+op\n1 .*member.admit\s+op/);
  expect(await json("ledger show 1 --dir acme")).toMatchObject({ position: 1, transaction: { signer: "op" } });
  expect(await json("ledger status --dir acme")).toMatchObject({ kind: "embedded", role: "replica", height: 3 });
  expect(await run("ledger show 99 --dir acme")).toMatchObject({ exitCode: 1, stdout: "" });
  expect(await run("ledger show x --dir acme")).toMatchObject({ exitCode: 2, stdout: "" });
});

test("a second node on the same folder, and a backup of it, are refused while the first one runs", async () => {
  const { exitCode, stderr } = await run("node start --dir acme");
  expect([exitCode, stderr]).toEqual([1, expect.stringContaining("[ERR_STORE_LOCKED]")]);
  expect((await run("node backup copy --dir acme")).stderr).toContain("[ERR_STORE_LOCKED]");
});

test("files are not overwritten", async () => {
  const before = await readFile(join(cwd, "trust.json"), "utf8");
  expect(await run("trust export --dir acme --out trust.json")).toMatchObject({ exitCode: 2 });
  expect(await readFile(join(cwd, "trust.json"), "utf8")).toBe(before);
});

test("the ledger verifies while the node runs and after it stopped, and a flipped byte is found", async () => {
  expect(await json("audit ledger --trust trust.json --dir acme")).toMatchObject({ verdict: "verified", entries: 3 });
  await acme.stop();
  expect(await json("audit ledger --trust trust.json --dir acme")).toMatchObject({ verdict: "verified", entries: 3 });

  await cp(join(cwd, "acme"), join(cwd, "tampered"), { recursive: true });
  const store = await openLevelStore(join(cwd, "tampered/ledger"));
  const key = `entry/${"1".padStart(16, "0")}`;
  const text = (await store.get(key)) ?? "";
  await store.batch([{ type: "put", key, value: text.replace('"acme"', '"acmf"') }], { sync: true });
  await store.close();
  const { exitCode, stdout } = await run("audit ledger --trust trust.json --dir tampered");
  expect([exitCode, stdout]).toEqual([4, expect.stringMatching(/FAILED[\s\S]*\/1 /)]);
  acme = await startedNode("acme", cwd);
});

test("a stopped node is backed up, restored elsewhere and gets new keys that the network accepts", async () => {
  await acme.stop();
  await json("node backup copy --dir acme");
  expect(await run("node restore copy --dir acme")).toMatchObject({ exitCode: 1, stdout: "" });
  expect(await json("node restore copy --dir restored")).toMatchObject({ member: "acme" });
  await rm(join(cwd, "acme"), { recursive: true });
  await rename(join(cwd, "restored"), join(cwd, "acme"));
  const { key } = await json("node rotate-key --dir acme");
  acme = await startedNode("acme", cwd);
  const { members } = (await json("member list --dir op")) as { members: { record: { identity: { key: string } } }[] };
  expect(members.map(({ record }) => record.identity.key)).toContain(key);
});

test("an audit with an unreadable trust file says so before anything else", async () => {
  await writeFile(join(cwd, "broken.json"), "{");
  await appendFile(join(cwd, "bundle.json"), "{}");
  expect(await run("audit verify bundle.json --trust broken.json")).toMatchObject({ exitCode: 2, stdout: "" });
  expect(await run("audit verify gone.json --trust trust.json")).toMatchObject({ exitCode: 2, stdout: "" });
  expect(await run("audit verify bundle.json --trust trust.json")).toMatchObject({ exitCode: 4 });
});

test("an asset is registered, found from another node, given a policy and withdrawn", async () => {
  expect(await json("policy check policy.json")).toMatchObject({ ok: true });
  const registered = await json("asset register acme.json --policy policy.json --dir acme");
  expect(registered).toMatchObject({ state: "registered", policyVersion: 1, asset: { quality: { rows: 2 } } });
  expect(await json("policy show acme:energy --dir acme")).toMatchObject({ version: 1 });
  const { stdout } = await run("asset list --dir acme --lang zh-CN");
  expect(stdout).toMatch(/acme:energy\s+用能\s+1\s+已登记\s+1\s+2/);
  await expect.poll(async () => (await json("asset search energy --dir op")).assets).toHaveLength(1);
  expect((await json("asset search steel --dir op")).assets).toEqual([]);
  expect(await run("asset withdraw acme:gone --reason old --dir acme")).toMatchObject({ exitCode: 1, stdout: "" });
  await json("asset withdraw acme:energy --reason outdated --dir acme");
  expect((await json("asset search energy --dir op")).assets).toEqual([]);
});

test("a table that is not what was described is refused with every problem at once, and nothing is registered", async () => {
  const { source, asset } = JSON.parse(await readFile(join(cwd, "acme.json"), "utf8"));
  const fields = asset.fields.map((field: object) => ({ ...field, name: `no-${(field as { name: string }).name}` }));
  await writeFile(join(cwd, "wrong.json"), JSON.stringify({ source, asset: { ...asset, id: "acme:wrong", fields } }));
  const { exitCode, stdout, stderr } = await run("asset register wrong.json --dir acme");
  expect([exitCode, stdout]).toEqual([2, ""]);
  expect(stderr).toMatch(/\[ERR_CATALOG_INVALID\][\s\S]*no-year[\s\S]*no-kwh/);
  const { assets } = (await json("asset list --dir acme")) as { assets: { asset: { id: string } }[] };
  expect(assets.map(({ asset: { id } }) => id)).not.toContain("acme:wrong");
  await writeFile(join(cwd, "gone.json"), JSON.stringify({ source: { ...source, path: "../gone.csv" }, asset }));
  expect((await run("asset register gone.json --dir acme")).stderr).toContain("[ERR_SOURCE_PATH]");
  expect(await run("asset register policy.json --dir acme")).toMatchObject({ exitCode: 2 });
});

test("an unknown term in a policy is named by check and refused by set", async () => {
  const policy = JSON.parse(await readFile(join(cwd, "policy.json"), "utf8"));
  policy.permission[0].constraint.push({ leftOperand: "weather", operator: "eq", rightOperand: "fine" });
  await writeFile(join(cwd, "odd.json"), JSON.stringify(policy));
  const checked = await run("policy check odd.json --json");
  expect(checked.exitCode).toBe(1);
  expect(JSON.parse(checked.stdout).problems).toMatchObject([{ code: "operand-unknown" }]);
  const set = await run("policy set acme:energy odd.json --dir acme");
  expect([set.exitCode, set.stdout]).toEqual([2, ""]);
});
