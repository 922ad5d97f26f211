/** Transcripts of every command about requests, agreements, policies and members, against the nodes of one network. */
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { policyOf } from "../../policies/model/policy-of.ts";
import { createNetwork, defaultPolicy, draftOf, type Network } from "../computations/_network.ts";
import { sealane, type Transcript } from "./_transcript.ts";

let cwd: string;
let network: Network;

beforeAll(async () => {
  cwd = await mkdtemp(join(tmpdir(), "sealane-requests-"));
  const steward = (member: string) =>
    member === "gamma" || member === "omega" ? { approval: "steward" as const } : {};
  network = await createNetwork({ policy: steward });
  // What is not listed yet is judged by the providers alone.
  const listed = async () => (await json<{ assets: unknown[] }>("ministry", "asset search panel")).assets;
  await vi.waitFor(async () => expect(await listed()).toHaveLength(5), { timeout: 280_000, interval: 200 });
});
afterAll(async () => {
  await network?.[Symbol.asyncDispose]();
  await rm(cwd, { recursive: true, force: true });
});

const run = (member: string, line: string): Promise<Transcript> =>
  sealane(`${line} --dir ${join(network.net.dir, member)}`, { cwd });
const json = async <T = Record<string, unknown>>(member: string, line: string): Promise<T> => {
  const { exitCode, stdout, stderr } = await run(member, `${line} --json`);
  expect([line, exitCode, exitCode === 0 ? "" : stderr]).toEqual([line, 0, ""]);
  expect(stdout.trim().split("\n")).toHaveLength(1);
  return JSON.parse(stdout) as T;
};
/** A refusal is told on stderr with its code, and as one object with --json. */
const refusal = async (member: string, line: string, exitCode: number, code: string): Promise<string> => {
  const told = await run(member, line);
  expect([line, told.exitCode, told.stdout]).toEqual([line, exitCode, ""]);
  expect(told.stderr).toContain(`[${code}]`);
  const object = await run(member, `${line} --json`);
  expect([object.exitCode, JSON.parse(object.stdout).error.code]).toEqual([exitCode, code]);
  const chinese = await run(member, `${line} --lang zh-CN`);
  for (const said of chinese.stderr.trim().split("\n")) expect(said).toMatch(/[\u4e00-\u9fff]/);
  return told.stderr;
};
const draft = async (name: string, change: object = {}): Promise<string> => {
  await writeFile(join(cwd, name), JSON.stringify({ ...draftOf(), title: { en: name }, ...change }));
  return name;
};
const submitted = async (name: string, change: object = {}): Promise<string> =>
  (await json<{ id: string }>("ministry", `request submit ${await draft(name, change)}`)).id;
interface View {
  readonly state: string;
  readonly assets: readonly { asset: string; outcome: string; agreement?: string }[];
}
/** Until this provider has said that. */
const decided = async (request: string, member: string, outcome: string): Promise<void> => {
  const seen = async () => {
    const { assets } = await json<View>(member, `request show ${request}`).catch(() => ({ assets: [] }) as never);
    return assets.find(({ asset }: { asset: string }) => asset === `${member}:panel`)?.outcome;
  };
  await expect.poll(seen).toBe(outcome);
};

test("request submit: wrong drafts are refused with every problem at its place, in both languages", async () => {
  const query = {
    measures: [{ id: "x", statistic: { kind: "sum", element: "no-such-element" } }],
    groupBy: [{ attribute: "weather" }],
    filters: [],
  };
  const name = await draft("wrong.json", { query, receiver: "nobody", retentionDays: "long", odd: 1 });
  const said = await refusal("ministry", `request submit ${name}`, 2, "ERR_REQUEST_INVALID");
  for (const line of [
    "query.measures.0.statistic.element: data element no-such-element is not in alpha:panel",
    "query.groupBy.0.attribute: the network has no registry attribute weather; it has sector",
    "receiver: nobody is not a member of this network",
    'retentionDays: wanted integer, got "long"',
    "odd: there is no such key",
  ]) {
    expect(said).toContain(`  - ${line}`);
  }
  await refusal("ministry", "request submit gone.json", 2, "ERR_CLI_FILE_MISSING");
  await writeFile(join(cwd, "list.json"), "[]");
  await refusal("ministry", "request submit list.json", 2, "ERR_HTTP_INVALID");
});

