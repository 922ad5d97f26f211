/** Steps of a long command on stderr: redrawn lines for a person, plain lines for a log, nothing on stdout. */
import type { Surroundings } from "./surroundings.ts";

export interface Progress {
  /** Runs `work` under `title`; `update` shows a short state beside it. Rethrows what `work` throws. */
  step<T>(title: string, work: (update: (state: string) => void) => Promise<T>): Promise<T>;
}

export const createProgress = (surroundings: Surroundings): Progress =>
  surroundings.interactive ? redrawn() : plain(surroundings);

function plain({ write, now }: Surroundings): Progress {
  return {
    async step(title, work) {
      const started = now();
      const result = await work(() => undefined);
      write("stderr", `${title} (${((now() - started) / 1000).toFixed(1)} s)\n`);
      return result;
    },
  };
}

function redrawn(): Progress {
  return {
    async step<T>(title: string, work: (update: (state: string) => void) => Promise<T>) {
      const { Listr, ListrLogger, ProcessOutput } = await import("listr2");
      // The library draws on stdout, which belongs to the data.
      const logger = new ListrLogger({ processOutput: new ProcessOutput(process.stderr, process.stderr) });
      const context: { result?: T } = {};
      const update = (task: { title: string }) => (state: string) => {
        task.title = `${title}: ${state}`;
      };
      const tasks = new Listr<{ result?: T }>(
        [
          {
            title,
            task: async (ctx, task) => {
              ctx.result = await work(update(task));
              task.title = title;
            },
          },
        ],
        { ctx: context, rendererOptions: { showErrorMessage: false, logger } },
      );
      await tasks.run();
      return context.result as T;
    },
  };
}
