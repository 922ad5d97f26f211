import { mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { openBlobs } from "../store/blobs.ts";
import { openInflight } from "../store/inflight.ts";
import { eraseLeftoverChunks, eraseLeftovers } from "./leftovers.ts";

const uuid = (digit: number) => `00000000-0000-8000-8000-00000000000${digit}`;
const [running, ended, unknown, noRole] = [uuid(1), uuid(2), uuid(3), uuid(4)];

test("what a crash has left of an ended role is unlinked, and nothing of one that goes on", async () => {
  const dir = await mkdtemp(join(tmpdir(), "leftovers-"));
  const inflight = openInflight(dir);
  const roles: Record<string, object> = {
    [`${running}/member`]: { state: "running" },
    [`${ended}/member`]: { state: "over" },
    [`${ended}/coordinator`]: { state: "over" },
  };
  const states: Record<string, object> = {
    [running]: { state: "opened" },
    [ended]: { state: "released" },
    [noRole]: { state: "failed" },
  };
  const kept = [`${running}-member`, `${running}-layout`, `${running}-key`, `${unknown}-key`];
  const left = [`${ended}-member`, `${ended}-layout`, `${ended}-coordinator`, `${ended}-notes`, `${noRole}-key`];
  for (const name of [...kept, ...left]) await inflight.put(name, { secret: name });
  await writeFile(join(dir, "inflight", `${noRole}-receiver.json.0123456789ab.tmp`), "cut off");
  const ledger = { get: async (key: string) => states[key.split("/").at(-1)!] };
  const ctx = { services: { inflight, ledger }, stores: { roles: { get: async (key: string) => roles[key] } } };

  await eraseLeftovers(ctx as never, noRole);
  expect(await readdir(join(dir, "inflight"))).toHaveLength(kept.length + left.length - 1);
  await eraseLeftovers(ctx as never);
  expect([...(await inflight.names())].sort()).toEqual([...kept].sort());
  await rm(dir, { recursive: true });
});

test("after a restart no chunk is left of a computation that is over, of whichever member and phase", async () => {
  const dir = await mkdtemp(join(tmpdir(), "leftovers-"));
  const contributions = openBlobs(dir, "chunks");
  const places = ["1/alpha/0", "2/alpha/0", "2/alpha/1", "2/left-out/0"];
  for (const computation of [running, ended, noRole]) {
    for (const place of places) await contributions.put(`${computation}/${place}`, new Uint8Array(8));
  }
  const roles: Record<string, object> = {
    [`${running}/coordinator`]: { state: "running" },
    [`${ended}/coordinator`]: { state: "over" },
  };
  const ledger = { get: async (key: string) => (key.endsWith(noRole) ? { state: "failed" } : undefined) };
  const stores = { contributions, roles: { get: async (key: string) => roles[key] } };
  await eraseLeftoverChunks({ services: { ledger }, stores } as never);
  expect(await contributions.folders()).toEqual([running]);
  expect(await contributions.ids(running)).toEqual(places.map((place) => `${running}/${place}`));
  await rm(dir, { recursive: true });
});
