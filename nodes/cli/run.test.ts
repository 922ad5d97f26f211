import { chmod, mkdtemp, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { createServer, type IncomingHttpHeaders } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { METHODS } from "../../policies/model/request.ts";
import { apiIdentityProof } from "../http/api-identity.ts";
import { sealane } from "./_transcript.ts";

const INVITATION = {
  format: "sealane/invitation/v1",
  network: "steel",
  sequencer: {
    member: "op",
    publicKey: "A".repeat(43),
    tls: "A".repeat(43),
    endpoint: "https://127.0.0.1:1",
  },
  token: "A".repeat(43),
  expiresAt: "2099-01-01T00:00:00Z",
};

let cwd: string;
beforeEach(async () => {
  cwd = await mkdtemp(join(tmpdir(), "sealane-cli-"));
});
afterEach(() => rm(cwd, { recursive: true, force: true }));

const INIT = 'node init --dir bureau --id bureau --kind government --title "Statistics Bureau" --api-port 0';

describe("usage", () => {
  test("--help lists the command groups in the reader's language and ends with 0", async () => {
    const en = await sealane("--help", { cwd });
    expect(en).toMatchObject({ exitCode: 0, stderr: "" });
    expect(en.stdout).toMatch(/^Usage: sealane/);
    expect(en.stdout).toMatch(/Exit codes: 0 done/);
    const zh = await sealane("--help", { cwd, env: { LANG: "zh_CN.UTF-8" } });
    expect(zh.stdout).toMatch(/^用法/);
    expect(zh.stdout).toMatch(/退出码/);
  });

  test("the help of a command says which options are required", async () => {
    expect((await sealane("request cancel --help", { cwd })).stdout).toMatch(/--reason <code>.*\(required\)/);
    const zh = await sealane("request cancel --help", { cwd, env: { LANG: "zh_CN.UTF-8" } });
    expect(zh.stdout).toMatch(/--reason <code>.*（必填）/);
  });

  test.each(["en", "zh-CN"])("the help of request submit names the methods there are (%s)", async (language) => {
    const { stdout } = await sealane(`request submit --help --lang ${language}`, { cwd });
    for (const method of METHODS) expect(stdout).toContain(method);
  });

  test.each([
    ["nod", "There is no command nod. Did you mean node?"],
    ["node init --id a --kind government --title x --titel y", "There is no option --titel. Did you mean --title?"],
    ["node init --id a --title x", "The option --kind <kind> is required."],
    ["node init --id a --title x --kind", "The option --kind <kind> needs a value."],
    [
      "node init --id a --title x --kind bank",
      "--kind <kind> cannot be bank; wanted: government | enterprise | industry",
    ],
    ["node init --id a --title x --kind government --api-port 70000", "wanted: 0…65535"],
    ["node start now", "There are more arguments than this command takes."],
    ["audit verify --trust t.json", "The argument bundle is missing."],
    ["node", "Name one of the commands above."],
  ])("%s: wrong usage ends with 2 and says what is wrong", async (line, message) => {
    const { exitCode, stdout, stderr } = await sealane(line, { cwd });
    expect(exitCode).toBe(2);
    expect(stdout).toBe("");
    expect(stderr).toContain(message);
    expect(await readdir(cwd)).toEqual([]);
  });

  test("with --json a failure is one object on stdout too", async () => {
    const { exitCode, stdout, stderr } = await sealane("member --json", { cwd, env: { LANG: "zh_CN" } });
    expect(exitCode).toBe(2);
    expect(Object.keys(JSON.parse(stdout))).toEqual(["error"]);
    expect(JSON.parse(stdout).error.code).toBe("ERR_CLI_USAGE");
    expect(stderr).toContain("[ERR_CLI_USAGE]");
  });
});

describe("node init", () => {
  test("makes a node folder whose secrets only the owner reads", async () => {
    const { exitCode, stdout } = await sealane(`${INIT} --json --attribute region=3306 --title-zh 统计局`, { cwd });
    expect(exitCode).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({ member: "bureau", dir: join(cwd, "bureau") });
    const config = JSON.parse(await readFile(join(cwd, "bureau/sealane.json"), "utf8"));
    expect(config.member).toMatchObject({ id: "bureau", attributes: { region: "3306" }, title: { "zh-CN": "统计局" } });
    expect((await stat(join(cwd, "bureau/token"))).mode & 0o777).toBe(0o600);
  });

  test("an endpoint is listened on at its own port, loopback for loopback", async () => {
    await sealane(`${INIT} --endpoint https://127.0.0.1:7443`, { cwd });
    const config = JSON.parse(await readFile(join(cwd, "bureau/sealane.json"), "utf8"));
    expect(config.peer).toEqual({ host: "127.0.0.1", port: 7443, endpoint: "https://127.0.0.1:7443" });
  });

  test("an endpoint that is none is named with the form that is wanted, in the reader's language", async () => {
    const { exitCode, stderr } = await sealane(`${INIT} --endpoint http://x --lang zh-CN`, { cwd });
    expect(exitCode).toBe(2);
    expect(stderr).toContain("--endpoint 应为 https://主机:端口，实际为 http://x");
  });

  test("a wrong id is named and nothing is left behind", async () => {
    const result = await sealane("node init --dir x --id A_B --kind government --title x", { cwd });
    expect(result.exitCode).toBe(2);
    expect(result.stderr).toContain("member.id");
    expect(await readdir(cwd)).toEqual([]);
  });

  test("a second init in the same folder is refused and changes nothing", async () => {
    await sealane(INIT, { cwd });
    const before = await readFile(join(cwd, "bureau/sealane.json"), "utf8");
    const again = await sealane(INIT, { cwd });
    expect(again.exitCode).toBe(2);
    expect(again.stderr).toContain("[ERR_CONFIG_EXISTS]");
    expect(await readFile(join(cwd, "bureau/sealane.json"), "utf8")).toBe(before);
  });
});

test("an audit of a node that is in no network says so", async () => {
  await sealane(INIT, { cwd });
  await writeFile(join(cwd, "trust.json"), '{"format":"sealane/trust/v1"}');
  const none = await sealane("audit ledger --trust trust.json --dir bureau", { cwd });
  expect(none.exitCode).toBe(2);
  expect(none.stderr).toContain("[ERR_CLI_NO_LEDGER]");
  const missing = await sealane("audit ledger --trust trust.json --dir nowhere", { cwd });
  expect(missing.stderr).toContain("[ERR_CLI_NO_NODE]");
});

test("an audit by a file that is no trust file ends with 2, whatever else it is", async () => {
  await sealane(INIT, { cwd });
  for (const line of ["audit verify bureau/sealane.json", "audit ledger --dir bureau"]) {
    const { exitCode, stdout, stderr } = await sealane(`${line} --trust bureau/sealane.json`, { cwd });
    expect([exitCode, stdout]).toEqual([2, ""]);
    expect(stderr).toMatch(/bureau\/sealane\.json is not a trust file.*sealane trust export.*\[ERR_CLI_NOT_TRUST\]/);
  }
});

test("a file that is no evidence at all is wrong input; damaged evidence does not verify", async () => {
  await writeFile(join(cwd, "trust.json"), '{"format":"sealane/trust/v1"}');
  await writeFile(join(cwd, "request.json"), '{"title":{"en":"Output"}}');
  await writeFile(join(cwd, "damaged.json"), '{"statement":{}}');
  const other = await sealane("audit verify request.json --trust trust.json", { cwd });
  expect([other.exitCode, other.stdout]).toEqual([2, ""]);
  expect(other.stderr).toMatch(/request\.json is not an evidence bundle.*--evidence.*\[ERR_CLI_NOT_EVIDENCE\]/);
  expect((await sealane("audit verify damaged.json --trust trust.json", { cwd })).exitCode).toBe(4);
});

test("a token is written for nobody whom the configuration does not name", async () => {
  await sealane(INIT, { cwd });
  const file = join(cwd, "bureau/sealane.json");
  const config = JSON.parse(await readFile(file, "utf8"));
  await writeFile(file, JSON.stringify({ ...config, reviewers: ["li"], stewards: ["chen"] }));
  const stranger = await sealane("review person zhao --dir bureau --out zhao.token", { cwd });
  expect(stranger.exitCode).toBe(2);
  expect(stranger.stderr).toMatch(/zhao is not named under reviewers or stewards.*li, chen.*\[ERR_CLI_PERSON\]/);
  expect((await sealane("review person li --dir bureau --out li.token", { cwd })).exitCode).toBe(0);
});

test("Ctrl-C during the demo is answered at once, and ends with 130", async () => {
  const interrupt = new AbortController();
  const running = sealane("demo --once", { cwd, signal: interrupt.signal });
  setImmediate(() => interrupt.abort());
  const { exitCode, stderr } = await running;
  expect(exitCode).toBe(130);
  expect(stderr).toMatch(/^Stopping the nodes .*\nsealane: Interrupted\./);
});

describe("a command for a running node", () => {
  const list = "member list --dir bureau";

  test("says that the folder holds no node", async () => {
    const { exitCode, stderr } = await sealane(list, { cwd });
    expect(exitCode).toBe(2);
    expect(stderr).toContain("sealane node init");
  });

  test("says that the node does not answer, with 3", async () => {
    await sealane(INIT, { cwd });
    const closed = await listen();
    await closed.close();
    await pointApiAt(closed.port);
    const { exitCode, stderr } = await sealane(list, { cwd });
    expect(exitCode).toBe(3);
    expect(stderr).toContain("sealane node start");
  });

  test("a language that does not exist is refused", async () => {
    const { exitCode, stderr } = await sealane("--lang fr member list", { cwd });
    expect(exitCode).toBe(2);
    expect(stderr).toContain("en | zh-CN");
  });

  test("a file that is no JSON is refused with the line and column, in the reader's language", async () => {
    await writeFile(join(cwd, "broken.json"), '{\n  "a": 1,\n  b\n}');
    const { exitCode, stderr } = await sealane("policy check broken.json --lang zh-CN", { cwd });
    expect(exitCode).toBe(2);
    expect(stderr).toContain("第 3 行第 3 列");
    await writeFile(join(cwd, "broken.json"), '{"a": [');
    expect((await sealane("policy check broken.json", { cwd })).stderr).toContain("the file ends in the middle");
  });

  test("shows the node's problem document in the reader's language, with every wrong field", async () => {
    await sealane(INIT, { cwd });
    const problem = {
      title: "ERR_HTTP_INVALID",
      status: 400,
      code: "ERR_HTTP_INVALID",
      detail: "body: wrong",
      errors: [{ field: "body.reason", code: "missing", parameters: {}, detail: "it is missing" }],
    };
    const server = await listen(400, JSON.stringify(problem), await tokenOf("bureau"));
    await pointApiAt(server.port);
    const zh = await sealane(`${list} --lang zh-CN`, { cwd });
    expect(zh.exitCode).toBe(2);
    expect(zh.stdout).toBe("");
    expect(zh.stderr).toMatch(/请改正后重试.*\[ERR_HTTP_INVALID\]\n {2}- body\.reason：缺少该项\n$/);
    const json = await sealane(`${list} --json`, { cwd });
    expect(JSON.parse(json.stdout).error).toMatchObject({ code: "ERR_HTTP_INVALID", errors: problem.errors });
    await server.close();
  });

  test("what is neither a request's id nor a file with one is said to be neither", async () => {
    await sealane(INIT, { cwd });
    const server = await listen(200, "{}", await tokenOf("bureau"));
    await pointApiAt(server.port);
    const { exitCode, stderr } = await sealane("policy explain nope --dir bureau", { cwd });
    await server.close();
    expect(exitCode).toBe(2);
    expect(stderr).toMatch(/nope is neither .*sealane request list.*\[ERR_CLI_NO_REQUEST\]/);
  });

  test("a port that is taken is named, without a stack trace", async () => {
    const server = await listen();
    const peer = "--endpoint https://127.0.0.1:1 --listen 127.0.0.1:0";
    await sealane(`node init --dir op --id op --kind industry --title Op --api-port ${server.port} ${peer}`, { cwd });
    await sealane("network found --dir op --network n --industry 17 --title N", { cwd });
    const { exitCode, stderr } = await sealane("node start --dir op", { cwd });
    await server.close();
    expect(stderr).toContain(`127.0.0.1:${server.port}`);
    expect(stderr).toContain("[ERR_CLI_PORT]");
    expect(stderr).not.toContain("    at ");
    expect(exitCode).toBe(1);
  });

  test("an answer that is no JSON is named", async () => {
    await sealane(INIT, { cwd });
    const server = await listen(200, "<html>", await tokenOf("bureau"));
    await pointApiAt(server.port);
    const { exitCode, stderr } = await sealane(list, { cwd });
    expect(exitCode).toBe(1);
    expect(stderr).toContain("[ERR_CLI_ANSWER_UNREADABLE]");
    await server.close();
  });

  test.each([
    ["a program that is no node", undefined],
    ["another node", "another-token"],
  ])("%s at the node's port never sees its token", async (_, token) => {
    await sealane(INIT, { cwd });
    const server = await listen(200, "{}", token);
    await pointApiAt(server.port);
    const { exitCode, stderr } = await sealane(list, { cwd });
    expect(exitCode).toBe(3);
    expect(stderr).toContain("[ERR_CLI_OTHER_NODE]");
    expect(server.seen.map(({ url }) => url?.split("?")[0])).toEqual(["/api/v1/identity"]);
    expect(JSON.stringify(server.seen)).not.toContain(await tokenOf("bureau"));
    await server.close();
  });

  test("a person's token that the node does not know, and a file that holds no token, are told as what they are", async () => {
    await sealane(INIT, { cwd });
    const server = await listen(200, "{}", await tokenOf("bureau"));
    await pointApiAt(server.port);
    await writeFile(join(cwd, "li.token"), `li.${"A".repeat(43)}\n`);
    const person = await sealane("review list --dir bureau --as li.token", { cwd });
    expect(person.stderr).toMatch(/does not know this token of li.*\[ERR_CLI_PERSON_UNKNOWN\]/);
    await writeFile(join(cwd, "trust.json"), '{"format":"sealane/trust/v1","network":"textile"}');
    const other = await sealane("review list --dir bureau --as trust.json", { cwd });
    expect([person.exitCode, other.exitCode]).toEqual([2, 2]);
    expect(other.stderr).toMatch(/trust\.json holds no token.*\[ERR_CLI_NOT_TOKEN\]/);
    await server.close();
  });

  async function tokenOf(dir: string): Promise<string> {
    return (await readFile(join(cwd, dir, "token"), "utf8")).trim();
  }

  async function pointApiAt(port: number): Promise<void> {
    const file = join(cwd, "bureau/sealane.json");
    const config = JSON.parse(await readFile(file, "utf8"));
    await writeFile(file, JSON.stringify({ ...config, api: { host: "127.0.0.1", port } }));
  }
});

interface Listening {
  readonly port: number;
  readonly seen: { readonly url: string | undefined; readonly headers: IncomingHttpHeaders }[];
  readonly close: () => Promise<void>;
}

/** `token`: whose node it says to be. */
async function listen(status = 200, body = "{}", token?: string): Promise<Listening> {
  const seen: Listening["seen"] = [];
  const server = createServer(({ url, headers }, response) => {
    seen.push({ url, headers });
    const challenge = /^\/api\/v1\/identity\?challenge=(.*)$/.exec(url ?? "")?.[1];
    if (challenge === undefined || token === undefined) response.writeHead(status).end(body);
    else response.end(JSON.stringify({ proof: apiIdentityProof(token, challenge) }));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    port: (server.address() as AddressInfo).port,
    seen,
    close: () =>
      new Promise((resolve) => {
        server.closeAllConnections();
        server.close(() => resolve());
      }),
  };
}

describe("under --lang zh-CN", () => {
  const wrong: [what: string, line: string, prepare: (dir: string) => Promise<unknown>][] = [
    ["no node", "request list --dir nowhere", async () => undefined],
    ["a file that is missing", "policy check gone.json", async () => undefined],
    ["a file that is no JSON", "policy check broken.json", () => writeFile(join(cwd, "broken.json"), "{")],
    ["a wrong policy", "policy check p.json", () => writeFile(join(cwd, "p.json"), '{"@type":"Offer","permission":7}')],
    [
      "wrong keys of the configuration",
      "node start --dir bureau",
      (dir) => writeFile(join(dir, "sealane.json"), '{"member":{"id":"A"},"odd":1,"log":{"level":"loud"}}'),
    ],
    ["no network", "node start --dir bureau", async () => undefined],
    [
      "a key that others may read",
      "network join i.json --dir bureau",
      (dir) => chmod(join(dir, "keys/identity.json"), 0o644),
    ],
    ["a damaged key", "network join i.json --dir bureau", (dir) => writeFile(join(dir, "keys/identity.json"), "x")],
    ["no backup", "node restore bureau --dir other", async () => undefined],
    [
      "a trust file that is none",
      "audit verify bureau/sealane.json --trust bureau/sealane.json",
      async () => undefined,
    ],
  ];
  test.each(wrong)(
    "%s: every line that a person reads is Chinese, filled in and with its code",
    async (_what, line, prepare) => {
      await sealane(INIT, { cwd });
      await writeFile(join(cwd, "i.json"), JSON.stringify(INVITATION));
      await prepare(join(cwd, "bureau"));
      const { exitCode, stdout, stderr } = await sealane(`${line} --lang zh-CN`, { cwd });
      expect(exitCode).toBeGreaterThan(0);
      const lines = `${stdout}${stderr}`.split("\n").filter((text) => /[a-z]{3}/i.test(text));
      expect(lines.length).toBeGreaterThan(0);
      for (const text of lines) {
        expect(text).not.toMatch(/\{\w+\}/);
        expect(text).toMatch(/[\u4e00-\u9fff]/);
      }
    },
  );
});
