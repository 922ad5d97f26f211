/** Attribution: a refused message or a proven breach is kept with its author's name, once per kind. */
import type { Context } from "./context.ts";

export async function recordFault(
  ctx: Pick<Context, "services" | "stores">,
  computation: string,
  { member, reason }: { readonly member: string; readonly reason: string },
): Promise<void> {
  ctx.services.log.warn({ computation, member, reason }, "member at fault");
  const key = `${computation}/${member}/${reason}`;
  if ((await ctx.stores.faults.get(key)) !== undefined) return;
  await ctx.stores.faults.put(key, { member, reason, at: ctx.services.now() });
}
