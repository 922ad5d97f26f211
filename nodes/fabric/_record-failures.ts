/**
 * Records what a Gateway fails with, for the tests of its meaning: `node nodes/fabric/_record-failures.ts` writes
 * ledger/fabric/fixtures/recorded-failures-VERSION.json from a development network. Recorded ones that it does not provoke stay.
 */
import { readFile, writeFile } from "node:fs/promises";
import { setTimeout as pause } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { peer } from "@hyperledger/fabric-protos";
import { codeDigest } from "../../chaincode/fabric/code-digest.ts";
import { canonicalJson } from "../../crypto/suites/digest.ts";
import { admission, anchor, founding } from "../../ledger/conformance/fixture.ts";
import type { Stage } from "../../ledger/fabric/failures.ts";
import { connectGateway, type EndorsedCall, type GatewayConnection } from "../../ledger/fabric/gateway.ts";
import type { FabricProfile } from "../../ledger/fabric/profile.ts";
import { type FabricClient, startScratchFabric } from "./_network.ts";
import { findBinaries } from "./binaries.ts";

interface Recorded {
  readonly what: string;
  readonly stage: Stage;
  readonly error: object;
}

const binaries = await findBinaries(process.env);
const line = binaries.version.split(".").slice(0, 2).join(".");
const file = fileURLToPath(new URL(`../../ledger/fabric/fixtures/recorded-failures-${line}.json`, import.meta.url));
const recorded: Recorded[] = [];
const fabric = await startScratchFabric(binaries, { organisations: 3, orderers: 1, endorsement: "majority" });
try {
  const chaincode = await fabric.deploy();
  const [first, second] = fabric.clients as [FabricClient, FabricClient];
  const ledger = await fabric.open(first, chaincode);
  await ledger.submit([founding(first.member), admission(first.member, second.member)]);
  await ledger.close();
  const own = { ...first.profile, chaincode };
  const callOf = (member: string, code = codeDigest()) => JSON.stringify({ member, code });
  const good = (at: number) => [callOf(first.member.id), canonicalJson(anchor(first.member, at))];
  const info = (at: GatewayConnection) => at.evaluate("qscc", "GetChainInfo", [own.channel]);
  const blocks = async (at: GatewayConnection) => {
    for await (const _ of at.blocks(0, AbortSignal.timeout(20_000))) return;
  };

  /** `work` must fail; `until` says which failure is meant, where others come before it. */
  async function record(
    what: string,
    stage: Stage,
    profile: FabricProfile,
    work: (connection: GatewayConnection) => Promise<unknown>,
    until = /./,
  ): Promise<void> {
    for (let tried = 0; tried < 60; tried += 1) {
      const connection = connectGateway(profile, profile.gateways[0]!, first.client, Date.now);
      try {
        await work(connection);
      } catch (thrown) {
        const { name, code, message, details } = thrown as Error & { code?: number; details?: unknown };
        const error = { name, ...(code === undefined ? {} : { code, details }), message };
        if (!until.test(JSON.stringify(error))) continue;
        recorded.push({ what, stage, error });
        return;
      } finally {
        connection.close();
      }
      await pause(1_000);
    }
    throw new Error(`${what}: did not fail as expected`);
  }

  const elsewhere = { ...own, channel: "elsewhere" };
  await record("wrong channel evaluate", "evaluate", elsewhere, info);
  await record("wrong channel blocks", "blocks", elsewhere, blocks);
  await record("wrong channel endorse", "endorse", elsewhere, (at) => at.endorse(good(0)));
  const nothing = { ...own, chaincode: "nothing" };
  const definition = new peer.lifecycle.QueryChaincodeDefinitionArgs();
  definition.setName("nothing");
  await record("absent chaincode evaluate", "evaluate", nothing, (at) =>
    at.evaluate("_lifecycle", "QueryChaincodeDefinition", [definition.serializeBinary()]),
  );
  await record("absent chaincode asked", "evaluate", nothing, (at) => at.evaluate("nothing", "about", []));
  await record("absent chaincode endorse", "endorse", nothing, (at) => at.endorse(good(0)));
  await record("caller", "endorse", own, (at) => at.endorse([callOf(second.member.id), good(0)[1]!]));
  await record("code", "endorse", own, (at) => at.endorse([callOf(first.member.id, "x"), good(0)[1]!]));
  const foreign = { ...own, client: { ...own.client, mspId: "Org2MSP" } };
  await record("foreign msp", "evaluate", foreign, info);
  await record("foreign msp blocks", "blocks", foreign, blocks);
  const junk = Array.from({ length: 20 }, (_, at) => `${at}`.padEnd(1_000_000, "x"));
  await record("too large", "submit", own, async (at) => (await at.endorse([...good(0), ...junk])).submit());

  for (const name of ["chaincode-org2", "chaincode-org3"]) await fabric.kill(name);
  await record(
    "chaincodes of two down",
    "endorse",
    own,
    (at) => at.endorse(good(0)),
    /collect enough|failed to endorse/,
  );
  await fabric.up();
  for (const name of ["peer-org2", "peer-org3"]) await fabric.kill(name);
  await record("peers of two down", "endorse", own, (at) => at.endorse(good(0)), /no combination/);
  await fabric.up();
  const orderer = fabric.network.plan.orderers[0]!.name;
  let endorsed: EndorsedCall | undefined;
  await record("orderer down", "submit", own, async (at) => {
    endorsed ??= await at.endorse(good(0));
    await fabric.kill(orderer).catch(() => undefined);
    await endorsed.submit();
  });
  await record("status unknown", "submit", own, async (at) => (await at.endorse(good(0))).submit());
  await fabric.up();
  await fabric.kill("peer-org1");
  await record("gateway down", "endorse", own, (at) => at.endorse(good(0)));
  await record("gateway down blocks", "blocks", own, blocks);

  const before = JSON.parse(await readFile(file, "utf8").catch(() => "[]")) as Recorded[];
  const kept = before.filter(({ what }) => !recorded.some((one) => one.what === what));
  // Ports are this network's own.
  const text = JSON.stringify([...recorded, ...kept], null, 2).replaceAll(/127\.0\.0\.1:\d+/g, "127.0.0.1:7051");
  await writeFile(file, `${text}\n`);
} finally {
  await fabric.close();
}
