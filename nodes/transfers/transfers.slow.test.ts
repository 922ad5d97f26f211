/** Records between two nodes over real TLS: agreed, fetched, sent, held, revoked. */
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { request } from "undici";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { readAgreement } from "../../chaincode/rules/keys.ts";
import { transferRequest } from "../../exchange/transfers/compose.ts";
import { dataAddressOf } from "../../exchange/transfers/data-address.ts";
import { sealane } from "../cli/_transcript.ts";
import { createDataspaceClient } from "../dataspace/client.ts";
import { createConnections } from "../dataspace/connections.ts";
import { participantToken } from "../dataspace/participant-token.ts";
import {
  ASSET,
  BEHIND_NAT,
  CONSUMER,
  createPair,
  LONG,
  type Pair,
  PROVIDER,
  policyFor,
  releasedText,
  SECRET,
  type TransferView,
} from "./_pair.ts";
import { TOKEN_LIFE_MS } from "./data-token.ts";

/** Far more than all buffers on the way hold. */
const BIG_ROWS = 60_000;
let pair: Pair;
let big: string;
beforeAll(async () => {
  pair = await createPair();
  big = await pair.offer("big", BIG_ROWS, { elements: LONG });
}, 240_000);
afterAll(() => pair.close());

const data = (id: string, headers: object = {}) =>
  pair.api(CONSUMER, "GET", `/transfers/${id}/data`, undefined, headers);
const problem = async (answer: Response) => {
  const { code, errors } = (await answer.json()) as { code: string; errors?: readonly { code: string }[] };
  return { status: answer.status, code, reason: errors?.[0]?.code };
};
/** The first bytes of an answer; the rest is still on its way. */
async function opened(id: string) {
  const answer = await data(id);
  const reader = answer.body!.getReader();
  const first = await reader.read();
  return { answer, reader, first: Buffer.from(first.value ?? new Uint8Array()) };
}
/** Reads on to the end; undefined where the stream broke. */
async function rest({ reader, first }: Awaited<ReturnType<typeof opened>>): Promise<Buffer | undefined> {
  const parts = [first];
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return Buffer.concat(parts);
      parts.push(Buffer.from(value));
    }
  } catch {
    return undefined;
  }
}
const revoke = (view: TransferView) =>
  pair.json(PROVIDER, "POST", `/agreements/${view.agreement}/revoke`, { reason: "changed" });

