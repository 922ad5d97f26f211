import { randomBytes } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { readMember } from "../../../chaincode/rules/keys.ts";
import { type StoredEntry, storedForm, verifyReplica } from "../../../ledger/audit/replica.ts";
import { readKeys } from "../../config/node-keys.ts";
import { createTestnet, type Testnet } from "../../testnet/testnet.ts";
import { systemEffects } from "../effects.ts";
import { initNode } from "../init-node.ts";
import { startNode } from "../node.ts";
import { admitMember, refuseApplication } from "./application.ts";
import { foundNetwork } from "./found.ts";
import { createInvitation, type Invitation } from "./invitation.ts";
import { joinNetwork } from "./join.ts";
import { exportTrust } from "./trust.ts";

let net: Testnet;
let folders: string;
let count = 0;
beforeAll(async () => {
  folders = await mkdtemp(join(tmpdir(), "network-test-"));
  net = await createTestnet({
    members: [
      { id: "operator", kind: "industry" },
      { id: "alpha", kind: "enterprise" },
    ],
  });
});
afterAll(async () => {
  await net.close();
  await rm(folders, { recursive: true, force: true });
});

const invite = () => createInvitation(net.operator.services, { expiresInHours: 1, note: "" });

async function applicant(id = `applicant-${++count}`, kind = "enterprise"): Promise<string> {
  const dir = join(folders, `${id}-${randomBytes(4).toString("hex")}`);
  const member = { id, kind, title: { en: id }, organisation: `${id}-${count}`, holdingGroup: id };
  await initNode({ dir, config: { member, api: { port: 0 } }, effects: systemEffects });
  return dir;
}

const joinWith = (dir: string, invitation: unknown, effects = systemEffects) =>
  joinNetwork({ dir, invitation, effects, waitMs: 0, pollMs: 10 });

