/** One network over real TLS: two of its nodes negotiate, transfer, compute with the others, and one revokes in the middle. */
import { expect, test } from "vitest";
import { createNetwork, type Network, PROVIDERS, ROWS } from "../computations/_network.ts";
import type { TransferView } from "./_pair.ts";

const CONSUMER = "ministry";
const PROVIDER = "alpha";
const TABLE = `year,output\r\n${ROWS.alpha!.map(([year, output]) => `${year},${output}\r\n`).join("")}`;

function data({ net }: Network, transfer: string, headers: Record<string, string> = {}) {
  const { address, token } = net.node(CONSUMER);
  const url = `${address.api}/api/v1/transfers/${transfer}/data`;
  return fetch(url, { headers: { authorization: `Bearer ${token}`, ...headers } });
}
const stateOf = async (network: Network, member: string, transfer: string) =>
  await network.call<TransferView>(member, "GET", `/api/v1/transfers/${transfer}`);

test("records and a computation of one asset, each under its agreement; a revocation ends the one it is about", async () => {
  await using network = await createNetwork({
    members: [
      { id: "operator", kind: "industry" },
      { id: CONSUMER, kind: "government", reachable: true },
      { id: "bureau", kind: "government" },
      ...PROVIDERS.map((id) => ({
        id,
        kind: "enterprise" as const,
        attributes: { sector: "17" },
        reachable: id === PROVIDER,
      })),
    ],
    policy: (member) =>
      member === PROVIDER
        ? { release: { elements: ["year", "output-value"], formats: ["HttpData-PULL"], callsPerMinute: 1_000 } }
        : {},
  });
  const computing = network.submit();
  const { transfer } = await network.call<TransferView>(CONSUMER, "POST", "/api/v1/transfers", {
    asset: `${PROVIDER}:panel`,
    purpose: "industry-statistics",
    legalBasis: "statistics-law",
    scenario: "government-service",
  });
  await expect.poll(async () => (await stateOf(network, CONSUMER, transfer)).state).toBe("STARTED");

  const whole = await data(network, transfer);
  const etag = whole.headers.get("etag") ?? "";
  const reader = whole.body!.getReader();
  await reader.read();
  await reader.cancel();
  const going = { range: "bytes=9-", "if-range": etag };
  expect(await (await data(network, transfer, going)).text()).toBe(TABLE.slice(9));

  const { agreement } = await stateOf(network, CONSUMER, transfer);
  await network.call(PROVIDER, "POST", `/api/v1/agreements/${String(agreement)}/revoke`, { reason: "changed" });
  const refused = await data(network, transfer, going);
  expect([403, 409]).toContain(refused.status);
  for (const member of [CONSUMER, PROVIDER]) {
    const { transfers } = await network.call<{ transfers: readonly TransferView[] }>(
      member,
      "GET",
      "/api/v1/transfers",
    );
    expect(transfers).toHaveLength(1);
    await expect
      .poll(() => stateOf(network, member, transfers[0]!.transfer))
      .toMatchObject({ state: "TERMINATED", reason: "agreement-revoked" });
  }
  // What is computed has an agreement of its own.
  const request = await computing;
  await network.state(request, ["released"]);
});
