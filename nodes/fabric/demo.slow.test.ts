import { mkdtempSync, rmSync } from "node:fs";
import { readdir, readFile, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { codeDigest } from "../../chaincode/fabric/code-digest.ts";
import type { Report } from "../../ledger/audit/report.ts";
import { sealane } from "../cli/_transcript.ts";
import type { DemoReport } from "../demo/report.ts";
import { fabricForTests } from "./_skip.ts";

const fabric = await fabricForTests();
const title = "missing" in fabric ? `(skipped: ${fabric.missing})` : `of Fabric ${fabric.binaries.version}`;

describe.skipIf("missing" in fabric)(`the whole demonstration on a network ${title}`, () => {
  let out: string;
  beforeAll(() => {
    out = mkdtempSync(join(tmpdir(), "sealane-fabric-demo-"));
  });
  afterAll(() => rmSync(out, { recursive: true, force: true }));

  test("gives exact figures and evidence that the auditor's command verifies, and a changed block is named", async () => {
    const env = { FABRIC_BIN: process.env.FABRIC_BIN ?? "", PATH: process.env.PATH ?? "" };
    const line = `demo --once --json --ledger fabric --scenario shaoxing --out ${out}`;
    const { stdout, stderr, exitCode } = await sealane(line, { cwd: out, env });
    expect(exitCode, stderr).toBe(0);
    const report = JSON.parse(stdout) as DemoReport;
    expect(report).toMatchObject({ ledger: "fabric", nodes: 11, leaks: 0 });
    expect(report.evidence.bundles).toBeGreaterThan(0);
    expect(report.evidence.verified).toBe(report.evidence.bundles);

    const [name] = (await readdir(out)).filter((file) => file.endsWith(".evidence.json"));
    const verify = async (file: string) => {
      const end = await sealane(`audit verify ${file} --trust ${join(out, "trust.json")} --json`, { cwd: out });
      return { exitCode: end.exitCode, report: JSON.parse(end.stdout) as Report };
    };
    const good = await verify(join(out, name!));
    expect(good).toMatchObject({ exitCode: 0, report: { verdict: "verified", code: [codeDigest()] } });
    const passed = good.report.checks.filter(({ status }) => status === "passed").map(({ id }) => id);
    expect(passed).toEqual(expect.arrayContaining(["fabric-chain", "fabric-validity", "inclusion"]));

    const bundle = JSON.parse(await readFile(join(out, name!), "utf8")) as {
      body: { fabric: { blocks: { data: string[] }[] } };
    };
    const { data } = bundle.body.fabric.blocks.at(-1)!;
    const bytes = Buffer.from(data[0]!, "base64url");
    bytes[bytes.length >> 1]! ^= 1;
    data[0] = bytes.toString("base64url");
    await writeFile(join(out, "bad.json"), JSON.stringify(bundle));
    const bad = await verify(join(out, "bad.json"));
    expect(bad.exitCode).toBe(4);
    const codes = bad.report.checks.flatMap((check) =>
      check.status === "failed" ? check.problems.map(({ code }) => code) : [],
    );
    expect(codes).toContain("fabric-data-hash");
  });
});
