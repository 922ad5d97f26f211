/** Our checkpoints, cosignatures and proofs under an independent implementation: golang.org/x/mod/sumdb in `_interop`. */
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, describe, expect, it } from "vitest";
import { canonicalJson } from "../../crypto/suites/digest.ts";
import { admission, anchor, anchors, founding, NETWORK, testMember } from "../conformance/fixture.ts";
import { memoryStore } from "../embedded/_memory-store.ts";
import { openReplica } from "../embedded/replica.ts";
import { createSequencer } from "../embedded/sequencer.ts";
import { cosignerNameOf, originOf } from "./checkpoint.ts";
import { leafText } from "./leaf.ts";
import { parseProof } from "./proof-text.ts";

const folder = mkdtempSync(join(tmpdir(), "sealane-interop-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** The built program, or why there is none: no Go here, or its module cannot be had. */
function build(): { readonly program: string } | { readonly missing: string } {
  const program = join(folder, "interop");
  const source = fileURLToPath(new URL("./_interop", import.meta.url));
  const built = spawnSync("go", ["build", "-mod=mod", "-o", program, "."], { cwd: source, timeout: 200_000 });
  if (built.error !== undefined) return { missing: "no Go on this machine" };
  return built.status === 0 ? { program } : { missing: `Go cannot build: ${String(built.stderr).slice(0, 200)}` };
}
const go = build();

interface Case {
  readonly leaf: string;
  readonly proof: string;
}
interface Growth {
  readonly old: string;
  readonly new: string;
  /** Padded base64. */
  readonly path: readonly string[];
}

const founder = testMember("operator", { kind: "industry" });
const members = ["a", "b", "c"].map((id) => testMember(id, { cosigner: true }));
const keyOf = (name: string, publicKey: Uint8Array) => ({ name, publicKey: Buffer.from(publicKey).toString("base64") });

function verdicts(inclusion: readonly Case[], consistency: readonly Growth[] = [], quorum = 2) {
  if ("missing" in go) throw new Error(go.missing);
  const input = {
    log: keyOf(originOf(NETWORK), founder.identity.publicKey),
    cosigners: members.map(({ id, identity }) => keyOf(cosignerNameOf(NETWORK, id), identity.publicKey)),
    quorum,
    inclusion,
    consistency,
  };
  const run = spawnSync(go.program, { input: JSON.stringify(input), maxBuffer: 2 ** 26 });
  if (run.status !== 0) throw new Error(String(run.stderr));
  return JSON.parse(String(run.stdout)) as { inclusion: string[] | null; consistency: string[] | null };
}

/** Proofs of every record under every checkpoint of a network that grew, and how each checkpoint follows the ones before. */
async function network() {
  const now = Date.now;
  const { ledger, api } = await createSequencer({
    store: memoryStore(),
    network: NETWORK,
    identity: founder.identity,
    now,
  });
  const replicas = await Promise.all(
    members.map(({ identity }) =>
      openReplica({
        store: memoryStore(),
        network: NETWORK,
        identity,
        sequencer: api,
        pinnedSequencerKey: Buffer.from(founder.identity.publicKey).toString("base64url"),
        now,
        retryMs: 20,
      }),
    ),
  );
  await ledger.submit([founding(founder)]);
  for (const member of members) await ledger.submit([admission(founder, member)]);
  const inclusion: Case[] = [];
  const checkpoints: { readonly size: number; readonly text: string }[] = [];
  const work = [[anchor(founder, 0)], anchors(founder, 1, 5), [anchor(founder, 6)], anchors(founder, 7, 9)];
  for (const transactions of work) {
    await ledger.submit(transactions);
    const { height } = await ledger.status();
    let text = "";
    for await (const { position, time, transaction } of ledger.entries(0)) {
      const proof = await ledger.prove(position);
      if (proof.kind !== "tlog") throw new Error("expected a tlog proof");
      inclusion.push({ leaf: leafText(time, canonicalJson(transaction)), proof: proof.proof });
      text = parseProof(proof.proof).checkpoint;
    }
    checkpoints.push({ size: height, text });
  }
  const consistency: Growth[] = [];
  for (const [at, old] of checkpoints.entries()) {
    for (const next of checkpoints.slice(at + 1)) {
      const path = await api.consistencyProof({ from: old.size, to: next.size });
      const padded = path.map((hash) => Buffer.from(hash, "base64url").toString("base64"));
      consistency.push({ old: old.text, new: next.text, path: padded });
    }
  }
  await Promise.all(replicas.map((replica) => replica.close()));
  await ledger.close();
  return { inclusion, consistency };
}

const title = "missing" in go ? `(skipped: ${go.missing})` : "by golang.org/x/mod/sumdb/note and tlog";

describe.skipIf("missing" in go)(`proofs verified ${title}`, () => {
  it("hold for every record of every checkpoint, and for every step of growth", async () => {
    const { inclusion, consistency } = await network();
    expect(inclusion.length).toBeGreaterThan(40);
    const answer = verdicts(inclusion, consistency);
    expect(new Set(answer.inclusion)).toEqual(new Set(["ok"]));
    expect(answer.consistency).toEqual(new Array(6).fill("ok"));
  });

  it("fail for another leaf, path, root, quorum or history", async () => {
    const { inclusion, consistency } = await network();
    const last = inclusion.at(-1)!;
    const first = inclusion.at(-20)!;
    const other = (letter: string) => (letter === "A" ? "B" : "A");
    const lies: readonly Case[] = [
      { ...last, leaf: last.leaf.replace("access.anchor", "access.anchoR") },
      { ...last, leaf: inclusion.at(-2)!.leaf },
      { ...last, proof: last.proof.replace(/\n(.)(.*)\n\n/, (_, letter, rest) => `\n${other(letter)}${rest}\n\n`) },
      { ...last, proof: last.proof.replace(/index \d+/, "index 0") },
      // Another root under the same signatures.
      { ...last, proof: last.proof.replace(/(\n\n.*\n\d+\n)(.)/, (_, head, letter) => `${head}${other(letter)}`) },
      { leaf: last.leaf, proof: first.proof },
      // One cosignature more is wanted than the checkpoint must carry: none of three may be missing or changed.
      { ...last, proof: last.proof.replace(/(\/[abc] .{30})(.)/, (_, line, letter) => line + other(letter)) },
    ];
    expect(verdicts(lies.slice(0, -1)).inclusion).not.toContain("ok");
    const cosigners = last.proof.match(/— \S+\/[abc] /g)?.length ?? 0;
    expect(verdicts([last], [], cosigners).inclusion).toEqual(["ok"]);
    expect(verdicts(lies.slice(-1), [], cosigners).inclusion).toEqual([`quorum: ${cosigners - 1} of ${cosigners}`]);
    const [growth] = consistency;
    const swapped = { ...growth!, old: growth!.new, new: growth!.old };
    const foreign = { ...growth!, path: consistency[1]!.path };
    expect(verdicts([], [swapped, foreign]).consistency).not.toContain("ok");
  });
});