describe("a transfer that is fetched", () => {
  test("brings the released columns, and no other, byte for byte", async () => {
    const { transfer, agreement } = await pair.begin();
    const answer = await data(transfer);
    const text = await answer.text();
    expect([answer.status, text]).toEqual([200, releasedText(20)]);
    expect(text).not.toContain(SECRET);
    expect(await readAgreement(pair.net.operator.services.ledger, String(agreement))).toMatchObject({
      state: "finalized",
      agreement: { asset: ASSET, consumer: CONSUMER },
    });
  });

  test("uses an agreement that stands, and ends on both sides when the consumer has everything", async () => {
    const [first, second] = [await pair.begin(), await pair.begin()];
    expect(second.agreement).toBe(first.agreement);
    await pair.json(CONSUMER, "POST", `/transfers/${second.transfer}/complete`, {});
    await pair.state(CONSUMER, second.transfer, ["COMPLETED"]);
    expect(await problem(await data(second.transfer))).toMatchObject({ status: 409, code: "ERR_TRANSFER_STATE" });
  });

  test("is written down by the provider with who fetched how much", async () => {
    const { transfer } = await pair.begin();
    await (await data(transfer)).text();
    const { accessLog } = pair.net.node(PROVIDER).services;
    const sent = (await accessLog.read(0, accessLog.size())).filter(({ event }) => event.action === "transfer sent");
    const bytes = releasedText(20).length;
    expect(sent.at(-1)?.event).toMatchObject({ actor: CONSUMER, outcome: `bytes 0-${bytes}/${bytes}` });
  });

  test("goes on where the connection was cut, with the same bytes, as one delivery", async () => {
    const { transfer } = await pair.begin({ asset: big });
    const cut = await opened(transfer);
    await cut.reader.cancel();
    const from = cut.first.length;
    const headers = { range: `bytes=${from}-`, "if-range": cut.answer.headers.get("etag") };
    const going = await data(transfer, headers);
    expect(going.status).toBe(206);
    expect(going.headers.get("etag")).toBe(cut.answer.headers.get("etag"));
    const all = Buffer.concat([cut.first, Buffer.from(await going.arrayBuffer())]);
    expect(all.equals(Buffer.from(releasedText(BIG_ROWS, true)))).toBe(true);
  });

  test("goes on under a new token where the first one has run out", async () => {
    const { transfer } = await pair.begin({ asset: big });
    const cut = await opened(transfer);
    await cut.reader.cancel();
    pair.clock.moveTo(pair.clock.time() + TOKEN_LIFE_MS);
    const headers = { range: `bytes=${cut.first.length}-`, "if-range": cut.answer.headers.get("etag") };
    const going = await data(transfer, headers);
    expect(going.status).toBe(206);
    const all = Buffer.concat([cut.first, Buffer.from(await going.arrayBuffer())]);
    expect(all.equals(Buffer.from(releasedText(BIG_ROWS, true)))).toBe(true);
  });

  test("is masked as the policy says", async () => {
    const asset = await pair.offer("masked", 3, {
      elements: ["year", "output-value", "name", "note"],
      masks: [
        { element: "name", mask: "pseudonym" },
        { element: "note", mask: "prefix", length: "6" },
        { element: "output-value", mask: "round", step: "1" },
      ],
    });
    const { transfer } = await pair.begin({ asset });
    const text = await (await data(transfer)).text();
    expect(text).not.toContain(SECRET);
    const word = "[A-Za-z0-9_-]{22}";
    const rows = ["2024,0,@,note 0", "2025,2,@,note 1", "2024,2,@,note 2"].map(
      (row) => `${row.replace("@", word)}\r\n`,
    );
    expect(text).toMatch(new RegExp(`^year,output,name,note\r\n${rows.join("")}$`));
    expect(await (await data(transfer)).text()).toBe(text);
  });

  test("stops in its middle when the policy does not release the records any more", async () => {
    const asset = await pair.offer("changing", BIG_ROWS, { elements: LONG });
    const { transfer } = await pair.begin({ asset });
    const stream = await opened(transfer);
    const { assets } = pair.net.node(PROVIDER).services;
    await assets.setPolicy(asset, policyFor("changing", { elements: ["year"] }, 2));
    expect((await rest(stream)) === undefined).toBe(true);
    expect(await problem(await data(transfer))).toMatchObject({ status: 403, reason: "policy-replaced" });
  });

  test("is never put together from two versions", async () => {
    const { transfer } = await pair.begin();
    const other = `"00000000-0000-4000-8000-000000000000.${"A".repeat(43)}"`;
    const whole = await data(transfer, { range: "bytes=5-", "if-range": other });
    expect([whole.status, await whole.text()]).toEqual([200, releasedText(20)]);
    const refused = await problem(await data(transfer, { range: "bytes=5-", "if-match": other }));
    expect(refused).toEqual({ status: 416, code: "ERR_TRANSFER_RANGE", reason: "version-changed" });
  });

  test("gives nothing while it is suspended, from the moment its provider says so, and goes on when resumed", async () => {
    const { transfer } = await pair.begin();
    const { transfers } = await pair.json<{ transfers: readonly TransferView[] }>(PROVIDER, "GET", "/transfers");
    // The provider's own state follows its consumer's answer.
    const known = await Promise.all(transfers.map(({ transfer: id }) => pair.state(PROVIDER, id, BEGUN)));
    const running = known.filter(({ state }) => state === "STARTED").map(({ transfer: id }) => id);
    expect(running.length).toBeGreaterThan(0);
    for (const id of running) await pair.json(PROVIDER, "POST", `/transfers/${id}/suspend`, { reason: "maintenance" });
    expect(await problem(await data(transfer))).toMatchObject({ status: 409 });
    expect(await pair.state(CONSUMER, transfer, ["SUSPENDED"])).toMatchObject({ reason: "maintenance" });
    for (const id of running) {
      await pair.state(PROVIDER, id, ["SUSPENDED"]);
      await pair.json(PROVIDER, "POST", `/transfers/${id}/resume`, {});
    }
    await pair.state(CONSUMER, transfer, ["STARTED"]);
    expect((await data(transfer)).status).toBe(200);
  });
});
const BEGUN = ["STARTED", "SUSPENDED", "COMPLETED", "TERMINATED"];

