/**
 * `npm run tck -- [--self] [--only CN:02] [--debug] [--class-path PATH]`: the official suite (dsp-tck, from Maven
 * Central) against the product's protocol engine over HTTP, with its state on disk. `--self`: the suite against itself,
 * which shows that it runs at all. `--class-path`: another release of the suite, as somebody built it. Needs Java 17 and
 * Maven. Exit 0 only when every one of the 65 tests has passed.
 */
import { spawn } from "node:child_process";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { DATASPACE_PATH } from "../../exchange/protocol/paths.ts";
import { toolOptions } from "../boot/tool-options.ts";
import { createDataspaceClient } from "../dataspace/client.ts";
import { openDatabase } from "../store/database.ts";
import { openRecords } from "../store/records.ts";
import { freePort } from "../testnet/free-port.ts";
import { AUTHORIZATION, CONNECTOR, createConnector } from "./_connector.ts";
import { NEGOTIATION_SCENARIOS, TRANSFER_SCENARIOS } from "./_scenarios.ts";

/** Catalogue and metadata have four more. */
const TESTS = NEGOTIATION_SCENARIOS.length + TRANSFER_SCENARIOS.length + 4;
const PAUSE_MS = 500;
const WAIT_SECONDS = 15;
const SUITE_PORT = 8083;

const suite = (file: string): string => fileURLToPath(new URL(`suite/${file}`, import.meta.url));

const values = toolOptions("npm run tck -- [--self] [--only CN:02] [--debug] [--class-path PATH]", {
  self: { type: "boolean", default: false },
  only: { type: "string" },
  debug: { type: "boolean", default: false },
  "class-path": { type: "string" },
});

const dir = await mkdtemp(join(tmpdir(), "sealane-tck-"));
try {
  process.exitCode = await runSuite();
} finally {
  await rm(dir, { recursive: true, force: true });
}

async function runSuite(): Promise<number> {
  const path = values["class-path"] ?? (await classPath());
  if (values.self) return await java(path, { "dataspacetck.dsp.local.connector": "true" });
  const database = await openDatabase(dir);
  // Its own address is part of its messages, so the port is known before it listens.
  const port = await freePort();
  const address = `http://127.0.0.1:${port}`;
  const connector = await createConnector({
    address,
    client: createDataspaceClient({ dispatcher: async () => undefined, authorize: () => AUTHORIZATION }),
    openStore: (name) => openRecords(database, name),
    pauseMs: PAUSE_MS,
  });
  try {
    await connector.app.listen({ host: "127.0.0.1", port });
    await connector.hooks.listen({ host: "127.0.0.1", port: 0 });
    const hooks = `http://127.0.0.1:${(connector.hooks.server.address() as AddressInfo).port}/tck`;
    return await java(path, {
      "dataspacetck.dsp.local.connector": "false",
      "dataspacetck.dsp.connector.agent.id": CONNECTOR,
      "dataspacetck.dsp.connector.http.url": `${address}${DATASPACE_PATH}`,
      "dataspacetck.dsp.connector.http.base.url": address,
      "dataspacetck.dsp.connector.http.headers.authorization": AUTHORIZATION,
      "dataspacetck.dsp.connector.negotiation.initiate.url": `${hooks}/negotiations/requests`,
      "dataspacetck.dsp.connector.transfer.initiate.url": `${hooks}/transfers/requests`,
      ...presets(),
    });
  } finally {
    await connector.close();
    await database.close();
  }
}

/** Which dataset or agreement each test is about. */
function presets(): Record<string, string> {
  const keys: Record<string, string> = {};
  for (const { id, preset } of [...NEGOTIATION_SCENARIOS, ...TRANSFER_SCENARIOS]) {
    const key = id.replace(/[:-]/g, "_");
    if (id.startsWith("TP")) {
      keys[`${key}_AGREEMENTID`] = preset;
      keys[`${key}_FORMAT`] = "HttpData-PULL";
    } else {
      keys[`${key}_DATASETID`] = preset;
      if (!id.startsWith("CN_C")) keys[`${key}_OFFERID`] = `CD123:${preset}:456`;
    }
  }
  for (const number of ["01", "02", "03"]) keys[`CAT_01_${number}_DATASETID`] = `CAT01${number}`;
  return keys;
}

async function classPath(): Promise<string> {
  const file = join(dir, "class-path");
  const goal = "org.apache.maven.plugins:maven-dependency-plugin:3.6.1:build-classpath";
  const code = await run("mvn", ["-q", "-B", "-f", suite("pom.xml"), goal, `-Dmdep.outputFile=${file}`]);
  if (code !== 0) throw new Error(`mvn: exit ${code}; the suite's jars cannot be had`);
  return (await readFile(file, "utf8")).trim();
}

async function java(path: string, properties: Readonly<Record<string, string>>): Promise<number> {
  const all = {
    "dataspacetck.debug": String(values.debug),
    "dataspacetck.host": "127.0.0.1",
    "dataspacetck.port": String(SUITE_PORT),
    "dataspacetck.callback.address": `http://127.0.0.1:${SUITE_PORT}`,
    "dataspacetck.dsp.default.wait": String(WAIT_SECONDS),
    ...properties,
  };
  const file = join(dir, "tck.properties");
  await writeFile(
    file,
    Object.entries(all)
      .map(([key, value]) => `${key}=${value}\n`)
      .join(""),
  );
  const only = values.only === undefined ? [] : [values.only];
  return await run("java", ["-cp", path, suite("Suite.java"), file, String(TESTS), ...only]);
}

async function run(command: string, options: readonly string[]): Promise<number> {
  return await new Promise((resolve, reject) => {
    const child = spawn(command, options, { stdio: ["ignore", "inherit", "inherit"] });
    child.on("error", reject);
    child.on("close", (code) => resolve(code ?? 1));
  });
}
