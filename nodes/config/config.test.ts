import { chmod, mkdtemp, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { systemEffects } from "../runtime/effects.ts";
import { initNode } from "../runtime/init-node.ts";
import { readApiToken } from "./api-token.ts";
import { ConfigError } from "./config-error.ts";
import { readEnvironment } from "./environment.ts";
import { CONFIG_DEFAULTS, loadConfig, NodeConfig, parseConfig } from "./node-config.ts";
import { readKeys } from "./node-keys.ts";
import { readSecret, writeSecret } from "./secret-file.ts";

const member = { id: "alpha", title: { en: "Alpha" }, kind: "enterprise", organisation: "x", holdingGroup: "x" };
const sample = new URL("./sealane.sample.json", import.meta.url);

let dir: string;
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), "config-test-"));
});
afterAll(() => rm(dir, { recursive: true, force: true }));

const keysOf = (raw: unknown): readonly string[] => {
  try {
    parseConfig(raw);
  } catch (error) {
    return (error as ConfigError).problems.map(({ field }) => field);
  }
  return [];
};

describe("sealane.json", () => {
  test("the shipped sample parses and names every key there is", async () => {
    const raw = JSON.parse(await readFile(sample, "utf8"));
    const config = parseConfig(raw);
    expect(config).toEqual(raw);
    expect(Object.keys(raw).toSorted()).toEqual(Object.keys(NodeConfig.properties).toSorted());
    for (const group of ["limits", "sources", "computations", "accessLog", "log"] as const) {
      expect(Object.keys(raw[group])).toEqual(Object.keys(CONFIG_DEFAULTS[group]));
    }
  });

  test("what is left out takes its default", () => {
    const config = parseConfig({ formatVersion: 1, member });
    expect(config.api).toEqual({ host: "127.0.0.1", port: 7080 });
    expect(config.limits).toEqual(CONFIG_DEFAULTS.limits);
    expect(config.peer).toBeUndefined();
  });

  test.each([
    ["an unknown key", { member, limits: { bodyBites: 1 } }, ["limits.bodyBites"]],
    ["an unknown group", { member, limit: {} }, ["limit"]],
    ["a missing key", { member: { ...member, id: undefined } }, ["member.id"]],
    ["a wrong type", { member, api: { port: "7080" } }, ["api.port"]],
    ["a number out of range", { member, limits: { requestTimeoutMs: 0 } }, ["limits.requestTimeoutMs"]],
    ["a wrong choice", { member: { ...member, kind: "bank" } }, ["member.kind"]],
    ["an endpoint without TLS", { member, peer: { host: "h", port: 1, endpoint: "http://h:1" } }, ["peer.endpoint"]],
    ["a newer format", { formatVersion: 2, member }, ["formatVersion"]],
    [
      "an attribute that is no code",
      { member: { ...member, attributes: { "a b": { x: 1 } } } },
      ["member.attributes.a b"],
    ],
    ["several at once", { member, a: 1, b: 2, log: { level: "loud" } }, ["a", "b", "log.level"]],
    ["no object", [], [""]],
  ])("%s stops the start with the key's name", (_name, raw, keys) => {
    expect([...keysOf(raw)].sort()).toEqual([...keys].sort());
  });

  test("every wrong key of a file is listed at once, however many there are", () => {
    const unknown = Object.fromEntries(Array.from({ length: 40 }, (_, index) => [`odd${index}`, index]));
    const limits = Object.fromEntries(Object.keys(CONFIG_DEFAULTS.limits).map((key) => [key, "many"]));
    const raw = {
      member: { kind: "bank", attributes: { "a b": "x", c: "d e" } },
      ...unknown,
      limits,
      log: { level: 1 },
    };
    expect([...keysOf(raw)].sort()).toEqual(
      [
        ...["member.attributes.a b", "member.attributes.c", "member.holdingGroup", "member.id", "member.kind"],
        ...["member.organisation", "member.title", "log.level"],
        ...Object.keys(unknown),
        ...Object.keys(limits).map((key) => `limits.${key}`),
      ].sort(),
    );
  });

  test("a file that is missing or no JSON is named", async () => {
    await expect(loadConfig(join(dir, "nowhere"))).rejects.toThrow(/nowhere.*sealane node init/);
    await writeFile(join(dir, "sealane.json"), "{ member: }");
    await expect(loadConfig(dir)).rejects.toMatchObject({ code: "ERR_CONFIG_SYNTAX" });
  });
});

describe("environment", () => {
  test("a variable that does not exist is refused by name", () => {
    expect(() => readEnvironment({ SEALANE_PASPHRASE: "x" })).toThrow(/SEALANE_PASPHRASE/);
    expect(readEnvironment({ SEALANE_DIR: "/x", PATH: "y" }).dir).toBe("/x");
  });
});

describe("secrets", () => {
  test("open under their passphrase only, and not after a change of name or content", async () => {
    const path = join(dir, "keys", "identity.json");
    const secret = new Uint8Array(32).fill(7);
    await writeSecret(path, secret, "correct horse");
    expect(await readSecret(path, "correct horse")).toEqual(secret);
    expect(await readFile(path, "utf8")).not.toContain(Buffer.from(secret).toString("base64url"));
    await expect(readSecret(path, "wrong")).rejects.toMatchObject({ code: "ERR_CONFIG_PASSPHRASE" });
    await expect(readSecret(path, undefined)).rejects.toMatchObject({ code: "ERR_CONFIG_PASSPHRASE" });
    const renamed = join(dir, "keys", "other.json");
    await writeFile(renamed, await readFile(path), { mode: 0o600 });
    await expect(readSecret(renamed, "correct horse")).rejects.toMatchObject({ code: "ERR_CONFIG_PASSPHRASE" });
  });

  test("that others may read are refused", async () => {
    const path = join(dir, "keys", "open.json");
    await writeSecret(path, new Uint8Array(32), undefined);
    await chmod(path, 0o644);
    await expect(readSecret(path, undefined)).rejects.toThrow(/chmod 600/);
  });
});

describe("node init", () => {
  test("makes keys, certificate and token that only the owner can read, and overwrites nothing", async () => {
    const node = join(dir, "node");
    const config = { member, peer: { host: "0.0.0.0", port: 7443, endpoint: "https://alpha.example:7443" } };
    const { keyId } = await initNode({ dir: node, config, effects: systemEffects });
    const keys = await readKeys(node, "current", "alpha", undefined);
    expect(keys.identity.key).toBe(keyId);
    expect(keys.tls.pin).toMatch(/^[A-Za-z0-9_-]{43}$/);
    expect((await readApiToken(node)).length).toBeGreaterThanOrEqual(43);
    for (const file of ["token", "keys/identity.json", "keys/tls-key.json"]) {
      expect((await stat(join(node, file))).mode & 0o777).toBe(0o600);
    }
    await expect(initNode({ dir: node, config, effects: systemEffects })).rejects.toMatchObject({
      code: "ERR_CONFIG_EXISTS",
    });
  });

  test("a token that others may read is refused", async () => {
    const node = join(dir, "shared");
    await initNode({ dir: node, config: { member }, effects: systemEffects });
    await chmod(join(node, "token"), 0o644);
    await expect(readApiToken(node)).rejects.toThrow(/chmod 600/);
  });

  test("a wrong key leaves no folder behind", async () => {
    const node = join(dir, "never");
    const init = initNode({ dir: node, config: { member: { ...member, id: "No Good" } }, effects: systemEffects });
    await expect(init).rejects.toBeInstanceOf(ConfigError);
    await expect(stat(node)).rejects.toMatchObject({ code: "ENOENT" });
  });
});