describe("limits of a policy", () => {
  test("of a hundred calls at once on ten deliveries exactly ten are served", async () => {
    const asset = await pair.offer("scarce", 5, { uses: 10 });
    const { transfer } = await pair.begin({ asset });
    const answers = await Promise.all(Array.from({ length: 100 }, () => data(transfer)));
    const served = answers.filter(({ status }) => status === 200);
    expect(served).toHaveLength(10);
    for (const answer of served) expect(await answer.text()).toBe(releasedText(5));
    const refused = await Promise.all(answers.filter(({ status }) => status !== 200).map(problem));
    expect(refused).toHaveLength(90);
    // The agreement has so many streams at once, and those that got one found no use left.
    for (const { reason } of refused) expect(["uses-exhausted", "streams-exceeded"]).toContain(reason);
    expect(await problem(await data(transfer))).toMatchObject({ code: "ERR_TRANSFER_USES", reason: "uses-exhausted" });
  });

  test.each([
    ["rows", { rows: 4 }, "too-many-rows"],
    ["bytes", { bytes: releasedText(5).length - 1 }, "too-many-bytes"],
  ])("a table with more %s is not released at all", async (name, limit, reason) => {
    const asset = await pair.offer(`long-${name}`, 5, limit);
    const { transfer } = await pair.begin({ asset });
    expect(await problem(await data(transfer))).toEqual({ status: 413, code: "ERR_TRANSFER_TOO_LARGE", reason });
  });

  test("a table with as many rows and bytes as the policy allows is released", async () => {
    const asset = await pair.offer("exact", 5, { rows: 5, bytes: releasedText(5).length });
    const { transfer } = await pair.begin({ asset });
    const answer = await data(transfer);
    expect([answer.status, await answer.text()]).toEqual([200, releasedText(5)]);
  });

  test("calls beyond the rate are refused", async () => {
    const asset = await pair.offer("slow", 5, { callsPerMinute: 2 });
    const { transfer } = await pair.begin({ asset });
    const statuses = [];
    for (let call = 0; call < 3; call++) statuses.push((await data(transfer)).status);
    expect(statuses).toEqual([200, 200, 429]);
  });

  test("another way of transfer, purpose, or asset without release is refused at once, by its field", async () => {
    const asset = await pair.offer("pull-only", 5, { formats: ["HttpData-PULL"] });
    const start = async (body: object) => {
      const answer = await pair.api(CONSUMER, "POST", "/transfers", body);
      return (await answer.json()) as { code: string; errors: readonly { field: string; code: string }[] };
    };
    expect(await start({ asset, format: "HttpData-PUSH" })).toMatchObject({
      code: "ERR_TRANSFER_REFUSED",
      errors: [{ field: "format", code: "release-format-not-allowed" }],
    });
    const { transfer } = await pair.json(CONSUMER, "POST", "/transfers", { asset, purpose: "advertising" });
    await expect
      .poll(() => pair.json(CONSUMER, "GET", `/transfers/${transfer}`))
      .toMatchObject({ state: "REFUSED", reason: "purpose-not-allowed" });
  });
});

describe("a transfer that is sent", () => {
  test("arrives whole at the consumer, and is completed by the provider", async () => {
    const { transfer } = await pair.begin({ asset: big, format: "HttpData-PUSH" }, ["COMPLETED"]);
    const answer = await data(transfer);
    expect(Buffer.from(await answer.arrayBuffer()).equals(Buffer.from(releasedText(BIG_ROWS, true)))).toBe(true);
  });
});

/** Waits until the consumer has a part of what is sent, and not all. */
const isUnderWay = async (id: string): Promise<void> =>
  expect
    .poll(() => pair.json(CONSUMER, "GET", `/transfers/${id}`))
    .toMatchObject({ received: { bytes: expect.toSatisfy((bytes: number) => bytes > 0) } });

