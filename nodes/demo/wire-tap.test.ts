import { Type } from "typebox";
import { expect, test } from "vitest";
import { toBase64url } from "../../crypto/suites/encoding.ts";
import { signingIdentity } from "../../crypto/suites/signed.ts";
import { createPeerClient } from "../peer/client.ts";
import { privateValues, readTables } from "./compare.ts";
import { loadScenario } from "./scenario.ts";
import { createWireTap } from "./wire-tap.ts";

const values = privateValues(await readTables(await loadScenario("grunfeld")));
/** What Goodyear would say if it left the masks off: its investments as 64-bit words. */
const vector = BigUint64Array.from(
  values
    .filter(({ label }) => /^goodyear:.* investment row/.test(label))
    .map(({ text, scale }) => {
      const [whole = "", fraction = ""] = text.split(".");
      return BigInt(whole + fraction.padEnd(scale, "0"));
    }),
);
const plaintext = new Uint8Array(vector.buffer);

/** Posts `body` as a real client does, past an observer; the other side does not exist. */
async function posted(body: unknown) {
  const tap = createWireTap(values);
  const client = createPeerClient({
    identity: () => signingIdentity("goodyear", "intl", new Uint8Array(32).fill(1)),
    network: "demo-grunfeld",
    now: () => "2026-01-01T00:00:00Z",
    random: (bytes) => new Uint8Array(bytes).fill(2),
    observe: (message) => tap.see("goodyear", message),
  });
  const target = { member: "industry-operator", endpoint: "https://127.0.0.1:1", tls: "A".repeat(43) };
  const path = "/peer/v1/computations/0/messages";
  const call = { method: "POST", path, body, response: Type.Unknown(), attempts: 1 } as const;
  await expect(client.call(target, call)).rejects.toMatchObject({ code: "ERR_PEER_UNREACHABLE" });
  await client.close();
  return tap.traffic();
}

test("the vector is all of one company's investments", () => {
  expect(vector).toHaveLength(20);
});

test.each<readonly [string, unknown]>([
  ["as words in base64url", { type: "contribution-2", words: toBase64url(plaintext) }],
  ["as words in base64", { words: Buffer.from(plaintext).toString("base64") }],
  ["as bytes", { words: [...plaintext] }],
  ["as decimals", { figures: values.slice(0, 20).map(({ text }) => text) }],
  ["inside a statement in base64url", { protected: toBase64url(Buffer.from(JSON.stringify({ v: [...plaintext] }))) }],
])("a plaintext vector posted %s is one leak, and is shown", async (_form, body) => {
  const traffic = await posted(body);
  expect(traffic).toMatchObject({ messages: 1, leaks: 1 });
  expect(traffic.bytes).toBeGreaterThan(100);
  expect(traffic.examples[0]).toMatchObject({ message: expect.stringMatching(/^goodyear sent POST \/peer\/v1\//) });
});

test("the same vector under a mask is none", async () => {
  const masked = vector.map((word, at) => BigInt.asUintN(64, word + 0x9e3779b97f4a7c15n * BigInt(at + 1)));
  const traffic = await posted({ type: "contribution-2", words: toBase64url(new Uint8Array(masked.buffer)) });
  expect(traffic).toMatchObject({ messages: 1, leaks: 0, examples: [] });
});
