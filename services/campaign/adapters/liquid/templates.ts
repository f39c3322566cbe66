import { Liquid, LiquidError, type Template as Node } from 'liquidjs';
import type { Templates } from '../../app/ports.ts';

/**
 * Liquid without a file system, bounded in what a text may cost: tenants write these templates. A text of 1,600
 * characters has no honest need for more than this.
 */
const limits = { parseLimit: 4_000, renderLimit: 50, memoryLimit: 200_000 } as const;

/** Tags that read files, or that can only burn time in a short text. */
const removedTags = ['include', 'render', 'layout', 'block', 'tablerow', 'increment', 'decrement', 'cycle'] as const;

const noFiles = {
  exists: () => Promise.resolve(false),
  existsSync: () => false,
  readFile: () => Promise.reject(new Error('there are no files')),
  readFileSync: () => {
    throw new Error('there are no files');
  },
  resolve: () => '',
};

const openEngine = (): Liquid => {
  const engine = new Liquid({
    ...limits,
    fs: noFiles,
    relativeReference: false,
    ownPropertyOnly: true,
    strictFilters: true,
    strictVariables: false,
    dynamicPartials: false,
    jsTruthy: false,
  });
  for (const tag of removedTags) delete engine.tags[tag];
  return engine;
};

const lineOf = (error: unknown): number | undefined => {
  if (!LiquidError.is(error)) return undefined;
  const { token } = error;
  return token.getPosition()[0];
};

/** First line of Liquid's message, without its own position suffix. */
const describe = (error: unknown): string => {
  const text = error instanceof Error ? error.message.split('\n')[0]?.replace(/, (file:.*|line:\d+.*)$/, '') : 'cannot be read';
  const line = lineOf(error);
  return line === undefined ? `The text cannot be read: ${text}.` : `Line ${line}: ${text}.`;
};

export const liquidTemplates = (): Templates => {
  const engine = openEngine();
  const parse = (body: string): Node[] => engine.parse(body);
  return {
    check: (body) => {
      try {
        parse(body);
        return undefined;
      } catch (error) {
        return describe(error);
      }
    },
    compile: (body) => {
      const nodes = parse(body);
      return (variables) => String(engine.renderSync(nodes, variables));
    },
  };
};