describe("a transfer that is sent and interrupted", () => {
  test("goes on where the consumer's file ends when its provider is back", async () => {
    const { transfer } = await pair.begin({ asset: big, format: "HttpData-PUSH" }, BEGUN);
    await isUnderWay(transfer);
    await pair.net.stop(PROVIDER);
    const { received } = await pair.json(CONSUMER, "GET", `/transfers/${transfer}`);
    expect(received).toMatchObject({ complete: false });
    await pair.net.start(PROVIDER);
    await pair.state(CONSUMER, transfer, ["COMPLETED"]);
    const answer = await data(transfer);
    expect(Buffer.from(await answer.arrayBuffer()).equals(Buffer.from(releasedText(BIG_ROWS, true)))).toBe(true);
    const { accessLog } = pair.net.node(PROVIDER).services;
    const sent = (await accessLog.read(0, accessLog.size())).filter(({ event }) => event.action === "transfer sent");
    expect(sent.at(-1)?.event.outcome).not.toMatch(/^bytes 0-/);
  });

  test("ends on both sides with its cause when its agreement is revoked, and gives nothing of what came", async () => {
    const asset = await pair.offer("revoked", BIG_ROWS, { elements: LONG });
    const view = await pair.begin({ asset, format: "HttpData-PUSH" }, BEGUN);
    await isUnderWay(view.transfer);
    await revoke(view);
    const end = { state: "TERMINATED", reason: "agreement-revoked" };
    expect(await pair.state(CONSUMER, view.transfer, ["TERMINATED"])).toMatchObject(end);
    expect(await problem(await data(view.transfer))).toMatchObject({ status: 409, reason: "not-received-yet" });
    const { transfers } = await pair.json<{ transfers: readonly TransferView[] }>(PROVIDER, "GET", "/transfers");
    const [theirs] = transfers.filter(({ agreement }) => agreement === view.agreement);
    expect(await pair.state(PROVIDER, String(theirs?.transfer), ["TERMINATED"])).toMatchObject(end);
  });
});

describe("a consumer that takes no calls", () => {
  const fetched = (id: string, headers = {}) =>
    pair.api(BEHIND_NAT, "GET", `/transfers/${id}/data`, undefined, headers);
  const at = (states: readonly string[], id: string) => pair.state(BEHIND_NAT, id, states);

  test("fetches records, hears of what its provider holds back and ends, and goes on under a new token", async () => {
    const asset = await pair.offer("far", 20);
    const { transfer } = await pair.json(BEHIND_NAT, "POST", "/transfers", { asset });
    const { agreement } = await at(["STARTED"], transfer);
    const whole = await fetched(transfer);
    expect([whole.status, await whole.text()]).toEqual([200, releasedText(20)]);
    pair.clock.moveTo(pair.clock.time() + TOKEN_LIFE_MS);
    const going = await fetched(transfer, { range: "bytes=9-", "if-range": whole.headers.get("etag") });
    expect([going.status, await going.text()]).toEqual([206, releasedText(20).slice(9)]);

    const { transfers } = await pair.json<{ transfers: readonly TransferView[] }>(PROVIDER, "GET", "/transfers");
    const theirs = String(transfers.find((one) => one.agreement === agreement)?.transfer);
    await pair.state(PROVIDER, theirs, ["STARTED"]);
    await pair.json(PROVIDER, "POST", `/transfers/${theirs}/suspend`, { reason: "maintenance" });
    expect(await at(["SUSPENDED"], transfer)).toMatchObject({ reason: "maintenance" });
    await pair.state(PROVIDER, theirs, ["SUSPENDED"]);
    await pair.json(PROVIDER, "POST", `/agreements/${String(agreement)}/revoke`, { reason: "changed" });
    expect(await at(["TERMINATED"], transfer)).toMatchObject({ reason: "agreement-revoked" });
    await pair.state(PROVIDER, theirs, ["TERMINATED"]);
  });

  test("is told that nothing can be sent to it", async () => {
    const answer = await pair.api(BEHIND_NAT, "POST", "/transfers", { asset: ASSET, format: "HttpData-PUSH" });
    expect(await problem(answer)).toMatchObject({ code: "ERR_TRANSFER_INVALID", reason: "consumer-without-endpoint" });
  });
});

