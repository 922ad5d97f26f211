import { fork } from "node:child_process";
import { createPrivateKey, webcrypto } from "node:crypto";
import { once } from "node:events";
import { open as openFile, readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { common } from "@hyperledger/fabric-protos";
import { afterAll, afterEach, describe, expect, test } from "vitest";
import { codeDigest } from "../../chaincode/fabric/code-digest.ts";
import { createContract } from "../../chaincode/fabric/contract.ts";
import type { Stub } from "../../chaincode/fabric/stub.ts";
import { keys } from "../../chaincode/rules/keys.ts";
import { digestOf, isCanonicalText } from "../../crypto/suites/digest.ts";
import { admission, anchor, founding, transaction } from "../../ledger/conformance/fixture.ts";
import { caughtUp, collect } from "../../ledger/conformance/suite.ts";
import { createSignatureQueue } from "../../ledger/contract.ts";
import { layout } from "../../ledger/embedded/layout.ts";
import { openLevelStore } from "../../ledger/embedded/store.ts";
import { connectGateway } from "../../ledger/fabric/gateway.ts";
import { openOrder } from "../../ledger/fabric/order.ts";
import type { Ledger, LedgerError } from "../../ledger/port.ts";
import { siblingPath } from "../boot/sibling.ts";
import { type FabricClient as Client, type ScratchFabric, startScratchFabric } from "./_network.ts";
import { fabricForTests } from "./_skip.ts";

const binaries = await fabricForTests();

const isMissing = "missing" in binaries;
// Undefined where every test is skipped.
const fabric = (
  isMissing
    ? undefined
    : await startScratchFabric(binaries.binaries, { organisations: 3, orderers: 1, endorsement: "majority" })
) as ScratchFabric;
const [first, second, third] = (fabric?.clients ?? []) as [Client, Client, Client];
const founder = first?.member;

describe.skipIf(isMissing)("faults of a Fabric network", () => {
  afterAll(() => fabric.close());
  let open: Ledger[] = [];
  afterEach(async () => {
    await Promise.all(open.map((ledger) => ledger.close()));
    open = [];
    await fabric.up();
  });

  async function opened(...args: Parameters<ScratchFabric["open"]>): Promise<Ledger> {
    const ledger = await fabric.open(...args);
    open.push(ledger);
    return ledger;
  }
  async function founded() {
    const chaincode = await fabric.deploy();
    const ledgers = await Promise.all(fabric.clients.map((client) => opened(client, chaincode)));
    await ledgers[0]!.submit([founding(founder), admission(founder, second.member), admission(founder, third.member)]);
    return { chaincode, ledger: ledgers[0]!, ledgers };
  }
  /** What keeps a ledger from going on. */
  async function trouble(...[client, chaincode, options]: Parameters<ScratchFabric["open"]>): Promise<LedgerError> {
    const seen = Promise.withResolvers<LedgerError>();
    await opened(client, chaincode, { ...options, onTrouble: (error) => seen.resolve(error as LedgerError) });
    return seen.promise;
  }

  test("members that write the same key at once all get through", async () => {
    const { ledgers, ledger } = await founded();
    const proposal = { kind: "replace-sequencer" as const, sequencer: "second", from: { size: 0, root: digestOf("") } };
    const votes = fabric.clients.map(({ member }) => transaction(member, "vote.cast", { proposal, choice: "for" }));
    const settled = await Promise.allSettled(ledgers.map((one, at) => one.submit([votes[at]!])));
    // The third vote comes after the proposal was carried by two, whichever they are.
    expect(settled.filter(({ status }) => status === "fulfilled")).toHaveLength(2);
    const late = settled.find((one) => one.status === "rejected");
    expect(late).toMatchObject({ reason: { rejection: { code: "ERR_CONTRACT_STATE" } } });
    await caughtUp(ledger, 5);
    expect(await ledger.get(keys.network)).toMatchObject({ sequencer: "second", operator: "second" });
  });

  test("the same record handed in by all at once is recorded once", async () => {
    const { ledgers } = await founded();
    const entries = await Promise.all(ledgers.map((one) => one.submit([anchor(founder, 0), anchor(founder, 1)])));
    expect(entries[1]).toEqual(entries[0]);
    expect(entries[2]).toEqual(entries[0]);
    expect((await ledgers[0]!.status()).height).toBe(5);
  });

  test.each([
    ["the ordering service", ["orderer1"]],
    ["the peer whose Gateway is used", ["peer-org1"]],
    ["the peer of another organisation", ["peer-org2"]],
    ["every chaincode server", ["chaincode-org1", "chaincode-org2", "chaincode-org3"]],
  ])(
    "%s killed under load: nothing acknowledged is lost, nothing is applied twice, service comes back",
    async (_what, victims) => {
      const { ledger, ledgers } = await founded();
      let stop = false;
      let next = 0;
      let last = performance.now();
      let longest = 0;
      const writing = (async () => {
        for (; !stop || next < 20; next += 2) {
          await ledger.submit([anchor(founder, next), anchor(founder, next + 1)]);
          longest = Math.max(longest, performance.now() - last);
          last = performance.now();
        }
      })();
      await expect.poll(() => next).toBeGreaterThan(6);
      for (const victim of victims) await fabric.kill(victim);
      await fabric.up();
      const restarted = next;
      await expect.poll(() => next).toBeGreaterThan(restarted + 6);
      stop = true;
      await writing;
      console.info(`longest wait for an acknowledgement with ${victims.join(", ")} killed: ${Math.round(longest)} ms`);
      for (const one of ledgers) {
        await caughtUp(one, 3 + next);
        const ids = (await collect(one.entries(3))).map(({ transaction: { statement } }) => statement.id);
        expect(ids).toEqual(Array.from({ length: next }, (_, at) => anchor(founder, at).statement.id));
        expect(await one.get(keys.access(founder.id))).toMatchObject({ to: next });
      }
    },
  );

  test.each([
    ["between handing in and hearing of it", { total: 40, lot: 4, delays: [30, 90, 140, 190, 260] }],
    // A call takes a thousand; the second is endorsed while the node executes the first.
    ["with two calls under way", { total: 2_600, lot: 2_600, delays: [500, 700, 900, 1_200, 1_600] }],
  ])("a node killed %s brings everything of its outbox, each once", async (_when, { total, lot, delays }) => {
    const { chaincode, ledger } = await founded();
    const location = await fabric.location();
    const { profile, client, member } = first;
    for (const delay of delays) {
      const child = fork(siblingPath(import.meta.url, "./_submitting-child"), {
        stdio: ["ignore", "ignore", "inherit", "ipc"],
      });
      child.send({ location, profile: { ...profile, chaincode }, client, member: member.id, total, lot });
      await once(child, "message");
      await pause(delay);
      child.kill("SIGKILL");
      await once(child, "exit");
    }
    const again = await opened(first, chaincode, { location });
    await expect.poll(async () => (await again.status()).outbox).toBe(0);
    await again.submit(Array.from({ length: total }, (_, at) => anchor(founder, at)));
    await caughtUp(ledger, 3 + total);
    const ids = (await collect(ledger.entries(3))).map(({ transaction: { statement } }) => statement.id);
    expect(ids).toEqual(Array.from({ length: total }, (_, at) => anchor(founder, at).statement.id));
  });

  test("too few organisations endorse: the outbox keeps the records, and they go through later", async () => {
    const { ledger } = await founded();
    await fabric.kill("chaincode-org2");
    await fabric.kill("chaincode-org3");
    const waiting = ledger.submit([anchor(founder, 0)]);
    await pause(1_000);
    expect((await ledger.status()).outbox).toBe(1);
    await fabric.up();
    expect(await waiting).toHaveLength(1);
  });

  test("a record at which every chaincode server fails does not keep back those behind it, is named, and goes through once they are mended", async () => {
    const { chaincode, ledger } = await founded();
    const stuck = transaction(founder, "member.suspend", { member: third.member.id, reason: "left" });
    const contract = createContract({
      signatures: createSignatureQueue,
      isCanonical: isCanonicalText,
      code: codeDigest(),
      now: Date.now,
    });
    const Invoke = async (stub: Stub) => {
      const texts = stub.getBufferArgs().map((one) => Buffer.from(one).toString());
      if (texts.some((text) => text.includes(stuck.statement.id))) throw new Error("out of memory");
      return contract.Invoke(stub);
    };
    const servers = await fabric.serve(fabric.network.plan.organisations, { ...contract, Invoke });
    const waiting = ledger.submit([stuck]);
    waiting.catch(() => undefined);
    const others = ledger.submit([anchor(founder, 0), anchor(founder, 1)]);
    expect(await others).toHaveLength(2);
    expect(await ledger.status()).toMatchObject({
      outbox: 1,
      waiting: { signer: founder.id, type: "member.suspend", id: stuck.statement.id, code: "ERR_LEDGER_PROFILE" },
    });
    await ledger.close();
    open = open.filter((one) => one !== ledger);
    servers.close();
    await fabric.up();
    const again = await opened(first, chaincode);
    await again.submit([stuck]);
    expect(await again.status()).not.toHaveProperty("waiting");
    expect(await again.get(keys.member(third.member.id))).toMatchObject({ status: "suspended" });
  });

  test("chaincode that computes something else under the same package and version is caught at endorsement", async () => {
    const { chaincode } = await founded();
    const troubles: LedgerError[] = [];
    const ledger = await opened(first, chaincode, { onTrouble: (error) => troubles.push(error as LedgerError) });
    const shifted = createContract({
      signatures: createSignatureQueue,
      isCanonical: isCanonicalText,
      code: codeDigest(),
      now: Date.now,
    });
    const Invoke = (stub: Stub) => {
      const { seconds, nanos } = stub.getTxTimestamp();
      return shifted.Invoke({ ...stub, getTxTimestamp: () => ({ seconds: seconds - 1, nanos }) });
    };
    const servers = await fabric.serve(fabric.network.plan.organisations.slice(1), { ...shifted, Invoke });
    const waiting = ledger.submit([anchor(founder, 0)]);
    await expect.poll(() => troubles.at(-1)?.message).toMatch(/different results/);
    expect(troubles.at(-1)).toMatchObject({ code: "ERR_LEDGER_NO_QUORUM" });
    servers.close();
    await fabric.up();
    expect(await waiting).toHaveLength(1);
  });

  test("another channel, another chaincode and another contract are named", async () => {
    const { chaincode } = await founded();
    const profile = { ...first.profile, chaincode };
    const other = await trouble(first, chaincode, { profile: { ...profile, channel: "elsewhere" } });
    expect(other).toMatchObject({ code: "ERR_LEDGER_PROFILE", message: expect.stringContaining("elsewhere") });
    const absent = await trouble(first, chaincode, { profile: { ...profile, chaincode: "nothing" } });
    expect(absent).toMatchObject({ code: "ERR_LEDGER_PROFILE", message: expect.stringContaining("nothing") });
    const rules = await trouble(first, chaincode, { code: digestOf("other rules") });
    expect(rules).toMatchObject({ code: "ERR_LEDGER_PROFILE", message: expect.stringContaining("upgrade") });
    const network = await trouble(first, chaincode, { network: "another" });
    expect(network).toMatchObject({ code: "ERR_LEDGER_PROFILE", message: expect.stringContaining("conformance") });
  });

  test("blocks that the pinned ordering service did not sign are not taken", async () => {
    const { chaincode, ledger } = await founded();
    await ledger.submit([anchor(founder, 0)]);
    const { organisations } = first.profile;
    const swapped = organisations.map((one) => ({ ...one, roots: organisations[0]!.roots }));
    const other = await trouble(first, chaincode, { profile: { ...first.profile, chaincode, organisations: swapped } });
    expect(other).toMatchObject({ code: "ERR_LEDGER_PROFILE", message: expect.stringContaining("other roots") });
    const elsewhere = await trouble(first, chaincode, {
      profile: { ...first.profile, chaincode, genesis: digestOf("another channel") },
    });
    expect(elsewhere).toMatchObject({ code: "ERR_LEDGER_PROFILE", message: expect.stringContaining("genesis: ") });
    const { profile, client } = first;
    const connection = connectGateway({ ...profile, chaincode }, profile.gateways[0]!, client, Date.now);
    const fetch = async (block: number) => {
      const bytes = await connection.evaluate("qscc", "GetBlockByNumber", [profile.channel, String(block)]);
      return common.Block.deserializeBinary(bytes);
    };
    const height = common.BlockchainInfo.deserializeBinary(
      await connection.evaluate("qscc", "GetChainInfo", [profile.channel]),
    ).getHeight();
    const last = await fetch(height - 1);
    const order = await openOrder(profile, { block: 0, hash: profile.genesis }, fetch);
    order.verify(last);
    const signatures = last.getMetadata()!.getMetadataList_asU8()[0]!;
    const forged = Uint8Array.from(signatures);
    forged[forged.length - 1]! ^= 1;
    last.getMetadata()!.setMetadataList([forged, ...last.getMetadata()!.getMetadataList_asU8().slice(1)]);
    expect(() => order.verify(last)).toThrow(/fabric-order-signature|cannot be/);
    connection.close();
  });

  test("a block changed in the file of the peer that a node follows is named, and the node goes on with another peer", async () => {
    const { chaincode, ledger } = await founded();
    await ledger.submit([anchor(founder, 0)]);
    const folder = fabric.network.layout.data("peer-org1");
    const file = join(folder, "ledgersData/chains/chains", first.profile.channel, "blockfile_000000");
    const good = await readFile(file);
    const at = good.lastIndexOf(anchor(founder, 0).statement.id);
    expect(at).toBeGreaterThan(0);
    const changed = async (byte: number) => {
      await fabric.kill("peer-org1");
      const handle = await openFile(file, "r+");
      await handle.write(Uint8Array.of(byte), 0, 1, at);
      await handle.close();
      await fabric.up();
    };
    await changed(good[at]! ^ 1);
    const troubles: LedgerError[] = [];
    const onTrouble = (error: unknown) => troubles.push(error as LedgerError);
    const fresh = await opened(first, chaincode, { onTrouble });
    await caughtUp(fresh, 4);
    expect(troubles).toContainEqual(
      expect.objectContaining({ code: "ERR_LEDGER_CORRUPT", message: expect.stringContaining("fabric-data-hash") }),
    );
    await expect.poll(() => fresh.status()).toMatchObject({ reachable: true });
    expect(await fresh.status()).not.toHaveProperty("halted");
    await changed(good[at]!);
  });

  test("a client that is not the member's is refused, and so is one whose certificate has expired", async () => {
    const { chaincode } = await founded();
    const stranger = await opened(
      { ...first, client: second.client, profile: { ...first.profile, client: second.profile.client } },
      chaincode,
      { submitTimeoutMs: 2_000 },
    );
    await expect(stranger.submit([anchor(founder, 0)])).rejects.toMatchObject({
      code: "ERR_LEDGER_PROFILE",
      cause: { message: expect.stringContaining("ERR_FABRIC_CALLER") },
    });
    const error = await trouble({ ...first, client: await expired(fabric, "org1") }, chaincode);
    expect(error).toMatchObject({ code: "ERR_LEDGER_PROFILE", message: expect.stringMatching(/expired/) });
  });

  test("a store that follows another history is not taken further", async () => {
    const { chaincode } = await founded();
    const location = await fabric.location();
    const ledger = await fabric.open(first, chaincode, { location });
    await caughtUp(ledger, 3);
    await ledger.close();
    const store = await openLevelStore(location);
    const head = JSON.parse((await store.get(layout.head)) ?? "");
    const checkpoint = { ...JSON.parse(head.checkpoint), hash: "x".repeat(43) };
    const value = JSON.stringify({ ...head, checkpoint: JSON.stringify(checkpoint) });
    await store.batch([{ type: "put", key: layout.head, value }], { sync: true });
    await store.close();
    expect(await trouble(first, chaincode, { location })).toMatchObject({ code: "ERR_LEDGER_FORK" });
    const stopped = open.at(-1)!;
    expect(await stopped.status()).toMatchObject({ reachable: false, halted: "ERR_LEDGER_FORK" });
    await expect(stopped.submit([anchor(founder, 0)])).rejects.toMatchObject({ code: "ERR_LEDGER_FORK" });
  });
});

/** A certificate of yesterday by the organisation's own authority. */
async function expired({ network }: ScratchFabric, name: string) {
  await import("reflect-metadata");
  const x509 = await import("@peculiar/x509");
  const org = network.plan.organisations.find((one) => one.name === name)!;
  const folder = join(network.layout.peer.organisation(org), "ca");
  const files = await readdir(folder);
  const read = (end: string) => readFile(join(folder, files.find((file) => file.endsWith(end))!), "utf8");
  const algorithm = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" };
  const authority = new x509.X509Certificate(await read(".pem"));
  const pkcs8 = createPrivateKey(await read("_sk")).export({ type: "pkcs8", format: "der" });
  const signingKey = await webcrypto.subtle.importKey("pkcs8", pkcs8, algorithm, false, ["sign"]);
  const pair = (await webcrypto.subtle.generateKey(algorithm, true, ["sign", "verify"])) as webcrypto.CryptoKeyPair;
  const certificate = await x509.X509CertificateGenerator.create({
    serialNumber: "0102",
    subject: "C=US, OU=client, CN=old",
    issuer: authority.subjectName,
    notBefore: authority.notBefore,
    notAfter: new Date(authority.notBefore.getTime() + 60_000),
    signingAlgorithm: algorithm,
    publicKey: pair.publicKey,
    signingKey,
    extensions: [
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
      new x509.BasicConstraintsExtension(false, undefined, true),
      await x509.AuthorityKeyIdentifierExtension.create(authority.publicKey),
    ],
  });
  const key = Buffer.from(await webcrypto.subtle.exportKey("pkcs8", pair.privateKey));
  const privateKey = `-----BEGIN PRIVATE KEY-----\n${key.toString("base64")}\n-----END PRIVATE KEY-----\n`;
  return { certificate: `${certificate.toString("pem")}\n`, privateKey };
}
