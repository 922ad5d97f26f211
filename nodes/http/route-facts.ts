/** Which routes an app has, as the routes themselves declare it: for answers to wrong methods, and for tests of all. */
import type { FastifySchema, RouteOptions } from "fastify";

export interface RouteFacts {
  readonly method: string;
  /** Pattern with `:name` segments. */
  readonly url: string;
  readonly schema: FastifySchema;
  /** Needs neither token nor signature. */
  readonly public: boolean;
}

export const factsOf = ({ method, url, schema, config }: RouteOptions): readonly RouteFacts[] =>
  [method].flat().map((one) => ({ method: one, url, schema: schema ?? {}, public: config?.public === true }));

/** Methods of the resource behind a path with its query, ascending; empty when there is no such resource. */
export function methodsAt(routes: readonly RouteFacts[], target: string): readonly string[] {
  const path = segmentsOf(target.split("?", 1)[0] ?? "");
  const fits = (segment: string, at: number) => segment === path[at] || (segment.startsWith(":") && path[at] !== "");
  const found = routes.filter(({ url }) => segmentsOf(url).length === path.length && segmentsOf(url).every(fits));
  return [...new Set(found.map(({ method }) => method))].sort();
}

const segmentsOf = (path: string): readonly string[] => path.split("/");