test("request approve, refuse, show, result: a request that waits for two people is decided, computed and shown", async () => {
  const name = await draft("output.json");
  const filed = await run("ministry", `request submit ${name}`);
  expect([filed.exitCode, filed.stderr]).toEqual([0, ""]);
  const id = /[0-9a-f-]{36}/.exec(filed.stdout)?.[0] ?? "";
  expect(filed.stdout).toContain(`sealane request show ${id}`);
  await decided(id, "gamma", "wait");
  await decided(id, "omega", "wait");
  await decided(id, "alpha", "permit");

  const twice = await run("ministry", `request submit ${name}`);
  expect(twice.stderr).toContain(`filed before and is still running: ${id}`);
  expect(await json("ministry", `request submit ${name}`)).toEqual({
    id,
    cached: false,
    running: true,
    recorded: true,
  });

  const early = await run("ministry", `request show ${id} --wait 1`);
  expect(early).toMatchObject({ exitCode: 5, stdout: expect.stringMatching(/gamma:panel\s+wait/) });
  expect(early.stderr).toContain("After 1 s this is still not finished.");

  const { stdout: listed } = await run("ministry", "request list --lang zh-CN");
  expect(listed).toMatch(new RegExp(`${id}\\s+output\\.json\\s+ministry\\s+已提交`));
  const wrongId = await refusal("gamma", "request show 123", 2, "ERR_HTTP_INVALID");
  expect(wrongId).toContain("params.request: wanted a whole id");
  await refusal("gamma", `request refuse ${id}`, 2, "ERR_CLI_USAGE");
  await refusal("alpha", `request approve ${id}`, 1, "ERR_CLI_NOTHING_WAITS");
  await refusal("alpha", `request approve ${id} --asset gamma:panel`, 1, "ERR_REQUEST_FORBIDDEN");
  await refusal("alpha", `request refuse ${id} --asset alpha:panel --reason late`, 1, "ERR_REQUEST_NOT_WAITING");
  await refusal("ministry", `request result ${id}`, 1, "ERR_REQUEST_NO_RESULT");

  expect(await json("omega", `request refuse ${id} --reason no-capacity`)).toMatchObject({
    request: id,
    decisions: [{ asset: "omega:panel", outcome: "refuse" }],
  });
  expect(await run("gamma", `request approve ${id}`)).toEqual({
    exitCode: 0,
    stdout: "gamma:panel  permit\n",
    stderr: "",
  });

  const shown = await run("ministry", `request show ${id} --wait 120`);
  expect([shown.exitCode, shown.stdout]).toEqual([0, expect.stringMatching(/omega:panel\s+refuse/)]);
  const result = await run("ministry", `request result ${id} --evidence evidence.json`);
  expect([result.exitCode, result.stdout]).toEqual([0, expect.stringContaining("evidence.json")]);
  await refusal("ministry", `request result ${id} --evidence evidence.json`, 2, "ERR_CLI_FILE_EXISTS");
  await json("ministry", "trust export --out trust.json");
  expect((await run("ministry", "audit verify evidence.json --trust trust.json")).exitCode).toBe(0);

  const over = await refusal("ministry", `request cancel ${id} --reason late`, 1, "ERR_REQUEST_TRANSITION");
  expect(over).toContain("it is released already");
  // Omega did not answer the first one, so that answer does not stand for a new one.
  const next = await json<{ id: string }>("ministry", `request submit ${name}`);
  expect(next).toMatchObject({ cached: false, running: false });
  await json("ministry", `request cancel ${next.id} --reason over`);
});

