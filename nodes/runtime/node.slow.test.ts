import { cp, mkdtemp, readFile, rename, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { readMember } from "../../chaincode/rules/keys.ts";
import { openDatabase } from "../store/database.ts";
import { createTestnet } from "../testnet/testnet.ts";
import { anchorAccess, anchoredEntries } from "./access-anchor.ts";
import { backupNode, restoreNode, verifyBackup } from "./backup.ts";
import { systemEffects } from "./effects.ts";
import { initNode } from "./init-node.ts";
import { admitMember } from "./network/application.ts";
import { createInvitation } from "./network/invitation.ts";
import { joinNetwork } from "./network/join.ts";
import { startNode } from "./node.ts";
import { rotateNode } from "./rotate-node.ts";

const MEMBERS = [
  { id: "operator", kind: "industry" },
  { id: "ministry", kind: "government" },
  { id: "alpha", kind: "enterprise" },
] as const;

let scratch: string;
beforeEach(async () => {
  scratch = await mkdtemp(join(tmpdir(), "node-test-"));
});
afterEach(() => rm(scratch, { recursive: true, force: true }));

describe("a node", () => {
  test("resumes after a restart: same ledger, same stores", async () => {
    await using net = await createTestnet({ members: MEMBERS });
    await net.node("alpha").services.openStore("kept").put("a", { value: 1 });
    const before = await net.node("alpha").services.ledger.status();
    await net.stop("alpha");
    const again = await net.start("alpha");
    expect(await again.services.openStore("kept").get("a")).toEqual({ value: 1 });
    expect((await again.services.ledger.status()).root).toBe(before.root);
  });

  test("starts while the sequencer is away, says so, and catches up", async () => {
    await using net = await createTestnet({ members: MEMBERS });
    await net.stop("alpha");
    await net.stop("operator");
    const alpha = await net.start("alpha");
    const health = async () => (await (await fetch(`${alpha.address.api}/health`)).json()) as unknown;
    expect(await health()).toEqual({ status: "degraded", reasons: ["ledger-unreachable"] });
    const operator = await net.start("operator");
    await operator.services.accessLog.append({ actor: "a", action: "b", target: "c", outcome: "200" });
    await anchorAccess(operator.services);
    await net.settled();
    await expect.poll(health).toEqual({ status: "ok", reasons: [] });
  });

  test("keeps a second process out of its folder", async () => {
    await using net = await createTestnet({ members: MEMBERS.slice(0, 1) });
    const second = startNode({ dir: join(net.dir, "operator"), logLevel: "silent" });
    await expect(second).rejects.toMatchObject({ code: "ERR_STORE_LOCKED" });
  });

  test("reloads limits and names what needs a restart", async () => {
    await using net = await createTestnet({ members: MEMBERS.slice(0, 1) });
    const file = join(net.dir, "operator", "sealane.json");
    const config = JSON.parse(await readFile(file, "utf8"));
    config.limits.bodyBytes = 100;
    config.operator = { name: "someone" };
    await writeFile(file, JSON.stringify(config));
    expect(await net.operator.reload()).toEqual(["operator"]);
    expect(net.operator.services.config().limits.bodyBytes).toBe(100);
    const answer = await post(net.operator, "/api/v1/invitations", { note: "x".repeat(150) });
    expect(answer).toMatchObject({ status: 413, code: "ERR_HTTP_TOO_LARGE" });
  });

  test("a wrong key in the file stops a reload and changes nothing", async () => {
    await using net = await createTestnet({ members: MEMBERS.slice(0, 1) });
    const file = join(net.dir, "operator", "sealane.json");
    const config = JSON.parse(await readFile(file, "utf8"));
    await writeFile(file, JSON.stringify({ ...config, limits: { bodyBites: 1 } }));
    await expect(net.operator.reload()).rejects.toThrow(/limits\.bodyBites/);
    expect(net.operator.services.config().limits.bodyBytes).toBe(4 * 1024 * 1024);
  });

  test("anchors its access log on the ledger once, without gaps", async () => {
    await using net = await createTestnet({ members: MEMBERS.slice(0, 1) });
    const { services } = net.operator;
    await services.accessLog.append({ actor: "a", action: "b", target: "c", outcome: "200" });
    expect(await anchorAccess(services)).toBe(1);
    expect(await anchorAccess(services)).toBe(0);
    expect(await anchoredEntries(services)).toBe(1);
  });
});

describe("key rotation", () => {
  test.each(["alpha", "ministry", "operator"])("gives %s new keys that the network accepts", async (member) => {
    await using net = await createTestnet({ members: MEMBERS });
    const before = net.node(member).services.identity.key;
    await net.stop(member);
    const { keyId } = await rotateNode({ dir: join(net.dir, member), logLevel: "silent" });
    const node = await net.start(member);
    expect(keyId).not.toBe(before);
    expect(node.services.identity.key).toBe(keyId);
    await node.services.accessLog.append({ actor: "a", action: "b", target: "c", outcome: "200" });
    await anchorAccess(node.services);
    await net.settled();
    const seen = await readMember(net.node("operator").services.ledger, member);
    expect(seen?.record.identity.key).toBe(keyId);
  });

  test("of the operator keeps the network open for new members", async () => {
    await using net = await createTestnet({ members: MEMBERS });
    await net.stop("operator");
    await rotateNode({ dir: join(net.dir, "operator"), logLevel: "silent" });
    const operator = await net.start("operator");
    const dir = join(scratch, "late");
    const member = {
      id: "late",
      kind: "enterprise",
      title: { en: "Late" },
      organisation: "late",
      holdingGroup: "late",
    };
    await initNode({ dir, config: { member, api: { host: "127.0.0.1", port: 0 } }, effects: systemEffects });
    const invitation = await createInvitation(operator.services, { expiresInHours: 1, note: "" });
    let admission: Promise<unknown> | undefined;
    const { height } = await joinNetwork({
      dir,
      invitation,
      effects: systemEffects,
      waitMs: 200_000,
      pollMs: 50,
      onState: (state) => {
        if (state === "waiting") admission = admitMember(operator.services, "late");
      },
    });
    await admission;
    expect(height).toBeGreaterThanOrEqual(5);
  });
});

describe("an unfinished key rotation", () => {
  const nextKeysWritten = (dir: string) =>
    expect.poll(() => stat(join(dir, "keys", "identity-next.json")).catch(() => undefined)).toBeDefined();

  test("is taken up again by a second one, because the ledger may still learn of its keys", async () => {
    await using net = await createTestnet({ members: MEMBERS });
    await net.stop("operator");
    const alpha = net.node("alpha");
    const first = alpha.rotateKeys();
    await nextKeysWritten(join(net.dir, "alpha"));
    const second = alpha.rotateKeys();
    await net.start("operator");
    const keyId = (await first).keyId;
    expect((await second).keyId).toBe(keyId);
    await net.stop("alpha");
    expect((await net.start("alpha")).services.identity.key).toBe(keyId);
  });

  test("that was cut off between two files is finished by the next start", async () => {
    await using net = await createTestnet({ members: MEMBERS });
    const keys = join(net.dir, "alpha", "keys");
    const { keyId } = await net.node("alpha").rotateKeys();
    await net.stop("alpha");
    await rename(join(keys, "tls-key-next.json"), join(keys, "tls-key.json"));
    expect((await net.start("alpha")).services.identity.key).toBe(keyId);
  });
});

test("a node whose store was lost says which of its assets it no longer holds, until they are registered anew", async () => {
  await using net = await createTestnet({
    members: [
      { id: "operator", kind: "industry" },
      { id: "alpha", kind: "enterprise" },
    ],
  });
  const path = join(net.dir, "output.csv");
  await writeFile(path, "year,output\n2024,10.5\n");
  const register = () =>
    net.node("alpha").services.assets.register({
      description: {
        id: "alpha:output",
        title: { en: "Output" },
        keywords: ["output"],
        fields: [{ name: "year", element: "year", type: "code", codeTable: "years" }],
        codeTables: { years: [{ code: "2024" }] },
        unit: { kind: "provider" },
        unitDomain: "alpha-output",
        grade: { legal: "general", level: "L1" },
      },
      source: { kind: "csv", path },
    });
  const reasons = async () =>
    ((await (await fetch(`${net.node("alpha").address.api}/health`)).json()) as { reasons: string[] }).reasons;
  await register();
  await net.stop("alpha");
  await net.start("alpha");
  await net.settled();
  expect(await reasons()).not.toContain("assets-missing");
  await net.stop("alpha");
  await rm(join(net.dir, "alpha", "store"), { recursive: true });
  await net.start("alpha");
  await expect.poll(reasons).toContain("assets-missing");
  await register();
  expect(await reasons()).not.toContain("assets-missing");
});

test("a node that runs under a replaced key gives up with one clear error instead of trying for ever", async () => {
  await using net = await createTestnet({ members: MEMBERS });
  const dir = join(net.dir, "alpha");
  await net.stop("alpha");
  const before = join(scratch, "before-rotation");
  await cp(dir, before, { recursive: true });
  await (await net.start("alpha")).rotateKeys();
  await net.stop("alpha");
  await rm(dir, { recursive: true });
  await cp(before, dir, { recursive: true });
  const node = await net.start("alpha");
  await expect(node.fault).rejects.toMatchObject({ code: "ERR_NETWORK_KEY_REPLACED" });
});

describe("backup", () => {
  test("restores a node that goes on where it was, without secrets of running computations", async () => {
    await using net = await createTestnet({ members: MEMBERS });
    await net.node("alpha").services.openStore("kept").put("a", { value: 1 });
    await net.node("alpha").services.inflight.put("secret", { seed: "x" });
    await net.stop("alpha");
    const dir = join(net.dir, "alpha");
    const target = join(scratch, "backup");
    const manifest = await backupNode({ dir, target, now: "2026-01-01T00:00:00.000Z" });
    expect(manifest.files.filter(({ path }) => path.includes("inflight"))).toEqual([]);
    await rm(dir, { recursive: true });
    await restoreNode({ source: target, dir });
    const node = await net.start("alpha");
    expect(await node.services.openStore("kept").get("a")).toEqual({ value: 1 });
    expect(await node.services.inflight.names()).toEqual([]);
    await net.settled();
  });

  test("that is older than the last anchored batch is said, in /health too", async () => {
    await using net = await createTestnet({ members: MEMBERS });
    const dir = join(net.dir, "alpha");
    const target = join(scratch, "older-backup");
    await net.stop("alpha");
    await backupNode({ dir, target, now: "2026-01-01T00:00:00.000Z" });
    const { services } = await net.start("alpha");
    for (let i = 0; i < 3; i += 1) {
      await services.accessLog.append({ actor: "a", action: "b", target: "c", outcome: "200" });
    }
    await anchorAccess(services);
    await net.stop("alpha");
    await rm(dir, { recursive: true });
    await restoreNode({ source: target, dir });
    const { address } = await net.start("alpha");
    const reasons = async () =>
      ((await (await fetch(`${address.api}/health`)).json()) as { reasons: string[] }).reasons;
    await expect.poll(reasons).toContain("access-log-behind");
  });

  test("keeps the node from starting until the copy is whole", async () => {
    await using net = await createTestnet({ members: MEMBERS.slice(0, 1) });
    await net.stop("operator");
    const dir = join(net.dir, "operator");
    const copied: string[] = [];
    await backupNode({
      dir,
      target: join(scratch, "locked-backup"),
      now: "2026-01-01T00:00:00.000Z",
      async onCopied(path) {
        copied.push(path);
        await expect(openDatabase(dir)).rejects.toMatchObject({ code: "ERR_STORE_LOCKED" });
      },
    });
    expect(copied).toEqual(expect.arrayContaining(["sealane.json", "keys/identity.json", "store", "ledger"]));
    await (await openDatabase(dir)).close();
    await verifyBackup(join(scratch, "locked-backup"));
  });

  test("refuses a running node, a changed file and a used folder", async () => {
    await using net = await createTestnet({ members: MEMBERS.slice(0, 1) });
    const dir = join(net.dir, "operator");
    const target = join(scratch, "backup");
    const now = "2026-01-01T00:00:00.000Z";
    await expect(backupNode({ dir, target, now })).rejects.toMatchObject({ code: "ERR_STORE_LOCKED" });
    await net.stop("operator");
    await backupNode({ dir, target, now });
    await expect(backupNode({ dir, target, now })).rejects.toMatchObject({ code: "ERR_BACKUP_EXISTS" });
    await expect(restoreNode({ source: target, dir })).rejects.toMatchObject({ code: "ERR_BACKUP_EXISTS" });
    const changed = join(scratch, "changed");
    await cp(target, changed, { recursive: true });
    await writeFile(join(changed, "network.json"), "{}");
    await expect(verifyBackup(changed)).rejects.toThrow(/network\.json: changed/);
  });
});

async function post(node: { address: { api: string }; token: string }, path: string, body: unknown) {
  const answer = await fetch(node.address.api + path, {
    method: "POST",
    headers: { authorization: `Bearer ${node.token}`, "content-type": "application/json" },
    body: JSON.stringify(body),
  });
  return (await answer.json()) as unknown;
}