describe("joining", () => {
  test("waits for the operator, and the same call goes on later", async () => {
    const dir = await applicant();
    const invitation = await invite();
    await expect(joinWith(dir, invitation)).rejects.toMatchObject({ code: "ERR_NETWORK_NOT_ADMITTED_YET" });
    await expect(joinWith(dir, invitation)).rejects.toMatchObject({ code: "ERR_NETWORK_NOT_ADMITTED_YET" });
    await expect(startNode({ dir, logLevel: "silent" })).rejects.toMatchObject({ code: "ERR_NETWORK_NONE" });
  });

  test("ends when the operator refuses", async () => {
    const dir = await applicant("refused-one");
    const invitation = await invite();
    await expect(joinWith(dir, invitation)).rejects.toMatchObject({ code: "ERR_NETWORK_NOT_ADMITTED_YET" });
    await refuseApplication(net.operator.services, "refused-one", "not-eligible");
    await expect(joinWith(dir, invitation)).rejects.toThrow(/not-eligible/);
  });

  test("an invitation serves one application", async () => {
    const invitation = await invite();
    await expect(joinWith(await applicant(), invitation)).rejects.toMatchObject({
      code: "ERR_NETWORK_NOT_ADMITTED_YET",
    });
    await expect(joinWith(await applicant(), invitation)).rejects.toMatchObject({
      code: "ERR_NETWORK_INVITATION_USED",
    });
  });

  test("an expired invitation is refused by applicant and operator", async () => {
    const invitation = await invite();
    const late = new Date(Date.now() + 2 * 3_600_000).toISOString();
    const later = { ...systemEffects, now: () => late };
    await expect(joinWith(await applicant(), invitation, later)).rejects.toMatchObject({
      code: "ERR_NETWORK_INVITATION_EXPIRED",
    });
    const expired = await createInvitation(net.operator.services, { expiresInHours: -1, note: "" });
    const prolonged = { ...expired, expiresAt: late };
    await expect(joinWith(await applicant(), prolonged)).rejects.toMatchObject({
      code: "ERR_NETWORK_INVITATION_EXPIRED",
    });
  });

  test("an unknown token, a wrong file and a taken member id are refused by name", async () => {
    const invitation = await invite();
    const token = randomBytes(32).toString("base64url");
    await expect(joinWith(await applicant(), { ...invitation, token })).rejects.toMatchObject({
      code: "ERR_NETWORK_INVITATION_INVALID",
    });
    await expect(joinWith(await applicant(), { ...invitation, format: "x" })).rejects.toThrow(/format/);
    await expect(joinWith(await applicant("alpha"), invitation)).rejects.toMatchObject({
      code: "ERR_NETWORK_MEMBER_EXISTS",
    });
  });

  test("what the operator has looked at cannot be swapped for another application under the same id", async () => {
    const first = await applicant("wanted-id");
    await expect(joinWith(first, await invite())).rejects.toMatchObject({ code: "ERR_NETWORK_NOT_ADMITTED_YET" });
    const second = await applicant("wanted-id");
    await expect(joinWith(second, await invite())).rejects.toMatchObject({ code: "ERR_NETWORK_MEMBER_EXISTS" });
    await admitMember(net.operator.services, "wanted-id");
    const admitted = await readMember(net.operator.services.ledger, "wanted-id");
    expect(admitted?.record.identity.key).toBe((await readKeys(first, "current", "wanted-id", undefined)).identity.key);
  });

  test("an id whose application was refused is free again", async () => {
    await expect(joinWith(await applicant("mistaken"), await invite())).rejects.toMatchObject({
      code: "ERR_NETWORK_NOT_ADMITTED_YET",
    });
    await refuseApplication(net.operator.services, "mistaken", "incomplete");
    await expect(joinWith(await applicant("mistaken"), await invite())).rejects.toMatchObject({
      code: "ERR_NETWORK_NOT_ADMITTED_YET",
    });
  });

  test("the applicant talks to nobody but the invited sequencer", async () => {
    const invitation = await invite();
    const sequencer = { ...invitation.sequencer, tls: randomBytes(32).toString("base64url") };
    await expect(joinWith(await applicant(), { ...invitation, sequencer })).rejects.toMatchObject({
      code: "ERR_PEER_TLS_IDENTITY",
    });
  });

  test("an application is bound to its network and its own key", async () => {
    const invitation = await invite();
    const elsewhere: Invitation = { ...invitation, network: "elsewhere" };
    await expect(joinWith(await applicant(), elsewhere)).rejects.toMatchObject({
      code: "ERR_NETWORK_APPLICATION_INVALID",
    });
  });

  test("a member cannot join or found again", async () => {
    const dir = join(net.dir, "alpha");
    await expect(joinWith(dir, await invite())).rejects.toMatchObject({ code: "ERR_NETWORK_ALREADY_IN_ONE" });
    const again = foundNetwork({
      dir: join(net.dir, "operator"),
      network: "second",
      industry: "C",
      title: {},
      attributes: {},
      effects: systemEffects,
    });
    await expect(again).rejects.toMatchObject({ code: "ERR_NETWORK_ALREADY_IN_ONE" });
  });
});

describe("founding", () => {
  test("needs an industry node with an endpoint", async () => {
    const found = async (kind: string) =>
      foundNetwork({
        dir: await applicant(undefined, kind),
        network: "n",
        industry: "C",
        title: {},
        attributes: {},
        effects: systemEffects,
      });
    await expect(found("enterprise")).rejects.toMatchObject({ code: "ERR_NETWORK_KIND" });
    await expect(found("industry")).rejects.toMatchObject({ code: "ERR_NETWORK_NO_ENDPOINT" });
  });
});

describe("the trust file", () => {
  test("lets an auditor verify a whole replica", async () => {
    const { ledger, network } = net.node("alpha").services;
    await net.settled();
    const trust = await exportTrust({ ledger, network });
    expect(trust.members.map(({ id }) => id)).toEqual(["alpha", "operator", "wanted-id"]);
    const entries: StoredEntry[] = [];
    for await (const entry of ledger.entries(0)) entries.push(storedForm(entry));
    expect(await verifyReplica(entries, trust.checkpoint ?? "", trust)).toMatchObject({ verdict: "verified" });
  });
});