test("request draft, check, appeal: a form over a cart tells all that it lacks; after a refusal a person hears the appeal", async () => {
  await json("ministry", "request draft alpha:panel beta:panel gamma:panel --out form.json");
  const made = JSON.parse(await readFile(join(cwd, "form.json"), "utf8"));
  expect(made).toMatchObject({
    assets: ["alpha:panel", "beta:panel", "gamma:panel"],
    form: { usage: "aggregate-statistics" },
  });
  const checked = await run("ministry", "request check form.json");
  expect([checked.exitCode, checked.stderr]).toEqual([1, ""]);
  for (const place of [
    "form.applicant.creditCode",
    "form.necessity.output-value",
    "form.commitments.agreement",
    "coordinator",
  ]) {
    expect(checked.stdout).toContain(place);
  }
  const form = {
    applicant: { creditCode: "91350100M000100Y43", person: "Li", phone: "0575-88880000", email: "li@example.gov.cn" },
    scenario: "industry figures",
    necessity: { "output-value": "what is summed", year: "the groups" },
    frequency: "once",
    calls: 1,
    deployment: "own servers",
    leavesCountry: { leaves: false },
    onwardSharing: false,
    personalInformation: { involved: false },
    importantData: { involved: false },
    destruction: "delete",
    commitments: { confidentiality: true, agreement: true },
  };
  const query = {
    measures: [{ id: "output", statistic: { kind: "sum", element: "output-value" } }],
    groupBy: [{ element: "year" }],
    filters: [],
  };
  const name = await draft("whole.json", { query, form, retentionDays: 7 });
  expect(await json("ministry", `request check ${name}`)).toEqual({ ok: true, problems: [] });
  const half = await draft("half.json", { query, form: { ...form, deployment: " " } });
  expect(await refusal("ministry", `request submit ${half}`, 2, "ERR_REQUEST_INVALID")).toContain("form.deployment");

  const { id } = await json<{ id: string }>("ministry", `request submit ${name}`);
  await decided(id, "gamma", "wait");
  await refusal("ministry", `request appeal ${id} --reason again`, 2, "ERR_CLI_NOT_REFUSED");
  await json("gamma", `request refuse ${id} --reason trade-secret`);
  await decided(id, "gamma", "refuse");
  await expect.poll(async () => (await run("ministry", `request show ${id}`)).stdout).toContain("trade-secret");
  const appealed = await json<{ id: string }>("ministry", `request appeal ${id} --reason misread`);
  expect(appealed.id).not.toBe(id);
  await decided(appealed.id, "alpha", "wait");
  const due = await json<{ due: { request: string; asset: string; role: string }[] }>("alpha", "request due");
  expect(due.due).toContainEqual(
    expect.objectContaining({ request: appealed.id, asset: "alpha:panel", role: "provider", standing: "open" }),
  );
  expect((await run("alpha", `policy explain ${appealed.id}`)).stdout).toContain("the appeal waits for a person");
  // An appeal about nothing, about what nobody refused, and by who was not refused.
  const unknown = await draft("unknown.json", {
    appeal: { request: "00000000-0000-4000-8000-000000000000", reason: "x" },
  });
  const never = "appeal.request: the requester has filed no such request as the appeal is about";
  expect(await refusal("ministry", `request submit ${unknown}`, 2, "ERR_REQUEST_INVALID")).toContain(never);
  const early = await draft("early.json", { appeal: { request: appealed.id, reason: "x" } });
  const running = "appeal.request: nobody refused the request that the appeal is about";
  expect(await refusal("ministry", `request submit ${early}`, 2, "ERR_REQUEST_INVALID")).toContain(running);
  const others = await draft("others.json", { appeal: { request: id, reason: "x" }, receiver: "ministry" });
  expect(await refusal("bureau", `request submit ${others}`, 2, "ERR_REQUEST_INVALID")).toContain(never);
  const late = { ...draftOf(), requester: "bureau", appeal: { request: id, reason: "x" } };
  await writeFile(join(cwd, "by-bureau.json"), JSON.stringify(late));
  expect(await json("alpha", "policy explain by-bureau.json --requester bureau")).toMatchObject({
    explanations: [{ outcome: "refuse", reasons: expect.arrayContaining(["appeal-unknown"]) }],
  });
  for (const one of [id, appealed.id]) await run("ministry", `request cancel ${one} --reason over`);
});

test("request cancel: only by its requester, with a reason; nobody decides on it afterwards and its agreements end", async () => {
  const id = await submitted("cancelled.json", { query: { ...draftOf().query, groupBy: [{ element: "year" }] } });
  await decided(id, "gamma", "wait");
  await decided(id, "alpha", "permit");
  await refusal("ministry", `request cancel ${id}`, 2, "ERR_CLI_USAGE");
  const reason = await refusal("ministry", `request cancel ${id} --reason "not needed"`, 2, "ERR_HTTP_INVALID");
  expect(reason).toContain("body.reason: wanted a code");
  await refusal("alpha", `request cancel ${id} --reason mine`, 1, "ERR_REQUEST_FORBIDDEN");
  const unknown = "00000000-0000-4000-8000-000000000000";
  await refusal("ministry", `request cancel ${unknown} --reason late`, 1, "ERR_REQUEST_UNKNOWN");

  const done = await run("ministry", `request cancel ${id} --reason not-needed`);
  expect(done).toMatchObject({ exitCode: 0, stderr: "" });
  expect(done.stdout).toBe(`done\nrequest  ${id}\nreason   not-needed\n`);
  const waited = await run("ministry", `request show ${id} --wait 60`);
  expect([waited.exitCode, waited.stdout]).toEqual([1, expect.stringMatching(/state\s+cancelled[\s\S]*not-needed/)]);
  await expect.poll(async () => (await json<View>("gamma", `request show ${id}`)).state).toBe("cancelled");
  const late = await refusal("gamma", `request approve ${id}`, 1, "ERR_REQUEST_TRANSITION");
  expect(late).toContain("it is cancelled already");
  expect((await run("ministry", `request cancel ${id} --reason again`)).exitCode).toBe(1);

  const ended = async (): Promise<unknown> => {
    const { agreements } = await json<{ agreements: Agreement[] }>("alpha", "agreement list");
    return agreements.find(({ request }) => request === id);
  };
  await expect.poll(ended).toMatchObject({ state: "ENDED", reason: "request-cancelled" });
  expect((await run("alpha", "agreement list --lang zh-CN")).stdout).toContain("已终止（申请已取消）");
});