describe("the command line", () => {
  const run = (line: string) => sealane(`${line} --dir ${join(pair.net.dir, CONSUMER)}`, { cwd: pair.net.dir });
  test("starts a transfer, fetches it into a file, and lists it in the person's language", async () => {
    const started = await run(`transfer start ${ASSET} --purpose industry-statistics --out panel.csv --json`);
    expect(started.exitCode, started.stdout + started.stderr).toBe(0);
    const { transfer, bytes } = JSON.parse(started.stdout) as { transfer: string; bytes: number };
    expect(await readFile(join(pair.net.dir, "panel.csv"), "utf8")).toBe(releasedText(20));
    expect(bytes).toBe(releasedText(20).length);
    await pair.state(CONSUMER, transfer, ["COMPLETED"]);
    expect((await run("transfer list --lang zh-CN")).stdout).toContain("已完成");
    const again = await run(`transfer start ${ASSET} --out panel.csv --json`);
    expect(again.exitCode).toBe(2);
    const nothing = await run(`transfer erase ${transfer}`);
    expect([nothing.exitCode, nothing.stderr]).toEqual([
      1,
      expect.stringMatching(/^ {2}- transfer: nothing .* this node's disk/m),
    ]);
    expect((await run("transfer erase no-such")).stderr).toContain("[ERR_TRANSFER_UNKNOWN]");
    const over = await run(`transfer fetch ${transfer} --out again.csv`);
    expect(over).toMatchObject({ exitCode: 1, stdout: "" });
    expect(over.stderr).toMatch(
      new RegExp(`^sealane: .*sealane transfer start ${ASSET} .*\\[ERR_CLI_TRANSFER_COMPLETED\\]$`, "m"),
    );
    const provider = `--dir ${join(pair.net.dir, PROVIDER)} --lang zh-CN`;
    const listed = JSON.parse((await sealane(`transfer list --json ${provider}`, { cwd: pair.net.dir })).stdout);
    const served = listed.transfers.find(({ state }: TransferView) => state === "COMPLETED").transfer;
    const own = await sealane(`transfer fetch ${served} --out again.csv ${provider}`, { cwd: pair.net.dir });
    expect([own.exitCode, own.stderr]).toEqual([1, expect.stringContaining("[ERR_CLI_TRANSFER_OF_OTHER]")]);
  });
  test("says how a started transfer goes on, and why one was refused, in the person's language", async () => {
    const started = await run(`transfer start ${ASSET}`);
    const next = /next +sealane (transfer fetch \S+ --out) FILE$/m.exec(started.stdout)?.[1];
    expect(await run(`${next} started.csv`)).toMatchObject({ exitCode: 0 });
    const refused = await run(`transfer start ${ASSET} --purpose espionage --out none.csv --lang zh-CN`);
    expect(refused.exitCode).toBe(1);
    expect(refused.stdout).toMatch(/被拒绝（.*\[purpose-not-allowed\]）$/m);
    expect(refused.stdout).not.toMatch(/the policy says/);
  });
  test("fetches what was sent for as long as it lies here, whatever has become of its transfer", async () => {
    const { transfer } = await pair.begin({ format: "HttpData-PUSH" }, ["COMPLETED"]);
    expect(await run(`transfer fetch ${transfer} --out sent.csv`)).toMatchObject({ exitCode: 0 });
    expect(await readFile(join(pair.net.dir, "sent.csv"), "utf8")).toBe(releasedText(20));
    expect(await run(`transfer erase ${transfer}`)).toMatchObject({ exitCode: 0 });
    const erased = await run(`transfer fetch ${transfer} --out sent-again.csv --lang zh-CN`);
    expect(erased).toMatchObject({ exitCode: 1, stdout: "" });
    expect(erased.stderr).toContain("[ERR_CLI_TRANSFER_COMPLETED]");
  });
  test("goes on with a file that an earlier run has left", async () => {
    const { transfer } = await pair.begin({ asset: big });
    const cut = await opened(transfer);
    await cut.reader.cancel();
    await writeFile(join(pair.net.dir, "big.csv.part"), cut.first);
    await writeFile(join(pair.net.dir, "big.csv.part.etag"), String(cut.answer.headers.get("etag")));
    expect(await run(`transfer fetch ${transfer} --out big.csv --json`)).toMatchObject({ exitCode: 0 });
    expect(await readFile(join(pair.net.dir, "big.csv"), "utf8")).toBe(releasedText(BIG_ROWS, true));
    const { accessLog } = pair.net.node(PROVIDER).services;
    const last = (await accessLog.read(0, accessLog.size())).filter(({ event }) => event.action === "transfer sent");
    expect(last.at(-1)?.event.outcome).toMatch(new RegExp(`^bytes ${cut.first.length}-`));
  });
  test("holds, resumes and ends a transfer with the cause that the other side sees", async () => {
    const { transfer } = await pair.begin();
    expect((await run(`transfer suspend ${transfer} --reason holiday`)).exitCode).toBe(0);
    await pair.state(CONSUMER, transfer, ["SUSPENDED"]);
    expect((await run(`transfer resume ${transfer}`)).exitCode).toBe(0);
    await pair.state(CONSUMER, transfer, ["STARTED"]);
    expect((await run(`transfer terminate ${transfer} --reason project-ended`)).exitCode).toBe(0);
    await pair.state(CONSUMER, transfer, ["TERMINATED"]);
    expect((await run(`transfer show ${transfer} --json`)).stdout).toContain("project-ended");
    expect(await run(`transfer suspend ${transfer} --reason x`)).toMatchObject({ exitCode: 1 });
  });
});

describe("a participant", () => {
  test("serves its did:web document with the key that the ledger has", async () => {
    const { members } = pair.net.operator.services;
    const pool = createConnections(members);
    const { endpoint } = await members.target(PROVIDER);
    const url = `${endpoint}/.well-known/did.json`;
    const answer = await request(url, { dispatcher: await pool.to(PROVIDER, url) });
    const document = (await answer.body.json()) as { verificationMethod: { publicKeyJwk: { x: string } }[] };
    const record = (await members.find(PROVIDER))?.record;
    expect(document.verificationMethod[0]?.publicKeyJwk.x).toBe(record?.identity.publicKey);
    await pool.close();
  });

  test("without the token of a data endpoint is told that there is nothing, before its body is read", async () => {
    const { members } = pair.net.operator.services;
    const pool = createConnections(members);
    const { endpoint } = await members.target(PROVIDER);
    const dispatcher = await pool.to(PROVIDER, endpoint);
    const { transfer } = await pair.begin();
    const calls = [
      { method: "GET", path: `data/${transfer}` },
      { method: "HEAD", path: `inbox/${transfer}` },
      { method: "PATCH", path: `inbox/${transfer}`, body: "x".repeat(1_000) },
    ] as const;
    for (const { path, ...call } of calls) {
      for (const authorization of ["", "Bearer x", "Bearer a.b.c"]) {
        const headers = { authorization, "content-type": "application/octet-stream" };
        const url = `${endpoint}/dsp/2025-1/${path}`;
        const answer = await request(url, { ...call, headers, dispatcher });
        expect([call.method, answer.statusCode]).toEqual([call.method, 404]);
        await answer.body.dump();
      }
    }
    await pool.close();
  });

  test("that asks for secure aggregation under an agreement on records is told that no data request rides on it", async () => {
    const { agreement } = await pair.begin();
    const { services } = pair.net.operator;
    const pool = createConnections(services.members);
    const client = createDataspaceClient({
      dispatcher: pool.to,
      authorize: ({ peer, method, url, body }) =>
        participantToken(services.identity, { audience: peer, method, target: new URL(url).pathname, body }, services),
    });
    const { endpoint } = await services.members.target(PROVIDER);
    const message = transferRequest({
      consumerPid: "aggregation",
      agreementId: `urn:uuid:${String(agreement)}`,
      format: "Sealane-SecureAggregation",
      callbackAddress: "https://127.0.0.1:9/dsp/2025-1",
    });
    const url = `${endpoint}/dsp/2025-1/transfers/request`;
    const answer = await client.post(PROVIDER, url, message, new AbortController().signal);
    expect(answer).toMatchObject({ kind: "refused", code: "data-request-missing" });
    const hostile = { ...message, consumerPid: "ssrf", format: "HttpData-PUSH" };
    for (const [to, code] of [
      ["http://127.0.0.1:1/", "destination-not-https"],
      ["https://127.0.0.1:1/", "destination-private"],
      ["https://[::1]:1/", "destination-private"],
    ] as const) {
      const dataAddress = dataAddressOf({ endpoint: to, token: "x", expires: undefined, refresh: undefined });
      const said = await client.post(PROVIDER, url, { ...hostile, dataAddress }, new AbortController().signal);
      expect(said).toMatchObject({ kind: "refused", code });
    }
    await pool.close();
  });
});

// Last: the agreements on the big table end here.
test("a revocation stops a stream in its middle, and the transfer ends on both sides with its cause", async () => {
  const view = await pair.begin({ asset: big });
  const stream = await opened(view.transfer);
  await revoke(view);
  // Not compared as it is: a difference of so many bytes would be printed.
  expect((await rest(stream)) === undefined).toBe(true);
  expect(await pair.state(CONSUMER, view.transfer, ["TERMINATED"])).toMatchObject({ reason: "agreement-revoked" });
  const { transfers } = await pair.json<{ transfers: readonly TransferView[] }>(PROVIDER, "GET", "/transfers");
  const theirs = transfers.filter(({ agreement }) => agreement === view.agreement);
  expect(theirs.length).toBeGreaterThan(0);
  for (const { transfer } of theirs) await pair.state(PROVIDER, transfer, ["TERMINATED", "COMPLETED"]);
});
