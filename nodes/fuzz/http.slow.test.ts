import { expect, test } from "vitest";
import { fuzzWorld } from "./_http.ts";
import { createFuzzWorld } from "./_world.ts";

test("every route refuses nonsense with a problem document, in time, and writes nothing for it", async () => {
  await using world = await createFuzzWorld();
  const { figures, hit, statuses } = await fuzzWorld(world, { cases: 680, seed: 1 });
  expect(figures.flatMap(({ failures }) => failures)).toEqual([]);

  // Nobody has to remember a new route: what the OpenAPI document names was hit, and what the peer app serves.
  const { address, routes } = world.node("operator");
  const { paths } = (await (await fetch(`${address.api}/openapi.json`, { headers: bearer(world) })).json()) as {
    paths: Record<string, Record<string, unknown>>;
  };
  const documented = Object.entries(paths).flatMap(([path, methods]) =>
    Object.keys(methods).map((method) => `api ${method.toUpperCase()} ${path.replaceAll(/\{(\w+)\}/g, ":$1")}`),
  );
  expect(documented.filter((route) => !hit.has(route))).toEqual([]);
  expect(documented.length).toBeGreaterThan(30);
  expect(routes.peer.filter(({ method, url }) => !hit.has(`peer ${method} ${url}`))).toEqual([]);
  // The cases are neither all refused for their form nor all let through.
  for (const status of [200, 400, 401, 404]) expect(statuses.get(status) ?? 0).toBeGreaterThan(0);
});

const bearer = (world: Awaited<ReturnType<typeof createFuzzWorld>>) => ({
  authorization: `Bearer ${world.node("operator").token}`,
});