interface Agreement {
  readonly agreement: string;
  readonly request: string;
  readonly state: string;
  readonly reason?: string;
}

test("agreement list, revoke: only the provider revokes, with a reason, and both sides see it", async () => {
  const id = await submitted("revoked.json", { assets: ["alpha:panel", "beta:panel", "delta:panel", "gamma:panel"] });
  const own = async (member: string): Promise<Agreement | undefined> =>
    (await json<{ agreements: Agreement[] }>(member, "agreement list")).agreements.find(
      ({ request }) => request === id,
    );
  await expect.poll(async () => (await own("alpha"))?.state).toBe("FINALIZED");
  const { agreement } = (await own("alpha"))!;
  const human = await run("alpha", "agreement list");
  expect(human.stdout).toMatch(new RegExp(`${agreement}\\s+computation\\s+alpha:panel\\s+ministry\\s+in force`));
  await refusal("alpha", `agreement revoke ${agreement}`, 2, "ERR_CLI_USAGE");
  await refusal("alpha", "agreement revoke 1 --reason x", 2, "ERR_HTTP_INVALID");
  expect((await run("beta", `agreement revoke ${agreement} --reason mine`)).exitCode).toBe(1);

  expect(await json("alpha", `agreement revoke ${agreement} --reason contract-ended`)).toEqual({
    agreement,
    reason: "contract-ended",
  });
  expect(await own("alpha")).toMatchObject({ state: "REVOKED", reason: "contract-ended" });
  await refusal("alpha", `agreement revoke ${agreement} --reason again`, 1, "ERR_LEDGER_REJECTED");
  const seen = () => run("ministry", `request show ${id}`);
  await expect.poll(async () => (await seen()).stdout).toMatch(/alpha:panel.*contract-ended.*revoked/);
  await json("ministry", `request cancel ${id} --reason over`);
});

test("policy explain: a decision as it was made, a draft as it would be, and what stopped it", async () => {
  const id = await submitted("explained");
  await decided(id, "alpha", "permit");
  expect(await json("alpha", `policy explain ${id}`)).toMatchObject({
    request: id,
    explanations: [{ asset: "alpha:panel", outcome: "permit", stops: [], policyVersion: 1 }],
  });
  await decided(id, "gamma", "wait");
  expect(await json("gamma", `policy explain ${id}`)).toMatchObject({
    explanations: [{ outcome: "wait", stops: [{ reason: "approval-pending", terms: ["sealane:obtainApproval"] }] }],
  });
  await refusal("alpha", `policy explain ${id} --asset beta:panel`, 1, "ERR_ASSET_UNKNOWN");

  const name = await draft("explained.json");
  const asked = await refusal("alpha", `policy explain ${name}`, 2, "ERR_CLI_USAGE");
  expect(asked).toContain("--requester MEMBER");
  const explained = await run("alpha", `policy explain ${name} --requester ministry`);
  expect([explained.exitCode, explained.stdout]).toEqual([0, expect.stringMatching(/verdict\s+permit/)]);

  const next = policyOf({ ...defaultPolicy("beta"), version: 2, purposes: ["other-purpose"], aggregate: {} });
  await writeFile(join(cwd, "next.json"), JSON.stringify(next));
  for (const source of [id, `${name} --requester ministry`]) {
    expect(await json("beta", `policy explain ${source} --policy next.json`)).toMatchObject({
      explanations: [
        {
          outcome: "refuse",
          reasons: expect.arrayContaining(["purpose-not-allowed"]),
          stops: [
            { rule: "purpose", columns: [], terms: ["purpose"] },
            { rule: "functions", columns: ["output-value"], terms: ["aggregate"] },
          ],
        },
      ],
    });
  }
  const told = await run("beta", `policy explain ${id} --policy next.json --lang zh-CN`);
  expect(told.stdout).toMatch(/被拦原因.*字段.*条款/);
  await json("ministry", `request cancel ${id} --reason over`);
});

test("policy simulate: the one in force changes nothing, another one what it says; nothing is recorded", async () => {
  const query = {
    measures: [{ id: "total", statistic: { kind: "sum", element: "output-value" } }],
    groupBy: [{ attribute: "sector" }],
    filters: [],
  };
  const id = await submitted("simulated", { query });
  await decided(id, "alpha", "permit");
  const { policy } = await json<{ policy: object }>("alpha", "policy show alpha:panel");
  await writeFile(join(cwd, "same.json"), JSON.stringify(policy));
  const running = async () => (await json<{ running: number }>("alpha", "policy simulate same.json")).running;
  await vi.waitFor(async () => expect(await running()).toBe(1), { timeout: 60_000, interval: 200 });
  expect(await json("alpha", "policy simulate same.json")).toMatchObject({ changed: [], changes: [], agreements: [] });

  const other = policyOf({
    ...defaultPolicy("alpha"),
    version: 2,
    purposes: ["other-purpose"],
    minimumOrganisations: 6,
  });
  await writeFile(join(cwd, "other.json"), JSON.stringify(other));
  const height = async () => (await json<{ height: number }>("alpha", "ledger status")).height;
  const before = await height();
  const simulated = await json<{ decisions: number; changed: unknown[]; changes: unknown[] }>(
    "alpha",
    "policy simulate other.json",
  );
  const stops = [
    { rule: "purpose", columns: [] },
    { rule: "minimum-organisations", terms: ["sealane:minimumOrganisations", "sealane:colluders"] },
  ];
  const cells = [{ group: { sector: "17" }, organisations: 5, change: "withheld" }];
  expect(simulated).toMatchObject({
    agreements: [{ request: id, wouldBe: "refuse", stops, organisationsNeeded: { before: 3, after: 6 }, cells }],
  });
  expect(simulated.changed.length).toBeGreaterThan(0);
  expect(simulated.changed).toContainEqual(expect.objectContaining({ request: id, decided: "permit" }));
  expect(await height()).toBe(before);
  const told = await run("alpha", "policy simulate other.json");
  expect([told.exitCode, told.stdout]).toEqual([0, expect.stringMatching(/permit → refuse/)]);
  await refusal("beta", "policy simulate other.json", 1, "ERR_ASSET_UNKNOWN");
  await json("ministry", `request cancel ${id} --reason over`);
});

test("policy set, show: a new version is in force at once", async () => {
  const next = policyOf({ ...defaultPolicy("beta"), version: 2, purposes: ["other-purpose"] });
  await writeFile(join(cwd, "next.json"), JSON.stringify(next));
  expect(await json("beta", "policy set beta:panel next.json")).toMatchObject({ policyVersion: 2 });
  await refusal("beta", "policy set beta:panel next.json", 1, "ERR_ASSET_POLICY_UNCHANGED");
  expect(await json("beta", "policy show beta:panel")).toMatchObject({ version: 2 });
  await refusal("alpha", "policy show beta:panel", 1, "ERR_ASSET_UNKNOWN");
});

test("member suspend, reinstate, refuse: by the operator, with a reason, and everybody sees it", async () => {
  await refusal("operator", "member suspend omega", 2, "ERR_CLI_USAGE");
  await refusal("operator", "member suspend nobody --reason x", 1, "ERR_LEDGER_REJECTED");
  await refusal("operator", "member refuse nobody --reason x", 1, "ERR_NETWORK_APPLICATION_UNKNOWN");
  await refusal("alpha", "member suspend omega --reason x", 1, "ERR_NETWORK_NOT_OPERATOR");
  expect(await json("operator", "member suspend omega --reason contract-ended")).toMatchObject({
    member: "omega",
    reason: "contract-ended",
  });
  const listed = () => run("ministry", "member list");
  await expect.poll(async () => (await listed()).stdout).toMatch(/omega.*suspended/);
  const again = await run("operator", "member reinstate omega --reason contract-renewed");
  expect([again.exitCode, again.stderr]).toEqual([0, ""]);
  await expect.poll(async () => (await listed()).stdout).toMatch(/omega.*active/);
});
